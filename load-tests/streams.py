#!/usr/bin/env python3
"""Streams millions of flights while others write: how fast, how soon, in how much memory, and how the writers fare.

    cargo build
    python3 load-tests/streams.py --binary TARGET/release/eider [--flights FILE.ndjson[.gz]] [--copies N]

Needs curl. Without --flights it takes samples/flights.ndjson.
"""
import http.client, json, os, pathlib, statistics, tempfile, threading, time

from server import Server, lines_of, parser, read_slowly

HERE = pathlib.Path(__file__).resolve().parent
CALL = 100_000
FORMATS = "ndjson", "csv", "arrow", "parquet"


class Writers:
    """Clients that create a flight, change it and delete it, again and again, while a block runs."""

    def __init__(self, port, flight, count):
        self.port, self.flight, self.count = port, flight, count
        self.calls, self.seconds, self.done = [0] * count, [], threading.Event()

    def __enter__(self):
        self.started = time.monotonic()
        self.threads = [threading.Thread(target=self.write, args=(number,)) for number in range(self.count)]
        [thread.start() for thread in self.threads]
        return self

    def write(self, number):
        connection, records = http.client.HTTPConnection("127.0.0.1", self.port), "/api/v1/records/flights"
        while not self.done.is_set():
            record = json.loads(self.call(connection, number, "POST", records, self.flight))
            path = f"{records}/{record['id']}"
            self.call(connection, number, "PATCH", path, b'{"dep_delay": 1}')
            self.call(connection, number, "DELETE", path, None)

    def call(self, connection, number, method, path, body):
        started = time.perf_counter()
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        content = response.read()
        assert response.status < 300, (method, response.status, content[:500])
        self.seconds.append(time.perf_counter() - started)
        self.calls[number] += 1
        return content

    def __exit__(self, *_):
        self.elapsed = time.monotonic() - self.started
        self.done.set()
        [thread.join() for thread in self.threads]

    def __str__(self):
        slowest = statistics.quantiles(self.seconds, n=100)[98]
        return f"{sum(self.calls) / self.elapsed:,.0f} writes/s, the median in {statistics.median(self.seconds) * 1e3:.1f} ms, 99 % within {slowest * 1e3:.0f} ms"


class Resident:
    """Resident memory of a server while a block runs, every 20 ms."""

    def __init__(self, server):
        self.server, self.samples, self.done = server, [], threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()
        return self

    def sample(self):
        while not self.done.is_set():
            self.samples.append(self.server.resident())
            time.sleep(0.02)

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def __str__(self):
        third = len(self.samples) // 3 + 1
        return f"{max(self.samples[:third]):.0f} MB in the first third, {max(self.samples[-third:]):.0f} MB in the last"


def main():
    arguments = parser(__doc__, copies=10)
    arguments.add_argument("--writers", type=int, default=16)
    arguments.add_argument("--readers", type=int, default=50, help="slow readers at once")
    arguments.add_argument("--seconds", type=float, default=15, help="how long writers are measured alone, and with the slow readers")
    given = arguments.parse_args()

    lines = lines_of(given.flights)
    work = tempfile.TemporaryDirectory()
    data = os.path.join(work.name, "data")
    settings = {"EIDER_LIMITS_STREAMS": given.readers + 8, "EIDER_POOL_SIZE": given.readers + 32}
    server = Server(given.binary, data, **settings)
    server.call("POST", "/schemas", (HERE.parent / "samples/flights.schema.json").read_bytes())
    for _ in range(given.copies):
        for start in range(0, len(lines), CALL):
            server.call("POST", "/records/flights/bulk", b"".join(lines[start:start + CALL]), "application/x-ndjson")
    assert server.stop() == 0

    server = Server(given.binary, data, **settings)
    rows = len(lines) * given.copies
    print(f"{rows:,} flights; {given.writers} writers; resident when idle {server.resident():.0f} MB")
    writers = lambda: Writers(server.port, lines[0], given.writers)
    with writers() as alone:
        time.sleep(given.seconds)
    print(f"writers alone: {alone}")
    for format in FORMATS:
        with writers() as beside, Resident(server) as resident:
            first_byte, total, size = server.stream(format)
        print(f"{format:8} {rows / total / 1e6:.2f} M rows/s, {size / total / 1e6:.0f} MB/s, first byte after {first_byte * 1e3:.0f} ms, "
              f"resident {resident}; meanwhile {beside}")
    readers = [threading.Thread(target=read_slowly, args=(server.port, given.seconds)) for _ in range(given.readers)]
    with writers() as beside, Resident(server) as resident:
        [reader.start() for reader in readers]
        [reader.join() for reader in readers]
    print(f"{given.readers} slow readers: resident {resident}; meanwhile {beside}")
    assert json.loads(server.call("GET", "/records/flights/count"))["count"] == rows, "every writer deletes what it created"
    assert server.stop() == 0


main()
