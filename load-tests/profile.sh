#!/bin/sh
# Runs a scenario with the server under a profiler and leaves in TARGET/profile: SCENARIO-processors.svg, a flamegraph of what its
# processors did (perf), and SCENARIO-heap.txt and -heap.svg, what its heap held at its peak (heaptrack).
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
    "$target/debug/eider-load-tests" "$scenario" "$@" --out "$out/$kind" --wrapper "$wrapper"
}

# 199 times a second, the stacks by frame pointers where there are any: the engine and the standard library have none.
rm -f "$out/perf.data" "$out"/heap.*
run processors "perf record -q -F 199 --call-graph dwarf,16384 -o $out/perf.data --" "$@"
perf script -i "$out/perf.data" --no-inline 2>/dev/null | "$tools/bin/inferno-collapse-perf" --skip-after main 2>/dev/null >"$out/$scenario.folded"
"$tools/bin/inferno-flamegraph" --title "eider, $scenario: processors" <"$out/$scenario.folded" >"$out/$scenario-processors.svg"

run heap "heaptrack -o $out/heap" "$@"
heap=$(ls "$out"/heap.* | tail -n 1)
heaptrack_print -f "$heap" -F "$out/$scenario-heap.folded" --flamegraph-cost-type peak -p 1 -l 0 -a 0 -n 20 >"$out/$scenario-heap.txt"
"$tools/bin/inferno-flamegraph" --title "eider, $scenario: heap at its peak" --countname bytes --colors mem \
    <"$out/$scenario-heap.folded" >"$out/$scenario-heap.svg"
ls -1 "$out/$scenario-processors.svg" "$out/$scenario-heap.svg" "$out/$scenario-heap.txt"
