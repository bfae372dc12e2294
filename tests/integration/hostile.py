"""Hostile requests, by a seed: requests of the behaviour tables, which reach deep into the plugins, with mutations of every
part of a request; and clients that leave early. `Flood` sends them from many connections at once."""

import base64
import gzip
import json
import random
import selectors
import socket
import struct
import time

HEADERS = ["X-Forwarded-For", "Cookie", "User-Agent", "Authorization", "Accept-Encoding", "Referer", "X-Request-Id",
           "apikey", "Origin", "X-Real-IP", "Content-Type", "Accept", "Access-Control-Request-Method", "Date", "Digest",
           "X-Consumer-Username", "Forwarded", "Range", "If-None-Match", "Via", "TE", "Trailer", "Proxy-Authorization"]
NUMBERS = ["0", "-1", "1e300", "18446744073709551616", "9223372036854775808", "4294967296", "NaN", "0x10", "1.5", "007"]
TEXTS = [b"", b"a", b"\xff\xfe\x80", b"\xc3\x28", b'"', b"\\", b"%00", b"' or 1=1", b"${jndi:x}", b"\t", b"a,b,,c", b"a=b; a=b;;",
         b"(" * 200, b"a" * 3000, "é漢字".encode(), b"1.2.3.4:99, [::1]:80, unknown", b"$host$arg_a${", b"../../etc/passwd"]
METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"HEAD", b"PATCH", b"TRACE", b"CONNECT", b"get", b"PURGE", b"M-SEARCH",
           b"A" * 200]
FRAMINGS = [[(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")], [(b"Content-Length", b"5"), (b"Content-Length", b"6")],
            [(b"Transfer-Encoding", b"chunked, chunked")], [(b"Transfer-Encoding", b"gzip")], [(b"Content-Length", b"+5")],
            [(b"Content-Length", b"99999999999999999999")], [(b"Content_Length", b"5")], [(b"Transfer-Encoding ", b"chunked")]]
CHUNKED = [b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n", b"5;a=b;c=\"d;e\"\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", b"ffffffffffffffff\r\n", b"zz\r\n",
           b"5\r\nhello0\r\n\r\n", b"0\r\nno colon\r\n\r\n", b"0\r\n" + b"X-T: " + b"t" * 9000 + b"\r\n\r\n", b"1\r\na\r\n" * 500 + b"0\r\n\r\n"]


def json_bodies():
    yield b"[" * 20_000
    yield b'{"a":' * 500 + b"1" + b"}" * 500
    yield json.dumps({f"k{i}": i for i in range(3000)}).encode()
    yield b'{"a":1e999,"b":-0,"c":18446744073709551616,"d":"\\ud800","e":"\xff"}'
    yield b"[" + b"0," * 50_000 + b"0]"
    yield b'{"a":"' + b"x" * 100_000 + b'"}'


BODIES = [(b"application/json", body) for body in json_bodies()] + [
    (b"application/x-www-form-urlencoded", b"&".join(b"a%d=%%FF+%d" % (i, i) for i in range(3000))),
    (b"application/x-www-form-urlencoded", b"&=" * 10_000),
    (b"multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" * 500),
    (b"text/xml", b"<a>" * 5000), (b"application/grpc", bytes(range(256)) * 20),
    (b"application/json", gzip.compress(b"0" * 5_000_000)), (b"\xff/\xff", b"\0" * 1000)]


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.version = b"HTTP/1.1"
        self.framed = True  # a Content-Length of the body is added

    def wire(self):
        headers = list(self.headers)
        if self.framed and self.body:
            headers.append((b"Content-Length", b"%d" % len(self.body)))
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        return self.method + b" " + self.target + b" " + self.version + b"\r\n" + lines + b"\r\n" + self.body


def as_bytes(value):
    return value if isinstance(value, bytes) else str(value).encode()


class Generator:
    """`bases`: (path of a route, request of a table) pairs. The same seed makes the same requests."""

    def __init__(self, bases, seed):
        self.bases = bases
        self.random = random.Random(seed)
        self.mutations = [self.repeat_header, self.long_header, self.odd_header, self.credentials, self.query, self.path,
                          self.other_body, self.other_method, self.other_version, self.upgrade, self.framing, self.chunked, self.expect]

    def request(self):
        route, step = self.random.choice(self.bases)
        body = step.get("body") or ""
        target = route.encode() + as_bytes(step.get("path", "/"))
        headers = [(b"Host", b"a.test")] + [(as_bytes(k), as_bytes(v)) for k, v in (step.get("headers") or {}).items()
                                            if k.lower() not in ("host", "content-length", "transfer-encoding")]
        request = Request(as_bytes(step.get("method", "GET")), target, headers, as_bytes(body))
        for _ in range(self.random.choice([0, 1, 1, 2, 3])):
            self.random.choice(self.mutations)(request)
        if self.random.random() < 0.7:
            request.headers.append((b"Connection", b"close"))
        return request

    def wire(self):
        data = b"".join(self.request().wire() for _ in range(self.random.choice([1] * 9 + [8])))
        if self.random.random() < 0.1:
            data = bytearray(data)
            for _ in range(3):
                data[self.random.randrange(min(len(data), 2000))] = self.random.randrange(256)
        if self.random.random() < 0.05:
            data = data[:self.random.randrange(len(data))]
        return bytes(data)

    def name(self):
        return self.random.choice(HEADERS).encode()

    def value(self):
        return self.random.choice([self.random.choice(TEXTS), self.random.choice(NUMBERS).encode(),
                                   self.random.randbytes(20).translate(None, b"\r\n\0")])

    # ---- mutations

    def repeat_header(self, request):
        request.headers += [(self.name(), self.value()[:60])] * self.random.choice([2, 20, 400])

    def long_header(self, request):
        request.headers.append((self.name(), self.random.choice([b"a", b"(a+)+", b",", b"; x=y"]) * 1500))

    def odd_header(self, request):
        names = [b"X[1]", b'"X"', b"X@", b"X_Y", b"X Y", b"\xff", b":", b"", b"a" * 9000, b"Transfer_Encoding"]
        request.headers.insert(self.random.randrange(len(request.headers) + 1), (self.random.choice(names), self.value()))

    def credentials(self, request):
        claims = {"key": self.random.choice(["user-key", 1, None]), "exp": self.random.choice([1e300, -1, "x", 2**64]), "nbf": {}}
        part = base64.urlsafe_b64encode(json.dumps(claims).encode()).strip(b"=")
        signature = b'Signature keyId="k",algorithm="hmac-sha256",headers="' + b"a " * self.random.choice([1, 400]) + b'",signature="eA=="'
        request.headers.append((b"Authorization", self.random.choice([
            b"Basic " + base64.b64encode(self.value()), b"Basic ====", b"Bearer " + part + b"." + part + b"." + part, b"Bearer " + b"." * 50,
            signature, b"Digest a", self.value()])))

    def query(self, request):
        request.target += b"?" + self.random.choice([
            b"&".join(b"a%d=%d" % (i, i) for i in range(500)), b"a=%FF%00+%zz&%61=2", b"&" * 2000, b"a[b][]=1&a.b=2&=&==", b"apikey=" + b"%41" * 500,
            b"jwt=a.b.c&token=%22"])

    def path(self, request):
        request.target += self.random.choice([b"/%2e%2e/%2e%2e/x", b"//a///b", b"/;x=y/%2f", b"/" + b"a" * 3000, b"/%ff%fe", b"/\xff\xfe", b"/%00", b"/.%2e/",
                                              b"/{a}/*/:b"])

    def other_body(self, request):
        kind, request.body = self.random.choice(BODIES)
        request.method = b"POST"
        request.headers.append((b"Content-Type", kind))

    def other_method(self, request):
        request.method = self.random.choice(METHODS)

    def other_version(self, request):
        request.version = self.random.choice([b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.1 ", b"http/1.1", b""])

    def upgrade(self, request):
        request.headers += [(b"Connection", b"Upgrade, keep-alive, X-Real-IP"), (b"Upgrade", self.random.choice([b"websocket", b"h2c", b"\xff"]))]

    def framing(self, request):
        request.framed = False
        request.headers += self.random.choice(FRAMINGS)

    def chunked(self, request):
        request.framed = False
        request.body = self.random.choice(CHUNKED)
        request.headers.append((b"Transfer-Encoding", b"chunked"))

    def expect(self, request):
        request.headers.append((b"Expect", self.random.choice([b"100-continue", b"200-ok", b""])))


class Flood:
    """Sends `count` wires of the generator, `width` connections at a time; each has `patience_s` to be answered."""

    def __init__(self, port, generator, width=48, patience_s=0.3):
        self.port, self.generator, self.width, self.patience_s = port, generator, width, patience_s
        self.statuses = {}
        self.refused = 0

    def run(self, count):
        selector = selectors.DefaultSelector()
        open_until = {}
        while count > 0 or open_until:
            while count > 0 and len(open_until) < self.width:
                count -= 1
                self._open(selector, open_until)
            for key, _ in selector.select(0.02):
                self._exchange(selector, open_until, key.fileobj, key.data)
            now = time.monotonic()
            for sock in [sock for sock, until in open_until.items() if until < now]:
                self._end(selector, open_until, sock)

    def _open(self, selector, open_until):
        sock = socket.socket()
        try:
            sock.connect(("127.0.0.1", self.port))
        except OSError:
            self.refused += 1
            sock.close()
            return
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, {"rest": self.generator.wire(), "head": b""})
        open_until[sock] = time.monotonic() + self.patience_s

    def _exchange(self, selector, open_until, sock, exchange):
        try:
            if exchange["rest"]:
                exchange["rest"] = exchange["rest"][sock.send(exchange["rest"]):]
                if not exchange["rest"]:
                    selector.modify(sock, selectors.EVENT_READ, exchange)
            got = sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        if not got:
            return self._end(selector, open_until, sock)
        if not exchange["head"]:
            exchange["head"] = got[:12]
            status = got[9:12]
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def _end(self, selector, open_until, sock):
        del open_until[sock]
        selector.unregister(sock)
        if self.generator.random.random() < 0.3:  # a reset
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
