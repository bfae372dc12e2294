"""The gateways under comparison: each writes its configuration into a folder, starts, and says its pid and port.

All are configured alike: one worker, keepalive to clients and upstream, no access log, the same forwarding headers.
"""
import base64
import http.client
import json
import os
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import measure

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
START_TIMEOUT_S = 30
WRITERS = 16


def open_files_max():
    """Of one process, and of all that are started from here on."""
    wanted, most = 200_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        if most < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for_port(port, process):
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args[0]} does not listen on port {port}; see its log in the bench's folder")


def built(name):
    """The tool bench/load/<name>.cc, compiled when it is older than its source."""
    binary, source = ROOT / "build/bench_load" / name, HERE / f"{name}.cc"
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        binary.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["clang++-19", "-std=c++23", "-O2", source, "-o", binary], check=True)
    return binary


class Server:
    """A child in a process group of its own; stop() ends it and its children. What a scenario needs otherwise than
    here it sets before start()."""

    name = ""
    connections_max = 8192  # of one worker, to clients and upstream together
    reuseport = False       # a listening socket for each worker

    def __init__(self, folder):
        self.folder = Path(folder) / self.name
        self.folder.mkdir(parents=True)
        self.process = None

    def launch(self, command, port, cpu):
        log = open(self.folder / "output.log", "wb")
        self.process = subprocess.Popen(["taskset", "-c", str(cpu), *command], stdout=log, stderr=log,
                                        stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.folder)
        log.close()
        wait_for_port(port, self.process)

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class Upstream(Server):
    """Two ports of one small server, so that a change of the upstream is visible in the response."""

    name = "upstream"

    def start(self, cpu, processes=1):
        self.ports = free_ports(2)
        self.launch([built("upstream"), "-n", str(processes), *map(str, self.ports)], self.ports[0], cpu)


class Nginx(Server):
    name = "nginx"

    def start(self, upstream, routes, cpu, workers=1):
        self.port, = free_ports(1)
        self.write_config(upstream.ports[0], routes, workers)
        self.launch([shutil.which("nginx", path="/usr/sbin:" + os.environ["PATH"]), "-p", self.folder, "-c",
                     self.folder / "nginx.conf", "-g", "daemon off;"], self.port, cpu)

    def write_config(self, upstream_port, routes, workers=1):
        forward = ('proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Connection "";'
                   "proxy_set_header Host $http_host; proxy_set_header X-Real-IP $remote_addr;"
                   "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
                   "proxy_set_header X-Forwarded-Proto $scheme;")
        places = "".join(f"location = /r/{i} {{ {forward} }}\n" for i in range(routes)) if routes > 1 else ""
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};\n"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "nginx.conf").write_text(f"""
worker_processes {workers};
pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log warn;
worker_rlimit_nofile {self.connections_max + 256};
events {{ worker_connections {self.connections_max}; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s;
  client_header_timeout 3600s; tcp_nodelay on;
  {temporary}
  upstream upstream {{ server 127.0.0.1:{upstream_port}; keepalive 320; keepalive_requests 1000000000; }}
  {self.further_upstreams()}
  server {{
    listen 127.0.0.1:{self.port} backlog=4096{" reuseport" if self.reuseport else ""};
    {self.further_listeners()}
    location / {{ {forward} }}
    {places}
  }}
}}
""")

    def further_upstreams(self):
        return ""

    def further_listeners(self):
        """In `server`."""
        return ""

    def change_upstream(self, port, routes):
        self.write_config(port, routes)
        self.process.send_signal(signal.SIGHUP)


class Haproxy(Server):
    name = "haproxy"
    reuseport = True

    def start(self, upstream, routes, cpu, workers=1):
        self.port, = free_ports(1)
        match = ""
        if routes > 1:
            (self.folder / "paths").write_text("".join(f"/r/{i}\n" for i in range(routes)))
            match = f"use_backend b if {{ path -f {self.folder}/paths }}"
        (self.folder / "haproxy.cfg").write_text(f"""
global
  nbthread {workers}
  no strict-limits
  tune.pool-high-fd-ratio 90
  tune.pool-low-fd-ratio 80
  maxconn {self.connections_max}
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend f
  bind 127.0.0.1:{self.port} backlog 4096{" shards by-thread" if self.reuseport and workers > 1 else ""}
  http-request set-header X-Real-IP %[src]
  option forwardfor
  {self.further_listeners()}
  {match}
  default_backend b
backend b
  server s 127.0.0.1:{upstream.ports[0]} pool-max-conn 1000 pool-purge-delay 1h
{self.further_backends()}
""")
        self.launch([shutil.which("haproxy", path="/usr/sbin:" + os.environ["PATH"]), "-db", "-f",
                     self.folder / "haproxy.cfg"], self.port, cpu)

    def further_listeners(self):
        """In `frontend`."""
        return ""

    def further_backends(self):
        return ""


class Etcd(Server):
    """One member, as a store for a gateway."""

    name = "etcd"

    def start(self):
        self.port, peer_port = free_ports(2)
        client, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{peer_port}"
        log = open(self.folder / "output.log", "wb")
        self.process = subprocess.Popen(
            ["etcd", "--data-dir", self.folder / "data", "--listen-client-urls", client, "--advertise-client-urls",
             client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster",
             f"default={peer}", "--log-level", "error"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        wait_for_port(self.port, self.process)

    def put_objects(self, items, chunk=100):
        """(path, value) under /apisix, written straight into etcd, many in a transaction, as APISIX would store them."""
        items = iter(items)
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        while batch := [item for _, item in zip(range(chunk), items)]:
            puts = [{"requestPut": self.key_value(f"/apisix/{path}", json.dumps(value))} for path, value in batch]
            self.ask(connection, "/v3/kv/txn", {"success": puts})
        connection.close()

    def time_put_ms(self, number):
        """A write of its own, beside the gateway's prefix."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.connect()
        began = time.monotonic()
        self.ask(connection, "/v3/kv/put", self.key_value("/beside/it", str(number)))
        took = (time.monotonic() - began) * 1e3
        connection.close()
        return took

    @staticmethod
    def key_value(key, value):
        return {name: base64.b64encode(text.encode()).decode() for name, text in (("key", key), ("value", value))}

    @staticmethod
    def ask(connection, path, body):
        connection.request("POST", path, json.dumps(body))
        response = connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(f"etcd: {response.status} {text[:300]!r}")


class Apisix(Server):
    """This project's release binary; its routes are made by the Admin API. `store` is local or etcd: then it comes
    with an etcd of its own."""

    name = "apisix"
    reuseport = True

    def __init__(self, folder, binary=None, store="local"):
        super().__init__(folder)
        self.binary = Path(binary or ROOT / "build/release/apisix").resolve()
        self.store = store
        self.etcd = Etcd(folder) if store == "etcd" else None
        self.exports_metrics = False  # on metrics_port

    def start(self, upstream, routes, cpu, workers=1):
        self.port, self.admin_port, self.metrics_port = free_ports(3)
        self.key = secrets.token_hex(16)
        if self.etcd:
            self.etcd.start()
        (self.folder / "conf").mkdir()
        (self.folder / "logs").mkdir()
        (self.folder / "conf/config.yaml").write_text(f"""
apisix:
  node_listen:
    - ip: 127.0.0.1
      port: {self.port}
  enable_ipv6: false
  enable_control: false
  enable_reuseport: {str(self.reuseport).lower()}
  ssl: {self.ssl_settings()}
{self.further_apisix_settings()}
deployment:
  role: traditional
  role_traditional:
    config_provider: {self.store}
  etcd:
    host: ["http://127.0.0.1:{self.etcd.port if self.etcd else 2379}"]
  admin:
    admin_listen:
      ip: 127.0.0.1
      port: {self.admin_port}
    admin_key:
      - name: admin
        key: {self.key}
        role: admin
nginx_config:
  worker_processes: {workers}
  worker_rlimit_nofile: {self.connections_max + 256}
  event:
    worker_connections: {self.connections_max}
  error_log_level: warn
  http:
    enable_access_log: false
    keepalive_timeout: 3600s
    client_header_timeout: 3600s
plugin_attr:
  prometheus:
    enable_export_server: {str(self.exports_metrics).lower()}
    export_addr:
      ip: 127.0.0.1
      port: {self.metrics_port}
{self.further_settings()}
""")
        os.chmod(self.folder, 0o755)
        self.launch_with_store(cpu)
        self.put("upstreams/1", self.upstream_object(upstream.ports[0]))
        if routes > 1:
            self.put_routes(routes)
        else:
            self.put("routes/1", {"uri": "/*", "upstream_id": "1"})
        self.wait_until_routed(f"/r/{routes - 1}")

    def ssl_settings(self):
        """In YAML's short form."""
        return "{enable: false}"

    def further_apisix_settings(self):
        """In `apisix`."""
        return ""

    def further_settings(self):
        """Of config.yaml."""
        return ""

    def launch_with_store(self, cpu):
        self.launch([self.binary, "start", "--foreground", "-p", self.folder, "-c",
                     self.folder / "conf/config.yaml"], self.port, cpu)
        wait_for_port(self.admin_port, self.process)

    def stop(self):
        super().stop()
        if self.etcd:
            self.etcd.stop()

    def restart_seconds(self, routes, cpu):
        """Stops, starts again with what the store holds; seconds until the last route is served."""
        super().stop()
        began = time.monotonic()
        self.launch_with_store(cpu)
        self.wait_until_routed(f"/r/{routes - 1}")
        return time.monotonic() - began

    @staticmethod
    def upstream_object(port):
        return {"type": "roundrobin", "nodes": {f"127.0.0.1:{port}": 1}}

    def request_bytes(self, path, value):
        body = json.dumps(value)
        return (f"PUT /apisix/admin/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-KEY: {self.key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()

    def put(self, path, value):
        self.put_many([(path, value)])

    def put_routes(self, count):
        """Several connections: the store writes to disk before it replies, once for all waiting requests. Into etcd they go
        directly: through the Admin API 100,000 take minutes there."""
        if self.etcd:
            self.etcd.put_objects((f"routes/{i + 1}", {"id": str(i + 1), "uri": f"/r/{i}", "upstream_id": "1", "status": 1,
                                                       "priority": 0, "create_time": 1, "update_time": 1})
                                  for i in range(count))
            return

        def put_some(first):
            self.put_many((f"routes/{i + 1}", {"uri": f"/r/{i}", "upstream_id": "1"})
                          for i in range(first, count, WRITERS))
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(put_some, range(WRITERS)))

    def put_many(self, items, window=64):
        """Pipelined PUTs on one connection; raises on a response that is not 200 or 201."""
        items = iter(items)
        with socket.create_connection(("127.0.0.1", self.admin_port)) as connection:
            responses = connection.makefile("rb")
            while batch := [item for _, item in zip(range(window), items)]:
                connection.sendall(b"".join(self.request_bytes(*item) for item in batch))
                for path, _ in batch:
                    status, body = read_response(responses)[::2]
                    if status not in (200, 201):
                        raise RuntimeError(f"PUT {path}: {status} {body[:300]!r}")

    def wait_until_routed(self, path, responses=20):
        """Every worker needs to know the last route: ask on new connections until that many in a row say so."""
        deadline = time.monotonic() + START_TIMEOUT_S
        good = 0
        while good < responses:
            with socket.create_connection(("127.0.0.1", self.port)) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                status = read_response(connection.makefile("rb"))[0]
            good = good + 1 if status == 200 else 0
            if time.monotonic() > deadline:
                raise RuntimeError(f"{path} is not routed: status {status}")
            time.sleep(0 if good else 0.02)


def read_response(file):
    """(status, headers with lower-case names, body) of one response with Content-Length or chunks."""
    line = file.readline()
    if not line:
        raise RuntimeError("connection closed before the response")
    headers = {}
    while (header := file.readline().strip()):
        name, _, value = header.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while (size := int(file.readline().split(b";")[0], 16)):
            body += file.read(size)
            file.readline()
        file.readline()
    else:
        body = file.read(int(headers.get("content-length", "0")))
    return int(line.split()[1]), headers, body


KINDS = {kind.name: kind for kind in (Nginx, Haproxy, Apisix)}


def with_worker_processes(chosen):
    """The chosen gateways but haproxy, whose workers are threads."""
    return [name for name in chosen.gateways.split(",") if name != "haproxy"]


def cores_text(cores):
    """As taskset -c takes them."""
    return ",".join(map(str, cores))


def wait_for_workers(server):
    """A worker that was just forked still looks like its master."""
    wanted = 0 if server.name == "haproxy" else server.workers  # there they are threads
    deadline = time.monotonic() + START_TIMEOUT_S
    while len(measure.workers_of(server.pid)) != wanted:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{server.name} has no {wanted} workers")
        time.sleep(0.02)


@contextmanager
def running(chosen, make, plan, gateway_cores, load_cores, prepare=None):
    """(upstream, servers), started and pinned; `plan` has (name, number of workers) of each. `prepare(server)` comes
    before its start. The upstream has a process for each core of the load."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        os.chmod(folder, 0o755)  # workers may run as another user
        upstream, servers = Upstream(folder), []
        try:
            upstream.start(cores_text(load_cores), len(load_cores))
            for number, (name, workers) in enumerate(plan):
                server = make(name, Path(folder) / str(number), chosen)
                server.workers = workers
                servers.append(server)
                if prepare:
                    prepare(server)
                server.start(upstream, 1, cores_text(gateway_cores), workers)
                wait_for_workers(server)
                measure.pin(server.pid, *gateway_cores)
            yield upstream, servers
        finally:
            for server in [*servers, upstream]:
                server.stop()
