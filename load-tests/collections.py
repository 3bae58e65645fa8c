#!/usr/bin/env python3
"""Sends the files of public collections to a server: each is inferred, its schema created as proposed, and loaded.

    load-tests/collections.py --binary TARGET/debug/eider DIRECTORY [--only WORD] [--list FILE]

DIRECTORY holds clones, each under the name of its repository; docs/development.md says which, and where the result is
kept. Every file that ends as a format of Eider does is sent as it is: to `POST /schemas/infer`, the schema of the
answer to `POST /schemas`, and the file to a bulk call with the options that the answer names, in the mode `partial`.
Nothing is set by hand.

A file is `whole` when every record of it was stored, `part` when some were refused, and `refused` when nothing was.
Where a collection says what its files hold (Pollock, csv-spectrum), what is stored is read back and compared row by
row and cell by cell: such a file is `whole` when every cell is right, `cells` when it has as many rows as it should and
a cell is another, and `rows` when it has more or fewer. `plain` counts the whole ones of which the proposal names no
option. --list writes a line for each file that is not whole.
"""
import argparse, collections, csv, datetime, decimal, http.client, json, pathlib, tempfile

from server import Server

MEDIA_TYPES = {
    "csv": "text/csv", "tsv": "text/tab-separated-values", "json": "application/json", "geojson": "application/json",
    "ndjson": "application/x-ndjson", "jsonl": "application/jsonl", "geojsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet", "arrow": "application/vnd.apache.arrow.stream",
    "arrow_file": "application/vnd.apache.arrow.file", "stream": "application/vnd.apache.arrow.stream",
    "feather": "application/vnd.apache.arrow.file", "ipc": "application/vnd.apache.arrow.file",
}
ENCODINGS = {"gz": "gzip", "zst": "zstd"}
SAMPLE = 100_000
csv.field_size_limit(1 << 30)


class Refused(Exception):
    """What the server said, and to which of the three calls."""


class Client:
    """One connection."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def call(self, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items() if value}
        try:
            self.connection.request(method, "/api/v1" + path, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            # An early answer closes the connection while the body is still being sent; the answer can be read.
            pass
        try:
            response = self.connection.getresponse()
            status, content = response.status, response.read()
        except (ConnectionError, http.client.HTTPException) as error:
            self.connection.close()
            return 0, {"detail": f"no answer: {error!r}"}
        if response.will_close:
            self.connection.close()
        is_json = "json" in response.headers.get_content_type() and "ndjson" not in response.headers.get_content_type()
        return status, json.loads(content) if is_json else content


def kind_of(path):
    """The media type of a file, and its encoding; none when it is no format of Eider's."""
    *_, last = parts = path.name.lower().split(".")
    encoding = ENCODINGS.get(last)
    ending = parts[-2] if encoding and len(parts) > 2 else last
    return MEDIA_TYPES.get(ending), encoding


def load(client, path):
    """Sends a file; the proposal and the receipt."""
    media_type, encoding = kind_of(path)
    body = path.read_bytes()
    headers = {"Content_Type": media_type, "Content_Encoding": encoding}
    status, proposal = client.call("POST", f"/schemas/infer?name=file&sample={SAMPLE}", body, **headers)
    if status != 200:
        raise Refused(f"infer: {proposal.get('detail')}")
    client.call("DELETE", "/schemas/file")
    status, answer = client.call("POST", "/schemas", json.dumps(proposal["schema"]), Content_Type="application/json")
    if status != 201:
        raise Refused(f"create: {answer.get('detail')} {answer.get('violations', '')}")
    query = "&".join(filter(None, ["mode=partial", proposal["query"]]))
    status, receipt = client.call("POST", f"/records/file/bulk?{query}", body, **headers)
    if status not in (201, 207):
        raise Refused(f"bulk: {receipt.get('detail')} {receipt.get('failures', [])[:2]}")
    return proposal, receipt


def rows_of(client, proposal):
    """What is stored, in its order: a list of values for each record."""
    names = [definition["name"] for definition in proposal["schema"]["properties"]]
    _, content = client.call("GET", "/records/file/stream?format=ndjson")
    records = [json.loads(line, parse_float=decimal.Decimal) for line in content.decode().split("\n") if line]
    return [[record[name] for name in names] for record in records]


def is_same(value, cell, definition):
    """Whether a value is what a cell of the truth says, however either is written."""
    cell = cell.strip()
    if value is None:
        return cell == "" or cell in definition.get("null_tokens", [])
    if isinstance(value, bool):
        words = definition.get("true_tokens", ["true"]) if value else definition.get("false_tokens", ["false"])
        return cell.lower() in [word.lower() for word in words]
    text = str(value).strip()
    if text == cell or text.split() == cell.split():
        return True
    if definition["type"] in ("integer", "number", "decimal"):
        return any(same_number(text, cell.replace(comma, ".")) for comma in (",", "."))
    if definition["type"] in ("date", "time", "datetime"):
        return any(same_instant(text, cell, pattern) for pattern in definition.get("formats", []) + [""])
    if definition["type"] in ("object", "array"):
        return value == json.loads(cell, parse_float=decimal.Decimal)
    return False


def same_number(text, cell):
    try:
        return abs(decimal.Decimal(text) - decimal.Decimal(cell)) <= abs(decimal.Decimal(text)) * decimal.Decimal("1e-15")
    except decimal.InvalidOperation:
        return False


def same_instant(text, cell, pattern):
    try:
        if not pattern and ":" in text[:3]:
            return datetime.time.fromisoformat(text) == datetime.time.fromisoformat(cell)
        found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)
        meant = datetime.datetime.strptime(cell, pattern) if pattern else datetime.datetime.fromisoformat(cell)
        return found == meant.replace(tzinfo=None)
    except ValueError:
        return text[:10] == cell[:10] if not pattern else False


def truth_of(path):
    """The rows that a file holds, as its collection says; none when it says nothing."""
    if path.parent.name == "csv" and (clean := path.parent.parent / "clean" / path.name).exists():
        with open(clean, encoding="utf-8-sig", newline="") as file:
            return [row for row in csv.reader(file) if row][1:]
    if path.parent.name == "csvs" and (clean := path.parent.parent / "json" / f"{path.stem}.json").exists():
        records = json.loads(clean.read_text())
        return [list(record.values()) for record in records] if isinstance(records, list) else None
    return None


def difference(found, truth, definitions):
    """Whether rows or cells are other than they should be, and the first that is; none when all are right."""
    if len(found) != len(truth):
        return "rows", f"{len(found)} rows instead of {len(truth)}"
    for number, (row, meant) in enumerate(zip(found, truth), 1):
        # Columns without a name and a value at the end are none.
        meant = meant + [""] * (len(row) - len(meant))
        if len(meant) > len(row) and any(meant[len(row):]):
            return "cells", f"row {number} has {len(row)} cells instead of {len(meant)}"
        for value, cell, definition in zip(row, meant, definitions):
            if not is_same(value, cell, definition):
                what = f"{definition['name']!r} ({definition['type']}): {value!r} instead of {cell!r}"
                return "cells", f"row {number}, {what}"
    return None


def judge(client, path):
    """What became of a file, in a word, and why if it is not whole and right; whether it took no option."""
    try:
        proposal, receipt = load(client, path)
    except Refused as refused:
        return "refused", str(refused), False
    query = proposal["query"]
    if receipt["failed"]:
        first = receipt["failures"][0]
        why = f"{receipt['failed']} of {receipt['received']}: line {first['line']} {first['pointer']} {first['detail']}"
        verdict = "part", why
    else:
        verdict = "whole", ""
    truth = truth_of(path)
    if truth is not None and (wrong := difference(rows_of(client, proposal), truth, proposal["schema"]["properties"])):
        verdict = wrong[0], f"{wrong[1]}; {verdict[1]}"
    elif truth is not None:
        # Refused lines that the truth does not have either are none of its rows.
        verdict = "whole", ""
    return *verdict, not query


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", required=True)
    arguments.add_argument("--only", default="", help="files with this word in their path")
    arguments.add_argument("--list", type=pathlib.Path, help="write the files that are not whole here")
    arguments.add_argument("directory", type=pathlib.Path)
    arguments = arguments.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as directory:
        server = Server(arguments.binary, directory)
        client = Client(server.port)
        words = ["whole", "part", "refused", "cells", "rows"]
        print(f"| collection | files | {' | '.join(words)} | plain |\n|---{'|---' * (len(words) + 2)}|")
        for collection in sorted(path for path in arguments.directory.iterdir() if path.is_dir()):
            counts, plain = collections.Counter(), 0
            for path in sorted(collection.rglob("*")):
                name = str(path.relative_to(arguments.directory))
                if arguments.only not in name or not path.is_file() or not kind_of(path)[0]:
                    continue
                if "clean" in path.parts or "parameters" in path.parts:
                    continue
                verdict, why, is_plain = judge(client, path)
                counts[verdict] += 1
                plain += is_plain and verdict == "whole"
                if why:
                    lines.append(f"{verdict}\t{name}\t{why}")
            cells = [collection.name, counts.total(), *(counts[word] for word in words)]
            print("|", " | ".join(map(str, [*cells, plain])), "|", flush=True)
        server.stop()
    if arguments.list:
        arguments.list.write_text("".join(line.replace("\n", " ") + "\n" for line in lines))


if __name__ == "__main__":
    main()
