"""Runs every behaviour table of plugins/ against a real gateway, one gateway for all of them."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import generate
import tables
from gateway import http_request, running_gateway, wait_until
from upstream import Upstream

APPLIED = "/routes/applied"


class Bench:
    """The gateway, and what was written for the current case."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.serial = 0

    def apply(self):
        """Changes are applied in order: when a later one is in force all are."""
        self.serial += 1
        uri = f"/applied-{self.serial}"
        # Wins over the case's "/*": it is longer.
        self.gateway.put(APPLIED, {"uri": uri, "priority": 1000, "hosts": ["applied.test"],
                                   "upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}})
        wait_until(lambda: self.gateway.request(uri, headers={"Host": "applied.test"}).status == 502, "the case in force")


@dataclass
class Places:
    """What the texts {{node}}, {{port}}, {{collector}} and {{folder}} of a table stand for."""
    upstream: Upstream
    collector: Upstream
    folder: Path

    def fill(self, value):
        return tables.fill(value, self.upstream, collector=self.collector.node, folder=self.folder)

    def logged(self):
        """The lines of {{folder}}/entries.log."""
        path = self.folder / "entries.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="module")
def bench(shared_gateway):
    return Bench(shared_gateway)


@pytest.fixture
def collector():
    """Where loggers of a table send to."""
    server = Upstream(lambda request: (200, {}, b""))
    yield server
    server.close()


@pytest.fixture
def folder():
    """Where loggers of a table write to; workers run as another user."""
    with tempfile.TemporaryDirectory(prefix="apisix-table-") as made:
        Path(made).chmod(0o777)
        yield Path(made)


@pytest.mark.parametrize("stem, number, case", tables.cases(),
                         ids=[f"{stem}-{number}-{case['name']}" for stem, number, case in tables.cases()])
def test_table(bench, upstream, collector, folder, stem, number, case):
    table = tables.tables()[stem]
    places = Places(upstream, collector, folder)
    if "gateway" not in case:
        run_case(bench, places, table, case)
        return
    with running_gateway(config=case["gateway"]) as own:
        run_case(Bench(own), places, table, case)


def run_case(bench, places, table, case):
    objects = places.fill(table.get("objects", []) + case.get("objects", []))
    route = places.fill(tables.route_of(table, case, places.upstream))
    if "invalid" in case:
        response = bench.gateway.admin("PUT", tables.ROUTE, route)
        assert response.status == 400, response.text
        assert case["invalid"] in response.json()["error_msg"]
        return
    for path, value in objects:
        bench.gateway.put(path, value)
    bench.gateway.put(tables.ROUTE, route)
    bench.apply()
    try:
        for step in case.get("requests", [case]):
            run_step(bench, places, places.fill(step))
    finally:
        for path, _ in [[tables.ROUTE, None]] + objects[::-1]:
            bench.gateway.admin("DELETE", path)


def send(gateway, request):
    ports = {"proxy": gateway.port, "control": gateway.control_port, "metrics": gateway.metrics_port}
    return http_request(ports[request.get("to", "proxy")], request.get("method", "GET"), request.get("path", "/"),
                        headers=request.get("headers"), body=request.get("body"))


def run_step(bench, places, step):
    request = dict(step.get("request", step))
    expect = step["expect"]
    upstream = places.upstream
    upstream.requests.clear()
    upstream.respond = tables.response_of(step)
    response = send(bench.gateway, request)
    if "lines" in expect:  # metrics: what a request counts is counted behind its response
        response = wait_for(lambda: send(bench.gateway, request), lambda found: tables.check_response(expect, found))
    tables.check_response(expect, response)
    if "upstream" in expect:
        tables.check_upstream(expect["upstream"], upstream.requests)
    if "log" in expect:
        wait_for(places.logged, lambda found: tables.check_entries(expect["log"], found, "log"))
    if "batches" in expect:
        wait_for(lambda: list(places.collector.requests), lambda found: tables.check_batches(expect["batches"], found))


def wait_for(look, check):
    """Looks until `check` finds no fault, and returns what was seen; in the end the fault itself is raised."""
    fault = None

    def is_right():
        nonlocal fault
        found = look()
        try:
            check(found)
        except AssertionError as failed:
            fault = failed
            return None
        return [found]

    try:
        return wait_until(is_right, "what the table expects")[0]
    except AssertionError as waited:
        raise (fault or waited) from None


def test_the_list_of_plugins_is_up_to_date():
    assert generate.PAGE.read_text() == generate.page(), "run: python3 tests/compat/generate.py"
