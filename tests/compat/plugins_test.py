"""Runs every behaviour table of plugins/ against a real gateway, one gateway for all of them."""

import pytest

import generate
import tables
from gateway import wait_until

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


@pytest.fixture(scope="module")
def bench(shared_gateway):
    return Bench(shared_gateway)


@pytest.mark.parametrize("stem, number, case", tables.cases(),
                         ids=[f"{stem}-{number}-{case['name']}" for stem, number, case in tables.cases()])
def test_table(bench, upstream, stem, number, case):
    table = tables.tables()[stem]
    objects = tables.fill(table.get("objects", []) + case.get("objects", []), upstream)
    route = tables.fill(tables.route_of(table, case, upstream), upstream)
    if "invalid" in case:
        answer = bench.gateway.admin("PUT", tables.ROUTE, route)
        assert answer.status == 400, answer.text
        assert case["invalid"] in answer.json()["error_msg"]
        return
    for path, value in objects:
        bench.gateway.put(path, value)
    bench.gateway.put(tables.ROUTE, route)
    bench.apply()
    try:
        for step in case.get("requests", [case]):
            run_step(bench, upstream, tables.fill(step, upstream))
    finally:
        for path, _ in [[tables.ROUTE, None]] + objects[::-1]:
            bench.gateway.admin("DELETE", path)


def run_step(bench, upstream, step):
    request = dict(step.get("request", step))
    expect = step["expect"]
    upstream.requests.clear()
    upstream.answer = tables.answer_of(step)
    response = bench.gateway.request(request.get("path", "/"), request.get("method", "GET"),
                                     headers=request.get("headers"), body=request.get("body"))
    tables.check_response(expect, response)
    if "upstream" in expect:
        tables.check_upstream(expect["upstream"], upstream.requests)


def test_the_list_of_plugins_is_up_to_date():
    assert generate.PAGE.read_text() == generate.page(), "run: python3 tests/compat/generate.py"
