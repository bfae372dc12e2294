"""What APISIX's dashboard asks the Admin API for: taken from its source and its end-to-end tests (docs/STATUS.md says how those
ran), with the parts of the responses that it reads. It has every kind of object, pages its lists, shows `error_msg` of what
is refused, and builds its plugin forms from the schemas that it is given."""

import pytest
from certificates import self_signed
from ports import free_port

pytestmark = pytest.mark.shares_gateway

NODES = [{"host": "127.0.0.1", "port": 8001, "weight": 1}]
UPSTREAM = {"type": "roundrobin", "nodes": NODES}
STREAM_MODE = {"apisix": {"proxy_mode": "http&stream", "stream_proxy": {"tcp": [free_port()]}}}
# Kinds that its forms make by a PUT with an id of its own (nanoid), and by a POST.
PUT_KINDS = {
    "consumer_groups": {"plugins": {"limit-count": {"count": 2, "time_window": 60}}, "desc": "d", "labels": {"a": "b"}},
    "plugin_configs": {"name": "n", "desc": "d", "labels": {"a": "b"}, "plugins": {"response-rewrite": {"body": "x"}}},
    "global_rules": {"plugins": {"response-rewrite": {"headers": {"set": {"X-A": "1"}}}}},
}
POST_KINDS = {
    "routes": {"name": "n", "uri": "/a", "methods": ["GET"], "upstream": UPSTREAM, "status": 1, "priority": 0,
               "enable_websocket": False, "vars": [["arg_a", "==", "1"]], "labels": {"a": "b:c"}},
    "services": {"name": "n", "desc": "d", "hosts": ["a.example.com"], "upstream": UPSTREAM, "enable_websocket": True},
    "upstreams": UPSTREAM | {
        "name": "n", "scheme": "https", "pass_host": "rewrite", "upstream_host": "a.example.com", "retries": 5,
        "timeout": {"connect": 6, "send": 6, "read": 6}, "keepalive_pool": {"size": 320, "idle_timeout": 60, "requests": 1000},
        "checks": {"active": {"type": "http", "http_path": "/", "healthy": {"interval": 1, "successes": 2},
                              "unhealthy": {"interval": 1, "http_failures": 5}}}},
    "protos": {"content": 'syntax = "proto3"; package p; message M { string a = 1; }'},
    "stream_routes": {"server_addr": "127.0.0.1", "server_port": 9100, "upstream": UPSTREAM},
}
ID = "V1StGXR8_Z5jdHi6B-myT"  # as nanoid makes them


def ask(gateway, method, path, body=None, status=200):
    response = gateway.admin(method, path, body, headers={"Accept": "application/json, text/plain, */*"})
    assert response.status == status, f"{method} {path}: {response.status} {response.text}"
    assert response.header("Content-Type").startswith("application/json")
    return response.json()


def read_detail(gateway, path, body):
    """What its detail page is filled with; it writes all but the times back when something is edited."""
    detail = ask(gateway, "GET", path)
    assert detail["key"] == f"/apisix{path}" and detail["createdIndex"] <= detail["modifiedIndex"]
    value = detail["value"]
    assert {member: value.get(member) for member in body} == body
    return value


def edit_and_delete(gateway, path, body):
    value = read_detail(gateway, path, body)
    sent_back = {member: item for member, item in value.items() if member not in ("id", "create_time", "update_time")}
    changed = ask(gateway, "PUT", path, sent_back | {"labels": {"edited": "yes"}})
    assert changed["value"]["labels"] == {"edited": "yes"}
    read_detail(gateway, path, body | {"labels": {"edited": "yes"}})
    assert ask(gateway, "DELETE", path)["deleted"] == "1"
    assert ask(gateway, "GET", path, status=404) == {"message": "Key not found"}


@pytest.mark.gateway(config=STREAM_MODE)
def test_every_kind_is_made_shown_edited_and_deleted(gateway):
    for kind, body in POST_KINDS.items():
        assert ask(gateway, "GET", f"/{kind}?page=1&page_size=10") == {"list": [], "total": 0}
        name = ask(gateway, "POST", f"/{kind}", body, 201)["value"]["id"]  # it goes to this detail page
        (item,) = ask(gateway, "GET", f"/{kind}?page=1&page_size=10")["list"]
        assert item["value"]["id"] == name
        edit_and_delete(gateway, f"/{kind}/{name}", body)
    for kind, body in PUT_KINDS.items():
        assert ask(gateway, "PUT", f"/{kind}/{ID}", body, 201)["value"]["id"] == ID
        assert ask(gateway, "GET", f"/{kind}?page=1&page_size=10")["list"][0]["value"]["id"] == ID
        if kind == "global_rules":  # has no labels
            read_detail(gateway, f"/{kind}/{ID}", body)
            assert ask(gateway, "DELETE", f"/{kind}/{ID}")["deleted"] == "1"
        else:
            edit_and_delete(gateway, f"/{kind}/{ID}", body)


def test_consumers_and_their_credentials(gateway):
    body = {"username": "john-doe", "desc": "d", "labels": {"a": "b"}, "plugins": {"limit-count": {"count": 2, "time_window": 60}}}
    ask(gateway, "PUT", "/consumers", body, 201)
    credentials = "/consumers/john-doe/credentials"
    assert ask(gateway, "GET", f"{credentials}?username=john-doe", status=404)["message"] == "Key not found"  # an empty list to it
    credential = {"plugins": {"key-auth": {"key": "k"}}, "desc": "c", "labels": {"a": "b"}}
    assert ask(gateway, "PUT", f"{credentials}/{ID}", credential, 201)["value"]["id"] == ID
    listed = ask(gateway, "GET", f"{credentials}?username=john-doe")
    assert (listed["total"], listed["list"][0]["value"]["id"]) == (1, ID)
    edit_and_delete(gateway, f"{credentials}/{ID}", credential)
    listed = ask(gateway, "GET", "/consumers?page=1&page_size=10")
    assert listed["list"][0]["value"]["username"] == "john-doe" and listed["list"][0]["value"]["update_time"]
    edit_and_delete(gateway, "/consumers/john-doe", body)


def test_a_certificate_never_comes_with_its_key(gateway, tmp_path):
    cert, key = self_signed(tmp_path)
    body = {"snis": ["a.example.com", "*.example.com"], "cert": cert, "status": 1, "labels": {"a": "b"},
            "ssl_protocols": ["TLSv1.2", "TLSv1.3"], "client": {"ca": cert, "depth": 2, "skip_mtls_uri_regex": ["/health.*"]}}
    path = "/ssls/" + ask(gateway, "POST", "/ssls", body | {"key": key}, 201)["value"]["id"]
    for value in (read_detail(gateway, path, body), ask(gateway, "GET", "/ssls?page=1&page_size=10")["list"][0]["value"]):
        assert "key" not in value
    # Its form asks for the key again, whatever is edited.
    ask(gateway, "PUT", path, body | {"key": key, "status": 0})
    read_detail(gateway, path, body | {"status": 0})
    ask(gateway, "DELETE", path)


def test_secrets_name_their_kind_in_the_id(gateway):
    vault = {"uri": "http://127.0.0.1:8200", "prefix": "kv/apisix", "token": "t", "namespace": "n"}
    aws = {"region": "us-east-1", "access_key_id": "a", "secret_access_key": "s", "session_token": "", "endpoint_url": "http://127.0.0.1:1"}
    gcp = {"ssl_verify": True, "auth_config": {"client_email": "a@b", "private_key": "k", "project_id": "p", "scope": ["s"]}}
    for kind, body in (("vault", vault), ("aws", aws), ("gcp", gcp)):
        ask(gateway, "PUT", f"/secrets/{kind}/{ID}", body, 201)
        # It takes "kind/id" apart.
        assert ask(gateway, "GET", "/secrets?page=1&page_size=10")["list"][0]["value"]["id"] == f"{kind}/{ID}"
        value = read_detail(gateway, f"/secrets/{kind}/{ID}", body)
        assert value["id"] == f"{kind}/{ID}"
        ask(gateway, "PUT", f"/secrets/{kind}/{ID}", body)
        ask(gateway, "DELETE", f"/secrets/{kind}/{ID}")


def test_plugins_with_their_schemas(gateway):
    every = ask(gateway, "GET", "/plugins?subsystem=http&all=true")
    assert set(ask(gateway, "GET", "/plugins/list")) <= set(every)
    assert every["limit-count"]["schema"]["properties"]["count"]
    # Which of them it offers for consumers, and on the page of metadata.
    assert every["key-auth"]["consumer_schema"]["required"] == ["key"]
    assert "consumer_schema" not in every["limit-count"]
    assert every["http-logger"]["metadata_schema"]["properties"]["log_format"]
    assert ask(gateway, "GET", "/plugins/key-auth")["properties"]["header"]["default"] == "apikey"
    assert ask(gateway, "GET", "/plugins?subsystem=stream&all=true") is not None

    assert ask(gateway, "GET", "/plugin_metadata/http-logger", status=404)["message"] == "Key not found"
    metadata = {"log_format": {"host": "$host", "@timestamp": "$time_iso8601"}}
    ask(gateway, "PUT", "/plugin_metadata/http-logger", metadata, 201)
    read_detail(gateway, "/plugin_metadata/http-logger", metadata)
    ask(gateway, "DELETE", "/plugin_metadata/http-logger")


@pytest.mark.gateway(config=STREAM_MODE)
def test_routes_of_a_service(gateway):
    for service in ("one", "two"):
        gateway.put(f"/services/{service}", {"name": service, "upstream": UPSTREAM})
    for kind, body in (("routes", {"uri": "/a"}), ("stream_routes", {"server_port": 9100})):
        for service in ("one", "one", "two"):
            ask(gateway, "POST", f"/{kind}", body | {"service_id": service}, 201)
        listed = ask(gateway, "GET", f"/{kind}?page=1&page_size=10&filter=service_id%3Done")
        assert listed["total"] == 2 and {item["value"]["service_id"] for item in listed["list"]} == {"one"}
        assert ask(gateway, "GET", f"/{kind}?filter=service_id%3Dthree&page=1&page_size=10") == {"list": [], "total": 0}


def test_what_it_shows_when_it_is_refused(gateway):
    gateway.put("/upstreams/u", UPSTREAM)
    gateway.put("/routes/r", {"uri": "/a", "upstream_id": "u"})
    for method, path, body, message in (
            ("DELETE", "/upstreams/u", None, "can not delete this upstream, route [r] is still using it now"),
            ("POST", "/routes", {"uri": "/b", "service_id": "none"},
             "failed to fetch service info by service id [none], response code: 404"),
            ("POST", "/stream_routes", {"upstream": UPSTREAM}, "stream mode is disabled, can not add stream routes")):
        assert ask(gateway, method, path, body, 400)["error_msg"] == message
    too_long = ask(gateway, "POST", "/routes", {"uri": "/b", "upstream": UPSTREAM, "name": "n" * 1000}, 400)
    assert "string too long, expected at most 256, got 1000" in too_long["error_msg"]
    # Then it asks for the key.
    refused = gateway.admin("GET", "/routes?page=1&page_size=10", key="wrong")
    assert (refused.status, refused.json()["error_msg"]) == (401, "failed to check token")


def test_names_come_back_as_they_were(gateway):
    for name in ("<img src=x onerror=alert(1)>", "emoji \U0001F680 日本語", " ", "a\"b\\c"):
        made = ask(gateway, "POST", "/routes", {"uri": "/a", "name": name, "upstream": UPSTREAM}, 201)
        read_detail(gateway, f"/routes/{made['value']['id']}", {"name": name})


@pytest.mark.parametrize("kind", ["routes", "services", "upstreams", "consumers"])
def test_pages(gateway, kind):
    upstream = {"type": "roundrobin", "nodes": {"127.0.0.1:80": 1}}
    bodies = {"routes": lambda n: {"uri": f"/{n}", "upstream": upstream, "name": f"n{n}"}, "services": lambda n: {"name": f"n{n}"},
              "upstreams": lambda n: upstream | {"name": f"n{n}"}, "consumers": lambda n: {"username": f"u{n:02}"}}
    for n in range(12):
        name = f"u{n:02}" if kind == "consumers" else str(100 - n)
        gateway.put(f"/{kind}/{name}", bodies[kind](n))

    def page(number):
        body = gateway.admin("GET", f"/{kind}?page={number}&page_size=10").json()
        assert body["total"] == 12
        return [item["createdIndex"] for item in body["list"]]

    indexes = page(1) + page(2)
    assert len(page(1)) == 10 and indexes == sorted(indexes) and len(set(indexes)) == 12
    assert page(3) == []
