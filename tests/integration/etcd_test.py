"""The etcd provider when all is well: the Admin API writes what APISIX writes, every worker sees what others write."""
import base64
import http.client
import json
from pathlib import Path

import pytest

from etcd import Etcd
from gateway import wait_until


@pytest.fixture
def etcd():
    with Etcd() as one:
        yield one


@pytest.fixture
def make(etcd, make_gateway):
    return lambda workers=1, **more: make_gateway(config=etcd.config(**more), workers=workers)


def route(upstream, uri):
    return {"uri": uri, "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}}


class Direct:
    """Writes behind the gateway's back on one connection to etcd's JSON gateway: no process is started for each."""

    def __init__(self, etcd):
        self.connection = http.client.HTTPConnection("127.0.0.1", etcd.members[0].port, timeout=30)

    def put(self, key, value):
        self.ask("put", key=key, value=json.dumps(value))

    def delete(self, key):
        self.ask("deleterange", key=key)

    def ask(self, call, **texts):
        body = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
        self.connection.request("POST", f"/v3/kv/{call}", json.dumps(body))
        response = self.connection.getresponse()
        assert response.status == 200, response.read()
        response.read()


def serves(gateway, path):
    return gateway.request(path).status == 200


def test_admin_api_writes_apisix_keys_and_values(etcd, make, upstream):
    gateway = make()
    gateway.put("/routes/1", route(upstream, "/a"))
    gateway.put("/upstreams/u", {"type": "roundrobin", "nodes": {upstream.node: 1}})
    wait_until(lambda: serves(gateway, "/a"), "the route to be served")
    stored = etcd.items()
    assert set(stored) == {"/apisix/routes/1", "/apisix/upstreams/u"}
    value = json.loads(stored["/apisix/routes/1"])
    assert value["id"] == "1" and value["uri"] == "/a" and value["create_time"] <= value["update_time"]

    listed = gateway.admin("GET", "/routes").json()
    assert listed["total"] == 1 and listed["list"][0]["modifiedIndex"] == 2
    assert gateway.admin("PATCH", "/routes/1", {"desc": "d"}).status == 200
    assert json.loads(etcd.items()["/apisix/routes/1"])["desc"] == "d"
    posted = gateway.admin("POST", "/routes", route(upstream, "/b")).json()["value"]["id"]
    assert len(posted) == 20 and f"/apisix/routes/{posted}" in etcd.items()
    assert gateway.admin("DELETE", "/routes/1").status == 200
    wait_until(lambda: gateway.request("/a").status == 404, "the route to be gone")
    assert "/apisix/routes/1" not in etcd.items()


def test_what_others_wrote_is_served(etcd, make, upstream):
    """An etcd that APISIX used: its placeholders of folders, and objects of kinds that say nothing to requests."""
    for folder in ("routes", "upstreams", "services", "ssls", "consumers", "global_rules", "plugin_metadata"):
        etcd.put(f"/apisix/{folder}/", "init_dir")
    etcd.put("/apisix/protos/", "{}")
    etcd.put("/apisix/routes/7", route(upstream, "/before"))
    etcd.put("/other/routes/8", route(upstream, "/other"))
    gateway = make(workers=2)
    assert serves(gateway, "/before")
    assert gateway.request("/other").status == 404
    assert gateway.admin("GET", "/routes").json()["total"] == 1
    assert gateway.admin("GET", "/services").json() == {"list": [], "total": 0}
    etcd.put("/apisix/routes/9", route(upstream, "/after"))
    wait_until(lambda: serves(gateway, "/after"), "a route that another client wrote")
    etcd.delete("/apisix/routes/7")
    wait_until(lambda: gateway.request("/before").status == 404, "a route that another client deleted")
    assert "rejected" not in gateway.log()


def test_a_prefix_of_ones_own(etcd, make, upstream):
    gateway = make(prefix="/edge/one")
    gateway.put("/routes/1", route(upstream, "/a"))
    wait_until(lambda: serves(gateway, "/a"), "the route to be served")
    assert list(etcd.items("/edge/one/")) == ["/edge/one/routes/1"]
    # Beside it, outside the prefix of objects, the history of changes.
    assert {key.split("/")[2] for key in etcd.items("/")} == {"one", "one-history"}


def test_ttl_ends_an_object(etcd, make, upstream):
    gateway = make()
    response = gateway.admin("PUT", "/routes/1?ttl=3", route(upstream, "/a"))
    assert response.status == 201
    wait_until(lambda: serves(gateway, "/a"), "the route to be served")
    wait_until(lambda: gateway.request("/a").status == 404, "the lease to end")
    assert etcd.items() == {}


def test_references_are_checked_in_what_was_just_written(etcd, make, upstream):
    gateway = make(workers=2)
    for i in range(5):
        gateway.put(f"/upstreams/{i}", {"type": "roundrobin", "nodes": {upstream.node: 1}})
        gateway.put(f"/routes/{i}", {"uri": f"/{i}", "upstream_id": str(i)})
        etcd.put("/elsewhere", str(i))  # the store's revision grows by keys that are not watched
        refused = gateway.admin("DELETE", f"/upstreams/{i}")
        assert refused.status == 400 and "is still using it now" in refused.json()["error_msg"]


def test_a_write_does_not_believe_a_copy_that_is_behind(etcd, make, upstream):
    """A PUT takes what this worker knows for granted and lets etcd decide: a faster write is seen."""
    gateway = make(workers=2)
    value = {"id": "u", "type": "roundrobin", "nodes": {upstream.node: 1}, "update_time": 1}
    direct = Direct(etcd)  # fast enough to be ahead of the watch
    for i in range(60):
        direct.put("/apisix/upstreams/u", {**value, "create_time": i})
        response = gateway.admin("PUT", "/upstreams/u", {"type": "roundrobin", "nodes": {upstream.node: 1}})
        assert (response.status, response.json()["value"]["create_time"]) == (200, i)
        assert gateway.admin("PUT", "/routes/1", {"uri": "/a", "upstream_id": "u"}).status in (200, 201)
        direct.delete("/apisix/upstreams/u")
        refused = gateway.admin("PUT", "/routes/1", {"uri": "/b", "upstream_id": "u"})
        assert (refused.status, refused.json()["error_msg"]) == (
            400, "failed to fetch upstream info by upstream id [u], response code: 404")
        assert json.loads(etcd.items()["/apisix/routes/1"])["uri"] == "/a"
        direct.delete("/apisix/routes/1")
        assert gateway.admin("PUT", "/routes/1", route(upstream, "/a")).status == 201


def test_what_is_below_a_service_that_was_refused_stays(etcd, make, upstream):
    """This gateway does not take the service that APISIX stored, but it is there, and all that is below it."""
    direct = Direct(etcd)
    gateway = make()
    direct.put("/apisix/services/s", {"id": "s", "plugins": {"limit-count": {"count": "x"}}, "create_time": 7})
    for i in range(70):
        direct.put(f"/apisix/services/s/graphql_cost_decorations/{i}", {"id": str(i), "service_id": "s"})
    gateway.wait_for_log("rejected /apisix/services/s")
    response = gateway.admin("PUT", "/services/s", {"upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    assert (response.status, response.json()["value"]["create_time"]) == (200, 7)
    assert len(etcd.items()) == 71


def test_commands_read_etcd(etcd, make, upstream):
    gateway = make()
    gateway.put("/upstreams/u", {"type": "roundrobin", "nodes": {upstream.node: 1}})
    etcd.put("/apisix/upstreams/", "{}")
    table = gateway.run("upstreams")
    assert table.returncode == 0, table.stderr
    assert [line.split()[0] for line in table.stdout.splitlines()] == ["ID", "u"]
    etcd.kill()
    gateway.write_config({"deployment": {"etcd": {"timeout": 1}}})
    failed = gateway.run("upstreams")
    assert failed.returncode == 1 and etcd.urls[0] in failed.stderr


def test_one_stream_and_one_connection_per_process(etcd, make, upstream):
    gateway = make(workers=3)
    gateway.put("/routes/1", route(upstream, "/a"))
    wait_until(lambda: serves(gateway, "/a"), "the route to be served")
    for pid in gateway.worker_pids():
        assert connections(pid, etcd.members[0].port) == 1
    watchers = len(gateway.worker_pids()) + sum(connections(pid, etcd.members[0].port) for pid in gateway.agent_pids())
    wait_until(lambda: etcd.metric("etcd_debugging_mvcc_watcher_total") == watchers, f"{watchers} watchers")
    wait_until(lambda: etcd.metric("etcd_debugging_mvcc_watch_stream_total") == watchers, f"{watchers} streams")
    assert connections(gateway.pid, etcd.members[0].port) == 0


def connections(pid, port):
    """Established TCP connections of a process to that port."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[2].rsplit(":", 1)[1], 16) == port and fields[3] == "01":
                inodes.add(f"socket:[{fields[9]}]")
    links = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.add(str(fd.readlink()))
        except OSError:
            pass
    return len(inodes & links)
