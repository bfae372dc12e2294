"""Dry runs, sets of changes, ?wait and the history of changes, on the embedded store and on a real etcd."""
import json
import os
import signal
import threading
import time

import pytest

from certificates import self_signed
from etcd import Etcd
from gateway import http_request, is_alive, wait_until

VIEWER = "a-key-that-may-only-look"


@pytest.fixture(scope="module")
def etcd():
    with Etcd() as one:
        yield one


@pytest.fixture(params=["local", "etcd"])
def make(request, make_gateway):
    """make(config, **options): a gateway on the store of the test; make.etcd is None or the etcd."""
    server = request.getfixturevalue("etcd") if request.param == "etcd" else None

    def made(config=None, **more):
        store = server.config(prefix=f"/test{time.time_ns()}") if server else {}
        for section, values in (config or {}).items():
            store[section] = store.get(section, {}) | values
        return make_gateway(config=store, **more)

    made.etcd = server
    return made


def apply(gateway, put=None, delete=None, query="", if_match=None):
    headers = {"If-Match": if_match} if if_match else {}
    return gateway.admin("POST", f"/configs/apply{query}", {"put": put or {}, "delete": delete or {}}, headers=headers)


def node(weight=1):
    return {"nodes": {"127.0.0.1:1980": weight}}


def route(number):
    return {"id": f"r{number}", "uri": f"/{number}", "upstream_id": "u"}


def revision_of(response):
    return int(response.header("X-Config-Revision"))


def history(gateway, query=""):
    response = gateway.admin("GET", f"/history{query}")
    assert response.status == 200, response.text
    return response.json()["list"]


def roll_back(gateway, revision, query=""):
    return gateway.admin("POST", f"/history/{revision}/rollback{query}")


# ---- dry run

def test_a_dry_run_stores_nothing_and_draws_no_id(make):
    gateway = make()
    before = revision_of(gateway.admin("GET", "/routes"))
    assert gateway.admin("POST", "/upstreams?dry_run=true", node()).status == 201
    assert gateway.admin("PUT", "/upstreams/1?dry_run=true&ttl=5", node()).status == 201
    assert apply(gateway, {"upstreams": [{"id": "1"} | node()]}, query="?dry_run=true").status == 200
    assert revision_of(gateway.admin("GET", "/routes")) == before
    assert history(gateway) == []


def test_a_viewer_reads_and_rehearses_but_writes_nothing(make):
    gateway = make({"deployment": {"admin": {"admin_key": [
        {"name": "admin", "key": "an-admin-key-for-tests", "role": "admin"},
        {"name": "ci", "key": VIEWER, "role": "viewer"}]}}})
    gateway.put("/upstreams/1", node())
    written = history(gateway)[0]["revision"]

    def ask(method, path, body=None):
        return gateway.admin(method, path, body, key=VIEWER).status

    before = revision_of(gateway.admin("GET", "/upstreams"))
    one = {"put": {"upstreams": [{"id": "1"} | node(5)]}}
    assert ask("GET", "/history") == ask("GET", f"/history/{written}/diff") == 200
    assert ask("POST", "/configs/apply?dry_run=true", one) == 200
    for query in ("", "?dry_run=false", "?dry_run=1", "?dry_run", "?dry_run=true&dry_run=false", "?x=dry_run=true",
                  "?Dry_run=true", "?dry_run=true%00"):
        assert ask("POST", f"/configs/apply{query}", one) == 401, query
    assert ask("POST", f"/history/{written}/rollback?dry_run=true") == 401
    assert ask("PUT", "/upstreams/1?dry_run=true", node(5)) == 401
    assert ask("POST", "/configs//apply?dry_run=false", one) == 401
    assert revision_of(gateway.admin("GET", "/upstreams")) == before
    assert gateway.admin("GET", "/upstreams/1").json()["value"]["nodes"] == node()["nodes"]


# ---- wait

@pytest.mark.parametrize("method, path, body", [
    ("PUT", "/upstreams/1", node(2)), ("PATCH", "/upstreams/1", node(3)), ("DELETE", "/upstreams/1", None),
    ("POST", "/configs/apply", {"put": {"upstreams": [{"id": "9"} | node()]}})])
def test_wait_says_that_all_workers_serve_with_it(make, method, path, body):
    gateway = make(workers=2)
    gateway.put("/upstreams/1", node())
    done = gateway.admin(method, f"{path}?wait=20000", body)
    assert done.status == 200, done.text
    assert done.json()["applied"] == {"revision": revision_of(done), "by": 2, "workers": 2}


def test_wait_gets_202_when_a_worker_does_not_follow(make):
    gateway = make(workers=2, config={"nginx_config": {"worker_stuck_timeout": 0}})  # it stands still as long as we like
    stopped = gateway.worker_pids()[0]
    os.kill(stopped, signal.SIGSTOP)

    def answered():
        # Every second connection is queued at the stopped worker: short attempts, so that there are many.
        try:
            return http_request(gateway.admin_port, "PUT", "/apisix/admin/upstreams/2?wait=200", body=node(),
                                headers={"X-API-KEY": gateway.admin_key}, timeout_s=2)
        except OSError:
            return None

    try:
        late = wait_until(answered, "the other worker to respond")
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert late.status == 202, late.text
    assert late.json()["applied"]["by"] == 1 and late.json()["applied"]["workers"] == 2
    wait_until(lambda: gateway.admin("PUT", "/upstreams/2?wait=20000", node()).status == 200, "it to follow again")


# ---- sets of changes

def test_a_set_of_hundreds_is_one_revision(make):
    gateway = make(workers=2)
    objects = {"upstreams": [{"id": "u"} | node()], "routes": [route(i) for i in range(300)]}
    done = apply(gateway, objects, query="?wait=20000")
    assert done.status == 200, done.text
    assert done.json()["unchanged"] == 0 and len(done.json()["changes"]) == 301
    stored = gateway.admin("GET", "/routes").json()["list"]
    assert {item["modifiedIndex"] for item in stored} == {revision_of(done)}
    gone = apply(gateway, delete={"routes": [r["id"] for r in objects["routes"]], "upstreams": ["u"]})
    assert gone.status == 200, gone.text
    assert gateway.admin("GET", "/routes").json()["total"] == 0


def test_what_does_not_fit_is_refused_whole(make):
    gateway = make()
    many = apply(gateway, delete={"upstreams": list(range(1, 4002))})
    assert many.status == 400 and "more than a set may have, 4000" in many.text
    if make.etcd:
        large = apply(gateway, {"upstreams": [{"id": str(i), "desc": "x" * 250} | node() for i in range(1, 3500)]})
        assert large.status == 413, large.text
        assert "the bounds are 4096 writes and 1556480 bytes" in large.json()["error_msg"]
    assert gateway.admin("GET", "/upstreams").json()["total"] == 0


def test_if_match_lets_one_of_several_win(make):
    gateway = make(workers=2)
    gateway.put("/upstreams/u", node())
    now = revision_of(gateway.admin("GET", "/routes"))
    responses = []

    def write(number):
        responses.append(apply(gateway, {"routes": [route(number)]}, if_match=str(now)))

    threads = [threading.Thread(target=write, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(response.status for response in responses) == [200] + [412] * 5, [a.text for a in responses]
    assert gateway.admin("GET", "/routes").json()["total"] == 1
    late = next(response for response in responses if response.status == 412)
    assert f"after revision {now} of If-Match; nothing was stored" in late.json()["error_msg"]


def test_if_match_sees_every_kind_of_change(make):
    gateway = make()
    gateway.put("/upstreams/u", node())
    gateway.put("/upstreams/v", node())
    for change in (lambda: gateway.admin("DELETE", "/upstreams/v"),
                   lambda: gateway.admin("PATCH", "/upstreams/u", node(7)),
                   lambda: gateway.admin("POST", "/upstreams", node())):
        now = revision_of(gateway.admin("GET", "/routes"))
        assert change().status < 300
        assert apply(gateway, {"routes": [route(1)]}, if_match=f'"{now}"').status == 412
    now = revision_of(gateway.admin("GET", "/routes"))
    assert apply(gateway, {"routes": [route(1)]}, if_match=str(now + 1000)).status == 412
    assert apply(gateway, {"routes": [route(1)]}, if_match="W/x").status == 400
    assert apply(gateway, {"routes": [route(1)]}, if_match=str(now)).status == 200


@pytest.mark.parametrize("entries_max", [1000, 0])
def test_if_match_sees_a_delete_from_before_its_worker_started(make, entries_max):
    gateway = make({"deployment": {"admin": {"history": {"max_entries": entries_max}}}})
    gateway.put("/upstreams/u", node())
    gateway.put("/upstreams/v", node())
    seen = revision_of(gateway.admin("GET", "/upstreams"))
    gone = gateway.admin("DELETE", "/upstreams/v")
    gateway.reload()
    late = apply(gateway, {"upstreams": [{"id": "w"} | node()]}, if_match=str(seen))
    assert late.status == 412 and f"was changed at revision {revision_of(gone)}" in late.text, late.text
    now = revision_of(gateway.admin("GET", "/upstreams"))
    assert apply(gateway, {"upstreams": [{"id": "w"} | node()]}, if_match=str(now)).status == 200


def test_patches_and_sets_lose_no_update(make):
    gateway = make(workers=2)
    statuses = []

    def patch():
        for i in range(8):
            statuses.append(gateway.admin("PATCH", f"/upstreams/p{i}", {"desc": "patched"}).status)

    for i in range(8):
        gateway.put(f"/upstreams/p{i}", node())
    thread = threading.Thread(target=patch)
    thread.start()
    for i in range(8):
        response = apply(gateway, {"upstreams": [{"id": f"p{i}", "retries": 1} | node()]})
        assert response.status == 200, response.text
    thread.join()
    assert set(statuses) <= {200, 503}
    # Whatever the order: each version was made of the one before it, and none vanished unseen.
    for i in range(8):
        entries = history(gateway, f"?kind=upstream&id=p{i}&limit=100")
        shown = [gateway.admin("GET", f"/history/{entry['revision']}").json()["changes"][0] for entry in entries]
        assert len(shown) == 2 + statuses[i] // 200 % 2
        for newer, older in zip(shown, shown[1:]):
            assert newer["before"] == older["after"]


@pytest.mark.expects_damage
def test_killed_while_it_applies_leaves_all_or_nothing(make):
    """kill -9 of the worker that responds: what was acknowledged is there, the rest is whole or absent."""
    gateway = make(workers=1)
    size, outcomes = 20, {}
    stop = threading.Event()

    def write():
        for number in range(1000):
            if stop.is_set():
                return
            objects = {"upstreams": [{"id": f"s{number}-{i}"} | node() for i in range(size)]}
            try:
                outcomes[number] = apply(gateway, objects).status
            except OSError:
                outcomes[number] = None

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(3):
        seen = list(outcomes.values()).count(200)
        wait_until(lambda: list(outcomes.values()).count(200) > seen + 1, "some sets to be applied")
        victim = gateway.worker_pids()[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: not is_alive(victim), "the worker to die")
        wait_until(lambda: gateway.worker_pids(), "another worker")
    stop.set()
    writer.join()
    listed = wait_until(lambda: (lambda a: a if a.status == 200 else None)(gateway.admin("GET", "/upstreams")),
                        "the Admin API to respond")
    counts = {}
    for item in listed.json()["list"]:
        number = int(item["value"]["id"][1:].split("-")[0])
        counts[number] = counts.get(number, 0) + 1
    assert set(counts.values()) == {size}
    assert [number for number, status in outcomes.items() if status == 200 and number not in counts] == []
    assert len(history(gateway, "?limit=1000")) == len(counts), "each has its entry"


# ---- history

def test_every_way_to_write_has_its_entry(make):
    gateway = make()
    gateway.put("/upstreams/u", node())
    gateway.admin("POST", "/upstreams", node())
    gateway.admin("PATCH", "/upstreams/u", {"retries": 2})
    gateway.admin("DELETE", "/upstreams/u")
    entries = history(gateway)
    assert [entry["request"].split(" ")[0] for entry in entries] == ["DELETE", "PATCH", "POST", "PUT"]
    assert [entry["changes"][0]["action"] for entry in entries] == ["delete", "update", "create", "create"]
    assert {(entry["by"], entry["from"]) for entry in entries} == {("admin", "127.0.0.1")}
    diff = gateway.admin("GET", f"/history/{entries[1]['revision']}/diff").json()["changes"][0]["diff"]
    assert {"op": "add", "path": "/retries", "new": 2} in diff
    shown = gateway.admin("GET", f"/history/{entries[0]['revision']}").json()["changes"][0]
    assert shown["before"]["retries"] == 2 and "after" not in shown


def test_rolls_one_object_or_everything_back(make, upstream):
    gateway = make()
    gateway.put("/upstreams/u", {"nodes": {upstream.node: 1}})
    gateway.put("/routes/1", {"uri": "/a", "upstream_id": "u"})
    good = history(gateway)[0]["revision"]
    created = gateway.admin("GET", "/routes/1").json()["value"]["create_time"]
    gateway.admin("DELETE", "/routes/1")
    gateway.put("/upstreams/u", node(9))
    gateway.put("/routes/2", {"uri": "/b", "upstream_id": "u"})

    rehearsed = roll_back(gateway, good, "?dry_run=true").json()
    assert rehearsed["dry_run"]
    assert [(c["resource_type"], c["resource_id"], c["action"]) for c in rehearsed["changes"]] == [
        ("routes", "1", "create"), ("routes", "2", "delete"), ("upstreams", "u", "update")]
    assert gateway.admin("GET", "/routes/1").status == 404

    assert roll_back(gateway, good, "?kind=routes&id=1&wait=20000").status == 200
    assert gateway.admin("GET", "/routes/2").status == 200
    assert gateway.admin("GET", "/routes/1").json()["value"]["create_time"] == created

    assert roll_back(gateway, good, "?wait=20000").status == 200
    assert gateway.admin("GET", "/routes/2").status == 404
    assert gateway.request("/a").status == 200
    # Going back is a change like any other: it has an entry, and can itself be undone.
    latest = history(gateway)[0]
    assert latest["request"] == f"POST /apisix/admin/history/{good}/rollback"
    assert roll_back(gateway, history(gateway)[1]["revision"]).status == 200
    assert gateway.admin("GET", "/routes/2").status == 200
    assert roll_back(gateway, good, "?kind=routes").status == 400


def test_a_rollback_obeys_the_rules(make):
    gateway = make()
    gateway.put("/upstreams/u", node())
    early = history(gateway)[0]["revision"]
    gateway.put("/routes/2", {"uri": "/b", "upstream_id": "u"})
    gateway.put("/upstreams/v", node())
    gateway.put("/routes/2", {"uri": "/b", "upstream_id": "v"})
    # v was not there, but a route that stays as it is uses it.
    refused = roll_back(gateway, early, "?kind=upstreams&id=v")
    assert refused.status == 400 and "route [2] is still using it" in refused.text
    assert roll_back(gateway, early).status == 200
    assert gateway.admin("GET", "/routes").json()["total"] == 0


def test_secrets_are_in_the_history_as_in_the_store(make, tmp_path):
    cert, key = self_signed(tmp_path)
    gateway = make({"apisix": {"data_encryption": {"enable_encrypt_fields": True, "keyring": ["edd1c9f0985e76a2"]}}})
    gateway.put("/ssls/1", {"cert": cert, "key": key, "sni": "test.com"})
    gateway.put("/consumers", {"username": "jack", "plugins": {"key-auth": {"key": "a-plain-secret"}}})
    first = history(gateway)[0]["revision"]
    gateway.put("/consumers", {"username": "jack", "plugins": {"key-auth": {"key": "another-secret"}}})
    if make.etcd:
        everything = json.dumps(make.etcd.items("/"))
    else:
        everything = (gateway.prefix / "data/store.mdb").read_bytes().decode("latin-1")
    for secret in ("PRIVATE KEY", "a-plain-secret", "another-secret"):
        assert secret not in everything
    for entry in history(gateway):
        for view in ("", "/diff"):
            assert "PRIVATE KEY" not in gateway.admin("GET", f"/history/{entry['revision']}{view}").text
    # Restored so that they work.
    assert roll_back(gateway, first).status == 200
    value = gateway.admin("GET", "/consumers/jack").json()["value"]
    assert value["plugins"]["key-auth"]["key"] == "a-plain-secret"


@pytest.mark.parametrize("encrypts", [True, False])
def test_secrets_are_not_shown_by_histories_and_dry_runs(make, tmp_path, encrypts):
    cert, key = self_signed(tmp_path)
    gateway = make({"apisix": {"data_encryption": {"enable_encrypt_fields": encrypts, "keyring": ["edd1c9f0985e76a2"]}}})
    upstream = node() | {"tls": {"client_cert": cert, "client_key": key}}
    versions = [(f"first-secret-{name}", f"second-secret-{name}") for name in ("key", "password", "token", "metadata")]
    for turn in (0, 1):
        of_key, of_redis, of_vault, of_consumer = (pair[turn] for pair in versions)
        gateway.put("/consumers", {"username": "jack", "plugins": {"key-auth": {"key": of_key}}})
        gateway.put("/consumers/jack/credentials/c", {"plugins": {"basic-auth": {"username": "u", "password": of_consumer}}})
        gateway.put("/routes/r", {"uri": "/a", "upstream": upstream, "desc": str(turn), "plugins": {"limit-count": {
            "count": 1, "time_window": 1, "policy": "redis", "redis_host": "127.0.0.1", "redis_password": of_redis}}})
        gateway.put("/secrets/vault/1", {"uri": "http://127.0.0.1:1", "prefix": "p", "token": of_vault})
        gateway.put("/upstreams/u", upstream | {"desc": str(turn)})
        gateway.put("/ssls/s", {"cert": cert, "key": key, "sni": "test.com", "labels": {"turn": str(turn)}})
    entries = history(gateway)
    responses = [gateway.admin("GET", f"/history/{entry['revision']}{view}") for entry in entries for view in ("", "/diff")]
    responses.append(roll_back(gateway, entries[6]["revision"], "?dry_run=true"))
    responses.append(apply(gateway, {"consumers": [{"username": "jack", "plugins": {"key-auth": {"key": "third-secret"}}}]},
                         query="?dry_run=true"))
    for response in responses:
        assert response.status == 200 and "-secret" not in response.text and "PRIVATE KEY" not in response.text, response.text
    # That they differ is shown.
    changes = {change["resource_id"]: change["diff"] for change in responses[-2].json()["changes"]}
    hidden = {"op": "replace", "old": "(hidden)", "new": "(hidden, changed)"}
    assert changes["jack"] == [hidden | {"path": "/plugins/key-auth/key"}]
    assert changes["jack/credentials/c"] == [hidden | {"path": "/plugins/basic-auth/password"}]
    assert changes["vault/1"] == [hidden | {"path": "/token"}]
    assert changes["r"][1] == hidden | {"path": "/plugins/limit-count/redis_password"}
    assert {name: [row["path"] for row in changes[name]] for name in "us"} == {"u": ["/desc"], "s": ["/labels/turn"]}
    assert [change["diff"] for change in responses[-1].json()["changes"]] == [[hidden | {"path": "/plugins/key-auth/key"}]]
    # What commands print comes from there.
    for command in (["history", str(entries[0]["revision"])], ["rollback", str(entries[6]["revision"]), "--dry-run"],
                    ["rollback", str(entries[6]["revision"]), "--dry-run", "--json"]):
        done = gateway.run(*command)
        assert done.returncode == 0 and "-secret" not in done.stdout + done.stderr and "PRIVATE" not in done.stdout
    assert roll_back(gateway, entries[6]["revision"]).status == 200
    assert gateway.admin("GET", "/consumers/jack").json()["value"]["plugins"]["key-auth"]["key"] == versions[0][0]


@pytest.mark.parametrize("entries_max", [0, 5])
def test_the_history_is_bounded(make, entries_max):
    gateway = make({"deployment": {"admin": {"history": {"max_entries": entries_max}}}})
    for i in range(70):
        gateway.put("/upstreams/u", node(i + 1))
    assert len(history(gateway, "?limit=1000")) == entries_max
    if make.etcd:
        folder = gateway.config["deployment"]["etcd"]["prefix"] + "-history/index/"
        # A worker looks after 16 entries: what came later is still there.
        wait_until(lambda: len(make.etcd.items(folder)) <= entries_max + 6, "old entries to go")


def test_large_values_do_not_stand_in_the_way_of_a_write(make):
    gateway = make()
    large = node() | {"labels": {f"l{i}": "y" * 60 for i in range(2500)}}
    gateway.put("/upstreams/u", node())
    before = history(gateway)[0]["revision"]
    gateway.put("/upstreams/u", large)
    gateway.put("/upstreams/u", large | {"retries": 1})
    assert [entry["has_values"] for entry in history(gateway)] == [False, True, True]
    refused = roll_back(gateway, history(gateway)[1]["revision"])
    assert refused.status == 409 and "too large to be kept" in refused.text
    assert gateway.admin("GET", "/upstreams/u").json()["value"]["retries"] == 1
    assert roll_back(gateway, before).status == 200


def test_changes_beside_the_admin_api_are_noticed(etcd, make_gateway):
    gateway = make_gateway(config=etcd.config(prefix="/beside"))
    gateway.put("/upstreams/u", node())
    good = history(gateway)[0]["revision"]
    now = revision_of(gateway.admin("GET", "/upstreams"))
    etcd.put("/beside/upstreams/u", node(5) | {"id": "u"})
    assert len(history(gateway)) == 1
    assert apply(gateway, {"upstreams": [{"id": "v"} | node()]}, if_match=str(now)).status == 412
    gateway.put("/upstreams/u", node(6))
    refused = roll_back(gateway, good)
    assert refused.status == 409 and "by somebody who keeps no history" in refused.text
    # What is below the prefix is what an APISIX beside us would read.
    assert {key.split("/")[2] for key in etcd.items("/beside/")} <= {"upstreams", "plugins", "gen_id"}


def test_what_is_too_old_is_gone_from_the_history(etcd, make_gateway):
    old = {"at_ms": 1, "by": "admin", "from": "127.0.0.1", "request": "PUT /x", "has_values": True,
           "changes": [{"key": "/routes/1", "before": 0}]}
    etcd.put("/old-history/index/1-1", old)
    etcd.put("/old-history/values/1-1", "[[null,null]]")
    etcd.put("/old-history/index/damaged", "no json")
    gateway = make_gateway(config=etcd.config(prefix="/old"))
    assert history(gateway) == []
    wait_until(lambda: not etcd.items("/old-history/"), "old entries to go")


def test_without_the_right_to_keep_a_history_changes_are_made(make_gateway):
    with Etcd() as server:
        for line in ("user add root:rootpass", "user grant-role root root", "role add apisix",
                     "role grant-permission apisix readwrite /apisix/ --prefix", "user add gateway:secret",
                     "user grant-role gateway apisix", "auth enable"):
            server.ctl(*line.split())
        server.client_options = ["--user", "root:rootpass"]
        gateway = make_gateway(config=server.config(user="gateway", password="secret"))
        gateway.put("/upstreams/u", node())
        assert apply(gateway, {"routes": [route(1)]}, query="?wait=20000").status == 200
        assert gateway.admin("GET", "/history").status == 503
        assert apply(gateway, {"routes": [route(2)]}, if_match="1").status == 503
        gateway.wait_for_log("no history of changes is kept: the user of the store may not write /apisix-history/")
        assert not server.items("/apisix-history/")
