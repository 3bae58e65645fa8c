"""How Schemathesis writes bodies that are not JSON: as the text that it made."""

import json

import schemathesis


@schemathesis.serializer(
    "application/x-ndjson",
    "application/jsonl",
    "text/csv",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
)
def as_it_is(ctx, value):
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "surrogatepass")
