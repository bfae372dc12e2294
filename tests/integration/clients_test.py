"""Clients that people use, against one gateway: HTTP/1.1 and HTTP/2, plain and over TLS, and WebSocket. What each protocol
may and must do stands in other files; here is whether the implementations of others get along with it."""

import asyncio
import hashlib
import json
import re
import ssl
import subprocess
import zlib
from dataclasses import dataclass

import h2.config
import h2.connection
import h2.events
import pytest
import websockets

from certificates import self_signed
from gateway import PATIENCE_S, running_gateway, wait_until
from h2_wire import connect
from upstream import Upstream, echo
from websocket_echo import websocket_echo

HOST = "test.com"
# Longer than windows, frames and buffers.
LARGE = bytes(zlib.crc32(n.to_bytes(4, "big")) & 0xFF for n in range(1 << 18)) * 8
ASSETS = 20


def page():
    scripts = "".join(f'<script src="/assets/{n}.js"></script>' for n in range(ASSETS))
    told = """addEventListener("load", () => { document.body.dataset.loaded = window.loaded.length; document.body.dataset.protocols =
        [...new Set(performance.getEntries().map(entry => entry.nextHopProtocol).filter(name => name))].join(); })"""
    return f"<!doctype html><html><body><script>window.loaded = []; {told}</script>{scripts}</body></html>".encode()


# What comes back by the socket is said by a request.
TALK = """<!doctype html><html><body><script>
const socket = new WebSocket(`wss://${location.host}/ws`);
socket.onopen = () => socket.send("x".repeat(70000));
socket.onmessage = message => { fetch(`/told?${message.data.length}`); socket.close(4000, "as agreed"); };
socket.onerror = () => fetch("/told?error");
socket.onclose = close => fetch(`/closed?${close.code}-${close.wasClean}`);
</script></body></html>"""


def respond(request):
    path = request.path
    if path == "/talk":
        return 200, {"Content-Type": "text/html"}, TALK.encode()
    if path.startswith("/large"):
        return 200, {"Content-Type": "application/octet-stream"}, LARGE
    if path.startswith("/digest"):
        return 200, {}, hashlib.sha256(request.body).hexdigest().encode()
    if path == "/page":
        return 200, {"Content-Type": "text/html"}, page()
    if path.startswith("/assets/"):
        return 200, {"Content-Type": "text/javascript"}, b"window.loaded.push(1);" + b" " * 20000
    return echo(request)


@dataclass
class Served:
    gateway: object
    upstream: Upstream

    def url(self, tls, path="/", scheme="http"):
        port = self.gateway.tls_port if tls else self.gateway.port
        return f"{scheme}{'s' if tls else ''}://{HOST}:{port}{path}"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    upstream = Upstream(respond)
    certificate, key = self_signed(tmp_path_factory.mktemp("certificate"), HOST)
    with running_gateway(workers=2) as gateway, websocket_echo(max_size=None) as websocket_port:
        gateway.put("/ssls/1", {"snis": [HOST], "cert": certificate, "key": key})
        gateway.put("/routes/2", {"uri": "/ws", "enable_websocket": True,
                                  "upstream": {"type": "roundrobin", "nodes": {f"127.0.0.1:{websocket_port}": 1}}})
        gateway.put_everywhere("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
        yield Served(gateway, upstream)
    upstream.close()


def ran(command, **more):
    """Standard output of a program that must succeed."""
    done = subprocess.run(command, capture_output=True, timeout=4 * PATIENCE_S, check=False, **more)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-2000:]!r}\n{done.stderr[-4000:]!r}"
    return done.stdout


# ---- curl

CURL = {"http1.1": (False, "--http1.1", "1.1"), "h2c": (False, "--http2-prior-knowledge", "2"), "https": (True, "--http1.1", "1.1"),
        "h2": (True, "--http2", "2")}


@pytest.fixture(params=CURL)
def curl(request, served):
    """curl(path, arguments...) -> (version of HTTP, status, body)"""
    tls, option, version = CURL[request.param]

    def run(path, *arguments, **more):
        out = ran(["curl", "-s", "-k", option, "--connect-to", "::127.0.0.1:", "-w", "\n%{http_version} %{http_code}", *arguments,
                   served.url(tls, path)], **more)
        body, _, told = out.rpartition(b"\n")
        assert told.split()[0].decode() == version
        return int(told.split()[1]), body

    run.tls = tls
    return run


def test_curl_gets(curl):
    status, body = curl("/a?b=c", "-H", "X-Test: 1")
    got = json.loads(body)
    assert (status, got["method"], got["path"]) == (200, "GET", "/a?b=c")
    headers = {name.lower(): value for name, value in got["headers"]}
    assert headers["x-test"] == "1" and headers["host"].startswith(HOST)
    assert headers["x-forwarded-proto"] == ("https" if curl.tls else "http")


def test_curl_loads_a_large_body(curl):
    assert curl("/large") == (200, LARGE)


@pytest.mark.parametrize("framing", [[], ["-H", "Content-Length:", "-H", "Transfer-Encoding: chunked"]], ids=["sized", "unsized"])
def test_curl_sends_a_large_body(curl, framing):
    status, body = curl("/digest", "--data-binary", "@-", *framing, input=LARGE)
    assert (status, body.decode()) == (200, hashlib.sha256(LARGE).hexdigest())


def test_curl_expects_to_be_let_send(curl):
    status, body = curl("/digest", "--data-binary", "@-", "-H", "Expect: 100-continue", input=b"x" * 5000)
    assert (status, body.decode()) == (200, hashlib.sha256(b"x" * 5000).hexdigest())


def test_curl_asks_for_the_head(curl):
    status, body = curl("/large", "--head")
    assert status == 200
    assert re.search(rb"(?im)^content-length: %d\r$" % len(LARGE), body)


def test_curl_asks_many_times_at_once(served):
    urls = [part for n in range(40) for part in ("-o", "/dev/null", served.url(True, f"/large?{n}"))]
    out = ran(["curl", "-s", "-k", "--http2", "--parallel", "--parallel-max", "20", "--connect-to", "::127.0.0.1:", "-w",
               "%{http_version} %{http_code} %{size_download}\n", *urls])
    assert out.decode().split("\n")[:-1] == [f"2 200 {len(LARGE)}"] * 40


# ---- nghttp2's

@pytest.mark.parametrize("tls", [False, True], ids=["h2c", "h2"])
def test_nghttp_loads_a_page_with_its_assets(served, tls):
    """It takes the name for SNI from :authority."""
    url = served.url(tls, "/page").replace(HOST, "127.0.0.1")
    out = ran(["nghttp", "-n", "-a", "-s", "--no-dep", "--no-verify-peer", "-H", f":authority: {HOST}", url]).decode()
    assert len(re.findall(r" 200 +\S+ +/assets/\d+\.js", out)) == ASSETS, out


@pytest.mark.serial
@pytest.mark.parametrize("tls, h1", [(False, False), (True, False), (True, True)], ids=["h2c", "h2", "https"])
def test_h2load_sees_no_failure(served, tls, h1):
    port = served.gateway.tls_port if tls else served.gateway.port
    out = ran(["h2load", "-t1", "-c8", "-n2000", *(["--h1"] if h1 else ["-m10"]), "--connect-to", f"127.0.0.1:{port}",
               served.url(tls, "/a")]).decode()
    assert re.search(r"2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed", out), out
    assert "status codes: 2000 2xx" in out


# ---- python's h2

class H2:
    """A small client on python3-h2; it acknowledges content as it comes."""

    def __init__(self, port, tls):
        self.wire = connect(port, tls, mine=None)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.connection.initiate_connection()
        self.bodies, self.heads, self.trailers, self.ended = {}, {}, {}, set()

    def start(self, path, method="GET", end=True, more=()):
        stream = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream, [(":method", method), (":scheme", "https"), (":authority", HOST), (":path", path), *more], end_stream=end)
        return stream

    def send(self, stream, body):
        """All of it, by the windows that the gateway gives."""
        while body:
            size = min(len(body), self.connection.local_flow_control_window(stream), self.connection.max_outbound_frame_size)
            if size <= 0:
                self.turn()
                continue
            self.connection.send_data(stream, body[:size])
            body = body[size:]
            self.flush()

    def flush(self):
        self.wire.socket.sendall(self.connection.data_to_send())

    def turn(self):
        self.flush()
        got = self.wire.socket.recv(1 << 16)
        assert got, "the connection was closed"
        for event in self.connection.receive_data(got):
            self.take(event)
        self.flush()

    def take(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            self.heads[event.stream_id] = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
            self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            self.trailers[event.stream_id] = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(event.stream_id)
        assert not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), event

    def finish(self, *streams):
        while not set(streams) <= self.ended:
            self.turn()


@pytest.fixture(params=[False, True], ids=["h2c", "h2"])
def python_h2(request, served):
    client = H2(served.gateway.tls_port if request.param else served.gateway.port, request.param)
    yield client
    client.wire.close()


def test_python_h2_runs_many_streams_at_once(python_h2):
    large = [python_h2.start(f"/large?{n}") for n in range(5)]
    small = [python_h2.start(f"/small?{n}") for n in range(50)]
    python_h2.finish(*large, *small)
    assert all(python_h2.bodies[stream] == LARGE for stream in large)
    assert [json.loads(python_h2.bodies[stream])["path"] for stream in small] == [f"/small?{n}" for n in range(50)]


def test_python_h2_sends_and_loads_at_once(python_h2):
    loading = python_h2.start("/large")
    sending = python_h2.start("/digest", "POST", end=False)
    python_h2.send(sending, LARGE)
    python_h2.connection.end_stream(sending)
    python_h2.finish(loading, sending)
    assert python_h2.bodies[loading] == LARGE
    assert python_h2.bodies[sending].decode() == hashlib.sha256(LARGE).hexdigest()


def test_python_h2_joins_cookies(python_h2):
    stream = python_h2.start("/a", more=[("cookie", "a=1"), ("cookie", "b=2")])
    python_h2.finish(stream)
    assert ["cookie", "a=1; b=2"] in [[name.lower(), value] for name, value in json.loads(python_h2.bodies[stream])["headers"]]


# ---- node

NODE = """
const http2 = require('http2');
const [url, sizes] = [process.argv[1], []];
const session = http2.connect(url, {rejectUnauthorized: false, servername: 'test.com'});
session.on('error', error => { console.error(error); process.exit(1); });
function ask(path, body) {
  return new Promise((resolve, reject) => {
    const stream = session.request({':path': path, ':method': body ? 'POST' : 'GET', ':authority': 'test.com'});
    let size = 0, status = 0, text = '';
    stream.on('response', headers => { status = headers[':status']; });
    stream.on('data', chunk => { size += chunk.length; if (size < 100) text += chunk; });
    stream.on('end', () => resolve([status, size, size < 100 ? text : '']));
    stream.on('error', reject);
    stream.end(body);
  });
}
(async () => {
  const asked = [];
  for (let n = 0; n < 10; n++) asked.push(ask('/large?' + n), ask('/digest?' + n, Buffer.alloc(300000, 'x')));
  const got = await Promise.all(asked);
  const again = await ask('/digest', 'last');
  session.close(() => console.log(JSON.stringify([...got, again])));
})().catch(error => { console.error(error); process.exit(1); });
"""


@pytest.mark.parametrize("tls", [False, True], ids=["h2c", "h2"])
def test_node_http2(served, tls):
    out = ran(["node", "-e", NODE, served.url(tls).replace(HOST, "127.0.0.1")])
    sent = [200, 64, hashlib.sha256(b"x" * 300000).hexdigest()]
    assert json.loads(out) == [[200, len(LARGE), ""], sent] * 10 + [[200, 64, hashlib.sha256(b"last").hexdigest()]]


# ---- Chromium

def chromium(folder, *arguments):
    return ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--ignore-certificate-errors",
            f"--user-data-dir={folder}", f"--host-resolver-rules=MAP {HOST} 127.0.0.1", *arguments]


def test_chromium_loads_a_page_with_its_assets(served, tmp_path):
    out = ran(chromium(tmp_path, "--virtual-time-budget=20000", "--dump-dom", served.url(True, "/page"))).decode()
    assert f'data-loaded="{ASSETS}"' in out and 'data-protocols="h2"' in out, out[:2000]


def test_chromium_talks_websocket_over_http2(served, tmp_path):
    """On the connection of its page, by extended CONNECT (RFC 8441)."""
    browser = subprocess.Popen(chromium(tmp_path, "--remote-debugging-port=0", served.url(True, "/talk")), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: [request for request in served.upstream.requests if request.path.startswith("/closed?")],
                   "the browser to close its socket", timeout_s=4 * PATIENCE_S)
    finally:
        browser.kill()
        browser.wait()
    told = [request.path for request in served.upstream.requests if request.path.startswith(("/told?", "/closed?"))]
    assert sorted(told) == ["/closed?4000-true", "/told?70000"]
    assert served.gateway.run("reopen").returncode == 0
    lines = wait_until(lambda: [line for line in served.gateway.log("access.log").splitlines() if " /ws " in line], "/ws in access.log")
    assert '"GET /ws HTTP/2.0" 101' in lines[-1] or '"GET /ws HTTP/2.0" 200' in lines[-1], lines[-1]


# ---- WebSocket

@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
def test_websockets(served, tls):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def talk():
        url = served.url(tls, "/ws", "ws").replace(HOST, "127.0.0.1")
        more = {"ssl": context, "server_hostname": HOST} if tls else {}
        async with websockets.connect(url, max_size=None, ping_interval=None, **more) as socket:
            for message in ("text", b"bytes", "", "x" * 70000, LARGE):
                await socket.send(message)
                assert await asyncio.wait_for(socket.recv(), PATIENCE_S) == message
            await asyncio.wait_for(await socket.ping(), PATIENCE_S)
            await socket.close(4000, "as agreed")
            return socket.close_code, socket.close_reason

    assert asyncio.run(talk()) == (4000, "as agreed")
