#!/usr/bin/env python3
"""Asks generated queries of a server, and of the engine directly over the same records: are the answers the same?

    python3 -m venv venv && venv/bin/pip install duckdb==2.0.0
    venv/bin/python load-tests/queries.py --binary TARGET/release/eider [--queries N] [--records N] [--seed N]

Every query is made twice from one draw: as a body for the server, and as SQL written from what docs/reference/api promises. Filters are trees of
every operator, over every type that compares; orders have ties and nulls; groups have every function that is exact, and means. The first
difference ends the run with both answers and the seed.
"""
import argparse, datetime, decimal, http.client, json, math, random, tempfile

import duckdb

from server import Server

TYPES = {"i": "integer", "x": "number", "t": "string", "b": "boolean", "m": "decimal", "d": "date", "c": "time", "w": "datetime"}
COLUMNS = {"i": "BIGINT", "x": "DOUBLE", "t": "VARCHAR", "b": "BOOLEAN", "m": "DECIMAL(38, 4)", "d": "DATE", "c": "TIME", "w": "TIMESTAMP"}
ORDERED = [name for name in TYPES if name != "b"]
# Few values of each type, so that they meet: the least and the greatest, zeros, texts that are nearly the same.
VALUES = {
    "i": [0, 1, -1, 7, 41, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)],
    "x": [0.0, -0.0, 0.1, 1.5, -2.25, 1e300, -1e300, 5e-324, 9007199254740992.0],
    "t": ["", "a", "A", "ab", "a%", "a_b", "é", "e\u0301", "ß", "SS", "\u0000", "x\ny", "😀", "ﬁ"],
    "b": [True, False],
    "m": ["0", "0.0001", "-0.0001", "12.5", "12.5000", "123456789012345678901234567890.1234"],
    "d": ["0001-01-01", "1969-12-31", "2024-02-29", "2024-03-01", "9999-12-31"],
    "c": ["00:00:00", "12:30:00.000001", "23:59:59.999999"],
    "w": ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000001Z"],
}
PATTERNS = ["%", "a%", "%b", "_", "__", "%A%", "a_b", "é", "%\u0301%", "", "x%y", "😀"]


def literal(name, value):
    """A value in SQL."""
    if name == "b":
        return "TRUE" if value else "FALSE"
    if name == "i":
        return f"({value})::BIGINT" if value != -(2**63) else "(-9223372036854775807 - 1)"
    text = repr(value) if name == "x" else str(value).removesuffix("Z").replace("T", " ") if name == "w" else str(value)
    if "\0" in text:
        return "(" + " || chr(0) || ".join(f"'{part}'" for part in text.split("\0")) + ")"
    return "'" + text.replace("'", "''") + f"'::{COLUMNS[name]}"


def condition(random):
    """A condition as the server reads it, and as SQL."""
    name = random.choice(list(TYPES))
    kind = random.choice(["eq", "ne", "lt", "lte", "gt", "gte", "in", "is_null", "is_not_null", "like", "ilike"])
    if kind in ("like", "ilike"):
        pattern = random.choice(PATTERNS)
        return {"field": "t", "op": kind, "value": pattern}, f"t {kind.upper()} {literal('t', pattern)}"
    if kind in ("is_null", "is_not_null"):
        return {"field": name, "op": kind}, f"{name} {kind.upper().replace('_', ' ')}"
    if kind == "in":
        values = random.choices(VALUES[name], k=random.randint(1, 4))
        return {"field": name, "op": "in", "value": values}, f"{name} IN ({', '.join(literal(name, value) for value in values)})"
    if name == "b" and kind not in ("eq", "ne"):
        kind = "eq"
    value = random.choice(VALUES[name])
    sign = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}[kind]
    return {"field": name, "op": kind, "value": value}, f"{name} {sign} {literal(name, value)}"


def tree(random, depth=0):
    kind = random.choice(["condition", "and", "or", "not"]) if depth < 3 else "condition"
    if kind == "condition":
        return condition(random)
    if kind == "not":
        body, sql = tree(random, depth + 1)
        return {"not": body}, f"NOT ({sql})"
    parts = [tree(random, depth + 1) for _ in range(random.randint(1, 3))]
    joined = f" {kind.upper()} ".join(f"({sql})" for _, sql in parts)
    return {kind: [body for body, _ in parts]}, joined


def order(random, names, last):
    """Keys of an order, with the one that breaks ties at the end."""
    keys = random.sample(names, k=random.randint(0, min(3, len(names))))
    keys = [(name, random.choice(["", "-"])) for name in keys]
    sql = [f"{name} {'DESC' if sign else 'ASC'} NULLS LAST" for name, sign in keys]
    return [sign + name for name, sign in keys], ", ".join([*sql, *last])


def page_of(random):
    where, condition_sql = tree(random)
    sort, order_sql = order(random, list(TYPES), ["n"])
    limit = random.randint(1, 60)
    body = {"where": where, "select": ["n", *TYPES], "sort": sort, "limit": limit, "count": "exact"}
    columns = ", ".join(["n", *TYPES])
    sql = f"SELECT {columns}, count(*) OVER () FROM s WHERE {condition_sql} ORDER BY {order_sql} LIMIT {limit}"
    return body, sql


def groups_of(random):
    where, condition_sql = tree(random)
    keys = random.sample(list(TYPES), k=random.randint(0, 2))
    figures, columns = [{"fn": "count", "as": "f0"}], ["count(*) AS f0"]
    for place in range(1, random.randint(2, 4)):
        function = random.choice(["count", "sum", "min", "max", "count_distinct", "avg"])
        of = {"sum": ["i", "m"], "avg": ["i"], "min": ORDERED, "max": ORDERED}.get(function, list(TYPES))
        name = random.choice(of)
        figures.append({"fn": function, "field": name, "as": f"f{place}"})
        call = f"count(DISTINCT {name})" if function == "count_distinct" else f"{function}({name}{'::DECIMAL(38, 0)' if function == 'avg' else ''})"
        columns.append(f"{call} AS f{place}")
    body = {"where": where, "group_by": keys, "aggregate": figures, "limit": 10_000}
    grouped = f" GROUP BY {', '.join(keys)} ORDER BY {', '.join(f'{key} NULLS LAST' for key in keys)}" if keys else ""
    return body, f"SELECT {', '.join([*keys, *columns])} FROM s WHERE {condition_sql}{grouped}"


def shown(value):
    """What a value is in JSON, so that one of the engine can be compared: numbers as numbers, times as texts."""
    if isinstance(value, datetime.datetime):
        return f"{value.year:04}-{value.month:02}-{value.day:02}T{time_of(value)}Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.time):
        return time_of(value)
    return value


def time_of(value):
    return value.strftime("%H:%M:%S.%f")


def same(one, other):
    if isinstance(one, float) and isinstance(other, (int, float)):
        return one == other or math.isclose(one, other, rel_tol=1e-12)
    if isinstance(one, decimal.Decimal) and isinstance(other, str):
        return decimal.Decimal(other) == one
    return shown(one) == other


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=400)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    drawn = random.Random(arguments.seed)
    engine = duckdb.connect()
    engine.execute(f"CREATE TABLE s (n BIGINT, {', '.join(f'{name} {of}' for name, of in COLUMNS.items())})")
    lines = []
    for number in range(arguments.records):
        values = {name: drawn.choice([None, *of]) for name, of in VALUES.items()}
        lines.append(json.dumps({"n": number} | values))
        row = ", ".join("NULL" if value is None else literal(name, value) for name, value in values.items())
        engine.execute(f"INSERT INTO s VALUES ({number}, {row})")
    with tempfile.TemporaryDirectory() as directory:
        server = Server(arguments.binary, directory)
        try:
            properties = [{"name": name, "type": of} for name, of in {"n": "integer", **TYPES}.items()]
            properties[list(TYPES).index("m") + 1] |= {"precision": 38, "scale": 4}
            server.call("POST", "/schemas", json.dumps({"name": "s", "properties": properties}))
            server.call("POST", "/records/s/bulk", "\n".join(lines), "application/x-ndjson")
            rows = compare(server, engine, drawn, arguments)
        finally:
            server.process.terminate()
            server.process.wait()
    print(f"{arguments.queries} queries over {arguments.records} records gave the same {rows} rows; seed {arguments.seed}")


def compare(server, engine, drawn, arguments):
    connection, rows = http.client.HTTPConnection("127.0.0.1", server.port), 0
    for number in range(arguments.queries):
        is_page = drawn.random() < 0.6
        body, sql = page_of(drawn) if is_page else groups_of(drawn)
        connection.request("POST", "/api/v1/records/s/query", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        try:
            expected = engine.execute(sql).fetchall()
        except duckdb.OutOfRangeException:
            expected = None
        if expected is None or any(isinstance(value, int) and not -(2**63) <= value < 2**63 for row in expected for value in row):
            is_same = answer.get("code") == "figure_out_of_range"
        else:
            found = [list(record.values()) for record in answer.get("data", [])] if response.status == 200 else None
            total = expected[0][-1] if is_page and expected else 0
            width = -1 if is_page else None
            is_same = found is not None and len(found) == len(expected) and all(
                same(one, other) for row, record in zip(expected, found) for one, other in zip(row[:width], record, strict=True))
            is_same = is_same and (not is_page or answer["page"]["total"] == total)
            rows += len(expected)
        if not is_same:
            raise SystemExit(f"query {number} of seed {arguments.seed} differs:\n{json.dumps(body)}\n{sql}\n{response.status} {answer}\n{expected}")
    return rows


if __name__ == "__main__":
    main()
