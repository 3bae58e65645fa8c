#!/usr/bin/env python3
"""Writes the files of this folder: the same three records by the default writers of pyarrow, pandas, polars and DuckDB.

Needs `pip install pyarrow pandas polars duckdb`; the files are kept, so that tests need none of them.
"""

import base64
import datetime as dt
import decimal
import json
import pathlib
import uuid

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
UTC = dt.timezone.utc

RECORDS = [
    {
        "n": 1,
        "x": 0.5,
        "flag": True,
        "text": "Größe",
        "day": dt.date(2024, 2, 29),
        "at": dt.datetime(2024, 2, 29, 8, 15, 0, 123456, UTC),
        "money": decimal.Decimal("12.50"),
        "code": uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
        "bytes": b"\x00\xff\x10",
        "tags": ["a", None, "b"],
        "place": {"lat": 1.5, "names": ["x", "y"]},
        "kind": "north",
    },
    {
        "n": -(2**63),
        "x": -1e300,
        "flag": False,
        "text": "",
        "day": dt.date(1969, 12, 31),
        "at": dt.datetime(1969, 12, 31, 23, 59, 59, 0, UTC),
        "money": decimal.Decimal("-0.01"),
        "code": uuid.UUID(int=0),
        "bytes": b"",
        "tags": [],
        "place": {"lat": None, "names": []},
        "kind": "south",
    },
    {name: None for name in "n x flag text day at money code bytes tags place kind".split()} | {"kind": "north"},
]

TYPES = {
    "n": pa.int64(),
    "x": pa.float64(),
    "flag": pa.bool_(),
    "text": pa.string(),
    "day": pa.date32(),
    "at": pa.timestamp("us", "UTC"),
    "money": pa.decimal128(10, 2),
    "code": pa.uuid(),
    "bytes": pa.binary(),
    "tags": pa.list_(pa.string()),
    "place": pa.struct({"lat": pa.float64(), "names": pa.list_(pa.string())}),
    "kind": pa.dictionary(pa.int32(), pa.string()),
}


def table(*leaving_out):
    """The records as a table of Arrow."""
    columns = {}
    for name, arrow in TYPES.items():
        values = [record[name] for record in RECORDS]
        if name == "code":
            values = [value and value.bytes for value in values]
        if name not in leaving_out:
            columns[name] = pa.array(values, arrow)
    return pa.table(columns)


def by_pyarrow():
    pq.write_table(table(), HERE / "pyarrow.parquet")
    pq.write_table(
        table(),
        HERE / "pyarrow-old.parquet",
        version="1.0",
        flavor="spark",
        use_deprecated_int96_timestamps=True,
        use_compliant_nested_type=False,
        store_schema=False,
        compression="gzip",
    )
    feather.write_feather(table(), HERE / "pyarrow.feather")
    feather.write_feather(table(), HERE / "pyarrow-zstd.feather", compression="zstd")
    runs = table().drop_columns(["kind"]).append_column(
        "kind", pa.RunEndEncodedArray.from_arrays([1, 2, 3], ["north", "south", "north"])
    )
    with ipc.new_stream(HERE / "pyarrow.arrows", runs.schema) as stream:
        stream.write_table(runs.slice(0, 1))
        stream.write_table(runs.slice(1))


def by_pandas():
    # Whole numbers with a null among them are doubles in pandas.
    frame = table("code", "n").to_pandas()
    frame.to_parquet(HERE / "pandas.parquet", index=False)
    frame.to_feather(HERE / "pandas.feather")


def by_polars():
    frame = pl.from_arrow(table("code"))
    frame = frame.with_columns(pl.Series("code", [r["code"] and r["code"].bytes for r in RECORDS], pl.Binary))
    frame.write_parquet(HERE / "polars.parquet")
    frame.write_ipc(HERE / "polars.arrow")
    frame.write_ipc(HERE / "polars-lz4.arrow", compression="lz4")
    frame.write_ipc(HERE / "polars-zstd.arrow", compression="zstd")
    frame.write_ipc_stream(HERE / "polars.arrows")


def by_duckdb():
    source = table()  # noqa: F841, it is queried by its name
    with duckdb.connect() as database:
        rows = database.sql("SELECT * FROM source")
        rows.write_parquet(str(HERE / "duckdb.parquet"))
        result = database.sql("SELECT * FROM source").to_arrow_table()
    with ipc.new_stream(HERE / "duckdb.arrows", result.schema) as stream:
        stream.write_table(result)


def in_json(value):
    """A value as a record in JSON has it."""
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if value is None or isinstance(value, (bool, int, float, str, list, dict)) else str(value)


if __name__ == "__main__":
    by_pyarrow()
    by_pandas()
    by_polars()
    by_duckdb()
    lines = [json.dumps({k: in_json(v) for k, v in record.items()}, ensure_ascii=False) for record in RECORDS]
    (HERE / "records.ndjson").write_text("\n".join(lines) + "\n")
