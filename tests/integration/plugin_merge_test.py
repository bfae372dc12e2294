"""Which entry of a plugin counts, where several objects have one: the highest that names it, also when it turns it off."""
import pytest

from gateway import running_gateway, wait_until

LEVELS = ("service", "plugin_config", "route", "consumer_group", "consumer")


@pytest.fixture(scope="module")
def gate():
    with running_gateway() as gateway:
        yield gateway


def entry(level, is_on):
    """A plugin that tells where it comes from; it stands in the access log's phases, behind what finds the consumer."""
    conf = {"headers": {"set": {"X-From": level}}}
    return {"response-rewrite": conf if is_on else conf | {"_meta": {"disable": True}}}


def put_levels(gate, upstream, name, levels):
    """A route `/name` with all that it refers to; `levels`: which of them have the plugin, and whether it is on."""
    plugins = {level: entry(level, levels[level]) if level in levels else {} for level in LEVELS}
    gate.put(f"/services/{name}", {"upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}},
                                   "plugins": plugins["service"]})
    gate.put(f"/plugin_configs/{name}", {"plugins": plugins["plugin_config"]})
    gate.put(f"/consumer_groups/{name}", {"plugins": plugins["consumer_group"]})
    gate.put(f"/consumers/{name}", {"username": name, "group_id": name,
                                    "plugins": {"key-auth": {"key": name}} | plugins["consumer"]})
    gate.put(f"/routes/{name}", {"uri": f"/{name}", "service_id": name, "plugin_config_id": name,
                                 "plugins": {"key-auth": {}} | plugins["route"]})
    wait_until(lambda: gate.request(f"/{name}", headers={"apikey": name}).status == 200, "the route")


def cases():
    """Every two levels in every combination, and a third one over them."""
    for low, lower in enumerate(LEVELS):
        for high in LEVELS[low + 1:]:
            for is_on in (True, False):
                yield {lower: not is_on, high: is_on}, high if is_on else None
            yield {lower: True, high: True}, high
    yield {"service": True, "plugin_config": False, "route": True}, "route"
    yield {"service": True, "route": False, "consumer_group": True, "consumer": False}, None
    yield {"service": True, "route": False, "consumer": True}, "consumer"


def test_the_highest_entry_counts_also_when_it_is_disabled(gate, upstream):
    for number, (levels, source) in enumerate(cases()):
        name = f"case{number}"
        put_levels(gate, upstream, name, levels)
        seen = gate.request(f"/{name}", headers={"apikey": name}).header("X-From")
        assert seen == source, f"{levels}: {seen}"
        said = gate.admin("POST", "/explain", {"url": f"/{name}", "consumer": name}).json()
        runs = [row["from"] for row in said["plugins"] if row["name"] == "response-rewrite"]
        assert [where.split("/")[1].removesuffix("s") for where in runs] == ([source] if source else []), levels
        left_out = {row["from"].split("/")[1].removesuffix("s") for row in said["plugins_left_out"]}
        assert left_out == set(levels) - {source}, levels


def test_a_limit_of_the_service_that_the_route_turns_off_does_not_count(gate, upstream):
    limit = {"count": 1, "time_window": 3600, "key": "remote_addr"}
    gate.put("/services/limited", {"upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}},
                                   "plugins": {"limit-count": limit}})
    gate.put("/routes/limited", {"uri": "/limited", "service_id": "limited"})
    gate.put("/routes/free", {"uri": "/free", "service_id": "limited",
                              "plugins": {"limit-count": limit | {"_meta": {"disable": True}}}})
    wait_until(lambda: gate.request("/free").status == 200, "the route")
    for _ in range(3):
        response = gate.request("/free")
        assert response.status == 200 and response.header("X-RateLimit-Limit") is None
    assert [gate.request("/limited").status for _ in range(2)] == [200, 503], "nothing was counted"
    # It is no other way round when the entry that is turned off does not even fit the schema.
    gate.put("/routes/free", {"uri": "/free2", "service_id": "limited", "plugins": {"limit-count": {"_meta": {"disable": True}}}})
    wait_until(lambda: gate.request("/free2").status == 200, "the route")


def test_explain_says_what_turned_a_plugin_off(gate, upstream):
    put_levels(gate, upstream, "told", {"service": True, "route": False})
    said = gate.admin("POST", "/explain", {"url": "/told", "consumer": "told"}).json()
    assert {(row["from"], row["why"]) for row in said["plugins_left_out"]} == {
        ("/services/told", "turned off by that of /routes/told"), ("/routes/told", "disabled by _meta.disable")}


def blocker(is_on):
    return {"uri-blocker": {"block_rules": ["blocked"]} | ({} if is_on else {"_meta": {"disable": True}})}


def test_a_consumer_comes_after_the_rewrite_of_the_route(gate, upstream):
    """Who it is is found out by the route's rewrite hooks: they have run when a consumer turns one off. What the consumer
    turns on where the route has turned it off has not run, and does."""
    nodes = {"type": "roundrobin", "nodes": {upstream.node: 1}}
    for name, of_route in (("on", True), ("off", False)):
        gate.put(f"/consumers/{name}", {"username": name, "plugins": {"key-auth": {"key": name}} | blocker(not of_route)})
        gate.put(f"/routes/rewrite-{name}", {"uri": f"/{name}/*", "upstream": nodes,
                                             "plugins": {"key-auth": {}} | blocker(of_route)})
        wait_until(lambda name=name: gate.request(f"/{name}/a", headers={"apikey": name}).status == 200, "the route")
        assert gate.request(f"/{name}/blocked", headers={"apikey": name}).status == 403


def test_a_global_rule_is_no_level_of_the_merge(gate, upstream):
    """It runs beside the route's plugins, whatever these turn off; one that is turned off is not run."""
    put_levels(gate, upstream, "global", {"route": False})
    for is_on in (True, False):
        gate.put("/global_rules/1", {"plugins": entry("rule", is_on)})
        wait_until(lambda is_on=is_on: gate.request("/global", headers={"apikey": "global"}).header("X-From")
                   == ("rule" if is_on else None), "the rule in force")
    # As in APISIX a plugin stands in one rule, whether it is turned off there or not.
    twice = gate.admin("PUT", "/global_rules/2", {"plugins": entry("other", True)})
    assert twice.status == 400 and "already exists in global rule with id '1'" in twice.json()["error_msg"]
    assert gate.admin("DELETE", "/global_rules/1").status == 200


def test_debug_mode_names_only_what_runs(make_gateway, upstream):
    gateway = make_gateway(start=False)
    (gateway.prefix / "conf/debug.yaml").write_text(
        "basic: {enable: true}\nhttp_filter: {enable: false, enable_header_name: X-Debug}\nhook_conf: {enable: false, name: x}\n#END\n")
    gateway.start()
    put_levels(gateway, upstream, "a", {"service": True, "route": False})
    put_levels(gateway, upstream, "b", {"service": True, "route": True})
    ran = {path: gateway.request(path, headers={"apikey": path[1:]}).header("Apisix-Plugins") for path in ("/a", "/b")}
    assert "response-rewrite" not in ran["/a"] and "response-rewrite" in ran["/b"]
