"""A server under load, and those who watch it and read from it. Python's standard library alone."""
import argparse, gzip, http.client, os, pathlib, re, socket, subprocess, threading, time

# Records of a bulk call.
CALL = 100_000


def parser(description, copies):
    """The arguments of every script that loads a file of flights so many times unless told otherwise."""
    arguments = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", required=True)
    arguments.add_argument("--flights", default=pathlib.Path(__file__).resolve().parent.parent / "samples/flights.ndjson")
    arguments.add_argument("--copies", type=int, default=copies, help="load the file so many times")
    return arguments


class Server:
    """The binary on a free port; its process calls `enter` before it becomes the server."""

    def __init__(self, binary, directory, enter=None, **settings):
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", directory, "--log-format", "json"]
        environment = os.environ | {name: str(value) for name, value in settings.items()}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment,
                                        preexec_fn=enter)
        for line in self.process.stderr:
            if found := re.search(r"listening on http://127.0.0.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise SystemExit("the server did not start")
        threading.Thread(target=lambda: [None for _ in self.process.stderr], daemon=True).start()

    def call(self, method, path, body=None, media_type="application/json"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request(method, "/api/v1" + path, body, {"Content-Type": media_type} if body is not None else {})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.status >= 300:
            raise SystemExit(f"{method} {path} answered {response.status}: {content[:500]!r}")
        return content

    def load(self, lines, copies):
        """Loads flights several times in bulk calls; each copy flies to other places."""
        for copy in range(copies):
            for start in range(0, len(lines), CALL):
                body = b"".join(lines[start:start + CALL])
                for key in (b'"dest":"', b'"dest": "'):
                    body = body.replace(key, key + b"%d" % copy)
                self.call("POST", "/records/flights/bulk", body, "application/x-ndjson")

    def get(self, path):
        """What a path beside the API answers, whatever the status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", path)
        content = connection.getresponse().read()
        connection.close()
        return content

    def resident(self):
        """Resident memory in MB: anonymous and file pages of the process."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found[1]) / 1024 if found else 0

    def stream(self, format="ndjson"):
        """Reads everything with curl, which is no bottleneck; seconds to the first byte and to the last, and the bytes."""
        url = f"http://127.0.0.1:{self.port}/api/v1/records/flights/stream?format={format}"
        wanted = "%{time_starttransfer} %{time_total} %{size_download}"
        timing = subprocess.run(["curl", "-sf", "-o", "/dev/null", "-w", wanted, url],
                                check=True, capture_output=True, text=True).stdout
        return tuple(map(float, timing.split()))

    def lookup(self, field, value, times=200):
        """Milliseconds that a filter by equality takes on one connection, the median."""
        connection, seconds = http.client.HTTPConnection("127.0.0.1", self.port), []
        for _ in range(times):
            started = time.perf_counter()
            connection.request("GET", f"/api/v1/records/flights/count?{field}.eq={value}")
            response = connection.getresponse()
            assert response.status == 200, response.read()
            response.read()
            seconds.append(time.perf_counter() - started)
        return sorted(seconds)[times // 2] * 1e3

    def stop(self):
        self.process.terminate()
        return self.process.wait(60)


class Peak:
    """The greatest resident memory of a server while a block runs, sampled every 10 ms."""

    def __init__(self, server):
        self.server, self.value, self.done = server, 0, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()
        return self

    def sample(self):
        while not self.done.is_set():
            self.value = max(self.value, self.server.resident())
            time.sleep(0.01)

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def lines_of(path):
    opened = gzip.open(path, "rb") if str(path).endswith(".gz") else open(path, "rb")
    with opened as file:
        return file.read().splitlines(keepends=True)


def read_slowly(port, seconds):
    """Reads a stream at about a megabyte a second, through a small window, for so many seconds."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /api/v1/records/flights/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        end = time.monotonic() + seconds
        while time.monotonic() < end and connection.recv(64 << 10):
            time.sleep(0.06)
