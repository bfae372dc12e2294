"""One change applied while loaded: how long until every worker shows it, and what changes do to traffic.

A change moves the upstream from one port to the other. Probes are keepalive connections of which each worker holds
at least one; the response's X-Upstream says which upstream the worker chose, so "visible" is seen from outside.
"""
import os
import socket
import statistics
import subprocess
import tempfile
import threading
import time

import gateways
import measure

CHANGES_PER_SECOND = 50
PACED_PER_SECOND = 2000
PACED_CONNECTIONS = 8
VISIBLE_TIMEOUT_S = 20
SINGLE_CHANGES = {"apisix": 200, "nginx": 20}


class Probe:
    """One keepalive connection to the proxy that says which upstream responds now."""

    def __init__(self, port, path):
        self.port, self.path = port, path
        self.connect()

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    @property
    def local_port(self):
        return self.socket.getsockname()[1]

    def ask(self):
        """The port of the upstream. A closed connection (a worker that drains) is opened again."""
        for _ in range(2):
            try:
                self.socket.sendall(f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                status, headers, _ = gateways.read_response(self.file)
                if status != 200:
                    raise RuntimeError(f"the probe was answered with {status}")
                if headers.get("connection") == "close":
                    self.close()
                    self.connect()
                return int(headers["x-upstream"])
            except (OSError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and "closed" not in str(error):
                    raise
                self.close()
                self.connect()
        raise RuntimeError("the gateway closes every connection")

    def close(self):
        self.file.close()
        self.socket.close()


def owners(port):
    """{port of the client: inode of the gateway's end} of established connections to this port."""
    found = {}
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            local, remote, state, inode = fields[1], fields[2], fields[3], fields[9]
            if state == "01" and int(local.split(":")[1], 16) == port:
                found[int(remote.split(":")[1], 16)] = inode
    return found


def sockets_of(pid):
    inodes = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{descriptor}")
        except OSError:
            continue
        if link.startswith("socket:["):
            inodes.add(link[8:-1])
    return inodes


def probe_each_worker(server, workers, kind=Probe):
    """[(pid of the worker, Probe)], one for each of that many workers."""
    kept, spare = {}, []
    for _ in range(2000):
        probe = kind(server.port, server.asked)
        probe.ask()
        inode = owners(server.port).get(probe.local_port)
        owner = next((pid for pid in measure.process_tree(server.pid) if inode in sockets_of(pid)), None)
        if owner is None or owner in kept:
            spare.append(probe)
        else:
            kept[owner] = probe
        if len(kept) == workers:
            break
    for probe in spare:
        probe.close()
    if len(kept) < workers:
        raise RuntimeError(f"only {len(kept)} of {workers} workers accepted a connection")
    return sorted(kept.items())


def start_paced(server, chosen, seconds, log="/dev/null"):
    """Requests at a fixed rate. A load that waits for the gateway would measure what the gateway, the load
    and etcd take from each other on a few cores."""
    return subprocess.Popen(["taskset", "-c", str(chosen.load_cpu), "h2load", "--h1", "-c", str(PACED_CONNECTIONS),
                             f"--rps={PACED_PER_SECOND // PACED_CONNECTIONS}", "-D", str(seconds), f"--log-file={log}",
                             f"http://127.0.0.1:{server.port}{server.asked}"], stdout=subprocess.DEVNULL)


def apply_change(server, port):
    """Returns when the gateway has accepted the change; nginx accepts a signal at once."""
    if server.name == "apisix":
        server.put("upstreams/1", server.upstream_object(port))
    else:
        server.change_upstream(port, server.routes)


def visible_ms(server, probes, port):
    """Per probe: milliseconds from sending the change until the response comes from `port`."""
    began = time.monotonic()
    apply_change(server, port)
    accepted = (time.monotonic() - began) * 1e3
    seen = {}
    while len(seen) < len(probes):
        for pid, probe in probes:
            if pid not in seen and probe.ask() == port:
                seen[pid] = (time.monotonic() - began) * 1e3
        if time.monotonic() - began > VISIBLE_TIMEOUT_S:
            raise RuntimeError(f"{server.name}: a change was not visible after {VISIBLE_TIMEOUT_S} s")
    return accepted, list(seen.values())


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p / 100))]


def measure_visibility(server, upstream, chosen, workers):
    probes = probe_each_worker(server, workers)
    load = start_paced(server, chosen, 120)
    try:
        time.sleep(0.5)
        accepted, seen, alone = [], [], []
        for number in range(SINGLE_CHANGES[server.name]):
            one, each = visible_ms(server, probes, upstream.ports[(number + 1) % 2])
            accepted.append(one)
            seen += each
            if getattr(server, "etcd", None):
                alone.append(server.etcd.time_put_ms(number))
            time.sleep(0.02)
    finally:
        load.terminate()
        load.wait()
    print(f"{server.name}: {len(accepted)} changes, {PACED_PER_SECOND} requests a second, {workers} workers: accepted p50 "
          f"{percentile(accepted, 50):.2f} ms, visible per worker p50 {percentile(seen, 50):.2f} ms, "
          f"p99 {percentile(seen, 99):.2f} ms, max {max(seen):.2f} ms", flush=True)
    if alone:
        print(f"etcd alone, asked in between: a put p50 {percentile(alone, 50):.2f} ms, p99 {percentile(alone, 99):.2f} "
              f"ms, max {max(alone):.2f} ms", flush=True)
    return {"accepted_ms": accepted, "visible_ms": seen, "etcd_alone_ms": alone}


class Changer(threading.Thread):
    """Applies changes at a fixed rate until told to stop."""

    def __init__(self, server, upstream):
        super().__init__(daemon=True)
        self.server, self.upstream = server, upstream
        self.done = threading.Event()
        self.applied = 0

    def run(self):
        due = time.monotonic()
        while not self.done.is_set():
            apply_change(self.server, self.upstream.ports[self.applied % 2])
            self.applied += 1
            due += 1 / CHANGES_PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))


def paced_round(server, chosen):
    """Microseconds of each request of a round."""
    with tempfile.NamedTemporaryFile("r", prefix="paced-") as log:
        load = start_paced(server, chosen, chosen.seconds, log.name)
        if load.wait() != 0:
            raise RuntimeError("h2load failed")
        rows = [line.split("\t") for line in log]
    failed = sum(status != "200" for _, status, _ in rows)
    if failed or len(rows) < PACED_PER_SECOND * chosen.seconds * 0.9:
        raise RuntimeError(f"{failed} of {len(rows)} requests failed, {PACED_PER_SECOND * chosen.seconds} were due")
    return [int(duration) for _, _, duration in rows]


def changing_round(server, upstream, chosen):
    """(latencies, changes) of a round with changes."""
    changer = Changer(server, upstream)
    changer.start()
    try:
        return paced_round(server, chosen), changer
    finally:
        changer.done.set()
        changer.join()


def measure_disturbance(server, upstream, chosen):
    """Traffic with and without changes, in turns; both rounds of a pair run side by side in time."""
    kept = {"quiet": [], "changing": []}
    applied = 0
    for _ in range(chosen.rounds):
        quiet = paced_round(server, chosen)
        changing, changer = changing_round(server, upstream, chosen)
        applied += changer.applied
        kept["quiet"].append({p: percentile(quiet, p) for p in (50, 99)})
        kept["changing"].append({p: percentile(changing, p) for p in (50, 99)})
    for p in (50, 99):
        ratios = [c[p] / q[p] for q, c in zip(kept["quiet"], kept["changing"])]
        print(f"{server.name}: {PACED_PER_SECOND} requests a second, p{p} "
              f"{statistics.median(q[p] for q in kept['quiet']):.0f} us quiet, "
              f"{statistics.median(c[p] for c in kept['changing']):.0f} us with "
              f"{applied / (chosen.rounds * chosen.seconds):.0f} changes a second, ratio "
              f"{statistics.median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}]", flush=True)
    return kept


def run(chosen, make, routes):
    """The scenario `changes` beside so many routes, for apisix and nginx (haproxy has no counterpart that keeps the
    file in step)."""
    kept = {}
    workers = min(2, len(os.sched_getaffinity(0)))
    print(f"\nchanges: upstream moved while 8 connections ask for 64 bytes, {workers} workers, "
          f"{routes} routes")
    for name in chosen.gateways.split(","):
        if name not in SINGLE_CHANGES:
            continue
        with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
            os.chmod(folder, 0o755)
            upstream, server = gateways.Upstream(folder), make(name, folder, chosen)
            try:
                upstream.start(chosen.load_cpu)
                server.start(upstream, routes, chosen.gateway_cpu, workers)
                server.routes, server.asked = routes, "/r/0" if routes > 1 else "/bytes/64"
                free_affinity(server.pid)
                kept[name] = measure_visibility(server, upstream, chosen, workers)
                if name == "apisix":
                    kept[name]["traffic"] = measure_disturbance(server, upstream, chosen)
            finally:
                server.stop()
                upstream.stop()
    return kept


def free_affinity(pid):
    """Workers may run on every core: this scenario is about time until seen, not about cost."""
    for member in measure.process_tree(pid):
        for task in os.listdir(f"/proc/{member}/task"):
            os.sched_setaffinity(int(task), os.sched_getaffinity(0))
