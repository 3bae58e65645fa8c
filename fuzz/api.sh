#!/usr/bin/env bash
# Schemathesis against the binary and its own description: api.sh [examples for each operation] [seconds at most]
# [phases].
# SEED repeats a run. The report of a failed run has a curl command for each failure.
set -euo pipefail
cd "$(dirname "$0")/.."
examples="${1:-100}" seconds="${2:-900}" phases="${3:-examples,coverage,fuzzing,stateful}" seed="${SEED:-$RANDOM}"
target="${CARGO_TARGET_DIR:-$PWD/target}"
venv="$target/fuzz-venv"

if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet schemathesis==4.32.5
fi
# As tests build it: another selection of the workspace compiles much of it anew.
./dev test --lib --test it --no-run

directory="$(mktemp -d)"
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; rm -rf "$directory"' EXIT
# Reads for commits that do not come are refused soon: they would be most of the time.
EIDER_LIMITS_MIN_SEQ_WAIT=10ms "$target/debug/eider" serve --listen 127.0.0.1:0 --data-dir "$directory/data" \
    --log-format json 2>"$directory/log" &
server=$!
for _ in $(seq 300); do
    base="$(sed -n 's/.*listening on \([^"]*\)".*/\1/p' "$directory/log" | head -1)"
    [ -z "$base" ] || break
    sleep 0.1
done
base="http://${base#http://}"

send() { curl --silent --show-error --fail --output /dev/null --header "Content-Type: $1" --data-binary "$2" "$base$3"; }
send application/json @samples/flights.schema.json /api/v1/schemas
send application/json @fuzz/seeds/schema/every_type.json /api/v1/schemas
head -20 samples/flights.ndjson >"$directory/flights.ndjson"
send application/x-ndjson "@$directory/flights.ndjson" /api/v1/records/flights/bulk
send application/x-ndjson @fuzz/seeds/ndjson/every_type.ndjson /api/v1/records/s/bulk

# One that says nothing of itself.
send application/json '{"name": "bare", "properties": [{"name": "a", "type": "object"}]}' /api/v1/schemas
fuzz/clients.sh "$base"

echo "seed $seed, $examples examples, $seconds seconds at most"
status=0
"$venv/bin/schemathesis" --config-file fuzz/schemathesis.toml run "$base/openapi.json" \
    --seed "$seed" --max-examples "$examples" --max-time "$seconds" \
    --phases "$phases" || status=$?
if ! kill -0 "$server" || grep --quiet -E '"error.kind":"Internal"|panicked' "$directory/log"; then
    grep -E '"error.kind":"Internal"|panicked' "$directory/log" | head -20
    echo "the server failed; see above"
    status=1
fi
exit "$status"
