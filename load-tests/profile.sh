#!/bin/sh
# Runs a scenario with the server under a profiler and leaves in TARGET/profile: SCENARIO-processors.svg, a flamegraph of what its
# processors did (perf), and what its heap held at its peak and how it grew, SCENARIO-heap.* and -heap-growth.txt (heaptrack).
# Usage: profile.sh TARGET SCENARIO [arguments of the scenario]
set -eu
target=$1 scenario=$2
shift 2
out=$target/profile tools=$target/tools
mkdir -p "$out"
missing=
command -v perf >/dev/null || missing="$missing linux-perf"
command -v heaptrack >/dev/null || missing="$missing heaptrack"
[ -z "$missing" ] || { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; }
[ -x "$tools/bin/inferno-flamegraph" ] || cargo install --quiet --locked --root "$tools" inferno

run() {
    kind=$1 wrapper=$2
    shift 2
    "$target/release/eider-load-tests" "$scenario" "$@" --out "$out/$kind" --wrapper "$wrapper"
}

# 199 times a second; stacks are found by their unwinding tables, since the engine keeps no frame pointers.
rm -f "$out"/perf.* "$out"/heap.*
run processors "perf record -q -F 199 --call-graph dwarf,16384 -o $out/perf.{} --" "$@"
for data in "$out"/perf.*; do
    perf script -i "$data" --no-inline 2>/dev/null | "$tools/bin/inferno-collapse-perf" 2>/dev/null
done >"$out/$scenario.folded"
"$tools/bin/inferno-flamegraph" --title "eider, $scenario: processors" <"$out/$scenario.folded" >"$out/$scenario-processors.svg"

run heap "heaptrack -o $out/heap.{}" "$@"
# The greatest of a scenario with several servers.
heap=$(ls -S "$out"/heap.* | head -n 1)
heaptrack_print -f "$heap" -F "$out/$scenario-heap.folded" --flamegraph-cost-type peak -p 1 -l 0 -a 0 -n 20 >"$out/$scenario-heap.txt"
heaptrack_print -f "$heap" -p 0 -a 0 -l 0 -M "$out/heap.massif" >/dev/null
awk -F= '/^time=/ { s = $2 } /^mem_heap_B=/ { printf "%8.1f s %8.1f MB\n", s, $2 / 1e6 }' "$out/heap.massif" >"$out/$scenario-heap-growth.txt"
"$tools/bin/inferno-flamegraph" --title "eider, $scenario: heap at its peak" --countname bytes --colors mem \
    <"$out/$scenario-heap.folded" >"$out/$scenario-heap.svg"
ls -1 "$out/$scenario"-*
