"""A gateway that the tests of one file share, with routes made on the way. A file sets GATEWAY = {...} for its
configuration. Used through the fixture `proxy`."""

import itertools
from pathlib import Path

from gateway import Gateway
from raw import Client, RawUpstream, respond_ok


class Proxy:
    def __init__(self, **options):
        self.gateway = Gateway(**options)
        self.gateway.start()
        self.port = self.gateway.port
        self._ids = itertools.count(1)
        self._upstreams = []

    def upstream(self, serve=respond_ok, **more):
        self._upstreams.append(RawUpstream(serve, **more))
        return self._upstreams[-1]

    def route(self, *upstreams, upstream=None, **route):
        """A route to these upstreams in force; returns the path it begins with. `upstream` and further arguments
        are added to the objects."""
        number = next(self._ids)
        nodes = [{"host": "127.0.0.1", "port": getattr(u, "port", u), "weight": 1} for u in upstreams]
        body = {"uri": f"/r{number}*", "upstream": {"type": "roundrobin", "nodes": nodes} | (upstream or {})} | route
        self.gateway.put(f"/routes/{number}", body)
        self.apply()
        return f"/r{number}"

    def apply(self):
        """Waits until what was written so far is in force in every worker: changes are applied in order, so that a
        later one tells."""
        self.gateway.put_everywhere("/routes/applied", {"uri": f"/applied-{next(self._ids)}", "upstream": {
            "type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}})

    def client(self, **more):
        return Client(self.port, **more)

    def get(self, path, headers="", method="GET", version="1.1"):
        """One request on a connection of its own."""
        client = self.client()
        try:
            return client.ask(f"{method} {path} HTTP/{version}\r\nHost: a.test\r\n{headers}\r\n", to=method)
        finally:
            client.close()

    @property
    def worker(self):
        (pid,) = self.gateway.worker_pids()
        return pid

    def resident_bytes(self):
        for line in Path(f"/proc/{self.worker}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def end_test(self):
        failures = [failure for upstream in self._upstreams for failure in upstream.failures]
        for upstream in self._upstreams:
            upstream.close()
        self._upstreams = []
        assert not failures, f"in the upstream: {failures!r}"

    def stop(self):
        self.gateway.finish()
