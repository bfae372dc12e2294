"""Behaviour tables: files of plugins/, read and run. See README.md for their form."""

import json
import re
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "plugins"
ROUTE = "/routes/compat"


def tables():
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}


def cases():
    """(table, case) of all tables, each case with a number: names may repeat."""
    return [(stem, number, case) for stem, table in tables().items() for number, case in enumerate(table["cases"])]


def route_of(table, case, upstream):
    plugins = case.get("plugins", {})
    if "conf" in case:
        plugins = plugins | {table["plugin"]: case["conf"]}
    route = {"uri": "/*", "plugins": plugins, "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}}
    route |= case.get("route", {})
    return {name: value for name, value in route.items() if value is not None}


def fill(value, upstream):
    """{{node}} and {{port}} in a table are the test's upstream; "{{port}}" alone is a number."""
    text = json.dumps(value).replace('"{{port}}"', str(upstream.port)).replace("{{node}}", upstream.node).replace("{{port}}", str(upstream.port))
    return json.loads(text)


def answer_of(step):
    """What the upstream answers; without `answer`, what it received."""
    if "answer" not in step:
        from upstream import echo  # generate.py reads tables without it
        return echo
    answer = step["answer"]
    body = answer.get("body", "").encode()
    return lambda request: (answer.get("status", 200), answer.get("headers", {}), body)


def matches(expected, found):
    if expected is None or found is None:
        return expected is found
    expected = str(expected)
    if len(expected) > 1 and expected.startswith("/") and expected.endswith("/"):
        return re.search(expected[1:-1], found) is not None
    return expected == found


def check_headers(expected, header, where):
    for name, value in expected.items():
        found = header(name)
        assert matches(value, found), f"{where}: {name} is {found!r}, not {value!r}"


def check_response(expect, response):
    text = response.body.decode(errors="replace")
    if "status" in expect:
        assert response.status == expect["status"], f"status {response.status}: {text[:500]}"
    if "body" in expect:
        assert text == expect["body"]
    wanted = expect.get("body_has", [])
    for part in [wanted] if isinstance(wanted, str) else wanted:
        assert part in text, f"{part!r} is not in {text[:2000]!r}"
    if "body_matches" in expect:
        assert re.search(expect["body_matches"], text), text[:2000]
    if "json" in expect:
        assert json.loads(text) == expect["json"]
    check_headers(expect.get("headers", {}), response.header, "response")


def check_upstream(expected, requests):
    if expected is False:
        assert not requests, "the upstream was asked"
        return
    assert requests, "the upstream was not asked"
    last = requests[-1]
    for name in ("path", "method"):
        if name in expected:
            assert matches(expected[name], getattr(last, name)), f"upstream: {name} is {getattr(last, name)!r}"
    if "body" in expected:
        assert last.body.decode() == expected["body"]
    check_headers(expected.get("headers", {}), last.header, "upstream")
