"""Load for tests of the lifecycle: an upstream that is fast enough, generators that say at their end how it went."""

import re
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass

from gateway import PATIENCE_S
from h2_wire import GOAWAY, INITIAL_WINDOW_SIZE, NO_ERROR, REFUSED_STREAM, RST_STREAM, connect, tls_context, window_update
from raw import RawUpstream

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"


class FastNode:
    """Answers requests without a body as fast as Python can, and counts them."""

    def __init__(self):
        self._counts = []  # one per connection, so that no thread waits for another
        self._upstream = RawUpstream(self._respond)
        self.port, self.close = self._upstream.port, self._upstream.close

    def _respond(self, peer):
        self._counts.append(0)
        mine = len(self._counts) - 1
        while got := peer.socket.recv(65536):
            requests = got.count(b"\r\n\r\n")
            self._counts[mine] += requests
            peer.send(ANSWER * requests)

    @property
    def requests(self):
        return sum(self._counts)


@dataclass
class Count:
    """What a load generator says at its end."""
    requests: int
    failures: int
    text: str


class Load:
    """wrk with keepalive connections, until stop(). `server_name`: over TLS, with this name in SNI and Host."""

    def __init__(self, port, connections=8, server_name=None):
        url = f"https://{server_name}:{port}/" if server_name else f"http://127.0.0.1:{port}/"
        self.process = subprocess.Popen(["wrk", "-t1", f"-c{connections}", "-d3600s", "--timeout", "30s", url],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def stop(self):
        self.process.send_signal(signal.SIGINT)  # it says how it went
        text = self.process.communicate(timeout=PATIENCE_S)[0]
        return Count(int(re.search(r"(\d+) requests in", text).group(1)), failures_of_wrk(text), text)


def failures_of_wrk(text):
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    responses = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return sum(int(n) for n in (errors.groups() if errors else ())) + (int(responses.group(1)) if responses else 0)


def h2load(port, requests, connections=8):
    """A run of so many requests; a Count."""
    done = subprocess.run(["h2load", "--h1", "-t1", f"-c{connections}", f"-n{requests}", f"http://127.0.0.1:{port}/"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=True)
    counts = re.search(r"requests: (\d+) total, \d+ started, \d+ done, (\d+) succeeded", done.stdout)
    statuses = re.search(r"status codes: (\d+) 2xx", done.stdout)
    total = int(counts.group(1))
    return Count(total, total - min(int(counts.group(2)), int(statuses.group(1))), done.stdout)


class Rounds:
    """Threads that each call round() until stop(); what fails in one is kept."""

    def __init__(self, threads):
        self.failures = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _join(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)

    def _run(self):
        while not self._stop.is_set():
            try:
                self.round()
            except Exception as failure:  # noqa: BLE001 - told by stop()
                self.failures.append(repr(failure))


class H2Load(Rounds):
    """Connections of HTTP/2, each with `streams` requests under way, until stop(). A connection that is given up by GOAWAY
    is replaced, and what it did not process is asked again: that is no failure. Anything else is."""

    def __init__(self, port, tls=False, connections=4, streams=10, server_name="test.com"):
        self.port, self.tls, self.streams, self.server_name = port, tls, streams, server_name
        self.requests, self.retries, self.connections = 0, 0, 0
        super().__init__(connections)

    def stop(self):
        self._join()
        return Count(self.requests, len(self.failures), f"{self.requests} requests, {self.connections} connections, {self.retries} retries; "
                     f"failures: {self.failures[:10]}")

    def round(self):
        """A connection."""
        wire = connect(self.port, self.tls, mine=((INITIAL_WINDOW_SIZE, 1 << 20),), server_name=self.server_name)
        wire.send(window_update(0, 1 << 30))
        under_way, next_stream, done = set(), 1, 0
        with self._lock:
            self.connections += 1
        try:
            while under_way or not (self._stop.is_set() or wire.goaway):
                frames = []
                while len(under_way) < self.streams and not (self._stop.is_set() or wire.goaway):
                    frames.append(wire.request(stream=next_stream, authority=self.server_name, scheme="https" if self.tls else "http"))
                    under_way.add(next_stream)
                    next_stream += 2
                if frames:
                    wire.send(*frames)
                done += self._read(wire, under_way)
        finally:
            wire.close()
            with self._lock:
                self.requests += done

    def _read(self, wire, under_way):
        """One frame; how many requests are complete with it."""
        got = wire.read()
        if got is None:
            assert not under_way, f"closed with {len(under_way)} requests under way, GOAWAY: {wire.goaway}"
            return 0
        if got.kind == GOAWAY:
            assert got.code == NO_ERROR, f"GOAWAY with code {got.code}"
            last = int.from_bytes(got.payload[:4], "big")
            self._retry(under_way, {stream for stream in under_way if stream > last})
        elif got.kind == RST_STREAM and got.stream in under_way:
            assert got.code == REFUSED_STREAM, f"RST_STREAM with code {got.code}"
            self._retry(under_way, {got.stream})
        elif got.ends_stream and got.stream in under_way:
            response = wire.responses.pop(got.stream)
            under_way.discard(got.stream)
            assert response.status == 200 and response.body == b"hello\n", f"status {response.status}, {response.body!r}"
            return 1
        return 0

    def _retry(self, under_way, streams):
        under_way -= streams
        with self._lock:
            self.retries += len(streams)


class Handshakes(Rounds):
    """New TLS connections, one after another in each thread, with a request on each, until stop(). `seen`: the certificates
    that came, as DER."""

    def __init__(self, port, threads=4, server_name="test.com"):
        self.port, self.server_name = port, server_name
        self.count, self.seen = 0, set()
        super().__init__(threads)

    def stop(self):
        self._join()
        return Count(self.count, len(self.failures), f"{self.count} handshakes; failures: {self.failures[:10]}")

    def once(self):
        """The certificate; fails when the request does."""
        context = tls_context(alpn=())
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as plain:
            with context.wrap_socket(plain, server_hostname=self.server_name) as client:
                client.sendall(f"GET / HTTP/1.1\r\nHost: {self.server_name}\r\nConnection: close\r\n\r\n".encode())
                got = b""
                while part := client.recv(4096):
                    got += part
                assert got.startswith(b"HTTP/1.1 200 "), got
                return client.getpeercert(binary_form=True)

    def round(self):
        certificate = self.once()
        with self._lock:
            self.count += 1
            self.seen.add(certificate)


def change(gateway, what):
    done = gateway.run(what)
    assert done.returncode == 0, f"{what}: {done.stderr}\n{gateway.log()[-4000:]}"
