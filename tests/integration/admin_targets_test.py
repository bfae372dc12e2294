"""Calls of the Admin API whose target or body does not say one thing: paths below an object, escapes in ids, bytes
that are no text, two global rules with one plugin. All are 400, and nothing is touched."""

import pytest

pytestmark = pytest.mark.shares_gateway

NODES = {"type": "roundrobin", "nodes": {"127.0.0.1:1980": 1}}
ROUTE = {"uri": "/a", "upstream": NODES}


def refused(gateway, method, path, body=None, text=None):
    response = gateway.admin(method, path, body)
    assert response.status == 400, response.text
    if text is not None:
        assert response.json()["error_msg"] == text
    return response


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_a_path_below_an_object_is_not_the_object(gateway, method):
    gateway.put("/routes/1", ROUTE)
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {"key-auth": {"key": "k"}}})
    gateway.put("/consumers/jack/credentials/c1", {"plugins": {"key-auth": {"key": "k1"}}})
    body = None if method == "DELETE" else ROUTE | {"uri": "/b"}
    refused(gateway, method, "/routes/1/foo/bar", body, "invalid sub-path: foo/bar")
    refused(gateway, method, "/routes/1/upstream", body, "invalid sub-path: upstream")
    if method != "POST":  # neither kind has it
        refused(gateway, method, "/consumers/jack/foo", body, "invalid sub-path: foo")
        refused(gateway, method, "/consumers/jack/credentials/c1/foo", body, "invalid sub-path: foo")
    assert gateway.admin("GET", "/routes/1").json()["value"]["uri"] == "/a"
    assert gateway.admin("GET", "/consumers/jack/credentials/c1").status == 200


def test_only_a_patch_goes_inside(gateway):
    gateway.put("/routes/1", ROUTE)
    assert gateway.admin("PATCH", "/routes/1/upstream/nodes", {"127.0.0.1:1981": 1}).status == 200
    assert gateway.admin("DELETE", "/routes/1/").status == 200  # a slash behind the id is nothing


@pytest.mark.parametrize("path", ["/routes/1%2Ffoo", "/routes/1%2ffoo", "/routes%2F1", "/routes/1%3Fttl=1", "/routes/1%23a",
                                  "/routes/1%5Ca", "/routes/%2e%2e/upstreams/u", "/routes/1%0a", "/routes/%ff", "/routes/1?x=%ff"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_an_escape_does_not_make_another_object(gateway, method, path):
    gateway.put("/routes/1", ROUTE)
    gateway.put("/upstreams/u", NODES)
    refused(gateway, method, path, ROUTE if method in ("PUT", "PATCH") else None)
    assert gateway.admin("GET", "/routes/%31").json()["value"]["uri"] == "/a"
    assert gateway.admin("GET", "/upstreams/u").status == 200


@pytest.mark.parametrize("body", [b'{"uri":"/a","desc":"\xff","upstream_id":"u"}', b'{"uri":"/a","desc":"\\udc00","upstream_id":"u"}',
                                  b'{"uri":"/a\xc3","upstream_id":"u"}', b'{"uri":"/a","labels":{"\xfe":"a"},"upstream_id":"u"}'])
def test_a_body_that_is_not_utf8_is_refused_and_shown_cleaned(gateway, body):
    gateway.put("/upstreams/u", NODES)
    response = refused(gateway, "PUT", "/routes/bytes", body)
    assert "UTF-8" in response.body.decode("utf-8")
    assert gateway.admin("GET", "/routes/bytes").status == 404
    gateway.put("/routes/bytes", {"uri": "/\u00e4", "upstream_id": "u"})
    assert gateway.admin("PATCH", "/routes/bytes/desc", b'"\xff"').status == 400


def test_a_plugin_is_in_one_global_rule_however_it_comes(gateway):
    gateway.put("/global_rules/1", {"plugins": {"request-id": {}}})
    taken = "plugin 'request-id' already exists in global rule with id '1'"
    refused(gateway, "PUT", "/global_rules/2", {"plugins": {"request-id": {}}}, taken)
    echo = {"body": "b"}
    both = {"global_rules": [{"id": "a", "plugins": {"cors": {}}}, {"id": "b", "plugins": {"echo": echo, "cors": {}}}]}
    response = refused(gateway, "POST", "/configs/validate", both)
    assert [(e["index"], e["error"]) for e in response.json()["errors"]] == \
        [(1, "plugin 'cors' already exists in global rule with id 'a'")]
    refused(gateway, "POST", "/configs/apply", {"put": both})
    refused(gateway, "POST", "/configs/apply", {"put": {"global_rules": [{"id": "c", "plugins": {"request-id": {}}}]}})
    assert gateway.admin("DELETE", "/global_rules/1").status == 200
