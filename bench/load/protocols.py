"""TLS, HTTP/2 and gRPC from clients, to nodes of plain HTTP/1.1 and of gRPC. CPU time for each request as elsewhere.

`tls`: keepalive; `tls-full`: a connection and a handshake per request; `tls-resumed`: the same, where each but the first
resumes the session of the one before (TLS 1.3; `tls-resumed-12`: TLS 1.2). `h2c`, `h2`: ten streams on each connection,
plain and over TLS. `grpc`: unary calls over plain HTTP/2, ten on each connection, to a node that speaks it.
`idle-tls-N`, `idle-h2-N`: memory of N connections over TLS after one request each.

Sessions are kept as APISIX's nginx.conf has it: in shared memory, without tickets.
"""
import re
import socket
import ssl
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import connections
import gateways
import measure

HOST = "localhost"
STREAMS = 10
CALL = "/bench.Service/Unary"
MESSAGE = b"\0\0\0\0\x40" + b"m" * 64  # uncompressed, 64 bytes
CIPHERS = ("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
           "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305")
SCENARIOS = ["tls", "tls-full", "tls-resumed", "tls-resumed-12", "h2c", "h2", "grpc"]
IDLE = ["idle-tls", "idle-h2"]


def certificate(folder):
    """(certificate, key), files with a certificate of HOST; RSA, as most have it."""
    paths = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", paths[1], "-out", paths[0], "-days", "30",
                    "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"], check=True, capture_output=True)
    return paths


class GrpcNode(gateways.Server):
    """nghttpd: each call gets the same message and status 0."""

    name = "grpc-node"

    def start(self, cpu):
        self.port, = gateways.free_ports(1)
        file = self.folder / "files" / CALL[1:]
        file.parent.mkdir(parents=True)
        file.write_bytes(MESSAGE)
        self.launch(["nghttpd", "--no-tls", "--trailer=grpc-status: 0", "--max-concurrent-streams=1000", "-d", self.folder / "files",
                     "-a", "127.0.0.1", str(self.port)], self.port, cpu)


class WithProtocols:
    """Of each gateway here: ports for TLS and plain HTTP/2, and calls of gRPC forwarded to `node_port`."""

    def prepare(self, files, node_port):
        self.files, self.node_port = files, node_port
        self.tls_port, self.h2c_port = gateways.free_ports(2)


class Nginx(WithProtocols, gateways.Nginx):
    def further_upstreams(self):
        return f"upstream node {{ server 127.0.0.1:{self.node_port}; keepalive 320; keepalive_requests 1000000000; }}"

    def further_listeners(self):
        return f"""listen 127.0.0.1:{self.tls_port} ssl http2 backlog=4096; listen 127.0.0.1:{self.h2c_port} http2 backlog=4096;
    ssl_certificate {self.files[0]}; ssl_certificate_key {self.files[1]}; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers {CIPHERS};
    ssl_prefer_server_ciphers on; ssl_session_cache shared:SSL:20m; ssl_session_timeout 10m; ssl_session_tickets off;
    location {CALL} {{ grpc_pass grpc://node; grpc_set_header X-Real-IP $remote_addr;
      grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for; grpc_set_header X-Forwarded-Proto $scheme; }}"""


class Haproxy(WithProtocols, gateways.Haproxy):
    def further_listeners(self):
        both = self.folder / "both.pem"
        both.write_text(self.files[0].read_text() + self.files[1].read_text())
        return f"""bind 127.0.0.1:{self.tls_port} ssl crt {both} alpn h2,http/1.1 ssl-min-ver TLSv1.2 no-tls-tickets ciphers {CIPHERS}
  bind 127.0.0.1:{self.h2c_port} proto h2
  use_backend node if {{ path {CALL} }}"""

    def further_backends(self):
        return f"""backend node
  server s 127.0.0.1:{self.node_port} proto h2 pool-max-conn 1000 pool-purge-delay 1h
"""


class Apisix(WithProtocols, gateways.Apisix):
    def ssl_settings(self):
        return f"{{enable: true, fallback_sni: {HOST}, listen: [{{ip: 127.0.0.1, port: {self.tls_port}}}]}}"

    def start(self, *arguments, **options):
        super().start(*arguments, **options)
        self.h2c_port = self.port  # prior knowledge
        certificate_text, key_text = (file.read_text() for file in self.files)
        self.put("ssls/1", {"snis": [HOST], "cert": certificate_text, "key": key_text})
        self.put("routes/2", {"uri": CALL, "upstream": {"scheme": "grpc", **self.upstream_object(self.node_port)}})
        self.wait_until_routed("/bytes/64")


KINDS = {kind.name: kind for kind in (Nginx, Haproxy, Apisix)}


def make(name, folder, chosen):
    return Apisix(folder, chosen.binary, chosen.store) if name == "apisix" else KINDS[name](folder)


@contextmanager
def running(chosen, names):
    """Servers with a certificate and both nodes, started and pinned."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        Path(folder).chmod(0o755)  # workers may run as another user
        files = certificate(folder)
        upstream, node = gateways.Upstream(folder), GrpcNode(folder)
        servers = [make(name, folder, chosen) for name in names]
        try:
            upstream.start(chosen.load_cpu)
            node.start(chosen.load_cpu)
            for server in servers:
                server.prepare(files, node.port)
                server.workers = 1
                server.start(upstream, 1, chosen.gateway_cpu)
                gateways.wait_for_workers(server)
                measure.pin(server.pid, chosen.gateway_cpu)
            yield servers
        finally:
            for server in [*servers, node, upstream]:
                server.stop()


# ---- load

def microseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def run_h2load(url, chosen, seconds, further=()):
    """A Round; h2load tells the mean and the longest instead of percentiles."""
    output = subprocess.run(["taskset", "-c", str(chosen.load_cpu), "h2load", "-t1", f"-c{chosen.connections}", f"-m{STREAMS}", f"-D{seconds}",
                             *further, url], capture_output=True, text=True, timeout=seconds + 60, check=True).stdout
    total = int(re.search(r"requests: (\d+) total", output).group(1))
    good = int(re.search(r"status codes: (\d+) 2xx", output).group(1))
    per_second = float(re.search(r"([\d.]+) req/s", output).group(1))
    _, longest, mean = re.search(r"time for request:\s+(\S+)\s+(\S+)\s+(\S+)", output).groups()
    return measure.Round(good, per_second, microseconds(mean), microseconds(longest), total - good)


def run_s_time(server, chosen, seconds, version):
    """One connection after another, each with the session of the one before."""
    output = subprocess.run(["taskset", "-c", str(chosen.load_cpu), "openssl", "s_time", "-connect", f"127.0.0.1:{server.tls_port}", "-reuse",
                             "-time", str(seconds), "-www", "/bytes/64", version], capture_output=True, text=True, timeout=seconds + 60,
                            check=True).stdout
    count, took = map(int, re.findall(r"(\d+) connections in (\d+) real seconds", output)[-1])
    full = output.count("*")  # a letter for each connection: r, or * for a full handshake
    mean = 1e6 * took / max(count, 1)
    return measure.Round(count, count / took, mean, mean, full)


def run_load(scenario, server, chosen, seconds):
    if scenario in ("tls", "tls-full"):
        headers = ["Connection: close"] if scenario == "tls-full" else []
        return measure.finish_wrk(measure.start_wrk(f"https://{HOST}:{server.tls_port}/bytes/64", chosen.load_cpu, seconds, chosen.connections, headers))
    if scenario.startswith("tls-resumed"):
        return run_s_time(server, chosen, seconds, "-tls1_2" if scenario.endswith("-12") else "-tls1_3")
    if scenario == "h2":
        return run_h2load(f"https://{HOST}:{server.tls_port}/bytes/64", chosen, seconds, [f"--connect-to=127.0.0.1:{server.tls_port}"])
    url = f"http://127.0.0.1:{server.h2c_port}"
    if scenario == "h2c":
        return run_h2load(url + "/bytes/64", chosen, seconds)
    with tempfile.NamedTemporaryFile() as message:
        message.write(MESSAGE)
        message.flush()
        return run_h2load(url + CALL, chosen, seconds, ["-d", message.name, "-H", "content-type: application/grpc", "-H", "te: trailers"])


def measured(scenario, server, chosen, seconds):
    before = measure.cpu_us(server.pid)
    result = run_load(scenario, server, chosen, seconds)
    if result.requests == 0:
        raise RuntimeError(f"{server.name}: {scenario} got no response")
    result.cpu_us_per_request = (measure.cpu_us(server.pid) - before) / result.requests
    return result


def run(chosen, scenarios, print_table):
    """{scenario: {gateway: rounds}}"""
    kept = {}
    with running(chosen, chosen.gateways.split(",")) as servers:
        for scenario in scenarios:
            rounds = {server.name: [] for server in servers}
            for number in range(-1, chosen.rounds):  # round -1 warms up
                for server in measure.rotated(servers, number):
                    result = measured(scenario, server, chosen, 1 if number < 0 else chosen.seconds)
                    if number >= 0:
                        rounds[server.name].append(result)
            kept[scenario] = rounds
            print_table(scenario, rounds, chosen)
    return kept


# ---- memory

# GET / of HOST in fields of HPACK's static table, on stream 1; preface and empty SETTINGS before it.
H2_REQUEST = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\x0e\1\5\0\0\0\1" + b"\x82\x87\x84\x41\x09localhost"
H1_REQUEST = f"GET /bytes/64 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def open_one(server, protocol):
    """A connection that had one response."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"] if protocol == "h2" else ["http/1.1"])
    client = context.wrap_socket(socket.create_connection(("127.0.0.1", server.tls_port)), server_hostname=HOST)
    client.sendall(H2_REQUEST if protocol == "h2" else H1_REQUEST)
    got = b""
    # The end of stream 1 is the last frame of a response; its size is not known here, and that it came at once is enough.
    wanted = re.compile(rb"\x00\x01\x00\x00\x00\x01", re.S) if protocol == "h2" else re.compile(rb"\r\n\r\n.{64}", re.S)
    while not wanted.search(got):
        part = client.recv(4096)
        if not part:
            raise RuntimeError(f"{server.name} closed a connection: {got[:200]!r}")
        got += part
    return client


def run_idle(chosen, protocol, count):
    """Bytes of the worker for each of `count` connections."""
    gateways.open_files_max()
    kept = {}
    print(f"\nidle-{protocol}-{count}: bytes a connection, after one request")
    for name in gateways.with_worker_processes(chosen):
        kept[name] = []
        for _ in range(min(3, chosen.rounds)):
            with running(chosen, [name]) as (server,):
                workers = measure.workers_of(server.pid)
                warm = [open_one(server, protocol) for _ in range(connections.WARM_CONNECTIONS)]
                before = connections.held_by(workers)
                opened = [open_one(server, protocol) for _ in range(count)]
                connections.wait_until_accepted(workers, count)
                kept[name].append((connections.held_by(workers) - before) / count)
                for client in warm + opened:
                    client.close()
        print(f"{name:<9}{measure.spread_text(kept[name], '{:.0f}')}", flush=True)
    return kept
