"""Mixed hostile requests through every plugin: no worker dies, other clients are served, memory comes back, and what the
gateway writes stays readable. HOSTILE_REQUESTS and HOSTILE_SEED choose how many and which."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "compat"))

import tables  # noqa: E402
from gateway import BINARY, wait_until  # noqa: E402
from hostile import Flood, Generator  # noqa: E402
from raw import respond_ok  # noqa: E402

MIB = 1 << 20
REQUESTS = int(os.environ.get("HOSTILE_REQUESTS", "6000"))
SEED = int(os.environ.get("HOSTILE_SEED", "1"))
SANITIZED = b"__asan_init" in BINARY.read_bytes()
P99_MS_MAX = 1000 if SANITIZED else 50
CASES_PER_PLUGIN = 6

GATEWAY = {"env": {"ASAN_OPTIONS": "quarantine_size_mb=1:malloc_context_size=0"},
           "config": {"nginx_config": {"http": {"client_body_timeout": "2s", "client_header_timeout": "2s"}}}}


class TableUpstream:
    """What tables.fill() asks of an upstream."""

    def __init__(self, server):
        self.node, self.port = server.node, server.port


def put_routes(gateway, upstream):
    """A route for each of the first cases of every table. Returns (path of the route, request) pairs."""
    bases, reached = [], 0
    for stem, table in tables.tables().items():
        taken = 0
        for number, case in enumerate(table["cases"]):
            if "invalid" in case or taken == CASES_PER_PLUGIN:
                continue
            for path, value in tables.fill(table.get("objects", []) + case.get("objects", []), upstream):
                if path.startswith(("/consumer", "/plugin_metadata")):
                    gateway.admin("PUT", path, value)
            route = tables.fill(tables.route_of(table, case, upstream), upstream)
            path = f"/{stem}-{number}"
            response = gateway.admin("PUT", f"/routes/{stem}-{number}", {
                "uri": f"{path}*", "plugins": route.get("plugins", {}), "upstream": route.get("upstream")})
            if response.status not in (200, 201):
                continue
            taken += 1
            bases += [(path, step.get("request", step)) for step in tables.fill(case.get("requests", [case]), upstream)]
        reached += taken > 0
    assert reached >= 30, "most plugins are not in the flood"
    return bases


@pytest.fixture
def readable_log(proxy, tmp_path):
    path = tmp_path / "entries.log"
    tmp_path.chmod(0o777)
    for folder in list(tmp_path.parents)[:3]:
        folder.chmod(0o755)
    proxy.gateway.put("/global_rules/log", {"plugins": {"file-logger": {"path": str(path), "include_req_body": True}}})
    return path


@pytest.mark.serial
def test_hostile_requests_harm_neither_workers_nor_other_clients(proxy, readable_log):
    server = proxy.upstream(respond_ok)
    bases = put_routes(proxy.gateway, TableUpstream(server))
    other = proxy.route(server)
    worker = proxy.worker
    assert proxy.get(other).status == 200
    idle_bytes = proxy.resident_bytes()

    script = Path(__file__).with_name("other_client.py")
    client = subprocess.Popen([sys.executable, script, str(proxy.port), other], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    flood = Flood(proxy.port, Generator(bases, SEED))
    flood.run(REQUESTS)
    seen = json.loads(client.communicate()[0])
    print(f"statuses {flood.statuses}, refused {flood.refused}, the other client {seen}")

    assert proxy.worker == worker, "the worker died"
    assert seen["failures"] == 0 and seen["p99"] < P99_MS_MAX, seen
    assert sum(flood.statuses.values()) > REQUESTS / 3, "the flood did not reach the plugins"
    wait_until(lambda: proxy.resident_bytes() < idle_bytes + 64 * MIB, "the memory to come back", timeout_s=60)
    check_what_is_written(proxy.gateway, readable_log)


def check_what_is_written(gateway, entries):
    """A client's bytes spoil no log entry, scrape or list."""
    for line in entries.read_bytes().decode("utf-8").splitlines():
        json.loads(line)
    for path in ("/v1/routes", "/v1/rejected", "/v1/healthcheck"):
        gateway.control(path).body.decode("utf-8")
    gateway.admin("GET", "/routes").json()
