#!/usr/bin/env python3
"""Runs the shell snippets of the documents against a real server, and compares what they print with what the page says.

Usage: docs/try.py [--binary PATH] [--show] [PAGE …]

Without pages: the front page, the tutorial and every guide. The binary is `$CARGO_TARGET_DIR/debug/eider` unless named.
Needs Python 3.9, bash and curl. Each page runs in an empty directory, beside `samples` and `examples`, in one shell.

How a page says what is run (the words behind the language of a fenced block):

    ```sh                 is run; a line that fails ends the page
    ```sh server          is run in the background; the next block waits until the server is ready
    ```sh fails           is run, and has to end with another exit code than 0
    ```sh not-run         is not run: it needs a program or a machine that the test does not have
    ```json output        what the block before it prints; so is ```text output

    <!-- try: server -->  starts a server with an empty store
    <!-- try: flights --> starts one, and loads the flights of `samples`
    <!-- try: stop -->    stops the server that was started last, and waits for its end

White space does not count in a comparison; ids, times, durations, tags, cursors and ports are compared by their form.
`…` stands for any text, so that a page can shorten what is long.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK = "\x1e"

# Functions of the shell that pages run in. `started` waits for the server that was started last.
PRELUDE = """
set -eu
started() {{
    for _ in $(seq 200); do
        if curl -fs localhost:{port}/health/ready >/dev/null; then return; fi
        if ! kill -0 "$server"; then cat server.log >&2; return 1; fi
        sleep 0.1
    done
    cat server.log >&2; return 1
}}
stopped() {{ kill "$server"; wait "$server" || true; }}
"""

FLIGHTS = """
curl -fsS localhost:8080/api/v1/schemas -H 'Content-Type: application/json' \\
  --data-binary @samples/flights.schema.json >/dev/null
curl -fsS localhost:8080/api/v1/records/flights/bulk -H 'Content-Type: application/x-ndjson' \\
  --data-binary @samples/flights.ndjson >/dev/null
"""

# What differs from run to run, and what it is compared as.
VOLATILE = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    (r"eider_[0-9a-f]{12}_\w+", "<key>"),
    (r"\d{4}-\d\d-\d\dT?\d\d:\d\d:\d\d\.\d{6}Z", "<time>"),
    (r'("\w*(?:_ms|elapsed)":)[0-9.]+', r"\1<duration>"),
    (r'("(?:cursor|next|resume)":)"[\w…-]+"', r'\1"<cursor>"'),
    (r'(cursor|resume)=[\w-]{12,}', r"\1=<cursor>"),
    (r'"(\d+)-[\w-]{12}((?:\.\w+)?)"', r'"\1-<tag>\2"'),
    (r"(?:localhost|127\.0\.0\.1):\d+", "<address>"),
    (r"[\d.]+(?:ms|µs|s)\b", "<duration>"),
]


@dataclass
class Step:
    """What a page has run, where it says so, and what it says that this prints."""

    line: int
    kind: str
    code: str
    expected: str | None = None


def steps_of(page):
    """The steps of a page, in its order."""
    steps, block, fence = [], None, None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if block is None:
            directive = re.match(r"<!-- try: (\w+) -->$", line.strip())
            opening = re.match(r"(```+)(\w*) ?(.*)$", line)
            if directive:
                steps.append(Step(number, "try:" + directive[1], ""))
            elif opening:
                fence, block, start = (opening[1], opening[2], opening[3].strip()), [], number
            continue
        if line != fence[0]:
            block.append(line)
            continue
        _, language, word = fence
        text, block = "\n".join(block), None
        if word == "output":
            if not steps:
                raise SystemExit(f"{page}:{start}: nothing is run before this output")
            steps[-1].expected = text
        elif language == "sh" and word != "not-run":
            if word not in ("", "server", "fails"):
                raise SystemExit(f"{page}:{start}: `{word}` is not a word for a block of shell")
            steps.append(Step(start, word or "run", text))
    return steps


def script_of(steps, port):
    """One script of all steps, which prints a mark and the number of each before it."""
    parts, is_starting = [PRELUDE.format(port=port)], False
    for number, step in enumerate(steps):
        code = step.code
        if step.kind in ("try:server", "try:flights"):
            code, kind = "eider serve", "server"
        else:
            kind = step.kind
        if is_starting:
            parts.append("started")
            is_starting = False
        parts.append(f"printf '{MARK}%d\\n' {number}")
        if kind == "server":
            parts.append(f"(\n{code}\n) >server.log 2>&1 &\nserver=$!")
            is_starting = True
        elif kind == "try:stop":
            parts.append("stopped")
        elif kind == "fails":
            parts.append(f"if (set -e\n{code}\n); then echo 'this should have failed' >&2; exit 1; fi")
        else:
            parts.append(code)
        if step.kind == "try:flights":
            parts.append("started" + FLIGHTS)
            is_starting = False
    if is_starting:
        parts.append("started")
    parts.append(f"printf '{MARK}%d\\n' {len(steps)}")
    script = "\n".join(parts) + "\n"
    script = script.replace("./dev run ", "eider ")
    return re.sub(r"(localhost|127\.0\.0\.1):8080", rf"\1:{port}", script)


def outline(text):
    """Text without white space and without what differs from run to run."""
    for pattern, stands_for in VOLATILE:
        text = re.sub(pattern, stands_for, text)
    text = re.sub(r"\s+", "", text)
    for pattern, stands_for in VOLATILE:
        text = re.sub(pattern, stands_for, text)
    return text


def agrees(expected, actual):
    """Whether an output is what a page says of it."""
    pattern = ".*".join(re.escape(part) for part in outline(expected).split("…"))
    return re.fullmatch(pattern, outline(actual)) is not None


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def prepare(directory, binary, port):
    """An empty directory with the samples, and an `eider` that uses the port unless it is told another."""
    for name in ("samples", "examples", "config"):
        (directory / name).symlink_to(ROOT / name)
    (directory / "bin").mkdir()
    eider = directory / "bin" / "eider"
    url = f"--url http://127.0.0.1:{port}"
    eider.write_text(
        f"""#!/bin/bash
# `eider import` and `eider backup` ask the server of this test unless they are told another.
case " $* " in
    *" --url "* | *" backup "*" --data-dir "*) ;;
    " import "* | " backup "*) set -- "$@" {url} ;;
esac
exec {binary} "$@"
"""
    )
    eider.chmod(0o755)


def end(process):
    """Ends the group of a page: its shell, and the servers that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def try_page(page, binary, show):
    """Runs a page; returns what is wrong with it."""
    steps = steps_of(page)
    name = page.relative_to(ROOT)
    with tempfile.TemporaryDirectory(prefix="eider-docs-") as scratch:
        directory, port = Path(scratch), free_port()
        prepare(directory, binary, port)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("EIDER_")}
        environment.update(
            PATH=f"{directory / 'bin'}:{environment['PATH']}",
            EIDER_LISTEN=f"127.0.0.1:{port}",
            EIDER_EXAMPLE_URL=f"http://127.0.0.1:{port}",
            LC_ALL="C.UTF-8",
        )
        process = subprocess.Popen(
            ["bash", "-c", script_of(steps, port)],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        try:
            output, _ = process.communicate(timeout=300)
            end(process)
        except subprocess.TimeoutExpired:
            end(process)
            output, _ = process.communicate()
    printed = {}
    for part in output.split(MARK)[1:]:
        number, _, text = part.partition("\n")
        printed[int(number)] = text
    problems = []
    for number, step in enumerate(steps):
        where, actual = f"{name}:{step.line}", printed.get(number)
        if show and actual is not None:
            print(f"--- {where}\n{step.code}\n>>>\n{actual}")
        if actual is None:
            break
        if number + 1 not in printed:
            problems.append(f"{where}: this ends the page (exit code {process.returncode}):\n{step.code}\n{actual}")
        elif step.expected is not None and not agrees(step.expected, actual):
            problems.append(f"{where}: the page says\n{step.expected}\nand this was printed:\n{actual}")
    if not printed:
        problems.append(f"{name}: nothing was run:\n{output}")
    print(f"{name}: {len(steps)} steps, {'failed' if problems else 'as the page says'}", flush=True)
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    parser.add_argument("--binary", type=Path, default=Path(target) / "debug" / "eider")
    parser.add_argument("--show", action="store_true", help="print what every step printed")
    parser.add_argument("pages", nargs="*", type=Path)
    options = parser.parse_args()
    binary = options.binary.resolve()
    if not binary.is_file():
        raise SystemExit(f"{binary} does not exist: `./dev build` makes it, --binary names another")
    pages = [page.resolve() for page in options.pages]
    pages = pages or [ROOT / "README.md", ROOT / "docs/tutorial.md", *sorted((ROOT / "docs/guides").glob("*.md"))]
    problems = [problem for page in pages if steps_of(page) for problem in try_page(page, binary, options.show)]
    for problem in problems:
        print(f"\n{problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
