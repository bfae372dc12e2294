"""The embedded store's file, damaged before a start, or deleted, replaced and cut short under a running gateway."""

import os
import signal

import pytest

from gateway import is_alive, wait_until


def serve_with(gateway, upstream):
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    wait_until(lambda: all(gateway.request("/").status == 200 for _ in range(8)), "every worker to know the route")


def store_of(gateway):
    return gateway.prefix / "data/store.mdb"


def test_a_damaged_store_refuses_the_start(gateway, upstream):
    serve_with(gateway, upstream)
    gateway.stop()
    store = store_of(gateway)
    whole = store.read_bytes()
    damaged = {
        "empty": b"",
        "cut short": whole[:len(whole) // 2],
        "noise": bytes(i * 7 % 256 for i in range(len(whole))),
        "second meta page": whole[:4096] + bytes(4096) + whole[8192:],
        "all but the meta pages": whole[:8192] + bytes(len(whole) - 8192),
    }
    for name, data in damaged.items():
        store.write_bytes(data)
        refused = gateway.run("start", timeout_s=10)
        assert refused.returncode == 1, name
        assert f"{store}: the store is damaged: " in refused.stderr, (name, refused.stderr)
        assert "put a backup of the file in its place" in refused.stderr, name
    store.write_bytes(whole)
    gateway.start()
    assert gateway.request("/").status == 200


@pytest.mark.expects_damage
@pytest.mark.gateway(workers=2)
def test_a_deleted_store_is_noticed_and_never_made_anew(gateway, upstream):
    serve_with(gateway, upstream)
    store = store_of(gateway)
    kept = store.with_suffix(".kept")
    store.rename(kept)
    gateway.wait_for_log("the file was deleted while it was open")
    refused = gateway.admin("PUT", "/routes/2", {"uri": "/2", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    assert refused.status == 503 and "deleted while it was open" in refused.text
    victim = gateway.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not is_alive(victim), "its death")
    gateway.wait_for_log("the file was deleted while the gateway runs")
    assert not store.exists(), "no empty store is created"
    assert [gateway.request("/").status for _ in range(20)] == [200] * 20
    reload = gateway.run("reload")
    assert reload.returncode == 1 and "the file was deleted while the gateway runs" in reload.stderr
    kept.rename(store)
    wait_until(lambda: len(gateway.worker_pids()) == 2, "the worker to be back")
    gateway.wait_for_log("the file is back")
    serve_with(gateway, upstream)


@pytest.mark.gateway(workers=2)
def test_a_replaced_store_counts_from_a_reload_on(gateway, upstream):
    serve_with(gateway, upstream)
    store = store_of(gateway)
    backup = store.with_suffix(".backup")
    backup.write_bytes(store.read_bytes())
    os.chown(backup, store.stat().st_uid, store.stat().st_gid)
    gateway.put("/routes/2", {"uri": "/later", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    backup.replace(store)
    gateway.wait_for_log("the file was replaced while it was open")
    refused = gateway.admin("DELETE", "/routes/1")
    assert refused.status == 503 and "replaced while it was open" in refused.text
    gateway.reload()
    wait_until(lambda: gateway.admin("GET", "/routes/2").status == 404, "the backup to count")
    serve_with(gateway, upstream)


@pytest.mark.gateway(workers=2)
def test_a_store_that_is_cut_short_kills_no_worker(gateway, upstream):
    serve_with(gateway, upstream)
    before = gateway.worker_pids()
    os.truncate(store_of(gateway), 4096)
    gateway.wait_for_log("the file was cut short while it was open")
    refused = gateway.admin("DELETE", "/routes/1")
    assert refused.status == 503 and "cut short" in refused.text
    assert [gateway.request("/").status for _ in range(20)] == [200] * 20
    assert gateway.worker_pids() == before
