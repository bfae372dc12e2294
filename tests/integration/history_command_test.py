"""apisix history and apisix rollback, as people and scripts use them."""
import json


def node(port=1980):
    return {"nodes": {f"127.0.0.1:{port}": 1}}


def ran(gateway, *arguments, code=0):
    done = gateway.run(*arguments)
    assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
    return done


def test_history_and_the_way_back(gateway):
    gateway.put("/upstreams/u", node())
    gateway.put("/routes/1", {"uri": "/a", "upstream_id": "u"})
    good = json.loads(ran(gateway, "history", "--json").stdout)[0]["revision"]
    gateway.put("/upstreams/u", node(1981))
    gateway.admin("DELETE", "/routes/1")

    table = ran(gateway, "history").stdout.splitlines()
    assert table[0].split() == ["REVISION", "TIME", "BY", "FROM", "CHANGES"]
    assert [line.split()[-2:] for line in table[1:]] == [
        ["delete", "routes/1"], ["update", "upstreams/u"], ["create", "routes/1"], ["create", "upstreams/u"]]
    assert len(ran(gateway, "history", "--limit", "1").stdout.splitlines()) == 2
    assert len(ran(gateway, "history", "--kind", "routes", "--id", "1").stdout.splitlines()) == 3
    update = json.loads(ran(gateway, "history", "--json", "--kind", "upstreams").stdout)[0]["revision"]
    shown = ran(gateway, "history", str(update)).stdout
    assert "PUT /apisix/admin/upstreams/u" in shown and "  /nodes/127.0.0.1:1981: 1" in shown

    assert "create routes/1" in ran(gateway, "rollback", str(good), "--dry-run").stdout
    assert gateway.admin("GET", "/routes/1").status == 404
    assert "say --yes or --dry-run" in ran(gateway, "rollback", str(good), code=2).stderr
    assert "rolled back: 1 changes" in ran(gateway, "rollback", str(good), "routes/1", "--yes").stdout
    assert gateway.admin("GET", "/upstreams/u").json()["value"]["nodes"] == node(1981)["nodes"]
    done = json.loads(ran(gateway, "rollback", str(good), "--yes", "--json").stdout)
    assert [change["resource_id"] for change in done["changes"]] == ["u"]
    assert gateway.admin("GET", "/upstreams/u").json()["value"]["nodes"] == node()["nodes"]
    assert "nothing would change" in ran(gateway, "rollback", str(good), "--dry-run").stdout


def test_what_they_refuse(gateway):
    gateway.put("/upstreams/u", node())
    first = json.loads(ran(gateway, "history", "--json").stdout)[0]["revision"]
    assert "has no entry of revision 99999" in ran(gateway, "rollback", "99999", "--yes", code=1).stderr
    assert "has no entry of revision 99999" in ran(gateway, "history", "99999", code=1).stderr
    assert "no kind of objects has the name x" in ran(gateway, "history", "--kind", "x", code=1).stderr
    for wrong in (["rollback"], ["rollback", "x"], ["rollback", "1", "routes"], ["history", "x"]):
        ran(gateway, *wrong, code=2)
    gateway.put("/routes/1", {"uri": "/a", "upstream_id": "u"})
    gateway.put("/upstreams/v", node())
    gateway.put("/routes/1", {"uri": "/a", "upstream_id": "v"})
    refused = ran(gateway, "rollback", str(first), "upstreams/v", "--yes", code=1)
    assert "upstreams/v: can not delete this upstream, route [1] is still using it now" in refused.stderr
    gateway.run("stop")
    assert "is the gateway running?" in ran(gateway, "history", code=1).stderr
    for action in ("history", "rollback"):
        assert f"apisix {action} 1042" in ran(gateway, action, "--help").stdout
