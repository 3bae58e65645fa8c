#!/usr/bin/env python3
"""Changes the schema of millions of flights, beside the same statements by hand: how long, and what do readers notice?

    cargo build
    python3 -m venv venv && venv/bin/pip install duckdb==2.0.0
    venv/bin/python load-tests/evolution.py --binary TARGET/release/eider [--flights FILE.ndjson[.gz]] [--copies N]

Without --flights it takes samples/flights.ndjson. While a change is made one client counts the flights of an airline and another reads one
record by its id, both twenty times a second. By hand the same is done in a file of DuckDB alone with the same
threads, memory, columns and indexes, in the order in which the engine allows it: indexes go, the table changes, indexes come.
"""
import http.client, json, os, pathlib, tempfile, threading, time

import duckdb

from server import Peak, Server, lines_of, parser

HERE = pathlib.Path(__file__).resolve().parent
MEMORY = "2GiB"
INDEXES = ["carrier", "tailnum", "time_hour"]
KEY = ["time_hour", "carrier", "flight", "dest"]


def rebuilt(*statements, indexes=INDEXES, then=INDEXES):
    """Statements between the end of some indexes and the beginning of others."""
    drop = [f"DROP INDEX flights_{column}" for column in indexes]
    create = [f"CREATE INDEX flights_{column} ON flights ({column})" for column in then]
    return [*drop, *statements, *create]


RENAMED = ["airline", "tailnum", "time_hour"]
# What is changed, and the same by hand; each begins where the one before it ended.
CHANGES = [
    ("description", {"description": "changed"}, []),
    ("a property that may be null", {"add": [{"name": "seats", "type": "integer"}]}, ["ALTER TABLE flights ADD COLUMN seats BIGINT"]),
    ("a property with a default", {"add": [{"name": "class", "type": "string", "default": "Y"}]}, ["ALTER TABLE flights ADD COLUMN class VARCHAR DEFAULT 'Y'"]),
    ("a constraint", {"change": {"distance": {"constraints": {"minimum": 0}}}}, ["SELECT count(*) FROM flights WHERE distance < 0"]),
    ("an index", {"change": {"dest": {"is_indexed": True}}}, ["CREATE INDEX flights_dest ON flights (dest)"]),
    ("no index", {"change": {"dest": {"is_indexed": False}}}, ["DROP INDEX flights_dest"]),
    ("a key of four properties", {"unique": [{"properties": KEY}]}, [f"CREATE UNIQUE INDEX flights_key ON flights ({', '.join(KEY)})"]),
    ("no key", {"unique": None}, ["DROP INDEX flights_key"]),
    ("required", {"change": {"dest": {"required": True}}}, rebuilt("ALTER TABLE flights ALTER COLUMN dest SET NOT NULL")),
    ("another name", {"change": {"carrier": {"name": "airline"}}}, rebuilt("ALTER TABLE flights RENAME COLUMN carrier TO airline", then=RENAMED)),
    ("a wider type", {"change": {"distance": {"type": "string", "constraints": None}}}, rebuilt("ALTER TABLE flights ALTER COLUMN distance TYPE VARCHAR", indexes=RENAMED, then=RENAMED)),
    ("a property that goes", {"drop": ["year"]}, rebuilt('ALTER TABLE flights DROP COLUMN "year"', indexes=RENAMED, then=RENAMED)),
]


class Client:
    """Asks twenty times a second, and remembers the longest answer."""

    def __init__(self, port, path):
        self.port, self.path, self.longest, self.done = port, path, 0, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()
        return self

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        while not self.done.is_set():
            started = time.perf_counter()
            connection.request("GET", "/api/v1" + self.path)
            response = connection.getresponse()
            content = response.read()
            # A filter may name what has just got another name.
            assert response.status == 200 or b"unknown_" in content, content
            self.longest = max(self.longest, time.perf_counter() - started)
            time.sleep(0.05)

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def by_hand(work, data, columns):
    """A connection to the same records in a file of DuckDB alone."""
    engine = duckdb.connect(os.path.join(work, "by_hand.duckdb"))
    engine.execute(f"SET memory_limit = '{MEMORY}'; SET threads = {os.cpu_count()}")
    engine.execute(f"ATTACH '{data}/eider.duckdb' AS eider (READ_ONLY)")
    engine.execute(f'CREATE TABLE flights AS SELECT {columns} FROM eider."$records".flights')
    engine.execute("DETACH eider; CHECKPOINT")
    for column in INDEXES:
        engine.execute(f"CREATE INDEX flights_{column} ON flights ({column})")
    return engine


def main():
    given = parser(__doc__, copies=9).parse_args()

    lines = lines_of(given.flights)
    work = tempfile.TemporaryDirectory()
    data = os.path.join(work.name, "data")
    settings = {"EIDER_STORAGE_MEMORY_LIMIT": MEMORY}
    server = Server(given.binary, data, **settings)
    schema = json.loads((HERE.parent / "samples/flights.schema.json").read_bytes())
    for property in schema["properties"]:
        property["is_indexed"] = property["name"] in INDEXES
        property["required"] = False
        property.pop("constraints", None)
    server.call("POST", "/schemas", json.dumps(schema))
    started = time.perf_counter()
    server.load(lines, given.copies)
    loaded = time.perf_counter() - started
    assert server.stop() == 0
    columns = ", ".join(["id", "created_at", "updated_at", "version", *(f'"{property["name"]}"' for property in schema["properties"])])
    engine = by_hand(work.name, data, columns)

    server = Server(given.binary, data, **settings)
    record = json.loads(server.call("GET", "/records/flights?limit=1"))["data"][0]["id"]
    print(f"{len(lines) * given.copies:,} flights, indexes on {', '.join(INDEXES)}; loaded in {loaded:.1f} s; resident {server.resident():.0f} MB")
    print("\n| change | Eider | by hand | ratio | longest count | longest read by id | resident |\n|---|---|---|---|---|---|---|")
    for what, change, statements in CHANGES:
        with Peak(server) as peak, Client(server.port, "/records/flights/count?carrier.eq=UA") as count, Client(server.port, f"/records/flights/{record}") as read:
            started = time.perf_counter()
            server.call("PATCH", "/schemas/flights", json.dumps(change))
            took = time.perf_counter() - started
        started = time.perf_counter()
        engine.execute("BEGIN")
        for statement in statements:
            try:
                engine.execute(statement).fetchall()
            except duckdb.Error as error:
                raise SystemExit(f"{statement}: {error}")
            if statement.startswith("DROP INDEX"):
                # The engine changes some columns only when their indexes went in a transaction before.
                engine.execute("COMMIT; BEGIN")
        engine.execute("COMMIT")
        hand = time.perf_counter() - started
        ratio = f"{took / hand:.1f}" if statements and hand > 0.01 else ""
        shown = f"{hand:.2f} s" if statements else ""
        print(f"| {what} | {took:.2f} s | {shown} | {ratio} | {count.longest:.2f} s | {read.longest * 1e3:.0f} ms | {peak.value:.0f} MB |", flush=True)
    versions = json.loads(server.call("GET", "/schemas/flights/versions"))["data"]
    assert len(versions) == len(CHANGES) + 1, versions
    count = json.loads(server.call("GET", "/records/flights/count"))["count"]
    assert count == len(lines) * given.copies, count
    assert server.stop() == 0


main()
