#!/usr/bin/env python3
"""Loads flights into a server and reads them back: are they the same, how fast, in how much memory, beside DuckDB?

    cargo build
    python3 -m venv venv && venv/bin/pip install duckdb==2.0.0
    venv/bin/python load-tests/flights.py --binary TARGET/release/eider [--flights FILE.ndjson[.gz]] [--copies N]

Without --flights it takes samples/flights.ndjson. Every figure comes from this one run, and so does DuckDB's beside it.
"""
import json, os, pathlib, re, tempfile, threading, time

import duckdb

from server import Peak, Server, lines_of, parser, read_slowly

HERE = pathlib.Path(__file__).resolve().parent
CALL = 100_001
OWN_FIELDS = ("id", "created_at", "updated_at", "version")


# A property that the sample's schema has an index on, and one that it has none on.
LOOKUPS = {"tailnum": "N14228", "flight": "1545"}


def plan_of(path, field, value):
    """The kind of scan that the engine chooses for a filter by equality."""
    with duckdb.connect(path, read_only=True) as engine:
        plan = engine.execute(f'EXPLAIN ANALYZE SELECT * FROM "$records".flights WHERE {field} = ?', [value]).fetchall()[0][1]
    return re.search(r"Type: (\w+ Scan)", plan)[1]


def main():
    given = parser(__doc__, copies=1).parse_args()

    source = lines_of(given.flights)
    lines = source * given.copies
    size = sum(map(len, lines))
    work = tempfile.TemporaryDirectory()
    plain = os.path.join(work.name, "flights.ndjson")
    pathlib.Path(plain).write_bytes(b"".join(lines))
    calls = [b"".join(lines[start:start + CALL]) for start in range(0, len(lines), CALL)]
    print(f"{len(lines):,} flights, {size / 1e6:.0f} MB of NDJSON, {len(calls)} bulk calls of up to {CALL:,} records")

    data = os.path.join(work.name, "data")
    server = Server(given.binary, data)
    server.call("POST", "/schemas", (HERE.parent / "samples/flights.schema.json").read_bytes())
    idle, loading, growth = [server.resident()], 0.0, {}
    for number, body in enumerate(calls):
        with Peak(server) as peak:
            started = time.perf_counter()
            receipt = json.loads(server.call("POST", "/records/flights/bulk", body, "application/x-ndjson"))
            loading += time.perf_counter() - started
        assert receipt["created"] == body.count(b"\n"), receipt
        growth.setdefault("one bulk call", peak.value - idle[0])
    assert server.stop() == 0

    server = Server(given.binary, data)
    idle.append(server.resident())
    with Peak(server) as peak:
        first_byte, reading, _ = server.stream()
    growth["a stream of everything"] = peak.value - idle[1]
    assert server.stop() == 0

    server = Server(given.binary, data)
    with Peak(server) as slow:
        readers = [threading.Thread(target=read_slowly, args=(server.port, 8)) for _ in range(10)]
        [reader.start() for reader in readers]
        [reader.join() for reader in readers]
    streamed = server.call("GET", "/records/flights/stream")

    # Correctness: the stream against the source, counts and means against DuckDB over the source file.
    canonical = lambda record: json.dumps(record, sort_keys=True)
    normal = lambda record: record | {"time_hour": record["time_hour"].replace(".000000Z", "Z")}
    back = sorted(canonical(normal({k: v for k, v in json.loads(line).items() if k not in OWN_FIELDS})) for line in streamed.splitlines())
    assert back == sorted(canonical(json.loads(line)) for line in lines), "the stream differs from the source"
    engine = duckdb.connect()
    table = f"read_json('{plain}', format='newline_delimited')"
    for carrier, count in engine.sql(f"SELECT carrier, count(*) FROM {table} GROUP BY carrier").fetchall():
        assert json.loads(server.call("GET", f"/records/flights/count?carrier.eq={carrier}"))["count"] == count, carrier
    delays = [json.loads(line)["dep_delay"] for line in streamed.splitlines()]
    delays = [delay for delay in delays if delay is not None]
    mean = engine.sql(f"SELECT avg(dep_delay) FROM {table}").fetchall()[0][0]
    assert abs(sum(delays) / len(delays) - mean) < 1e-9
    print(f"the same: every line of the stream, the count of each carrier, the mean dep_delay ({mean:.6f})")
    lookups = {field: server.lookup(field, value) for field, value in LOOKUPS.items()}
    assert server.stop() == 0
    # The file is closed: the same engine says how it runs these queries.
    plans = {field: plan_of(os.path.join(data, "eider.duckdb"), field, value) for field, value in LOOKUPS.items()}

    # DuckDB beside it, with its own JSON reader and writer and as many threads, into a file and out of it.
    store = duckdb.connect(os.path.join(work.name, "peer.duckdb"))
    started = time.perf_counter()
    store.execute(f"CREATE TABLE flights AS SELECT * FROM {table}")
    peer_loading = time.perf_counter() - started
    started = time.perf_counter()
    store.execute(f"COPY flights TO '{os.path.join(work.name, 'out.ndjson')}' (FORMAT json)")
    peer_reading = time.perf_counter() - started

    rate = lambda seconds: f"{len(lines) / seconds / 1e6:.2f} M rows/s, {size / seconds / 1e6:.0f} MB/s"
    print(f"bulk      {rate(loading)}; DuckDB read_json into a table {rate(peer_loading)}; ratio {peer_loading / loading:.2f}")
    print(f"stream    {rate(reading)}; DuckDB COPY (FORMAT json) {rate(peer_reading)}; ratio {peer_reading / reading:.2f} (MB of the source)")
    print(f"first byte of the stream after {first_byte * 1e3:.0f} ms")
    print("lookup    " + "; ".join(f"{field}.eq: {plans[field]}, {took:.1f} ms" for field, took in lookups.items()))
    print(f"resident  idle {idle[0]:.0f} MB when new, {idle[1]:.0f} MB with the records; growth in " +
          ", ".join(f"{what} {megabytes:.0f} MB" for what, megabytes in growth.items()) +
          f"; with ten slow streams at once {slow.value:.0f} MB in all")


main()
