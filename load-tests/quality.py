#!/usr/bin/env python3
"""Checks ten rules against millions of flights, beside SQL written by hand: the same issues, how fast, in how much memory?

    cargo build
    python3 -m venv venv && venv/bin/pip install duckdb==2.0.0
    venv/bin/python load-tests/quality.py --binary TARGET/release/eider [--flights FILE.ndjson[.gz]] [--copies N]

Without --flights it takes samples/flights.ndjson. Some flights are made dirty first: every tenth has its airline in lower case,
every hundredth with spaces around it. Both sides have the same records with the same ids, the same threads and the same memory.
"""
import json, os, pathlib, tempfile, time

import duckdb

from server import Peak, Server, lines_of, parser

HERE = pathlib.Path(__file__).resolve().parent
MEMORY = "1GiB"

AIRLINES = ["UA", "AA", "DL", "B6", "EV", "MQ", "WN", "US", "9E", "FL", "F9", "VX", "HA", "AS", "OO"]

# A rule, and what finds the same: the value, what is suggested for it, and when it is an issue.
RULES = {
    "missing": ({"rule": "required", "property": "dep_time"}, ("dep_time", "NULL", "dep_time IS NULL")),
    "listed": (
        {"rule": "values", "property": "carrier", "values": AIRLINES},
        ("carrier", f"CASE WHEN upper(trim(carrier)) IN {tuple(AIRLINES)} THEN upper(trim(carrier)) END", f"carrier NOT IN {tuple(AIRLINES)}"),
    ),
    "spelt": (
        {"rule": "standardize", "property": "carrier", "trim": True, "case": "upper"},
        ("carrier", "upper(trim(carrier))", "carrier <> upper(trim(carrier))"),
    ),
    "short": ({"rule": "length", "property": "tailnum", "min": 5, "max": 6}, ("tailnum", "NULL", "length(tailnum) NOT BETWEEN 5 AND 6")),
    "letters": (
        {"rule": "characters", "property": "tailnum", "allowed": "A-Z0-9"},
        ("tailnum", "NULL", "regexp_matches(tailnum, '[^A-Z0-9]')"),
    ),
    "tail": (
        {"rule": "pattern", "property": "tailnum", "pattern": "^N[0-9]{1,5}[A-Z]{0,2}$", "severity": "warning"},
        ("tailnum", "NULL", "NOT regexp_matches(tailnum, '^N[0-9]{1,5}[A-Z]{0,2}$')"),
    ),
    "late": ({"rule": "range", "property": "dep_delay", "minimum": -60, "maximum": 600}, ("dep_delay", "NULL", "dep_delay NOT BETWEEN -60 AND 600")),
    "far": ({"rule": "range", "property": "distance", "maximum": 3000}, ("distance", "NULL", "distance > 3000")),
    # Counted from a half hour between two values, so that it does not matter when this runs.
    "old": (
        {"rule": "freshness", "property": "time_hour", "max_age": f"{int(time.time()) - 1_362_097_800}s"},
        ("time_hour", "NULL", "time_hour < TIMESTAMP '2013-03-01 00:30:00'"),
    ),
    "twice": ({"rule": "duplicate", "properties": ["time_hour", "tailnum", "dest"]}, None),
}
TWICE = """SELECT r.id, NULL AS value, NULL AS suggestion FROM flights r JOIN (SELECT time_hour, tailnum, dest, min(place) AS first
    FROM flights WHERE time_hour IS NOT NULL AND tailnum IS NOT NULL AND dest IS NOT NULL GROUP BY ALL HAVING count(*) > 1) f
    USING (time_hour, tailnum, dest) WHERE r.place > f.first"""


def dirty(lines):
    """The flights, some of them with other spellings of the airline."""
    for number, line in enumerate(lines):
        if number % 10 == 0:
            flight = json.loads(line)
            code = flight["carrier"]
            flight["carrier"] = f" {code} " if number % 100 == 0 else code.lower()
            line = json.dumps(flight).encode() + b"\n"
        yield line


def by_hand(work, data):
    """The same records in a file of DuckDB alone, and the seconds that each rule takes there."""
    engine = duckdb.connect(os.path.join(work, "by_hand.duckdb"))
    engine.execute(f"SET memory_limit = '{MEMORY}'; SET threads = {os.cpu_count()}")
    engine.execute(f"ATTACH '{data}/eider.duckdb' AS eider (READ_ONLY)")
    engine.execute('CREATE TABLE flights AS SELECT * EXCLUDE ("$sequence"), "$sequence" AS place FROM eider."$records".flights')
    engine.execute("DETACH eider; CHECKPOINT")
    seconds = {}
    for name, (_, sql) in RULES.items():
        query = f"SELECT id, {sql[0]} AS value, {sql[1]} AS suggestion FROM flights WHERE {sql[2]}" if sql else TWICE
        started = time.perf_counter()
        engine.execute(f"CREATE TABLE {name} AS {query}")
        seconds[name] = time.perf_counter() - started
    return engine, seconds


def main():
    given = parser(__doc__, copies=9).parse_args()

    lines = list(dirty(lines_of(given.flights)))
    work = tempfile.TemporaryDirectory()
    data = os.path.join(work.name, "data")
    settings = {"EIDER_STORAGE_MEMORY_LIMIT": MEMORY, "EIDER_LIMITS_VALIDATION_ISSUES": "4 GiB"}
    server = Server(given.binary, data, **settings)
    schema = json.loads((HERE.parent / "samples/flights.schema.json").read_bytes())
    for property in schema["properties"]:
        property.pop("constraints", None)
    server.call("POST", "/schemas", json.dumps(schema))
    server.load(lines, given.copies)
    assert server.stop() == 0
    engine, by_sql = by_hand(work.name, data)

    server = Server(given.binary, data, **settings)
    validations = "/schemas/flights/validations"
    rules = [rule | {"name": name} for name, (rule, _) in RULES.items()]
    print(f"{len(lines) * given.copies:,} flights, {len(rules)} rules; resident when idle {server.resident():.0f} MB")
    for round in range(2):
        started = time.perf_counter()
        with Peak(server) as peak:
            found = json.loads(server.call("POST", validations, json.dumps({"rules": rules})))
            answered = time.perf_counter() - started
            while found["state"] == "running":
                time.sleep(0.02)
                found = json.loads(server.call("GET", f"{validations}/{found['id']}"))
        assert found["state"] == "done" and not found["truncated"], found
        total, by_rule = found["elapsed_ms"] / 1e3, {rule["name"]: rule for rule in found["rules"]}
        print(f"round {round + 1}: {found['issues']:,} issues in {total:.2f} s, by hand {sum(by_sql.values()):.2f} s, "
              f"ratio {total / sum(by_sql.values()):.2f}; answered after {answered:.2f} s; resident {peak.value:.0f} MB")
    for name, rule in by_rule.items():
        print(f"  {name:8} {rule['issues']:>9,} issues, {rule['suggestions']:>9,} suggestions, {rule['elapsed_ms']:7.0f} ms, by hand {by_sql[name] * 1e3:7.0f} ms")

    path = os.path.join(work.name, "issues.ndjson")
    url = f"http://127.0.0.1:{server.port}/api/v1{validations}/{found['id']}/issues"
    with Peak(server) as peak:
        started = time.perf_counter()
        assert os.system(f"curl -sf -o {path} {url}") == 0
        took = time.perf_counter() - started
    print(f"issues as NDJSON: {os.path.getsize(path) / took / 1e6:.0f} MB/s, {found['issues'] / took:,.0f} lines/s, resident {peak.value:.0f} MB")
    engine.execute(f"""CREATE TABLE issues AS SELECT * FROM read_json('{path}', format = 'newline_delimited', columns = {{record_id: 'UUID',
        rule: 'VARCHAR', current_value: 'JSON', suggested_value: 'VARCHAR'}})""")
    for name, (_, sql) in RULES.items():
        own = f"SELECT record_id, {'NULL' if sql is None else 'current_value'}, suggested_value FROM issues WHERE rule = '{name}'"
        value = "NULL" if sql is None else "strftime(value, '\"%Y-%m-%dT%H:%M:%S.%fZ\"')" if sql[0] == "time_hour" else "coalesce(to_json(value)::VARCHAR, 'null')"
        other = f"SELECT id, {value}, suggestion FROM {name}"
        own = own.replace("current_value,", "coalesce(current_value::VARCHAR, 'null'),")
        for left, right in [(own, other), (other, own)]:
            assert engine.execute(f"SELECT count(*) FROM ({left} EXCEPT ALL {right})").fetchone() == (0,), name
    print("the issues are those of the SQL, record by record")

    started = time.perf_counter()
    with Peak(server) as peak:
        applied = json.loads(server.call("POST", f"{validations}/{found['id']}/apply", json.dumps({"rules": ["spelt"]})))
    took = time.perf_counter() - started
    assert applied["changed"] == by_rule["spelt"]["issues"], applied
    print(f"{applied['changed']:,} records mended in {took:.2f} s, resident {peak.value:.0f} MB")
    again = json.loads(server.call("POST", validations, json.dumps({"rules": [RULES["spelt"][0]]})))
    while again["state"] == "running":
        time.sleep(0.02)
        again = json.loads(server.call("GET", f"{validations}/{again['id']}"))
    assert (again["issues"], again["commit_seq"]) == (0, applied["commit_seq"]), again
    assert server.stop() == 0


main()
