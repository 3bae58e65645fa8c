#!/usr/bin/env bash
# Counts the instructions of the hot paths in a base and in the working tree, and fails when one takes 10 % more:
# regression.sh [base]. The base is a commit; the newest tag when none is given, or HEAD~10 where there is no tag.
set -euo pipefail
cd "$(dirname "$0")/.."
base="${1:-$(git describe --tags --abbrev=0 2>/dev/null || echo HEAD~10)}"
target="$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")"
directory="$target/regression"
export CARGO_TARGET_DIR="$target"

if ! git rev-parse --quiet --verify "$base^{commit}" >/dev/null; then
    echo "there is no commit $base"
    exit 2
fi
if ! command -v valgrind >/dev/null; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update --quiet
    $sudo apt-get install --yes --quiet valgrind
fi

# Counts in this directory with the runner of its version; what the base does not have is only noted.
count() {
    local version tools
    version="$(sed -n '/^name = "gungraun"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)"
    tools="$target/tools/gungraun-$version"
    [ -x "$tools/bin/gungraun-runner" ] ||
        cargo install gungraun-runner --locked --version "$version" --root "$tools"
    PATH="$tools/bin:$PATH" cargo bench --workspace --features eider-benches/instructions \
        --bench instructions -- --home="$directory/counts" --callgrind-metrics=ir "$@"
}

git worktree remove --force "$directory/base" 2>/dev/null || true
rm -rf "$directory"
trap 'git worktree remove --force "$directory/base" 2>/dev/null || true' EXIT
if git cat-file -e "$base:benches/benches/instructions.rs" 2>/dev/null; then
    git worktree add --quiet --detach "$directory/base" "$base"
    echo "counting $(git describe --always --tags "$base")"
    # Under a version of its own, what is compiled of it stands beside that of the working tree.
    (cd "$directory/base" && sed --in-place '0,/^version = ".*"$/s//version = "0.0.0-base"/' Cargo.toml &&
        count --save-baseline=base)
else
    echo "$base counts no instructions: every path is new"
fi
echo "counting the working tree"
count --baseline=base
