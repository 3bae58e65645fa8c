#!/usr/bin/env python3
"""Writes the files of this folder: a few records as programs that people use write them, each by its default writer.

Needs `pip install pyarrow pandas polars duckdb`, `sqlite3` and, for the two files of R, `Rscript` (Debian: r-base-core).
The files are kept, so that tests need none of them. `expected.json` says, for each file, the rows that it holds: made
here from the records, and not by reading the file. Excel and mongoexport do not run here: what they write is written
by hand, after their documentation, in `excel()` and `mongo()`.
"""

import datetime as dt
import decimal
import json
import pathlib
import shutil
import subprocess

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
UTC = dt.timezone.utc

RECORDS = [
    {"n": 1, "x": 0.5, "flag": True, "text": 'Größe, "M"', "day": dt.date(2024, 2, 29), "money": decimal.Decimal("12.50"),
     "at": dt.datetime(2024, 2, 29, 8, 15, 0, 123456, UTC)},
    {"n": 1234567, "x": -1.25e-7, "flag": False, "text": "two\nlines", "day": dt.date(1969, 12, 31),
     "money": decimal.Decimal("-0.01"), "at": dt.datetime(1969, 12, 31, 23, 59, 59, 0, UTC)},
    {"n": None, "x": None, "flag": True, "text": None, "day": None, "money": None, "at": None},
    {"n": -40, "x": 1e21, "flag": False, "text": "; | \t'", "day": dt.date(2024, 12, 1), "money": decimal.Decimal("1000.00"),
     "at": dt.datetime(2024, 12, 1, 0, 0, 0, 0, UTC)},
]
EXPECTED = {}


def table():
    """The records as a table of Arrow."""
    types = {"n": pa.int64(), "x": pa.float64(), "flag": pa.bool_(), "text": pa.string(), "day": pa.date32(),
             "money": pa.decimal128(10, 2), "at": pa.timestamp("us", "UTC")}
    return pa.table({name: pa.array([record[name] for record in RECORDS], kind) for name, kind in types.items()})


def in_json(value):
    """A value as a record in JSON has it: numbers of any kind as numbers, instants as text."""
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value) if isinstance(value, dt.date) else float(value) if isinstance(value, decimal.Decimal) else value


def expect(name, rows=None, **changed):
    """Notes the rows that a file holds; `changed` says of a column what becomes of its values."""
    rows = RECORDS if rows is None else rows
    turned = [{key: value if value is None else changed.get(key, lambda v: v)(value) for key, value in row.items()}
              for row in rows]
    EXPECTED[name] = [{key: in_json(value) for key, value in row.items()} for row in turned]
    return HERE / name


def zoneless(at):
    """An instant as text without a zone, which stays text: its zone is not known."""
    return at.strftime("%Y-%m-%d %H:%M:%S") + (f".{at.microsecond:06}" if at.microsecond else "")


def by_pandas():
    frame = table().to_pandas(types_mapper=pd.ArrowDtype)
    frame.to_csv(expect("pandas.csv"), index=False)
    indexed = [{"property_1": index} | record for index, record in enumerate(RECORDS)]
    frame.to_csv(expect("pandas-index.csv", indexed))
    millis = lambda at: round(at.timestamp() * 1000)
    day = lambda at: millis(dt.datetime(at.year, at.month, at.day, tzinfo=UTC))
    plain = table().to_pandas().assign(
        money=[record["money"] and float(record["money"]) for record in RECORDS],
        day=pd.to_datetime(pd.Series([record["day"] for record in RECORDS])),
    )
    for name, options in {
        "pandas-lines.ndjson": {"orient": "records", "lines": True},
        "pandas-records.json": {"orient": "records"},
        "pandas-table.json": {"orient": "table", "index": False},
        "pandas-split.json": {"orient": "split"},
        "pandas-index.json": {"orient": "index"},
        "pandas-columns.json": {"orient": "columns"},
        "pandas-values.json": {"orient": "values"},
    }.items():
        plain.to_json(HERE / name, **options)
    # pandas keeps ten decimals of a number, and milliseconds of an instant.
    short = {"x": lambda x: round(x, 10)}
    for name in ("pandas-lines.ndjson", "pandas-records.json"):
        expect(name, at=millis, day=day, **short)
    to_millis = lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
    midnight = lambda at: f"{at}T00:00:00.000"
    expect("pandas-table.json", at=to_millis, day=midnight, **short)


def by_polars():
    frame = pl.from_arrow(table())
    frame.write_csv(expect("polars.csv"))
    frame.write_ndjson(expect("polars.ndjson"))
    frame.write_json(expect("polars.json"))


def by_duckdb():
    source = table()  # noqa: F841, it is queried by its name
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        for name, options in {
            "duckdb.csv": "FORMAT csv",
            "duckdb.ndjson": "FORMAT json",
            "duckdb.json": "FORMAT json, ARRAY true",
        }.items():
            database.execute(f"COPY source TO '{expect(name)}' ({options})")


def by_sqlite():
    path = expect("sqlite.csv", at=zoneless, flag=int)
    statements = ["create table t (n integer, x real, flag integer, text text, day text, money numeric, at text);"]
    quoted = lambda value: "null" if value is None else repr(value) if isinstance(value, (int, float)) \
        else "'" + str(value).replace("'", "''") + "'"
    for record in EXPECTED["sqlite.csv"]:
        statements.append(f"insert into t values ({', '.join(map(quoted, record.values()))});")
    script = "\n".join([*statements, ".headers on", ".mode csv", f".once {path}", "select * from t;"])
    subprocess.run(["sqlite3", ":memory:"], input=script, text=True, check=True)


def by_r():
    if not shutil.which("Rscript"):
        print("no Rscript: r.csv and r-table.csv stay as they are")
    # The names of rows have none of their own.
    rows = [{"property_1": place} | record for place, record in enumerate(RECORDS, 1)]
    seconds = lambda at: at.strftime("%Y-%m-%d %H:%M:%S")
    whole = [row | {"at": row["at"] and row["at"].replace(microsecond=0)} for row in rows]
    for name in ("r.csv", "r-table.csv"):
        expect(name, whole, at=seconds)
    script = f"""
        t <- data.frame(n = c(1L, 1234567L, NA, -40L), x = c(0.5, -1.25e-7, NA, 1e21), flag = c(TRUE, FALSE, TRUE, FALSE),
            text = c('Größe, "M"', 'two\\nlines', NA, "; | \\t'"),
            day = as.Date(c('2024-02-29', '1969-12-31', NA, '2024-12-01')), money = c(12.50, -0.01, NA, 1000.00),
            at = c('2024-02-29 08:15:00', '1969-12-31 23:59:59', NA, '2024-12-01 00:00:00'))
        write.csv(t, '{HERE / "r.csv"}', fileEncoding = 'UTF-8')
        write.table(t, '{HERE / "r-table.csv"}', sep = ';', qmethod = 'double', fileEncoding = 'UTF-8')
    """
    if shutil.which("Rscript"):
        subprocess.run(["Rscript", "-e", script], check=True, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})


def excel():
    """What "Save as CSV" writes in a German and a French Windows, and "Unicode text" anywhere."""
    rows = [
        {"Menge": 1, "Preis": 1234.5, "Anteil": 0.25, "Größe": 'M; "neu"', "Tag": dt.date(2024, 2, 29)},
        {"Menge": 20, "Preis": 0.99, "Anteil": 1.5, "Größe": "Übergröße", "Tag": dt.date(2023, 12, 1)},
        {"Menge": None, "Preis": None, "Anteil": None, "Größe": None, "Tag": None},
        {"Menge": 1300, "Preis": 12.75, "Anteil": -3.125, "Größe": "à l’œuf", "Tag": dt.date(2024, 1, 31)},
    ]

    def text(rows, delimiter, number, day):
        shown = lambda v: "" if v is None else day(v) if isinstance(v, dt.date) else number(v) if isinstance(v, float) \
            else str(v)
        quoted = lambda t: '"' + t.replace('"', '""') + '"' if any(sign in t for sign in (delimiter, '"', "\n")) else t
        lines = [list(rows[0])] + [[shown(value) for value in row.values()] for row in rows]
        return "".join(delimiter.join(map(quoted, line)) + "\r\n" for line in lines)

    comma = lambda v: repr(v).replace(".", ",")
    german = text(rows, ";", comma, lambda d: d.strftime("%d.%m.%Y"))
    without_gap = [row for row in rows if row["Menge"]]
    expect("excel-de.csv", without_gap).write_bytes(german.encode("cp1252"))
    # Cells that are formatted as numbers with thousands come out so.
    grouped = lambda v: f"{v:,.2f}".replace(",", "\u202f").replace(".", ",")
    money = [{"Montant": row["Preis"], "Libellé": row["Größe"], "Jour": row["Tag"]} for row in without_gap]
    french = text(money, ";", grouped, lambda d: d.strftime("%d/%m/%Y"))
    expect("excel-fr.csv", money, Montant=grouped).write_bytes(french.encode("utf-8-sig"))
    unicode = text(rows, "\t", comma, lambda d: d.strftime("%d.%m.%Y"))
    expect("excel-unicode.csv", without_gap).write_bytes(b"\xff\xfe" + unicode.encode("utf-16le"))


def mongo():
    """What mongoexport writes: Extended JSON v2, relaxed by default, canonical with --jsonFormat=canonical."""
    ids = ["5f1b3c5e8f1b2c0017a1b2c3", "5f1b3c5e8f1b2c0017a1b2c4", "5f1b3c5e8f1b2c0017a1b2c5"]
    relaxed = [
        {"_id": {"$oid": ids[0]}, "name": "a", "n": 1, "x": 0.5, "at": {"$date": "2024-02-29T08:15:00.123Z"},
         "price": {"$numberDecimal": "12.50"}, "tags": ["u", "v"], "where": {"lat": 1.5}},
        {"_id": {"$oid": ids[1]}, "name": "b", "n": 5000000000, "x": -1e300, "at": {"$date": "1969-12-31T23:59:59Z"},
         "price": {"$numberDecimal": "-0.01"}, "tags": [], "where": {"lat": None}},
        {"_id": {"$oid": ids[2]}, "name": None},
    ]
    canonical = [
        {"_id": {"$oid": ids[0]}, "name": "a", "n": {"$numberInt": "1"}, "x": {"$numberDouble": "0.5"},
         "at": {"$date": {"$numberLong": "1709194500123"}}, "tags": ["u", "v"]},
        {"_id": {"$oid": ids[1]}, "name": "b", "n": {"$numberLong": "5000000000"}, "x": {"$numberDouble": "-1e+300"},
         "at": {"$date": {"$numberLong": "-1000"}}, "tags": []},
    ]
    for name, rows in {"mongo-relaxed.json": relaxed, "mongo-canonical.json": canonical}.items():
        EXPECTED[name] = rows
        (HERE / name).write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
    EXPECTED["mongo-array.json"] = relaxed
    (HERE / "mongo-array.json").write_text("[" + ",\n".join(json.dumps(row) for row in relaxed) + "]\n")


def geojson():
    features = [
        {"type": "Feature", "properties": {"name": name, "height": height},
         "geometry": {"type": "Point", "coordinates": [longitude, latitude]}}
        for name, height, longitude, latitude in [("Brocken", 1141, 10.6, 51.8), ("名山", None, 138.7, 35.4)]
    ]
    EXPECTED["places.geojson"] = features
    document = {"type": "FeatureCollection", "name": "places", "features": features}
    (HERE / "places.geojson").write_text(json.dumps(document, ensure_ascii=False))


def spark():
    """A folder as Spark leaves it: part files with INT96, and a file without bytes that says that all are there."""
    folder = HERE / "spark.parquet"
    folder.mkdir(exist_ok=True)
    for place in range(2):
        name = f"part-{place:05}-8a1b-c000.snappy.parquet"
        part = table().slice(place * 2, 2)
        pq.write_table(part, folder / name, flavor="spark", use_deprecated_int96_timestamps=True, compression="snappy")
        expect(f"spark.parquet/{name}", RECORDS[place * 2:place * 2 + 2])
    (folder / "_SUCCESS").write_bytes(b"")


if __name__ == "__main__":
    for write in (by_pandas, by_polars, by_duckdb, by_sqlite, by_r, excel, mongo, geojson, spark):
        write()
    lines = [f"{json.dumps(name)}: {json.dumps(rows, ensure_ascii=False)}" for name, rows in sorted(EXPECTED.items())]
    (HERE / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
