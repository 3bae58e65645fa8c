#!/usr/bin/env python3
"""Greedy clients against a server that has little memory: is it killed, what does it refuse, do small reads go on?

    cargo build
    python3 load-tests/greedy.py --binary TARGET/release/eider [--flights FILE.ndjson[.gz]] [--minutes 5]

First measures what one heavy request needs: the most memory that a server has while it answers nothing else than a bulk
call of 100,001 records, or a sorted stream of everything. Then gives a new server four times that and lets 64 clients loose on it: bulk calls, streams (sorted, plain, read slowly), pages of
10,000 records, aggregations. One more client reads single records, and its times are reported. At the end the clients
ask no more, and the time is taken until they have their last answers, and until a bulk call and a stream succeed.

The limit is a control group's (as root, version 1 or 2), else the setting memory.limit: the report says which.
"""
import argparse, collections, http.client, json, os, pathlib, random, tempfile, threading, time

from server import Peak, Server, lines_of

HERE = pathlib.Path(__file__).resolve().parent
RECORDS, BULK = 400_000, 100_001
MIB = 1 << 20
LOAD_CLIENTS = 64
AGGREGATION = json.dumps({"group_by": ["tailnum", {"date_trunc": "day", "field": "time_hour", "as": "day"}],
                          "aggregate": [{"fn": "avg", "field": "dep_delay", "as": "mean"}], "limit": 1000})


class Group:
    """A control group of its own for the server, where one can be made."""

    def __init__(self, limit):
        self.path = None
        for root, file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
            path = pathlib.Path(root, f"eider-greedy-{os.getpid()}")
            try:
                path.mkdir()
                (path / file).write_text(str(limit))
                self.path = path
                return
            except OSError:
                if path.is_dir():
                    path.rmdir()

    def enter(self):
        if self.path:
            (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def kills(self):
        """How often the system killed in the group; None where it does not say."""
        for file in ("memory.events", "memory.oom_control"):
            if self.path and (self.path / file).is_file():
                figures = dict(line.split() for line in (self.path / file).read_text().splitlines())
                return int(figures["oom_kill"])

    def remove(self):
        for _ in range(50):
            try:
                return self.path and self.path.rmdir()
            except OSError:
                time.sleep(0.1)


def load(server, lines):
    server.call("POST", "/schemas", (HERE.parent / "samples/flights.schema.json").read_bytes())
    for start in range(0, len(lines), BULK):
        server.call("POST", "/records/flights/bulk", b"".join(lines[start:start + BULK]), "application/x-ndjson")


class Clients:
    """Clients that ask for as much as they can, and one that asks for little."""

    def __init__(self, server, body, ids, seed):
        self.server, self.body, self.ids, self.seed = server, body, ids, seed
        self.statuses, self.unexpected, self.small = collections.Counter(), collections.Counter(), []
        self.done, self.lock = threading.Event(), threading.Lock()

    def __enter__(self):
        work = [threading.Thread(target=self.greedy, args=(number,)) for number in range(LOAD_CLIENTS)]
        self.threads = work + [threading.Thread(target=self.modest)]
        [thread.start() for thread in self.threads]
        return self

    def greedy(self, number):
        chance = random.Random(self.seed * 1000 + number)
        kinds = [self.bulk, self.sorted_stream, self.stream, self.slow_stream, self.page, self.aggregation]
        while not self.done.is_set():
            kind = chance.choice(kinds)
            try:
                status, retry_after = kind()
            except (OSError, http.client.HTTPException, AttributeError) as error:
                if self.server.process.poll() is not None:
                    return self.done.set()
                self.count(kind.__name__, f"connection: {type(error).__name__}", None)
                continue
            self.count(kind.__name__, status, retry_after)
            if status in (429, 503):
                time.sleep(chance.uniform(0, float(retry_after or 1)))

    def count(self, kind, status, retry_after):
        with self.lock:
            self.statuses[kind, status] += 1
            is_refusal = status in (429, 503) and retry_after is not None
            if not is_refusal and not (isinstance(status, int) and status < 300):
                self.unexpected[kind, status] += 1

    def ask(self, method, path, body=None, media_type="application/json", read=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        try:
            headers = {"Content-Type": media_type} if body is not None else {}
            try:
                connection.request(method, "/api/v1/records/flights" + path, body, headers)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before the body was read: the answer is there
            response = connection.getresponse()
            (read or http.client.HTTPResponse.read)(response)
            return response.status, response.getheader("Retry-After")
        finally:
            connection.close()

    def bulk(self):
        return self.ask("POST", "/bulk?dry_run=false", self.body, "application/x-ndjson")

    def sorted_stream(self):
        return self.ask("GET", "/stream?sort=-dep_delay,tailnum&limit=200000")

    def stream(self):
        return self.ask("GET", "/stream?limit=200000&format=csv")

    def slow_stream(self):
        def read(response):
            for _ in range(20):
                if self.done.wait(0.2) or not response.read(256 << 10):
                    return
        return self.ask("GET", "/stream", read=read)

    def page(self):
        return self.ask("GET", "?limit=10000&sort=-arr_delay")

    def aggregation(self):
        return self.ask("POST", "/query", AGGREGATION)

    def modest(self):
        """One record by id on a connection that stays, twenty times a second."""
        chance, connection = random.Random(self.seed), None
        while not self.done.is_set():
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
            started = time.perf_counter()
            try:
                connection.request("GET", f"/api/v1/records/flights/{chance.choice(self.ids)}")
                response = connection.getresponse()
                response.read()
                status = response.status
            except (OSError, http.client.HTTPException) as error:
                status, connection = f"connection: {type(error).__name__}", None
            elapsed = time.perf_counter() - started
            retry = response.getheader("Retry-After") if isinstance(status, int) else None
            self.count("one record", status, retry)
            if status == 200:
                self.small.append(elapsed)
            self.done.wait(0.05)

    def __exit__(self, *_):
        self.done.set()


def need_of(binary, directory, lines, **settings):
    """The most resident memory of a server that answers one request, the heavier of two; in MiB."""
    server = Server(binary, directory, **settings)
    load(server, lines)
    needs = {}
    for name, request in {
        "bulk call of 100,001 records": lambda: server.call(
            "POST", "/records/flights/bulk", b"".join(lines[:BULK]), "application/x-ndjson"),
        "sorted stream": lambda: server.call("GET", "/records/flights/stream?sort=-dep_delay,tailnum"),
    }.items():
        server.stop()
        server = Server(binary, directory, **settings)
        idle = server.resident()
        with Peak(server) as peak:
            request()
        needs[name] = peak.value
        print(f"{name}: {peak.value:.0f} MiB, of which {idle:.0f} before it")
    server.stop()
    return max(needs.values())


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else float("nan")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", required=True)
    arguments.add_argument("--flights", default=str(HERE.parent / "samples/flights.ndjson"))
    arguments.add_argument("--minutes", type=float, default=5)
    arguments.add_argument("--limit-mib", type=int, help="instead of four times what is measured")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    lines = lines_of(given.flights)
    lines = (lines * (RECORDS // len(lines) + 1))[:RECORDS]
    with tempfile.TemporaryDirectory() as directory:
        if given.limit_mib:
            limit = given.limit_mib * MIB
        else:
            limit = 4 * MIB * round(need_of(given.binary, f"{directory}/need", lines, EIDER_STORAGE_MEMORY_LIMIT="256MiB"))
        group = Group(limit)
        settings = {} if group.path else {"EIDER_MEMORY_LIMIT": str(limit)}
        print(f"limit {limit / MIB:.0f} MiB, by {'control group' if group.path else 'setting'}; seed {given.seed}")
        server = Server(given.binary, f"{directory}/greedy", enter=group.enter, **settings)
        load(server, lines)
        page = json.loads(server.call("GET", "/records/flights?limit=10000&fields=id"))
        ids = [record["id"] for record in page["data"]]
        with Peak(server) as peak, Clients(server, b"".join(lines[:BULK]), ids, given.seed) as clients:
            clients.done.wait(given.minutes * 60)
        if server.process.poll() is not None:
            raise SystemExit(f"the server died with {server.process.returncode}; most resident {peak.value:.0f} MiB, "
                             f"killed by the system: {group.kills()}; {dict(clients.statuses)}")
        memory, ended = json.loads(server.get("/monitoring/memory")), time.monotonic()
        [thread.join() for thread in clients.threads]
        drained = time.monotonic()
        while not all(recovers(server, *request) for request in (
                ("POST", "/api/v1/records/flights/bulk", b"".join(lines[:1000]), "application/x-ndjson"),
                ("GET", "/api/v1/records/flights/stream?limit=1000"))):
            time.sleep(0.05)
        recovered = time.monotonic()
        print(f"resident: most {peak.value:.0f} MiB, at the end {server.resident():.0f} MiB; guard: {json.dumps(memory)}")
        for (kind, status), count in sorted(clients.statuses.items(), key=str):
            print(f"{kind:16} {status} {count:8,}")
        small = [seconds * 1e3 for seconds in clients.small]
        print(f"one record: {len(small):,} answered, median {percentile(small, .5):.1f} ms, "
              f"p99 {percentile(small, .99):.1f} ms, most {max(small, default=float('nan')):.1f} ms")
        print(f"clients had their last answers {drained - ended:.2f} s after they stopped asking, "
              f"bulk calls and streams succeed {recovered - drained:.2f} s after that")
        print(f"killed by the system: {group.kills()}; running: {server.process.poll() is None}")
        print(f"failures other than 429 and 503 with Retry-After: {dict(clients.unexpected) or 'none'}")
        code = server.stop()
        group.remove()
        if clients.unexpected or code != 0:
            raise SystemExit(1)


def recovers(server, method, path, body=None, media_type="application/json"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, body, {"Content-Type": media_type} if body else {})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status < 300


if __name__ == "__main__":
    main()
