"""Which cache lines of shared memory more than one worker writes, per request: what would keep many cores from
scaling.

The worker of one connection serves requests, then another one does; before and after each the zones are read through
the master's descriptors and compared, a cache line at a time. A line that both changed goes from core to core. A lock
that is free again looks as before, so a line that is only locked is not seen; where one is, what it guards is.
"""
import os
import re
import time

import changes
import gateways

LINE_BYTES = 64
REQUESTS = 300
QUIET_S = 1.2  # longer than the beat of a worker
# A request is counted after its response, and what its route starts (checks) begins then.
LATE_S = 0.2
LIMIT = {"count": 1_000_000_000, "time_window": 3600, "rejected_code": 429}
# name: (plugins of the route, further parts of its upstream)
ROUTES = {
    "plain": ({}, {}),
    "1,000 nodes": ({}, {"many": True}),
    "passive checks": ({}, {"checks": {
        "active": {"type": "http", "healthy": {"interval": 60}, "unhealthy": {"interval": 60}},
        "passive": {"type": "http"}}}),
    "prometheus": ({"prometheus": {}}, {}),
    "key-auth": ({"key-auth": {}}, {}),
    "limit-count by client": ({"limit-count": {**LIMIT, "key": "remote_addr"}}, {}),
    "limit-count by connection": ({"limit-count": {**LIMIT, "key": "connection"}}, {}),
    "limit-count, sliding": ({"limit-count": {**LIMIT, "key": "remote_addr", "window_type": "sliding"}}, {}),
    "limit-req by client": ({"limit-req": {"rate": 1e6, "burst": 1e6, "key": "remote_addr", "nodelay": True}}, {}),
    "limit-conn by client": ({"limit-conn": {"conn": 1000, "burst": 1000, "default_conn_delay": 0.1,
                                             "key": "remote_addr"}}, {}),
    "api-breaker": ({"api-breaker": {"break_response_code": 502, "unhealthy": {"http_statuses": [500], "failures": 3},
                                     "healthy": {"http_statuses": [200], "successes": 3}}}, {}),
}
API_KEY = "the-key-of-the-client"


def zones_of(master):
    """{name of a zone: a descriptor that reads it}"""
    found = {}
    for entry in os.listdir(f"/proc/{master}/fd"):
        try:
            target = os.readlink(f"/proc/{master}/fd/{entry}")
        except OSError:
            continue
        if match := re.match(r"/memfd:apisix-(\S+) ", target):
            found[match.group(1)] = os.open(f"/proc/{master}/fd/{entry}", os.O_RDONLY)
    return found


def content(descriptor):
    """{offset: bytes} of the pages that exist."""
    end, at, pages = os.fstat(descriptor).st_size, 0, {}
    while at < end:
        try:
            at = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:
            break
        hole = os.lseek(descriptor, at, os.SEEK_HOLE)
        while at < hole:
            pages[at] = os.pread(descriptor, 4096, at)
            at += 4096
    return pages


def changed_lines(zones, serve):
    """{(zone, line)} that differ after serve()."""
    before = {name: content(descriptor) for name, descriptor in zones.items()}
    serve()
    time.sleep(LATE_S)
    changed = set()
    for name, descriptor in zones.items():
        for offset, after in content(descriptor).items():
            old = before[name].get(offset, bytes(4096))
            if old != after:
                changed |= {(name, (offset + at) // LINE_BYTES) for at in range(0, 4096, LINE_BYTES)
                            if old[at:at + LINE_BYTES] != after[at:at + LINE_BYTES]}
    return changed


class KeyedProbe(changes.Probe):
    """A Probe with the consumer's key, so that all routes are asked alike."""

    def ask_many(self, count):
        for _ in range(count):
            self.socket.sendall(f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\napikey: {API_KEY}\r\n\r\n".encode())
            status = gateways.read_response(self.file)[0]
            if status != 200:
                raise RuntimeError(f"{self.path}: {status}")


def path_of(place):
    return "/bytes/" + "0" * (place + 1) + "64"


def configure(server, port):
    server.put("consumers", {"username": "client", "plugins": {"key-auth": {"key": API_KEY}}})
    for place, (plugins, further) in enumerate(ROUTES.values()):
        count = 1000 if "many" in further else 1
        nodes = {f"127.0.{1 + number // 250}.{1 + number % 250}:{port}": 1 for number in range(count)}
        upstream = {"type": "roundrobin", "nodes": nodes, **({"checks": further["checks"]} if "checks" in further else {})}
        server.put(f"routes/sharing-{place}", {"uri": path_of(place), "plugins": plugins, "upstream": upstream})


def lines_of(zones, probes, place, unasked):
    """[lines that each worker changed], without `unasked`, which change by themselves."""
    for probe in probes:
        probe.path = path_of(place)
        probe.ask_many(10)
    time.sleep(LATE_S)
    return [changed_lines(zones, lambda own=probe: own.ask_many(REQUESTS)) - unasked for probe in probes]


def run(chosen, make):
    """The scenario `sharing`, of apisix with two workers."""
    cores = sorted(os.sched_getaffinity(0))
    print(f"\nsharing: cache lines of shared memory that {REQUESTS} requests change in each of two workers")
    print(f"{'route':<28}{'worker 1':>9}{'worker 2':>9}{'both':>6}   zones of the lines that both change", flush=True)
    kept = {}
    with gateways.running(chosen, make, [("apisix", 2)], cores, [chosen.load_cpu]) as (upstream, (server,)):
        configure(server, upstream.ports[0])
        server.asked = "/bytes/64"
        probes = [probe for _, probe in changes.probe_each_worker(server, 2, KeyedProbe)]
        zones = zones_of(server.pid)
        unasked = changed_lines(zones, lambda: time.sleep(QUIET_S))
        for place, name in enumerate(ROUTES):
            first, second = lines_of(zones, probes, place, unasked)
            both = first & second
            kept[name] = {"first": len(first), "second": len(second), "both": sorted(both)}
            places = sorted({zone for zone, _ in both})
            print(f"{name:<28}{len(first):>9}{len(second):>9}{len(both):>6}   {', '.join(places)}", flush=True)
    return kept
