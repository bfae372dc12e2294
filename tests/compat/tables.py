"""Behaviour tables: files of plugins/, read and run. See README.md for their form."""

import functools
import json
import re
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "plugins"
ROUTE = "/routes/compat"


@functools.cache
def tables():
    """{stem: table}; read once, as reading takes a second. Who fills in a case makes a copy."""
    return {path.stem: yaml.load(path.read_text(), Loader=yaml.CSafeLoader) for path in sorted(FOLDER.glob("*.yaml"))}


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


def fill(value, upstream, **more):
    """{{node}} and {{port}} in a table are the test's upstream; "{{port}}" alone is a number. `more` has other ones."""
    text = json.dumps(value)
    for name, found in {"node": upstream.node, "port": upstream.port, **more}.items():
        if isinstance(found, int):
            text = text.replace('"{{' + name + '}}"', str(found))
        text = text.replace("{{" + name + "}}", str(found))
    return json.loads(text)


def response_of(step):
    """The response of the upstream; without `answer`, what it received."""
    if "answer" not in step:
        from upstream import echo  # generate.py reads tables without it
        return echo
    response = step["answer"]
    body = response.get("body", "").encode()
    return lambda request: (response.get("status", 200), response.get("headers", {}), body)


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


def difference(got, wanted, at="$"):
    """What is missing in `got` of `wanted`; "" when nothing is."""
    if isinstance(wanted, str) and wanted.startswith("=~ "):
        return "" if isinstance(got, str) and re.search(wanted[3:], got) else f"{at}: {got!r} is not {wanted}"
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key, member in wanted.items():
            if key not in got:
                return f"{at}.{key} is missing"
            if found := difference(got[key], member, f"{at}.{key}"):
                return found
        return ""
    if isinstance(wanted, list) and isinstance(got, list):
        if len(wanted) != len(got):
            return f"{at} has {len(got)} elements instead of {len(wanted)}"
        return next(filter(None, (difference(a, b, f"{at}[{i}]") for i, (a, b) in enumerate(zip(got, wanted)))), "")
    return "" if got == wanted and type(got) is type(wanted) else f"{at} is {got!r} instead of {wanted!r}"


def has_member(value, path):
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return True


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
    for line in expect.get("lines", []):
        assert any(matches(line, found) for found in text.splitlines()), f"no line {line} in {text[:2000]}"
    if "json" in expect:
        assert json.loads(text) == expect["json"]
    if "has" in expect:
        assert difference(json.loads(text), expect["has"]) == ""
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


def entry_fault(found, expected):
    """What an entry of a log has wrong; `lacks` lists members that it must not have."""
    expected = dict(expected)
    lacks = expected.pop("lacks", [])
    return difference(found, expected) or next((f"{path} is there" for path in lacks if has_member(found, path)), "")


def check_entries(expected, found, where):
    assert len(found) == len(expected), f"{where}: {len(found)} entries instead of {len(expected)}: {found}"
    for number, (entry, wanted) in enumerate(zip(found, expected)):
        assert entry_fault(entry, wanted) == "", f"{where}, entry {number}: {json.dumps(entry)}"


def check_batches(expected, requests):
    """What a collector received: the path and header fields of each request, and the entries in its body."""
    assert len(requests) == len(expected), f"{len(requests)} batches instead of {len(expected)}"
    for request, wanted in zip(requests, expected):
        assert request.path == wanted.get("path", request.path)
        check_headers(wanted.get("headers", {}), request.header, "batch")
        body = json.loads(request.body)
        check_entries(wanted["entries"], body if isinstance(body, list) else [body], "batch")
        assert isinstance(body, list) == wanted.get("is_list", isinstance(body, list))
