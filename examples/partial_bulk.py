#!/usr/bin/env python3
"""Loads a file with bad records: the good ones are stored, the bad ones reported with their lines.

Run it with `python3 examples/partial_bulk.py` beside `eider serve`. It writes `refused.ndjson`, which can be corrected
and sent again.
"""

import json
import urllib.request
from collections import Counter
from pathlib import Path

from flights import SAMPLES, URL, fresh, headers, load

SCHEMA = "partial_flights"


def damaged():
    """The flights of the sample, every second one with a fault."""
    for number, line in enumerate((SAMPLES / "flights.ndjson").read_text().splitlines(), 1):
        flight = json.loads(line)
        if number % 4 == 0:
            flight["origin"] = "BOS"
        elif number % 4 == 2:
            del flight["carrier"]
        yield json.dumps(flight)


def failures(receipt):
    """Every failure of a call. The receipt names the first 1,000; a report has all of them, if there are more."""
    if "import_id" not in receipt:
        yield from receipt["failures"]
        return
    path = f"/api/v1/imports/{receipt['import_id']}/failures"
    with urllib.request.urlopen(urllib.request.Request(URL + path, headers=headers())) as report:
        yield from map(json.loads, report)


def main():
    fresh(SCHEMA)
    sent = list(damaged())
    status, receipt = load(SCHEMA, "\n".join(sent).encode(), mode="partial")
    assert status == 207, receipt
    print(f"{receipt['received']} received, {receipt['created']} created, {receipt['failed']} refused")

    refused = {}
    for failure in failures(receipt):
        refused.setdefault(failure["line"], []).append(failure)
    reasons = Counter((failure["pointer"], failure["code"]) for line in refused.values() for failure in line)
    for (pointer, code), records in sorted(reasons.items()):
        print(f"{records:5} {pointer} {code}")

    # The line of a failure is the line of the body, from 1.
    Path("refused.ndjson").write_text("".join(sent[line - 1] + "\n" for line in sorted(refused)))
    assert len(refused) == receipt["failed"]
    print(f"refused.ndjson has the {len(refused)} lines")


if __name__ == "__main__":
    main()
