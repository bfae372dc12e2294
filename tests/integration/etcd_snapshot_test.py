"""The last known good configuration on disk: workers that start while etcd is away serve it, say so, and take up what
changed when etcd is back."""
import os
import signal
import time

import pytest

from etcd import Etcd
from gateway import is_alive, wait_until
from link import Link


def route(upstream, uri):
    return {"uri": uri, "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}}


def serves(gateway, path, status=200):
    return all(gateway.request(path).status == status for _ in range(4))


def snapshot_of(gateway):
    return gateway.prefix / "data/etcd-snapshot"


def wait_for_snapshot(gateway, text):
    path = snapshot_of(gateway)
    wait_until(lambda: path.is_file() and text.encode() in path.read_bytes(), f"{text} in the snapshot")


@pytest.fixture
def etcd():
    with Etcd() as one:
        yield one


@pytest.fixture
def prepared(etcd, make_gateway, upstream):
    """A gateway that served /a and is stopped, with its snapshot; its etcd runs."""
    etcd.put("/apisix/routes/", "init_dir")
    etcd.put("/apisix/routes/a", route(upstream, "/a"))
    gateway = make_gateway(config=etcd.config(), workers=2)
    wait_for_snapshot(gateway, "/apisix/routes/a")
    gateway.stop()
    return gateway


def test_the_file_is_private_and_follows_every_change(etcd, make_gateway, upstream):
    gateway = make_gateway(config=etcd.config())
    gateway.put("/routes/a", route(upstream, "/a"))
    wait_for_snapshot(gateway, "/apisix/routes/a")
    about = snapshot_of(gateway).stat()
    assert about.st_mode & 0o7777 == 0o600
    assert (about.st_uid, about.st_gid) == ((gateway.prefix / "data").stat().st_uid, (gateway.prefix / "data").stat().st_gid)
    gateway.put("/routes/b", route(upstream, "/b"))
    wait_for_snapshot(gateway, "/apisix/routes/b")
    gateway.admin("DELETE", "/routes/a")
    wait_until(lambda: b"/apisix/routes/a" not in snapshot_of(gateway).read_bytes(), "the deletion in the snapshot")
    gateway.put("/routes/last", route(upstream, "/last"))
    wait_until(lambda: serves(gateway, "/last"), "the last change")
    pid = gateway.agent_pids()[0]
    gateway.stop()
    wait_until(lambda: not is_alive(pid), "the agent to leave")
    assert b"/apisix/routes/last" in snapshot_of(gateway).read_bytes(), "stopping writes what is not written yet"


def test_start_without_etcd(etcd, prepared, upstream):
    etcd.kill()
    prepared.start()
    assert serves(prepared, "/a")
    assert "degraded: etcd is away, serving the last known good configuration" in prepared.log()
    assert prepared.admin("PUT", "/routes/x", route(upstream, "/x")).status == 503
    etcd.start()
    etcd.put("/apisix/routes/b", route(upstream, "/b"))
    etcd.delete("/apisix/routes/a")
    wait_until(lambda: serves(prepared, "/b") and serves(prepared, "/a", 404), "what changed in etcd")
    prepared.put("/routes/c", route(upstream, "/c"))
    wait_until(lambda: serves(prepared, "/c"), "changes go on")
    wait_for_snapshot(prepared, "/apisix/routes/c")


def test_start_with_an_etcd_that_hangs(etcd, make_gateway, upstream):
    etcd.put("/apisix/routes/a", route(upstream, "/a"))
    with Link(etcd.members[0].port) as link:
        gateway = make_gateway(config=etcd.config(host=[f"http://127.0.0.1:{link.port}"], timeout=30))
        wait_for_snapshot(gateway, "/apisix/routes/a")
        gateway.stop()
        link.hangs = True
        began = time.monotonic()
        gateway.start()
        assert time.monotonic() - began < 10, "half a second on a quiet machine; a call may take 30"
        assert serves(gateway, "/a")
        link.hangs = False
        etcd.put("/apisix/routes/b", route(upstream, "/b"))
        wait_until(lambda: serves(gateway, "/b"), "what changed in etcd")


@pytest.mark.expects_damage
def test_workers_that_are_started_again_and_reload(etcd, make_gateway, upstream):
    etcd.put("/apisix/routes/a", route(upstream, "/a"))
    gateway = make_gateway(config=etcd.config(), workers=1)
    wait_for_snapshot(gateway, "/apisix/routes/a")
    etcd.kill()
    gateway.wait_for_log("etcd is away")
    old = gateway.worker_pids()[0]
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: gateway.worker_pids() not in ([], [old]), "another worker")
    wait_until(lambda: serves(gateway, "/a"), "it to serve")
    gateway.reload()
    assert serves(gateway, "/a")


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: data.replace(b"/a", b"/b", 1), lambda data: b""])
def test_a_damaged_snapshot_is_not_served(etcd, prepared, damage):
    etcd.kill()
    path = snapshot_of(prepared)
    path.write_bytes(damage(path.read_bytes()))
    done = prepared.run("start")
    assert done.returncode == 1 and "all etcd nodes are unavailable" in done.stderr
    assert "cannot be used" in prepared.log()


def test_a_snapshot_of_another_etcd_is_not_served(etcd, prepared):
    etcd.kill()
    prepared.write_config({"deployment": {"etcd": {"prefix": "/other", "timeout": 1}}})
    assert prepared.run("start").returncode == 1
    assert "it is of the prefix /apisix, not /other" in prepared.log()
