#!/bin/sh
# Runs every scenario at the size of docs/benchmarks.md, one after the other, and makes that document anew. About an hour.
# Usage: report.sh TARGET [scenario…]     `parts` is what criterion measures.
set -eu
target=$1
shift
program=$target/release/eider-load-tests
[ $# -gt 0 ] || set -- writes bulk streams queries settings growth compare
for scenario; do
    case $scenario in
        compare) eval "$(load-tests/peers.sh "$target/peers")" ;;
        parts) cargo bench --locked --workspace --bench decode --bench encode --bench query --bench store --bench validate ;;
    esac
    case $scenario in
        settings) set -- --records 200000 --time 2s ;;
        compare) set -- --records 200000 --time 3s ;;
        *) set -- ;;
    esac
    "$program" "$scenario" "$@" --out docs/benchmarks
done
"$program" document
