"""Health checks as they are shown: Control API, metrics, error.log."""
import re

import pytest

import standalone
from gateway import http_request, wait_until
from ports import free_port

# The first probe comes soon whatever the interval: its status, 418, is in neither list of the active check.
NEUTRAL = {"active": {"http_path": "/probe", "healthy": {"interval": 999}, "unhealthy": {"interval": 999}}}


def counters(**more):
    return {"success": 0, "http_failure": 0, "tcp_failure": 0, "timeout_failure": 0} | more


def shown(host, port, status, **counts):
    return {"ip": host, "hostname": host, "port": port, "status": status, "counter": counters(**counts)}


def health(gateway, path=""):
    return gateway.control("/v1/healthcheck" + path)


def upstream_status(gateway):
    text = http_request(gateway.metrics_port, path="/apisix/prometheus/metrics").text
    return dict(re.findall(r"apisix_upstream_status\{(.*)\} (\d)", text))


def test_active_checks(gateway, upstream):
    dead = free_port()
    gateway.put("/upstreams/1", {
        "type": "roundrobin", "nodes": {upstream.node: 1, f"127.0.0.2:{dead}": 0},
        "checks": {"active": {"http_path": "/ping", "healthy": {"interval": 1, "successes": 1},
                              "unhealthy": {"interval": 1, "tcp_failures": 2}}}})
    gateway.put("/routes/1", {"uri": "/*", "upstream_id": "1"})
    checker = {"name": "/apisix/upstreams/1", "type": "http", "nodes": {}}
    wait_until(lambda: health(gateway).json() == [checker], "a checker without nodes: the upstream was not used yet")
    wait_until(lambda: gateway.request("/x").status == 200, "the route in force")

    wanted = [shown("127.0.0.1", upstream.port, "healthy"), shown("127.0.0.2", dead, "unhealthy", tcp_failure=2)]
    wait_until(lambda: health(gateway).json()[0]["nodes"] == wanted, "the dead node found out")
    assert health(gateway, "/upstreams/1").json() == checker | {"nodes": wanted}
    gateway.wait_for_log(f"unhealthy TCP increment (2/2) for '127.0.0.2(127.0.0.2:{dead})'")

    page = http_request(gateway.control_port, path="/v1/healthcheck", headers={"Accept": "text/html, */*"})
    assert page.header("Content-Type").startswith("text/html")
    cells = re.findall(r"<td>(.*?)</td>", page.text)
    assert cells[:5] == ["1", "/apisix/upstreams/1", "http", upstream.node, "healthy"]
    assert cells[9:14] == ["2", "/apisix/upstreams/1", "http", f"127.0.0.2:{dead}", "unhealthy"]
    assert page.text.count("#FF0000") == 1

    assert upstream_status(gateway) == {
        f'name="/apisix/upstreams/1",ip="127.0.0.1",port="{upstream.port}"': "1",
        f'name="/apisix/upstreams/1",ip="127.0.0.2",port="{dead}"': "0"}

    gateway.admin("DELETE", "/routes/1")
    gateway.admin("DELETE", "/upstreams/1")
    wait_until(lambda: health(gateway).text == "{}\n" and upstream_status(gateway) == {}, "the checker gone")


def test_passive_checks_and_names_of_files(make_gateway, upstream):
    statuses = {"/bad": 500, "/probe": 418}
    upstream.respond = lambda request: (statuses.get(request.path, 200), {}, b"")
    passive = {"healthy": {"http_statuses": [200], "successes": 2},
               "unhealthy": {"http_statuses": [500], "http_failures": 3}}
    route = {"id": "1", "uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1},
                                                  "checks": NEUTRAL | {"passive": passive}}}
    gateway = standalone.start(make_gateway, {"routes": [route]})
    gateway.request("/good")
    wait_until(lambda: health(gateway, "/routes/1").json()["nodes"], "the checker")
    for failures in (1, 2):
        assert gateway.request("/bad").status == 500
        node = shown("127.0.0.1", upstream.port, "mostly_healthy", http_failure=failures)
        wait_until(lambda: health(gateway, "/routes/1").json() == {"name": "/routes/1", "type": "http", "nodes": [node]},
                   "a failure counted")
    gateway.request("/bad")
    wait_until(lambda: health(gateway, "/routes/1").json()["nodes"][0]["status"] == "unhealthy", "the third failure")
    gateway.request("/good")
    node = shown("127.0.0.1", upstream.port, "mostly_unhealthy", success=1)
    wait_until(lambda: health(gateway, "/routes/1").json()["nodes"] == [node], "a success counted")
    assert upstream_status(gateway) == {f'name="/routes/1",ip="127.0.0.1",port="{upstream.port}"': "0"}
    gateway.request("/good")
    wait_until(lambda: health(gateway, "/routes/1").json()["nodes"][0]["status"] == "healthy", "the second success")


def test_what_has_no_checker(gateway, upstream):
    gateway.put("/services/1", {"upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    wait_until(lambda: gateway.control("/v1/service/1").status == 200, "the service in force")
    for path, status, text in [("/services/1", 404, "no checker for services[1]"),
                               ("/routes/1", 404, "routes[1] not found"),
                               ("/stream_routes/1", 404, "stream_routes[1] not found"),
                               ("/route/1", 400, "invalid src type route"),
                               ("/routes", 404, "missing src id for src type routes")]:
        response = health(gateway, path)
        assert (response.status, response.json()) == (status, {"error_msg": text})
    assert health(gateway).text == "{}\n"


def test_how_far_the_configuration_is(gateway, upstream):
    revision = 0
    for name in ("1", "2"):
        gateway.put(f"/upstreams/{name}", {"type": "roundrobin", "nodes": {upstream.node: 1}})
        revision = gateway.admin("GET", f"/upstreams/{name}").json()["modifiedIndex"]

    def indexes():
        text = http_request(gateway.metrics_port, path="/apisix/prometheus/metrics").text
        return {key: int(number) for key, number in re.findall(r'apisix_etcd_modify_indexes\{key="(\w+)"\} (\d+)', text)}

    wait_until(lambda: indexes().get("upstreams") == revision, "the last write counted")
    assert indexes()["max_modify_index"] == indexes()["x_etcd_index"] == revision
    assert indexes()["routes"] == 0
    text = http_request(gateway.metrics_port, path="/apisix/prometheus/metrics").text
    assert "apisix_etcd_reachable 1" in text


@pytest.mark.gateway(config={"apisix": {"disable_upstream_healthcheck": True}})
def test_turned_off(gateway, upstream):
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": {upstream.node: 1},
                                 "checks": {"active": {"healthy": {}, "unhealthy": {}}}})
    gateway.put("/routes/1", {"uri": "/*", "upstream_id": "1"})
    wait_until(lambda: gateway.request("/x").status == 200, "the route in force")
    assert health(gateway, "/upstreams/1").json()["nodes"] == {}
