#!/bin/sh
# Builds what is released, the engine compiled in: the binary, the wheel for PyPI, the package for Debian, and what the
# container image is made of. Usage: release.sh [DIR]     DIR is where they go; target/dist without it.
#
# maturin comes from PyPI, cargo-deb and cargo-about from crates.io, all into the target directory.
set -eu
cd "$(dirname "$0")/../.."
target=$(cargo metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
dist=${1:-$target/dist}
tools=$target/tools
mkdir -p "$dist" "$tools"
dist=$(cd "$dist" && pwd)

say() { printf 'release: %s\n' "$*" >&2; }

[ -x "$tools/bin/cargo-about" ] || cargo install --quiet --locked --root "$tools" --version 0.9.3 --features cli cargo-about
[ -x "$tools/bin/cargo-deb" ] || cargo install --quiet --locked --root "$tools" --version 3.8.0 cargo-deb
[ -x "$tools/maturin/bin/maturin" ] ||
    { python3 -m venv "$tools/maturin" && "$tools/maturin/bin/pip" install --quiet maturin==1.16.0; }

# libstdc++ is linked in too: what is left to be found on a machine is the C library, and libgcc_s beside it.
export EIDER_ENGINE=bundled CXXSTDLIB_STATIC=1

say "the binary"
./dev build --release -p eider
cp "$target/release/eider" "$dist/eider"

say "the licences"
"$tools/bin/cargo-about" generate --frozen --config config/packages/about.toml --manifest-path crates/server/Cargo.toml \
    --output-file "$dist/THIRD_PARTY_LICENSES.html" config/packages/about.hbs

# cargo-deb knows that directory, wherever it is.
cp "$dist/THIRD_PARTY_LICENSES.html" "$target/release/"

say "the wheel"
package=$dist/.wheel
rm -rf "$package" && mkdir "$package"
cp README.md LICENSE LICENSE-MIT LICENSE-APACHE "$dist/THIRD_PARTY_LICENSES.html" "$package"
sed "s|^bindings = .*|&\nmanifest-path = \"$PWD/crates/server/Cargo.toml\"|" config/packages/pyproject.toml \
    >"$package/pyproject.toml"
(cd "$package" && "$tools/maturin/bin/maturin" build --release --locked --out "$dist")
rm -rf "$package"

say "the package for Debian"
"$tools/bin/cargo-deb" --no-build --no-strip --package eider --output "$dist"

say "the image"
cp Dockerfile "$dist/Dockerfile"
ls -l "$dist" >&2
