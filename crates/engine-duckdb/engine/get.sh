#!/bin/sh
# Finds an engine to link, in this order: DUCKDB_LIB_DIR; one fetched before; the official archive of the release; the
# PyPI package of the release. Says each step on standard error, and prints the directory of the library on standard
# output, or nothing where the engine is to be compiled.
#
# Usage: get.sh DIR       DIR is where what is fetched is kept; nothing is written elsewhere.
#
# EIDER_ENGINE takes one way alone: `archive`, `wheel`, or `bundled` (compiled from source).
# EIDER_ENGINE_ARCHIVE is the address or the file of an archive to take in place of the official one.
#
# Exit code 0 when there is an answer, 1 when something is wrong that no other way mends.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/pin.env"
store=$1
release="$ENGINE_VERSION $ENGINE_COMMIT"

# Seconds without a byte after which a download is given up.
STALLED=12

say() { printf 'engine: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

case $(uname -s) in
    Linux) system=linux library=libduckdb.so ;;
    Darwin) system=macos library=libduckdb.dylib ;;
    *) system=$(uname -s) library=libduckdb.so ;;
esac
machine=$(uname -m)
case $machine in arm64) machine=aarch64 ;; amd64) machine=x86_64 ;; esac
[ "$system" = macos ] && platform=macos || platform=${system}_$machine

# The value of a variable whose name is made of its parts; empty when there is none.
pinned() { eval "printf %s \"\${$1:-}\""; }

# The SHA-256 of standard input.
sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1; }

# --- Room of our own, that goes when we do ---

work=
downloader=
leave() {
    [ -z "$downloader" ] || kill "$downloader" 2>/dev/null || true
    [ -z "$work" ] || rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

begin() {
    mkdir -p "$store" 2>/dev/null && [ -w "$store" ] ||
        fail "cannot write to $store; set CARGO_TARGET_DIR to a directory that you may write to"
    # What runs left that were killed.
    for left in "$store"/.new-*; do
        [ ! -d "$left" ] || kill -0 "${left##*-}" 2>/dev/null || rm -rf "$left"
    done
    work="$store/.new-$$"
    rm -rf "$work"
    mkdir "$work" || fail "cannot write to $store"
}

# --- What is found is looked at before it is used ---

# What the engine in a directory answers; fails when it cannot be linked or loaded here.
answer_of() {
    rustc --edition 2024 -o "$work/probe" -L "native=$1" -C link-arg="-Wl,-rpath,$1" "$here/probe.rs" \
        >"$work/probe.log" 2>&1 || return 1
    # Before any other that the environment names.
    LD_LIBRARY_PATH="$1" DYLD_LIBRARY_PATH="$1" "$work/probe" 2>>"$work/probe.log"
}

# Whether the engine in a directory is the pinned one; says why not.
is_pinned() {
    if ! found=$(answer_of "$1"); then
        say "$2: cannot be loaded on this machine: $(grep -E 'GLIBC|undefined|cannot|error' "$work/probe.log" | tail -1 | cut -c 1-200)"
        return 1
    fi
    [ "$found" = "$release" ] && return
    say "$2: is DuckDB $found, and Eider needs $release"
    return 1
}

# One checksum over the files of a library, under whatever names its release gives them.
sum_of() { (cd "$1" && cat libduckdb*) | sha256; }

# Where the library of a way is kept.
place_of() { echo "$store/$ENGINE_VERSION-$platform-$1"; }

# Puts a library where later runs find it. Whole files appear under their names, so two runs at once do no harm.
keep() {
    sum_of "$1" >"$work/sum" && mkdir -p "$2" && mv -f "$1"/libduckdb* "$2/" && mv -f "$work/sum" "$2/sha256" &&
        is_kept "$2" && return
    say "cannot keep the library in $2"
    return 1
}

is_kept() {
    [ -f "$1/sha256" ] && [ -f "$1/$library" ] || return 1
    [ "$(sum_of "$1")" = "$(cat "$1/sha256")" ] && return
    say "the library in $1 has another checksum than when it was fetched; it is fetched again"
    rm -rf "$1"
    return 1
}

# --- Downloads end when nothing comes any more ---

# Runs a command that writes below the working directory, and ends it when that does not grow.
patiently() {
    "$@" >"$work/log" 2>&1 &
    downloader=$!
    size=0 still=0
    while kill -0 "$downloader" 2>/dev/null; do
        sleep 1
        now=$(du -sk "$work" 2>/dev/null | cut -f 1)
        if [ "$now" = "$size" ]; then still=$((still + 1)); else still=0; fi
        size=$now
        if [ "$still" -ge "$STALLED" ]; then
            kill "$downloader" 2>/dev/null || true
            wait "$downloader" 2>/dev/null || true
            downloader=
            echo "nothing came for $STALLED s" >>"$work/log"
            return 1
        fi
    done
    status=0
    wait "$downloader" || status=$?
    downloader=
    return $status
}

reason() { grep -v '^ *$' "$work/log" | tail -1 | cut -c 1-160; }

# --- The ways ---

from_archive() {
    into=$(place_of archive)
    case $platform in
        linux_x86_64) name=linux-amd64 ;;
        linux_aarch64) name=linux-arm64 ;;
        macos) name=osx-universal ;;
        *) say "archive: there is none for $platform"; return 1 ;;
    esac
    address=${EIDER_ENGINE_ARCHIVE:-$ENGINE_ARCHIVES/duckdb-shared-libs-$name.tar.gz}
    archive="$work/archive.tar.gz"
    say "archive: $address"
    if [ -f "$address" ]; then
        cp "$address" "$archive"
    elif command -v curl >/dev/null; then
        patiently curl --fail --silent --show-error --location --connect-timeout 10 --output "$archive" "$address" || {
            say "archive: not fetched: $(reason)"
            return 1
        }
    elif command -v wget >/dev/null; then
        patiently wget --quiet --tries 1 --timeout 10 --output-document "$archive" "$address" || {
            say "archive: not fetched: $(reason)"
            return 1
        }
    else
        say "archive: neither curl nor wget is here"
        return 1
    fi
    wanted=$(pinned "ENGINE_ARCHIVE_SHA256_$platform")
    sum=$(sha256 <"$archive")
    if [ -n "$wanted" ] && [ "$sum" != "$wanted" ]; then
        say "archive: has the checksum $sum, and $wanted is pinned"
        return 1
    fi
    mkdir -p "$work/archive"
    if ! tar -xzf "$archive" -C "$work/archive" 2>"$work/log"; then
        say "archive: is damaged: $(head -1 "$work/log")"
        return 1
    fi
    [ -f "$work/archive/$library" ] || { say "archive: has no $library"; return 1; }
    is_pinned "$work/archive" archive || return 1
    keep "$work/archive" "$into" || return 1
    say "archive: kept in $into"
    directory=$into
}

from_wheel() {
    into=$(place_of wheel)
    sum=$(pinned "ENGINE_WHEEL_SHA256_$platform")
    [ -n "$sum" ] || { say "wheel: there is none that can be linked on $platform"; return 1; }
    command -v python3 >/dev/null || { say "wheel: Python 3 is not here"; return 1; }
    python=python3
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        python3 -m venv "$work/venv" >"$work/log" 2>&1 || { say "wheel: Python has no pip"; return 1; }
        python="$work/venv/bin/python"
    fi
    package="duckdb==${ENGINE_VERSION#v}"
    say "wheel: $package for $platform from PyPI"
    printf '%s --hash=sha256:%s\n' "$package" "$sum" >"$work/requirements.txt"
    mkdir "$work/tmp" "$work/library"
    # pip checks the checksum, and that the package fits the C library of this machine.
    TMPDIR="$work/tmp" patiently "$python" -m pip download --quiet --no-cache-dir --no-deps --only-binary :all: \
        --implementation cp --python-version "$ENGINE_WHEEL_PYTHON" --retries 0 --timeout 10 \
        --disable-pip-version-check --require-hashes --requirement "$work/requirements.txt" --dest "$work" || {
        say "wheel: not fetched: $(grep -E 'ERROR|Error|nothing came' "$work/log" | tail -1 | cut -c 1-160)"
        return 1
    }
    "$python" "$here/link_wheel.py" "$work"/duckdb-*.whl "$work/library/$library" 2>"$work/log" || {
        say "wheel: cannot be made linkable: $(reason)"
        return 1
    }
    is_pinned "$work/library" wheel || return 1
    keep "$work/library" "$into" || return 1
    say "wheel: kept in $into"
    directory=$into
}

# --- The choice ---

way=${EIDER_ENGINE:-}
case $way in
    '' | archive | wheel | bundled) ;;
    *) fail "EIDER_ENGINE is \`$way\`; it may be archive, wheel or bundled" ;;
esac

if [ "$way" = bundled ]; then
    say "DuckDB $release is compiled from source, as EIDER_ENGINE asks: about 45 minutes on two cores, once"
    exit
fi
begin
if [ -z "$way" ] && [ -n "${DUCKDB_LIB_DIR:-}" ]; then
    given=$(cd "$DUCKDB_LIB_DIR" 2>/dev/null && pwd) || fail "DUCKDB_LIB_DIR is $DUCKDB_LIB_DIR, which is no directory"
    [ -f "$given/$library" ] || fail "DUCKDB_LIB_DIR is $given, which has no $library"
    is_pinned "$given" DUCKDB_LIB_DIR || fail "unset DUCKDB_LIB_DIR to have the right one fetched"
    say "DuckDB $release in DUCKDB_LIB_DIR: $given"
    echo "$given"
    exit
fi
ways=${way:-archive wheel}
for one in $ways; do
    kept=$(place_of "$one")
    if is_kept "$kept"; then
        say "DuckDB $release, fetched before: $kept"
        echo "$kept"
        exit
    fi
done
for one in $ways; do
    if "from_$one"; then
        echo "$directory"
        exit
    fi
done
[ -z "$way" ] || fail "EIDER_ENGINE asks for the $way alone, which is not to be had"
say "no engine to link was found; DuckDB $release is compiled from source: about 45 minutes on two cores, once"
