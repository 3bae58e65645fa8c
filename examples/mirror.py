#!/usr/bin/env python3
"""Keeps a copy of a schema in SQLite: each run brings what was written since the one before.

Run it with `python3 examples/mirror.py SCHEMA COPY.sqlite` beside `eider serve`, as often as you like.

A stream without `sort` comes in commit order, and a record that is changed moves to the end of that order. So the
cursor at the end of one stream is where the next one begins. Deletions do not show in a stream: the copy drops what the
server no longer has when it is run with `--deletions`, which reads every id.
"""

import argparse
import json
import sqlite3
import urllib.parse
import urllib.request

from flights import URL, headers


def stream(schema, query):
    """The lines of a stream of NDJSON."""
    path = f"/api/v1/records/{schema}/stream?" + urllib.parse.urlencode(query)
    with urllib.request.urlopen(urllib.request.Request(URL + path, headers=headers())) as answer:
        yield from map(json.loads, answer)


def bring(schema, copy):
    """Brings what was written since the last cursor; returns how many records that were."""
    saved = copy.execute("SELECT cursor FROM state").fetchone()
    query = {"profile": "framed", **({"resume": saved[0]} if saved else {})}
    brought = 0
    for line in stream(schema, query):
        if line["t"] == "row":
            record = line["record"]
            copy.execute("INSERT OR REPLACE INTO records VALUES (?, ?)", (record["id"], json.dumps(record)))
            brought += 1
        elif line["t"] == "error":
            raise RuntimeError(line["problem"]["detail"])
        elif line["cursor"]:
            # The records and the cursor behind them are kept together, or not at all.
            copy.execute("DELETE FROM state")
            copy.execute("INSERT INTO state VALUES (?)", (line["cursor"],))
            copy.commit()
    return brought


def drop_deleted(schema, copy):
    """Drops what the server no longer has; returns how many records that were."""
    copy.execute("CREATE TEMP TABLE present (id TEXT PRIMARY KEY)")
    ids = ((record["id"],) for record in stream(schema, {"fields": "id"}))
    copy.executemany("INSERT INTO present VALUES (?)", ids)
    dropped = copy.execute("DELETE FROM records WHERE id NOT IN (SELECT id FROM present)").rowcount
    copy.commit()
    return dropped


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("schema")
    parser.add_argument("copy")
    parser.add_argument("--deletions", action="store_true")
    options = parser.parse_args()
    copy = sqlite3.connect(options.copy)
    copy.execute("CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, record TEXT)")
    copy.execute("CREATE TABLE IF NOT EXISTS state (cursor TEXT)")
    brought = bring(options.schema, copy)
    dropped = f", {drop_deleted(options.schema, copy)} dropped" if options.deletions else ""
    (total,) = copy.execute("SELECT count(*) FROM records").fetchone()
    print(f"{brought} brought{dropped}, {total} in the copy")


if __name__ == "__main__":
    main()
