#!/usr/bin/env python3
"""Reads a stream whose connection breaks, and resumes it behind the last cursor: every record comes once.

Run it with `python3 examples/resume_stream.py` beside `eider serve`.
"""

import json
import urllib.parse
import urllib.request

from flights import SAMPLES, URL, fresh, headers, load

SCHEMA = "resumed_flights"


class Broken(Exception):
    """The connection that this example breaks on purpose."""


def lines(query, break_after):
    """The lines of a framed stream; the connection is closed after so many of them."""
    path = f"/api/v1/records/{SCHEMA}/stream?" + urllib.parse.urlencode(query)
    with urllib.request.urlopen(urllib.request.Request(URL + path, headers=headers())) as stream:
        for number, line in enumerate(stream, 1):
            if number == break_after:
                raise Broken
            yield json.loads(line)


def read_all(query, break_after):
    """Every record of a query, however often the connection breaks; and how often it did.

    Records count once a cursor has arrived behind them. Those behind the last cursor are dropped, since the resumed
    stream sends them again.
    """
    done, pending, cursor, breaks = [], [], None, 0
    while True:
        try:
            for line in lines({**query, **({"resume": cursor} if cursor else {})}, break_after):
                if line["t"] == "row":
                    pending.append(line["record"])
                    continue
                # A cursor, or the end: everything before it is safe.
                done, pending, cursor = done + pending, [], line["cursor"]
                if line["t"] == "end":
                    return done, breaks
                if line["t"] == "error":
                    raise RuntimeError(line["problem"]["detail"])
        except (Broken, OSError):
            breaks, pending = breaks + 1, []


def main():
    fresh(SCHEMA)
    status, receipt = load(SCHEMA, (SAMPLES / "flights.ndjson").read_bytes())
    assert status == 201, receipt

    framed = {"profile": "framed", "checkpoint_rows": 500}
    whole, _ = read_all(framed, break_after=None)
    resumed, breaks = read_all(framed, break_after=1200)

    assert resumed == whole and len(whole) == receipt["created"]
    print(f"{len(resumed)} records over {breaks + 1} connections, the same as over one")


if __name__ == "__main__":
    main()
