#!/usr/bin/env python3
"""Clients that behave as badly as they can, beside one that reads: does the server go on, and is everything given back?

    python3 load-tests/hostile.py --binary TARGET/release/eider [--connections N]

Connections in turn: heads and bodies that trickle, bodies that are cut off, chunks that are refused early and those that are no chunks, halves of
connections, answers that nobody reads, bodies of which nobody said how long they are, heads that are too long, bytes that are no HTTP. Meanwhile
one client asks for /health/live. Ends with 1 when the server ends, a good request is refused for anything but want of memory or places, or
descriptors and memory are not within 16 and 100 MB of what they were a minute after the last one. Python's standard library alone.
"""
import argparse, collections, json, random, socket, statistics, sys, tempfile, threading, time

from server import Server

KINDS = {}


def kind(function):
    KINDS[function.__name__] = function
    return function


def head(method, path, *lines):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


BULK = "/api/v1/records/s/bulk"
STREAM = "/api/v1/records/s/stream"


@kind
def slow_head(connection):
    for byte in head("GET", "/health/live")[:12]:
        connection.send(bytes([byte]))
        time.sleep(0.02)


@kind
def slow_body(connection):
    connection.send(head("POST", BULK, "Content-Type: application/x-ndjson", "Content-Length: 1000000"))
    for _ in range(5):
        connection.send(b'{"n":1}\n')
        time.sleep(0.02)


@kind
def cut_body(connection):
    connection.send(head("POST", BULK, "Content-Type: application/x-ndjson", "Content-Length: 1000") + b'{"n":1}\n' * 10)


@kind
def short_length(connection):
    connection.send(head("POST", BULK, "Content-Type: application/x-ndjson", "Content-Length: 3") + b'{"n":1}\n' * 10)
    connection.recv(65536)


@kind
def refused_early(connection):
    path = random.choice(["/nowhere", "/api/v1/records/none/bulk", BULK + "?no=1"])
    connection.send(head("POST", path, "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked"))
    for _ in range(random.randrange(40)):
        connection.send(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")


@kind
def refused_and_left_open(connection):
    connection.send(head("POST", "/nowhere", "Transfer-Encoding: chunked") + b"5\r\nab")
    connection.recv(65536)


@kind
def no_chunks(connection):
    connection.send(head("POST", BULK, "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked") + b"zz\r\n{}\r\n")
    connection.recv(65536)


@kind
def half_closed(connection):
    connection.send(head("GET", "/api/v1/records/s/count"))
    connection.shutdown(socket.SHUT_WR)
    connection.recv(65536)


@kind
def half_closed_stream(connection):
    connection.send(head("GET", STREAM))
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1024)


@kind
def answer_unread(connection):
    connection.send(head("GET", STREAM) * 3)


@kind
def sort_abandoned(connection):
    connection.send(head("GET", STREAM + "?sort=t,-n"))


@kind
def oversized(connection):
    connection.send(head("POST", "/api/v1/records/s", "Content-Type: application/json", "Content-Length: 99999999999"))
    connection.recv(65536)


@kind
def long_head(connection):
    connection.send(head("GET", "/health/live", "X-Long: " + "x" * 200_000))
    connection.recv(65536)


@kind
def no_http(connection):
    connection.send(random.randbytes(random.randrange(1, 2000)))
    connection.recv(65536)


@kind
def nothing(connection):
    pass


@kind
def waits_for_continue(connection):
    connection.send(head("POST", BULK, "Content-Type: application/x-ndjson", "Content-Length: 100", "Expect: 100-continue"))
    connection.recv(65536)


@kind
def pipelined(connection):
    connection.send(head("GET", "/health/live") * 200)


def behave(server, name):
    """Opens a connection, does its worst, and leaves it: closed, reset or simply dropped."""
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            KINDS[name](connection)
            if random.random() < 0.3:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    except OSError:
        # The server may end a connection whenever it likes.
        pass


def files(server):
    for line in server.get("/metrics").decode().splitlines():
        if line.startswith("process_open_fds "):
            return int(float(line.split()[1]))
    raise SystemExit("no figure of descriptors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory() as directory:
        server = Server(arguments.binary, directory, EIDER_MEMORY_LIMIT="1 GiB", EIDER_LOG_FILTER="warn,eider=info")
        try:
            is_well = attack(server, arguments)
        finally:
            server.process.terminate()
            server.process.wait()
    sys.exit(0 if is_well else 1)


def attack(server, arguments):
    properties = [{"name": "n", "type": "integer"}, {"name": "t", "type": "string"}]
    server.call("POST", "/schemas", json.dumps({"name": "s", "properties": properties}))
    lines = [json.dumps({"n": number, "t": "x" * 40}) for number in range(100_000)]
    server.call("POST", "/records/s/bulk", "\n".join(lines), "application/x-ndjson")
    server.get("/api/v1/records/s/stream")
    before_files, before_mb = files(server), server.resident()
    waits, statuses, is_done = [], collections.Counter(), threading.Event()

    def ask():
        while not is_done.is_set():
            began = time.perf_counter()
            server.get("/health/live")
            waits.append(time.perf_counter() - began)
            time.sleep(0.01)

    def write():
        while not is_done.is_set():
            try:
                server.call("POST", "/records/s", json.dumps({"n": -1}))
                statuses["stored"] += 1
            except SystemExit as refused:
                statuses["503" if " answered 503" in str(refused) else str(refused)[:200]] += 1
            time.sleep(0.05)

    good = [threading.Thread(target=run, daemon=True) for run in (ask, write)]
    names = [random.choice(list(KINDS)) for _ in range(arguments.connections)]
    began, places = time.time(), iter(names)
    lock = threading.Lock()

    def attacker():
        while True:
            with lock:
                name = next(places, None)
            if name is None:
                return
            behave(server, name)

    attackers = [threading.Thread(target=attacker, daemon=True) for _ in range(64)]
    for thread in good + attackers:
        thread.start()
    for thread in attackers:
        thread.join()
    took = time.time() - began
    is_done.set()
    for thread in good:
        thread.join()
    # Within a minute everything is back.
    for _ in range(60):
        after_files, after_mb = files(server), server.resident()
        if after_files <= before_files + 16 and after_mb <= before_mb + 100:
            break
        time.sleep(1)
    waits.sort()
    print(f"{arguments.connections} connections of {len(KINDS)} kinds in {took:.0f} s, seed {arguments.seed}")
    print(f"/health/live: {len(waits)} answers, median {statistics.median(waits) * 1e3:.1f} ms, p99 {waits[len(waits) * 99 // 100] * 1e3:.1f} ms, longest {waits[-1] * 1e3:.0f} ms")
    print(f"single records meanwhile: {dict(statuses)}")
    print(f"descriptors {before_files} -> {after_files}, resident {before_mb:.0f} -> {after_mb:.0f} MB")
    is_given_back = after_files <= before_files + 16 and after_mb <= before_mb + 100
    return is_given_back and server.process.poll() is None and not set(statuses) - {"stored", "503"}


if __name__ == "__main__":
    main()
