"""lint: each finding has a cause in the configuration, and none without; the command's exit code; 20,000 routes."""
import json
import subprocess

from etcd import Etcd
from gateway import http_request, wait_until

NODES = {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}


def lint(gateway):
    response = gateway.admin("GET", "/lint")
    assert response.status == 200, response.text
    return response.json()


def found(report):
    return {(row["severity"], row["code"], row["kind"], row["id"]) for row in report["findings"]}


def certificate(folder, days):
    """A certificate that ends in so many days, or ended so many ago, and its key, in PEM."""
    first, cert, key = folder / "first.crt", folder / f"{days}.crt", folder / f"{days}.key"
    for command in (
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=x.test", "-keyout", key, "-out", first],
            ["openssl", "x509", "-in", first, "-signkey", key, "-days", str(days), "-out", cert]):
        subprocess.run(command, check=True, capture_output=True)
    return cert.read_text(), key.read_text()


def test_nothing_to_say(gateway):
    gateway.put("/upstreams/1", NODES)
    gateway.put("/services/1", {"upstream_id": "1", "hosts": ["a.test", "b.test"]})
    gateway.put("/routes/1", {"uri": "/a", "service_id": "1"})
    gateway.put("/routes/2", {"uri": "/a", "upstream_id": "1", "methods": ["GET"]})
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {"key-auth": {"key": "k"}}})
    gateway.put("/consumers/jill", {"username": "jill"})
    gateway.put("/consumers/jill/credentials/c", {"plugins": {"key-auth": {"key": "l"}}})
    report = lint(gateway)
    assert report["findings"] == [] and report["left_out"] == 0
    assert report["counts"] == {"error": 0, "warning": 0, "info": 0}
    assert report["checked"] == {"routes": 2, "services": 1, "upstreams": 1, "consumers": 2, "credentials": 1}


def test_routes_that_are_never_taken(gateway):
    gateway.put("/upstreams/1", NODES)

    def route(name, uris=("/a",), **members):
        gateway.put(f"/routes/{name}", {"uris": list(uris), "upstream_id": "1"} | members)

    route("all")
    route("twin")
    route("get", methods=["GET"])
    route("first", priority=1, vars=[["arg_a", "==", "1"]])
    route("two", uris=["/a", "/b"])
    route("host", host="x.test")
    route("late", vars=[["arg_b", "==", "1"]])
    assert found(lint(gateway)) == {
        ("warning", "route-duplicate", "route", "twin"), ("warning", "route-shadowed", "route", "get"),
        ("info", "route-partly-shadowed", "route", "two"), ("warning", "route-shadowed", "route", "late")}
    texts = {row["id"]: row["text"] for row in lint(gateway)["findings"]}
    assert texts["get"] == "it is never taken: route all comes first"
    assert texts["two"] == "its uri /a is never taken: route all comes first"


def test_what_is_missing_empty_or_unused(gateway):
    for kind, body in {"upstreams": NODES, "services": {"upstream": NODES}, "plugin_configs": {"plugins": {"cors": {}}},
                       "consumer_groups": {"plugins": {"cors": {}}}}.items():
        gateway.put(f"/{kind}/unused", body)
        gateway.put(f"/{kind}/gone", body)
    gateway.put("/protos/unused", {"content": 'syntax = "proto3"; message A { string b = 1; }'})
    gateway.put("/upstreams/split", NODES)
    gateway.put("/upstreams/empty", {"type": "roundrobin", "nodes": {}})
    gateway.put("/routes/service", {"uri": "/1", "service_id": "gone"})
    gateway.put("/routes/upstream", {"uri": "/2", "upstream_id": "gone"})
    gateway.put("/routes/config", {"uri": "/3", "upstream_id": "split", "plugin_config_id": "gone"})
    gateway.put("/routes/empty", {"uri": "/4", "upstream_id": "empty"})
    gateway.put("/routes/nodes", {"uri": "/5", "upstream": {"type": "roundrobin", "nodes": {}}})
    gateway.put("/services/bare", {"name": "bare"})
    gateway.put("/routes/bare", {"uri": "/6", "service_id": "bare"})
    gateway.put("/routes/off", {"uri": "/7", "upstream": NODES, "status": 0})
    gateway.put("/routes/split", {"uri": "/8", "upstream": NODES, "plugins": {"traffic-split": {"rules": [
        {"weighted_upstreams": [{"upstream_id": "split", "weight": 1}]}]}}})
    gateway.put("/consumers/nobody", {"username": "nobody", "group_id": "gone"})
    gateway.put("/consumers/anonymous", {"username": "anonymous"})
    gateway.put("/routes/open", {"uri": "/9", "upstream": NODES, "plugins": {
        "key-auth": {"anonymous_consumer": "anonymous"}}})
    for path in ("services", "upstreams", "plugin_configs", "consumer_groups"):
        assert gateway.admin("DELETE", f"/{path}/gone?force=true").status == 200
    assert found(lint(gateway)) == {
        ("error", "reference-missing", "route", "service"), ("error", "reference-missing", "route", "upstream"),
        ("error", "reference-missing", "route", "config"), ("error", "reference-missing", "consumer", "nobody"),
        ("error", "upstream-without-nodes", "upstream", "empty"), ("error", "upstream-without-nodes", "route", "nodes"),
        ("error", "route-without-upstream", "route", "bare"), ("info", "route-disabled", "route", "off"),
        ("warning", "consumer-without-credential", "consumer", "nobody"),
        *(("info", "unused", kind, "unused")
          for kind in ("upstream", "service", "plugin_config", "consumer_group", "proto"))}


def test_certificates(gateway, tmp_path):
    for name, days in (("old", -1), ("soon", 10), ("good", 90)):
        cert, key = certificate(tmp_path, days)
        gateway.put(f"/ssls/{name}", {"cert": cert, "key": key, "snis": [f"{name}.test"]})
    cert, key = certificate(tmp_path, -1)
    gateway.put("/ssls/off", {"cert": cert, "key": key, "snis": ["off.test"], "status": 0})
    assert found(lint(gateway)) == {
        ("error", "certificate-expired", "ssl", "old"), ("warning", "certificate-expires-soon", "ssl", "soon"),
        ("info", "ssl-disabled", "ssl", "off")}


def test_pairs_that_another_version_stored(make_gateway, tmp_path):
    """An APISIX takes a certificate and a key that do not belong together: they are in force, and reported."""
    (cert, _), (other_cert, other_key) = certificate(tmp_path, 80), certificate(tmp_path, 90)
    with Etcd() as etcd:
        gateway = make_gateway(config=etcd.config())
        etcd.put("/apisix/ssls/good", {"id": "good", "cert": other_cert, "key": other_key, "snis": ["good.test"]})
        etcd.put("/apisix/ssls/first", {"id": "first", "cert": cert, "key": other_key, "snis": ["first.test"]})
        etcd.put("/apisix/ssls/second", {"id": "second", "cert": other_cert, "key": other_key,
                                         "certs": [other_cert, cert], "keys": [other_key] * 2, "snis": ["2.test"]})
        etcd.put("/apisix/upstreams/1", NODES | {"id": "1", "tls": {"client_cert": cert, "client_key": other_key}})
        etcd.put("/apisix/routes/1", {"id": "1", "uri": "/1", "upstream_id": "1"})
        wait_until(lambda: len(found(lint(gateway))) == 3, "all to be reported")
        assert found(lint(gateway)) == {("error", "key-of-other-certificate", "ssl", "first"),
                                        ("error", "key-of-other-certificate", "ssl", "second"),
                                        ("error", "key-of-other-certificate", "upstream", "1")}
        texts = {row["id"]: row["text"] for row in lint(gateway)["findings"]}
        assert texts["second"] == ("the private key at /keys/1 does not belong to the certificate at /certs/1: "
                                   "handshakes fail")


def test_plugins_that_do_not_run_and_forms_of_the_past(make_gateway):
    gateway = make_gateway(config={"plugins": ["cors", "echo"]})
    gateway.put("/routes/1", {"uri": "/1", "upstream": NODES, "plugins": {"cors": {}, "echo": {"body": "x"}}})
    gateway.put("/routes/2", {"uri": "/2", "upstream": NODES, "vars": [["arg_a", "Up"]]})
    gateway.put("/plugin_metadata/echo", {})
    gateway.write_config({"plugins": ["cors"]})
    gateway.reload()
    assert found(lint(gateway)) == {("warning", "plugin-not-enabled", "route", "1"),
                                    ("info", "plugin-metadata-unused", "plugin_metadata", "echo"),
                                    ("warning", "vars-old-form", "route", "2")}


def test_stored_behind_the_admin_api(make_gateway, tmp_path):
    """What a file says goes past the checks of a write."""
    gateway = make_gateway(start=False, config={
        "deployment": {"role": "data_plane", "role_data_plane": {"config_provider": "yaml"}}})
    (gateway.prefix / "conf/apisix.yaml").write_text(json.dumps({"routes": [
        {"id": "1", "uri": "/1", "upstream": NODES, "plugins": {"echo": {"body": "x", "disable": True}}},
        {"id": "2", "uri": "/2", "upstream": NODES, "methods": ["NOPE"]}],
        "global_rules": [{"id": "a", "plugins": {"cors": {}}}, {"id": "b", "plugins": {"cors": {}}}]}) + "\n#END\n")
    gateway.start()
    response = http_request(gateway.control_port, "GET", "/v1/lint")
    assert response.status == 200, response.text
    codes = {(row["severity"], row["code"], row["id"]) for row in response.json()["findings"]}
    assert ("error", "rejected", "2") in codes
    assert ("error", "global-rule-plugin-twice", "b") in codes


def test_the_command(gateway):
    gateway.put("/routes/1", {"uri": "/a", "upstream": NODES})
    clean = gateway.run("lint")
    assert clean.returncode == 0, clean.stderr
    assert clean.stdout == "1 objects: 0 errors, 0 warnings, 0 remarks\n"
    gateway.put("/upstreams/u", NODES)
    assert gateway.run("lint").returncode == 0  # a remark is no fault
    gateway.put("/routes/2", {"uri": "/a", "upstream": NODES})
    faulty = gateway.run("lint")
    assert faulty.returncode == 1
    assert "route-duplicate" in faulty.stdout and "1 warnings, 1 remarks" in faulty.stdout
    assert json.loads(gateway.run("lint", "--json").stdout)["counts"]["warning"] == 1
    gateway.stop()
    assert gateway.run("lint").returncode == 3
