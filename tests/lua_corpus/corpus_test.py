"""Loads every plugin of the corpus, and runs the scenarios."""

import re

import pytest
import yaml

import corpus
from plugins_test import Bench, bench, collector, folder, run_case, Places  # noqa: F401: fixtures

SCENARIOS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((corpus.HERE / "scenarios").glob("*.yaml"))}
CASES = [(unit, case) for unit, table in SCENARIOS.items() for case in table["cases"]]


@pytest.mark.parametrize("unit, name", [(unit, name) for unit, name, _ in corpus.units()],
                         ids=[f"{unit}-{name}" for unit, name, _ in corpus.units()])
def test_plugin_loads(shared_gateway, unit, name):
    log = shared_gateway.log()
    failed = re.search(rf"failed to load plugin \[{re.escape(name)}\] err: (.*)", log)
    assert failed is None, failed.group(1)


@pytest.mark.parametrize("unit, case", CASES, ids=[f"{unit}-{case['name']}" for unit, case in CASES])
def test_scenario(bench, upstream, collector, folder, unit, case):  # noqa: F811
    places = Places(upstream, collector, folder)
    run_case(bench, places, SCENARIOS[unit], case)  # asserts by itself
    assert bench.gateway.request("/", headers={"Host": "applied.test"}).status, "the worker lives"
