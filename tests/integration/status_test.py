"""apisix status: of a gateway that is well, one that reloads, one whose worker died, one without its store, and none."""

import json
import os
import signal
import threading

import pytest

from etcd import Etcd
from gateway import PATIENCE_S, wait_until
from raw import Client


def status(gateway, *arguments):
    return gateway.run("status", "-d", "0.05", *arguments)


def document(gateway):
    done = status(gateway, "--json")
    return json.loads(done.stdout) | {"exit": done.returncode}


def workers(found, state=None):
    return [process for process in found["processes"]
            if process["role"] == "worker" and state in (None, process["state"])]


@pytest.mark.gateway(workers=2)
def test_a_gateway_that_is_well(gateway):
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": {"127.0.0.1:1980": 1}})
    found = wait_until(lambda: (now := document(gateway))["config"]["revision"] and now, "the change on both workers")
    assert (found["status"], found["exit"], found["reasons"]) == ("ready", 0, [])
    assert [process["role"] for process in found["processes"]] == ["master", "agent", "worker", "worker"]
    assert {process["pid"] for process in workers(found)} == set(gateway.worker_pids())
    assert found["pid"] == gateway.pid and found["generation"] == 1
    assert {process["revision"] for process in workers(found)} == {found["config"]["revision"]}
    assert found["config"]["provider"] == "local" and found["config"]["store_away_s"] is None

    done = status(gateway)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["Status", "ready"]
    assert max(len(line) for line in lines) <= 80
    assert "\033" not in done.stdout, "no colours into a pipe"
    assert f"worker 1  {workers(found)[1]['pid']}  Ready" in done.stdout


@pytest.mark.gateway(workers=2)
def test_the_control_api_says_the_same(gateway):
    def timeless(found):
        return {key: value for key, value in found.items()
                if key in ("status", "reasons", "pid", "generation", "deaths", "last_change")} | {
                    "processes": [(process["role"], process["state"], process["pid"], process.get("revision"))
                                  for process in found["processes"]]}

    response = gateway.control("/v1/status")
    assert response.status == 200 and response.header("Content-Type") == "application/json"
    assert timeless(response.json()) == timeless(document(gateway))


@pytest.mark.gateway(workers=2)
def test_requests_and_connections_are_counted(gateway):
    before = document(gateway)
    client, half = Client(gateway.port), Client(gateway.port)
    for _ in range(5):
        client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    found = wait_until(lambda: (now := document(gateway))["requests"] >= before["requests"] + 5 and now, "five requests")
    assert sum(process["requests"] for process in workers(found)) == found["requests"]

    def connections():
        """By state, of those that the two clients opened."""
        now = document(gateway)["connections"]
        return now["active"], now["reading"], now["writing"], now["waiting"]

    wait_until(lambda: connections() == (2, 0, 0, 2), "both to be idle")
    half.send("GET / HTTP/1.1\r\nHo")
    wait_until(lambda: connections() == (2, 1, 0, 1), "half a request")
    half.close()
    wait_until(lambda: connections() == (1, 0, 0, 1), "one to be gone")
    client.close()
    wait_until(lambda: connections() == (0, 0, 0, 0), "both to be gone")


def test_a_reload_shows_both_generations_until_the_old_one_is_done(gateway, upstream):
    over = threading.Event()
    upstream.respond = lambda request: (200, {}, b"" if request.path == "/" or over.wait(PATIENCE_S) else b"late")
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    wait_until(lambda: gateway.request("/").status == 200, "the route")
    slow = Client(gateway.port)
    slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_until(lambda: document(gateway)["connections"]["writing"] == 1, "the request to be served")
    assert gateway.run("reload").returncode == 0

    found = document(gateway)
    assert (found["status"], found["generation"], found["exit"]) == ("ready", 2, 0)
    assert [(process["state"], process["generation"]) for process in workers(found)] == [("Ready", 2), ("Draining", 1)]
    assert (found["last_change"]["kind"], found["last_change"]["state"]) == ("reload", "done")
    over.set()
    wait_until(lambda: len(workers(document(gateway))) == 1, "the old worker to leave")
    slow.close()


def test_a_reload_that_failed_is_told(gateway):
    store = gateway.prefix / "data/store.mdb"
    kept = store.with_suffix(".kept")
    store.rename(kept)
    store.write_text("no store at all " * 1000)
    store.chmod(0o666)
    assert gateway.run("reload").returncode == 1
    kept.rename(store)  # it is degraded from when a worker notices the other file until it sees its own again
    found = wait_until(lambda: (lambda seen: seen["status"] == "ready" and seen)(document(gateway)), "it to be ready")
    assert found["last_change"]["state"] == "failed"
    assert "store.mdb" in found["last_change"]["why"]
    assert "failed, " in status(gateway).stdout


@pytest.mark.expects_damage
@pytest.mark.gateway(workers=2)
def test_a_dead_worker_is_gone_until_it_is_back(gateway):
    place = None
    for deaths in range(1, 10):  # each time it is away for longer
        (victim,) = [process for process in workers(document(gateway)) if place in (None, process["index"])][:1]
        place = victim["index"]
        os.kill(victim["pid"], signal.SIGKILL)
        found = wait_until(lambda pid=victim["pid"]: (now := document(gateway)) and
                           pid not in [process["pid"] for process in now["processes"]] and now, "its death to be seen")
        if workers(found, "Gone"):
            break
        wait_until(lambda: document(gateway)["status"] == "ready", "the next one")
    (gone,) = workers(found, "Gone")
    assert (gone["index"], gone["pid"]) == (place, None) and gone["deaths"] >= 1
    assert (found["status"], found["exit"]) == ("not_ready", 1)
    assert f"worker {place} is Gone" in found["reasons"]
    found = wait_until(lambda: (now := document(gateway))["status"] == "ready" and now, "the next one")
    assert found["deaths"] == deaths and len(workers(found, "Ready")) == 2


def test_a_gateway_whose_store_is_away_is_degraded(make_gateway):
    with Etcd() as etcd:
        gateway = make_gateway(config=etcd.config())
        assert document(gateway)["status"] == "ready"
        etcd.kill()
        found = wait_until(lambda: (now := document(gateway))["status"] == "degraded" and now, "it to notice")
        assert found["exit"] == 1 and found["config"]["provider"] == "etcd"
        assert found["config"]["store_away_s"] is not None
        assert "the etcd store is away" in status(gateway).stdout
        etcd.start()
        wait_until(lambda: document(gateway)["status"] == "ready", "etcd to be back")


def test_nothing_runs(make_gateway):
    gateway = make_gateway(start=False)
    for command in ("status", "health", "top"):
        done = gateway.run(command)
        assert (done.returncode, done.stdout) == (3, "")
        assert "not running" in done.stderr
    gateway.start()
    gateway.run("stop")
    assert status(gateway).returncode == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its user")
def test_a_stranger_is_told_what_to_do(gateway):
    gateway.user = "nobody"
    done = status(gateway)
    assert done.returncode == 4
    assert "Permission denied" in done.stderr and "/v1/status" in done.stderr


def test_help_has_examples(gateway):
    for command in ("status", "health", "top", "routes", "consumers"):
        done = gateway.run(command, "--help")
        assert done.returncode == 0 and "exit codes" in done.stdout and "  apisix " in done.stdout
        assert done.stdout == gateway.run("help", command).stdout
    assert "status:" in gateway.run("--help").stdout
