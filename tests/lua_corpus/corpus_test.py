"""Loads every plugin of the corpus, and runs the scenarios."""

import http.client
import json
import re
from contextlib import nullcontext
from dataclasses import dataclass

import pytest
import tables
import yaml

import corpus
from plugins_test import Bench, bench, collector, folder, run_case, Places, wait_for  # noqa: F401: fixtures
from services import Services

SCENARIOS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((corpus.HERE / "scenarios").glob("*.yaml"))}
UNITS = {unit.unit: unit for unit in corpus.units()}
REPOSITORIES = {name: unit.repository for name, unit in UNITS.items()}
CASES = [(REPOSITORIES.get(unit, "snippets"), unit, number, case) for unit, table in SCENARIOS.items()
         for number, case in enumerate(table["cases"])]


@pytest.mark.parametrize("shared_gateway, unit", [(unit.repository, unit) for unit in corpus.units()],
                         ids=[f"{unit.unit}-{unit.name}" for unit in corpus.units()],
                         indirect=["shared_gateway"], scope="module")
def test_plugin_loads(shared_gateway, unit):
    skip_without_library(unit)
    failed = re.search(rf"failed to load plugin \[{re.escape(unit.name)}\] err: (.*?)(\\x0A|$)", shared_gateway.log(),
                       re.MULTILINE)
    assert failed is None, failed.group(1)


def skip_without_library(unit):
    if unit and (library := corpus.missing_library(unit)):
        pytest.skip(f"LUA_CORPUS/lib has no {library}")


@dataclass
class CorpusPlaces(Places):
    """{{redis_host}}, {{redis_port}} and {{snippet}} too."""
    services: Services
    snippet: str  # the text of the function

    def fill(self, value):
        return tables.fill(super().fill(value), self.upstream, redis_host=self.services.redis_address, redis_port=6379,
                           snippet=json.dumps(self.snippet)[1:-1])


@pytest.mark.parametrize("shared_gateway, unit, number, case", CASES, indirect=["shared_gateway"], scope="module",
                         ids=[f"{unit}-{number}-{case['name']}" for _, unit, number, case in CASES])
def test_scenario(bench, upstream, collector, folder, services, unit, number, case):  # noqa: F811
    skip_without_library(UNITS.get(unit))
    table = SCENARIOS[unit]
    snippet = (corpus.folder() / "snippets" / table["snippet"]).read_text() if "snippet" in table else ""
    places = CorpusPlaces(upstream, collector, folder, services, snippet)
    service = places.fill(case.get("service", {}))
    collector.respond = services.http.respond = lambda request: respond(service, request)
    services.http.requests.clear()
    if "redis" in case:
        services.redis.client.flushall()
        for key, value in case["redis"].items():
            services.redis.client.set(key, value)
    logged = len(bench.gateway.log())
    breaks_off = pytest.raises((http.client.HTTPException, ConnectionError)) if case.get("breaks_off") else nullcontext()
    try:
        with breaks_off:
            run_case(bench, places, table, case)  # asserts by itself
    finally:
        print(bench.gateway.log()[logged:])  # shown with a failure
    if "called" in case:
        tables.check_upstream(places.fill(case["called"]), collector.requests + services.http.requests)
    if "redis_after" in case:
        wait_for(lambda: redis_values(services, case["redis_after"]), lambda found: check_equal(found, case["redis_after"]))
    assert bench.gateway.request("/", headers={"Host": "applied.test"}).status, "the worker lives"


def respond(service, request):
    if isinstance(service, list):
        service = next((row for row in service if re.fullmatch(row["path"], request.path)), {"status": 404})
    body = service.get("body", "")
    return service.get("status", 200), service.get("headers", {}), (json.dumps(body) if isinstance(body, dict) else body).encode()


def redis_values(services, keys):
    found = {key: services.redis.client.get(key) for key in keys}
    return {key: value and value.decode() for key, value in found.items()}


def check_equal(found, expected):
    assert found == expected
