"""What the Admin API leaves in the store, seen from outside, and what the gateway makes of what others left there."""
import json
import subprocess

import pytest

from certificates import self_signed
from etcd import Etcd
from gateway import wait_until

KEY, OLDER_KEY = "edd1c9f0985e76a2", "qeddd145sfvddff3"
BAR = "77+NmbYqNfN+oLm0aX5akg=="  # "bar" as KEY encrypts it


def encryption(*keyring):
    return {"apisix": {"data_encryption": {"enable_encrypt_fields": True, "keyring": list(keyring)}}}


@pytest.fixture
def etcd():
    with Etcd() as one:
        yield one


@pytest.fixture
def make(etcd, make_gateway):
    def made(config=None, **more):
        return make_gateway(config=etcd.config() | (config or {}), **more)
    return made


def stored(etcd, key):
    return json.loads(etcd.items()[f"/apisix{key}"])


def guarded_route(upstream):
    return {"uri": "/a", "plugins": {"key-auth": {}},
            "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}}


def asks_with(gateway, key):
    return gateway.request("/a", headers={"apikey": key}).status


def test_secret_fields_are_encrypted_at_rest(etcd, make, upstream):
    gateway = make(encryption(KEY))
    gateway.put("/consumers", {"username": "jack", "plugins": {"key-auth": {"key": "bar"}}})
    assert stored(etcd, "/consumers/jack")["plugins"]["key-auth"]["key"] == BAR
    gateway.put("/routes/1", guarded_route(upstream))
    wait_until(lambda: asks_with(gateway, "bar") == 200, "the consumer to be known by the plain key")
    assert asks_with(gateway, BAR) == 401
    gateway.put("/consumers/jack/credentials/c", {"plugins": {"key-auth": {"key": "second"}}})
    wait_until(lambda: asks_with(gateway, "second") == 200, "the credential to be known")
    shown = gateway.admin("GET", "/consumers/jack/credentials/c").json()["value"]
    assert shown["plugins"]["key-auth"]["key"] == "second"


def test_an_older_key_still_decrypts(etcd, make, upstream):
    etcd.put("/apisix/consumers/jack", {"username": "jack", "plugins": {"key-auth": {"key": BAR}}})
    etcd.put("/apisix/consumers/rose", {"username": "rose", "plugins": {"key-auth": {"key": "never encrypted"}}})
    etcd.put("/apisix/routes/1", guarded_route(upstream) | {"id": "1"})
    gateway = make(encryption(OLDER_KEY, KEY))
    assert asks_with(gateway, "bar") == 200
    assert asks_with(gateway, "never encrypted") == 200


def test_without_encryption_fields_are_plain(etcd, make):
    gateway = make({"apisix": {"data_encryption": {"enable_encrypt_fields": False, "keyring": [KEY]}}})
    gateway.put("/consumers", {"username": "jack", "plugins": {"key-auth": {"key": "bar"}}})
    assert stored(etcd, "/consumers/jack")["plugins"]["key-auth"]["key"] == "bar"


def test_private_keys_are_encrypted_at_rest(etcd, make, tmp_path):
    cert, key = self_signed(tmp_path)
    gateway = make(encryption(KEY))
    response = gateway.admin("PUT", "/ssls/1", {"cert": cert, "key": key, "sni": "test.com"})
    assert response.status == 201 and "PRIVATE KEY" not in response.text
    gateway.put("/upstreams/1", {"nodes": {"127.0.0.1:1": 1}, "tls": {"client_cert": cert, "client_key": key}})
    first = stored(etcd, "/ssls/1")["key"]
    for value in (first, stored(etcd, "/upstreams/1")["tls"]["client_key"]):
        plain = subprocess.run(["openssl", "enc", "-d", "-aes-128-cbc", "-base64", "-A", "-K", KEY.encode().hex(),
                                "-iv", KEY.encode().hex()], input=value, text=True, capture_output=True, check=True)
        assert plain.stdout == key
    assert gateway.admin("PATCH", "/ssls/1", {"desc": "x"}).status == 200
    assert stored(etcd, "/ssls/1")["key"] == first  # not encrypted twice
    assert "key" not in gateway.admin("GET", "/ssls/1").json()["value"]


def test_bad_values_in_the_store_are_rejected_alone(etcd, make, upstream):
    gateway = make()
    good = {"type": "roundrobin", "nodes": {upstream.node: 1}}
    gateway.put("/upstreams/1", good)
    gateway.put("/routes/1", {"uri": "/a", "upstream_id": "1"})
    wait_until(lambda: gateway.request("/a").status == 200, "the route")
    for bad in ({"nodes": "nowhere"}, {"nodes": {}, "retries": "many"}, {"type": "chash", "nodes": {"a:1": 1}}):
        etcd.put("/apisix/upstreams/1", bad)
    etcd.put("/apisix/services/1", {"hosts": "no list"})
    etcd.put("/apisix/global_rules/1", {"plugins": {"echo": {"body": 5}}})
    gateway.wait_for_log("rejected /apisix/global_rules/1")
    assert gateway.request("/a").status == 200  # the last good value
    log = gateway.log()
    assert "missing key" in log and 'property "hosts" validation failed' in log
    etcd.put("/apisix/upstreams/1", good | {"id": "1"})
    assert gateway.request("/a").status == 200


@pytest.mark.expects_damage
def test_the_stored_list_of_plugins_follows_config_yaml(etcd, make):
    etcd.put("/apisix/plugins", [{"name": "echo"}, {"name": "no-longer-there"}])
    gateway = make({"plugins": ["key-auth", "echo"], "stream_plugins": []}, workers=2)

    def names():
        return [entry["name"] for entry in json.loads(etcd.items()["/apisix/plugins"])]

    def enabled():
        return gateway.admin("GET", "/plugins/list").json()

    wait_until(lambda: names() == ["key-auth", "echo"], "the list of config.yaml in the store")
    wait_until(lambda: all(enabled() == ["key-auth", "echo"] for _ in range(8)), "all workers to follow")
    gateway.write_config({"plugins": ["uri-blocker"]})
    assert gateway.admin("PUT", "/plugins/reload").text == "done"
    assert names() == ["uri-blocker"]
    wait_until(lambda: all(enabled() == ["uri-blocker"] for _ in range(8)), "all workers to follow")
    refused = gateway.admin("PUT", "/routes/1", {"uri": "/", "plugins": {"echo": {"body": "a"}}})
    assert refused.json()["error_msg"] == "unknown plugin [echo]"
    # Workers that take the place of others know only the config.yaml of the start: it does not count any more.
    gateway.replace_workers()
    wait_until(lambda: all(enabled() == ["uri-blocker"] for _ in range(8)), "them to have the list")
    gateway.put("/routes/1?wait=30000", {"uri": "/", "plugins": {"uri-blocker": {"block_rules": ["a"]}}})
    assert names() == ["uri-blocker"]
    gateway.config_path.write_text("plugins: {")
    refused = gateway.admin("PUT", "/plugins/reload")
    assert refused.status == 503 and "config.yaml" in refused.json()["error_msg"]


def test_what_cannot_run_is_not_skipped(etcd, make, upstream):
    """Objects that another version wrote, with a plugin that is enabled and that this build does not have."""
    absent = {"not-in-this-build": {}}
    nodes = {"type": "roundrobin", "nodes": {upstream.node: 1}}
    etcd.put("/apisix/routes/plain", {"id": "plain", "uri": "/plain", "upstream": nodes})
    etcd.put("/apisix/routes/broken", {"id": "broken", "uri": "/broken", "upstream": nodes, "plugins": absent})
    etcd.put("/apisix/routes/1", guarded_route(upstream) | {"id": "1"})
    etcd.put("/apisix/consumer_groups/g", {"id": "g", "plugins": absent})
    for name, more in {"jack": {}, "rose": {"group_id": "g"}, "tom": {"plugins": absent}}.items():
        plugins = {"key-auth": {"key": name}} | more.get("plugins", {})
        etcd.put(f"/apisix/consumers/{name}", {"username": name} | more | {"plugins": plugins})
    gateway = make({"plugins": ["key-auth", "not-in-this-build"]})
    assert gateway.request("/plain").status == 200
    assert gateway.request("/broken").status == 503
    assert [asks_with(gateway, name) for name in ("jack", "rose", "tom")] == [200, 503, 503]
    etcd.put("/apisix/global_rules/1", {"id": "1", "plugins": absent})
    wait_until(lambda: gateway.request("/plain").status == 503, "the global rule to be seen")
    assert "global rule 1 names plugin not-in-this-build" in gateway.log()
    etcd.put("/apisix/global_rules/1", {"id": "1", "plugins": {"not-in-this-build": {"_meta": {"disable": True}}}})
    wait_until(lambda: gateway.request("/plain").status == 200, "the plugin to be disabled there")
