"""One thing under several spellings: a host with a dot at its end, a query argument with escapes, bytes that are no
text. What a condition, a limit or a key saw must be what the others see, so that no other spelling passes by."""

import json

import pytest

from gateway import wait_until

GATEWAY = {"config": {"apisix": {"router": {"http": "radixtree_host_uri"}},
                      "nginx_config": {"http": {"access_log_buffer": 1, "access_log_format": "$http_host|$host|$arg_user"}}}}


@pytest.fixture
def hosts(proxy):
    """Serves /h for secret.com and *.wild.com with key-auth, and for every host without; the last request's Host."""
    class Hosts:
        seen = []

        def serve(self, peer):
            while True:
                self.seen.append(peer.read_request())
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        def status(self, host, target=None):
            self.seen.clear()
            client = proxy.client()
            try:
                return client.ask(f"GET {target or '/h'} HTTP/1.1\r\nHost: {host}\r\n\r\n").status
            finally:
                client.close()

        def forwarded(self):
            return [value for name, value in self.seen[-1].headers if name.lower() == "host"]

    made = Hosts()
    upstream = proxy.upstream(made.serve)
    nodes = {"type": "roundrobin", "nodes": {f"127.0.0.1:{upstream.port}": 1}}
    guarded = {"uri": "/h", "plugins": {"key-auth": {}}, "upstream": nodes}
    proxy.gateway.put("/routes/all", {"uri": "/*", "upstream": nodes})
    proxy.gateway.put("/routes/secret", guarded | {"host": "secret.com"})
    proxy.gateway.put("/routes/wild", guarded | {"host": "*.wild.com"})
    proxy.gateway.put("/routes/dotted", guarded | {"hosts": ["Dotted.com.", "*.dotted.org."]})
    proxy.gateway.put("/services/s", {"hosts": ["of-service.com."], "upstream": nodes})
    proxy.gateway.put("/routes/of-service", {"uri": "/h", "plugins": {"key-auth": {}}, "service_id": "s"})
    proxy.apply()
    yield made
    for name in ("all", "secret", "wild", "dotted", "of-service"):
        proxy.gateway.admin("DELETE", f"/routes/{name}")
    proxy.gateway.admin("DELETE", "/services/s")
    proxy.apply()


@pytest.mark.parametrize("host", [
    "secret.com", "secret.com.", "SECRET.COM.", "secret.com.:9080", "x.wild.com.", "X.Wild.com.:80", "dotted.com",
    "dotted.com.", "a.dotted.org", "a.dotted.org.", "of-service.com", "of-service.com."])
def test_a_dot_behind_a_host_passes_no_guard(hosts, host):
    assert hosts.status(host) == 401
    assert hosts.status("other.com", f"http://{host}/h") == 401
    assert hosts.seen == []


@pytest.mark.parametrize("sent, forwarded", [
    ("open.com.", "open.com"), ("open.com.:9080", "open.com:9080"), ("Open.com", "Open.com"), ("127.0.0.1.", "127.0.0.1")])
def test_the_host_that_was_matched_is_forwarded(hosts, sent, forwarded):
    assert hosts.status(sent) == 200
    assert hosts.forwarded() == [forwarded]
    assert [v for n, v in hosts.seen[-1].headers if n.lower() == "x-forwarded-host"] == [forwarded]
    assert hosts.status("other.com", f"http://{sent}/h") == 200
    assert hosts.forwarded() == [forwarded]


@pytest.mark.parametrize("host", ["secret.com..", ".", "secret..com", "secret.com..:9080", "[::1]."])
def test_other_dots_are_no_host(hosts, host):
    assert hosts.status(host) == 400


def test_the_log_shows_the_host_as_it_was_sent_and_as_it_was_read(proxy, hosts):
    assert hosts.status("Logged.com.:81", "/h?user=b%6fb") == 200
    wait_until(lambda: "Logged.com.:81|logged.com|b%6fb" in proxy.gateway.log("access.log"), "the line")


def test_a_limit_counts_every_spelling_of_an_argument(proxy):
    limit = {"count": 1, "time_window": 600, "key_type": "var", "key": "arg_user", "rejected_code": 429}
    path = proxy.route(proxy.upstream(), plugins={"limit-count": limit})
    assert [proxy.get(f"{path}?{query}").status
            for query in ("user=bob", "user=b%6fb", "%75ser=bob", "user=%62%6f%62&user=eve", "user=eve")] == \
        [200, 429, 429, 429, 200]


def test_a_condition_sees_arguments_decoded(proxy):
    path = proxy.route(proxy.upstream(), plugins={"fault-injection": {"abort": {
        "http_status": 403, "vars": [[["arg_role", "==", "a b&c"]]]}}})
    for query in ("role=a%20b%26c", "role=a+b%26c", "r%6fle=a+b%26c", "x&role=%61+b%26c&role=no"):
        assert proxy.get(f"{path}?{query}").status == 403, query
    for query in ("role=a%2520b%26c", "Role=a+b%26c", "role=x&role=a+b%26c"):
        assert proxy.get(f"{path}?{query}").status == 200, query


def test_a_hash_takes_every_spelling_to_one_node(proxy):
    upstreams = [proxy.upstream(), proxy.upstream()]
    for value in ("ab", "user", "x y"):
        counts = []
        path = proxy.route(*upstreams, upstream={"type": "chash", "key": "arg_k"},
                           plugins={"response-rewrite": {"headers": {"set": {"X-Node": "$balancer_port"}}}})
        for spelled in (value.replace(" ", "%20"), "".join(f"%{ord(c):02x}" for c in value), value.replace(" ", "+")):
            counts.append(proxy.get(f"{path}?k={spelled}").header("X-Node"))
        assert len(set(counts)) == 1, counts


def test_bytes_that_are_no_text_spoil_neither_a_log_nor_a_scrape(proxy):
    folder = proxy.gateway.prefix / "entries"  # workers run as another user
    folder.mkdir()
    folder.chmod(0o777)
    log = folder / "entries.log"
    path = proxy.route(proxy.upstream(), plugins={"file-logger": {"path": str(log), "log_format": {
        "agent": "$http_user_agent", "arg": "$arg_a", "uri": "$uri"}}})
    client = proxy.client()
    client.send(f"GET {path}/%ff?a=%fe HTTP/1.1\r\nHost: a\r\nUser-Agent: ".encode() + b"x\xff\xc3\xa4\r\n\r\n")
    assert client.read_response().status == 200
    wait_until(lambda: log.exists() and log.read_bytes().count(b"\n") == 1, "an entry")
    entry = json.loads(log.read_bytes().decode("utf-8"))
    assert (entry["agent"], entry["arg"], entry["uri"]) == ("x\ufffd\u00e4", "\ufffd", f"{path}/\ufffd")
