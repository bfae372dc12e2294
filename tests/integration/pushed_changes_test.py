"""What changes a pushed configuration besides pushes, and what a push says before it is made: dry run, sets, history."""
import threading

import pytest

from changes_test import apply, history, revision_of, roll_back
from standalone import route, statuses, wait_for_status
from standalone_api_test import PUSHED, accepted, configs, push

VIEWER = "a-key-that-may-only-look"


@pytest.fixture
def gateway(make_gateway):
    return make_gateway(config=PUSHED, workers=2)


def node(upstream, **more):
    return {"type": "roundrobin", "nodes": {upstream.node: 1}} | more


def put(gateway, document, query="", headers=None):
    return gateway.admin("PUT", f"/configs{query}", document, headers=headers or {})


def shown(changes):
    return [(change["resource_type"], change["resource_id"], change["action"]) for change in changes]


# ---- dry run and wait

def test_a_dry_run_says_what_a_push_would_change(gateway, upstream):
    document = {"routes": [route(upstream, "a"), route(upstream, "b")], "upstreams": [{"id": "u"} | node(upstream)]}
    accepted(gateway, document, "1")
    before = configs(gateway)
    next_one = {"routes": [route(upstream, "a", desc="new"), route(upstream, "c")],
                "upstreams": document["upstreams"], "plugins": [{"name": "key-auth"}]}
    response = put(gateway, next_one, "?dry_run=true")
    assert response.status == 200, response.text
    body = response.json()
    assert body["dry_run"] is True and body["unchanged"] == 1 and body["plugins_changed"] is True
    assert sorted(shown(body["changes"])) == [
        ("routes", "a", "update"), ("routes", "b", "delete"), ("routes", "c", "create")]
    assert {"op": "add", "path": "/desc", "new": "new"} in body["changes"][0]["diff"]
    assert configs(gateway) == before and len(history(gateway)) == 1
    # With the digest of the last push it would be none, and the same version of a list means that it stays.
    assert put(gateway, next_one, "?dry_run=true", {"X-Digest": "1"}).json()["changes"] == []
    same = put(gateway, next_one | {"routes_conf_version": 1}, "?dry_run=true").json()
    assert "routes" not in {change["resource_type"] for change in same["changes"]}
    assert statuses(gateway, "/c") == {404}


def test_a_dry_run_lists_every_fault_and_a_push_the_first(gateway, upstream):
    wrong = {"routes": [{"id": "r1", "uri": 1}, route(upstream, "ok"), {"id": "r2", "uri": 2}]}
    response = put(gateway, wrong, "?dry_run=true")
    assert response.status == 400
    assert [fault["index"] for fault in response.json()["errors"]] == [0, 2]
    assert "errors" not in push(gateway, wrong, "1").json()
    assert put(gateway, {"routes_conf_version": -1}, "?dry_run=true").json() == {
        "error_msg": "routes_conf_version must be greater than or equal to (0)"}
    for query in ("?dry_run=yes", "?dry_run=true&dry_run=false", "?wait=0"):
        assert put(gateway, {}, query, {"X-Digest": "1"}).status == 400, query
    assert "X-Digest" not in configs(gateway)


def test_what_a_dry_run_lists_is_bounded(gateway):
    many = put(gateway, {"upstreams": [{"id": f"u{i}", "nodes": {}} for i in range(1010)]}, "?dry_run=true").json()
    assert len(many["changes"]) == 1000 and many["left_out"] == 10 and many["unchanged"] == 0
    wrong = {"upstreams": [{"id": f"u{i}", "nodes": 1} for i in range(1010)]}
    for response in (put(gateway, wrong, "?dry_run=true"), gateway.admin("POST", "/configs/validate", wrong)):
        assert response.status == 400
        assert len(response.json()["errors"]) == 1000 and response.json()["left_out"] == 10
    assert "left_out" not in put(gateway, {"upstreams": wrong["upstreams"][:2]}, "?dry_run=true").json()


def test_a_viewer_may_rehearse_a_push(make_gateway, upstream):
    gateway = make_gateway(config={"deployment": PUSHED["deployment"] | {"admin": {"admin_key": [
        {"name": "admin", "key": "an-admin-key-for-tests", "role": "admin"},
        {"name": "ci", "key": VIEWER, "role": "viewer"}]}}})
    document = {"routes": [route(upstream, "a")]}
    headers = {"X-Digest": "1"}
    assert gateway.admin("PUT", "/configs?dry_run=true", document, key=VIEWER).status == 200
    for query in ("", "?dry_run=false", "?dry_run=1"):
        assert gateway.admin("PUT", f"/configs{query}", document, key=VIEWER, headers=headers).status == 401
    assert "routes" not in configs(gateway)


def test_wait_and_if_match(gateway, upstream):
    done = put(gateway, {"routes": [route(upstream, "a")]}, "?wait=20000", {"X-Digest": "1"})
    assert done.status == 200, done.text
    assert done.json()["applied"] == {"revision": revision_of(done), "by": 2, "workers": 2}
    assert done.header("X-Digest") == "1"
    now = revision_of(gateway.admin("GET", "/configs"))
    assert now == revision_of(done)
    late = put(gateway, {"routes": []}, "", {"X-Digest": "2", "If-Match": str(now - 1)})
    assert late.status == 412 and "after revision" in late.text
    assert put(gateway, {"routes": []}, "", {"X-Digest": "2", "If-Match": str(now)}).status == 202


# ---- sets of changes

def test_a_set_changes_objects_and_document(gateway, upstream):
    accepted(gateway, {"routes": [route(upstream, "a"), route(upstream, "b")]}, "1")
    # References are checked, as everywhere.
    dangling = apply(gateway, {"routes": [{"id": "c", "uri": "/c", "upstream_id": "u"}]})
    assert dangling.status == 400 and dangling.json()["errors"][0]["rule"] == "reference"
    done = apply(gateway, {"upstreams": [{"id": "u"} | node(upstream)],
                           "routes": [{"id": "c", "uri": "/c", "upstream_id": "u"}],
                           "consumers": [{"username": "jack"},
                                         {"id": "jack/credentials/one", "plugins": {"key-auth": {"key": "k"}}}]},
                 {"routes": ["b"]}, query="?wait=20000")
    assert done.status == 200, done.text
    assert statuses(gateway, "/c") == {200} and statuses(gateway, "/b") == {404}
    document = configs(gateway)
    assert [each["id"] for each in document["routes"]] == ["a", "c"]
    assert document["routes"][1] == {"id": "c", "uri": "/c", "upstream_id": "u"}
    assert document["consumers"][1]["id"] == "jack/credentials/one"
    assert document["routes_conf_version"] == 1 and document["X-Digest"].startswith("changed-")
    # What GET shows, pushed again, is the same configuration.
    again = {name: value for name, value in document.items() if not name.startswith("X-")}
    assert put(gateway, again, "?dry_run=true").json()["changes"] == []
    assert apply(gateway, {"routes": [document["routes"][1]]}).json()["unchanged"] == 1
    refused = apply(gateway, delete={"upstreams": ["u"]})
    assert refused.status == 400 and "still using it" in refused.text
    now = revision_of(gateway.admin("GET", "/configs"))
    assert apply(gateway, delete={"routes": ["a"]}, if_match=str(now - 1)).status == 412
    assert apply(gateway, delete={"routes": ["a"]}, if_match=str(now)).status == 200
    # Also of a worker that was not there when it was deleted, be it the list of plugins.
    gateway.reload()
    late = put(gateway, {"routes": []}, "", {"X-Digest": "2", "If-Match": str(now)})
    assert late.status == 412, late.text
    accepted(gateway, {"plugins": [{"name": "key-auth"}]}, "with a list")
    now = revision_of(gateway.admin("GET", "/configs"))
    accepted(gateway, {}, "without")
    gateway.reload()
    late = put(gateway, {"routes": []}, "", {"X-Digest": "2", "If-Match": str(now)})
    assert late.status == 412, late.text


def test_who_pushes_next_puts_his_own_document_in_force(gateway, upstream):
    """As ADC and ingress controllers: versions and indexes of their own, remembered, never read again."""
    document = {"routes": [route(upstream, "a") | {"modifiedIndex": 5}], "routes_conf_version": 1000,
                "upstreams": [{"id": "u"} | node(upstream)], "upstreams_conf_version": 1000}
    accepted(gateway, document, "theirs")
    assert apply(gateway, {"routes": [route(upstream, "a", uri="/fixed")]}, query="?wait=20000").status == 200
    assert statuses(gateway, "/fixed") == {200}
    # The digest is no reason not to push, the version is none to refuse, the index none to keep the fix.
    assert push(gateway, document, "theirs").status == 202
    wait_for_status(gateway, "/a", 200)
    assert statuses(gateway, "/fixed") == {404}
    assert configs(gateway)["routes_conf_version"] == 1000 and configs(gateway)["X-Digest"] == "theirs"
    # A push that says nothing of the list leaves the fix in force.
    assert apply(gateway, {"routes": [route(upstream, "a", uri="/fixed")]}, query="?wait=20000").status == 200
    accepted(gateway, {"routes_conf_version": 1000, "upstreams_conf_version": 1000}, "short")
    assert statuses(gateway, "/fixed") == {200} and len(configs(gateway)["upstreams"]) == 1
    # One that has it, empty, does not.
    accepted(gateway, {"routes": [], "routes_conf_version": 1000, "upstreams_conf_version": 1000}, "none")
    wait_for_status(gateway, "/fixed", 404)
    assert "routes" not in configs(gateway)


def test_pushes_and_sets_at_the_same_time_keep_document_and_objects_alike(gateway, upstream):
    accepted(gateway, {"routes": [route(upstream, "a")]}, "first")
    responses = []

    def pushes():
        for i in range(6):
            responses.append(push(gateway, {"routes": [route(upstream, "a"), route(upstream, f"p{i}")]}, f"p{i}").status)

    def sets():
        for i in range(6):
            put_and_delete = apply(gateway, {"routes": [route(upstream, f"s{i}")]}, {"routes": [f"s{i - 1}"]})
            responses.append(put_and_delete.status)

    threads = [threading.Thread(target=work) for work in (pushes, sets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(responses) <= {200, 202}, responses
    document = {name: value for name, value in configs(gateway).items() if not name.endswith(("_version", "-Modified"))}
    assert put(gateway, document, "?dry_run=true").json()["changes"] == []
    for each in document["routes"]:
        wait_for_status(gateway, each["uri"], 200)
    # Each entry begins where the one before it ended: nothing was changed beside the history.
    present = set()
    for entry in reversed(history(gateway, "?limit=1000")):
        for change in entry["changes"]:
            assert (change["action"] == "create") == (change["resource_id"] not in present)
            present.add(change["resource_id"])
            if change["action"] == "delete":
                present.remove(change["resource_id"])
    assert present == {each["id"] for each in document["routes"]}


# ---- history

def test_history_and_the_way_back(gateway, upstream):
    accepted(gateway, {"routes": [route(upstream, "a")]}, "1")
    good = history(gateway)[0]
    assert good["request"] == "PUT /apisix/admin/configs" and good["by"] == "admin"
    assert shown(good["changes"]) == [("routes", "a", "create")]
    accepted(gateway, {"routes": [route(upstream, "a")]}, "no change")
    assert len(history(gateway)) == 1
    # A push may name what is not there; it must be possible to go back to it.
    accepted(gateway, {"routes": [route(upstream, "a", uri="/moved"), {"id": "b", "uri": "/b", "upstream_id": "none"}]},
             "2")
    moved = history(gateway)[0]
    diff = gateway.admin("GET", f"/history/{moved['revision']}/diff").json()["changes"]
    assert [change["path"] for change in diff[0]["diff"]] == ["/uri"], diff
    assert "upstream_id" in diff[1]["diff"][0]["new"], diff
    accepted(gateway, {}, "3")
    assert shown(roll_back(gateway, good["revision"], "?dry_run=true").json()["changes"]) == [("routes", "a", "create")]
    assert roll_back(gateway, moved["revision"], "?wait=20000").status == 200
    assert statuses(gateway, "/moved") == {200}
    assert [each["id"] for each in configs(gateway)["routes"]] == ["a", "b"]
    assert roll_back(gateway, good["revision"], "?kind=routes&id=a&wait=20000").status == 200
    assert statuses(gateway, "/a") == {200} and len(configs(gateway)["routes"]) == 2
    assert gateway.admin("GET", "/history/1").status == 404
    done = gateway.run("rollback", str(good["revision"]), "--yes")
    assert done.returncode == 0 and "delete routes/b" in done.stdout, done.stdout + done.stderr
    assert "routes/a" in gateway.run("history").stdout


def test_the_history_lives_as_long_as_the_configuration(gateway, upstream):
    accepted(gateway, {"routes": [route(upstream, "a")]}, "1")
    gateway.reload()
    assert len(history(gateway)) == 1
    gateway.run("stop")
    gateway.start()
    assert history(gateway) == [] and "X-Digest" not in configs(gateway)


def test_a_push_of_very_much_has_a_short_entry(gateway):
    accepted(gateway, {"upstreams": [{"id": "first", "nodes": {}}]}, "1")
    first = history(gateway)[0]["revision"]
    accepted(gateway, {"upstreams": [{"id": f"u{i}", "nodes": {}} for i in range(4100)]}, "2")
    entry = history(gateway)[0]
    assert len(entry["changes"]) == 20 and entry["left_out"] == 4081 and not entry["has_values"]
    assert "and 4098 more" in gateway.run("history").stdout
    whole = gateway.admin("GET", f"/history/{entry['revision']}").json()
    assert len(whole["changes"]) == 4000 and whole["left_out"] == 101
    # What was asked for is in the list, wherever it stands in the entry.
    asked = history(gateway, "?kind=upstreams&id=u3000")[0]
    assert shown(asked["changes"])[0] == ("upstreams", "u3000", "create") and len(asked["changes"]) == 20
    for query in ("", "?kind=upstreams&id=u4099"):
        refused = roll_back(gateway, first, query)
        assert refused.status == 409 and "too many to be kept" in refused.text


def test_explain_and_lint_look_at_it(gateway, upstream):
    accepted(gateway, {"routes": [route(upstream, "a")], "upstreams": [{"id": "idle"} | node(upstream)]}, "1")
    assert apply(gateway, {"routes": [route(upstream, "b")]}, query="?wait=20000").status == 200
    seen = gateway.admin("POST", "/explain", {"url": "/b"})
    assert seen.status == 200 and '"b"' in seen.text, seen.text
    assert "idle" in gateway.admin("GET", "/lint").text
    paths = gateway.admin("GET", "/openapi.json").json()["paths"]
    assert {"/configs", "/configs/apply", "/history", "/history/{revision}/rollback"} <= set(paths)
    assert "/routes" not in paths
