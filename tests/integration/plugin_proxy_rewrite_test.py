"""proxy-rewrite at the level of bytes: nothing that a client puts into a URI, a field or a capture gets out of its
place in what the upstream reads. Named after the published faults of this kind."""

import itertools
import re

import pytest

from raw import respond_ok

# What a client can make of "/..." : line ends, ends of the request line, in every spelling that a parser may undo.
PATHS = ["/a%0d%0aX-Evil:%20pwn", "/a%0aX-Evil:%20pwn", "/a%0dX-Evil:%20pwn", "/a%20HTTP/1.1%0d%0aX-Evil:pwn%0d%0a%0d%0aGET%20/evil",
         "/a%3f%0d%0aX-Evil:pwn", "/%0d%0a%0d%0aGET%20/evil%20HTTP/1.1", "/a%250d%250aX-Evil:pwn", "/a%E2%80%A8b", "/a%7f%1b%09b",
         "/a%0b%0c%85b"]
CONFS = {"uri": {"uri": "/x$uri"},
         "uri in the query": {"uri": "/x?orig=$uri&$arg_q"},
         "uri, unsafe": {"uri": "/x$uri", "use_real_request_uri_unsafe": True},
         "regex_uri": {"regex_uri": ["(?s)^/(.*)", "/x/$1"]},
         "regex_uri in the query": {"regex_uri": ["(?s)^/(.*)", "/x?orig=$1"]},
         "regex_uri, unsafe": {"regex_uri": ["(?s)^/(.*)", "/x?orig=$1"], "use_real_request_uri_unsafe": True},
         "nothing but fields": {"headers": {"set": {"X-Other": "y"}}},
         "fields": {"regex_uri": ["(?s)^/(.*)", "/x"], "headers": {"set": {"X-Path": "$uri", "X-Capture": "$1", "X-Arg": "$arg_q"},
                                                                  "add": {"X-Added": "$1$uri"}}},
         "host": {"headers": {"set": {"Host": "a$uri"}}}}


@pytest.mark.parametrize("name", CONFS)
def test_13787_no_line_end_of_a_client_reaches_the_upstream_unescaped(proxy, name):
    """apache/apisix #13787 (CR LF through $upstream_uri) and CVE-2026-31908 (control characters in a set field)."""
    upstream = proxy.upstream(respond_ok)
    base = proxy.route(upstream, plugins={"proxy-rewrite": CONFS[name]})
    client = proxy.client()
    served = 0
    for path, query in itertools.product(PATHS, ["", "?q=%0d%0aX-Evil:pwn", "?q=a%20b"]):
        client.send(f"GET {base}{path}{query} HTTP/1.1\r\nHost: a.test\r\n\r\n")
        response = client.read_response()
        assert response.status == 200, (path, query)
        served += 1
    received = upstream.received
    heads = received.split(b"\r\n\r\n")[:-1]
    assert len(heads) == served
    for head in heads:
        request_line, *fields = head.split(b"\r\n")
        assert re.fullmatch(rb"GET /\S* HTTP/1\.1", request_line) and not request_line.startswith(b"GET /evil"), request_line
        assert not any(field.lower().startswith(b"x-evil") for field in fields)
        assert not any(byte < 0x20 or byte == 0x7f for byte in b"".join(fields)), fields


def test_cve_2021_43557_what_is_matched_is_what_is_forwarded(proxy):
    """A path that is matched in its normal form must not reach the upstream in another one."""
    upstream = proxy.upstream(respond_ok)
    base = proxy.route(upstream, plugins={"proxy-rewrite": {"headers": {"set": {"A": "b"}}}})
    for path, forwarded in [("/public/../internal", "/internal"), ("//internal", "/internal"), ("/./internal", "/internal"),
                            ("/%2e%2e" + base + "/internal", "/internal"), ("/a%2f..%2finternal", "/internal")]:
        assert proxy.get(base + path).status == 200
        target = upstream.peers[-1].received.split(b" ")[1].decode()
        assert target == base + forwarded, path


def test_cve_2026_94269_matched_and_forwarded_agree_with_regex_uri(proxy):
    upstream = proxy.upstream(respond_ok)
    base = proxy.route(upstream, plugins={"proxy-rewrite": {"regex_uri": ["^/r\\d+/public/(.*)", "/$1"]}})
    assert proxy.get(base + "/public/../admin").status == 200
    assert upstream.peers[-1].received.startswith(f"GET {base}/admin HTTP/1.1".encode())  # not "/../admin"


def test_a_method_that_changes_the_framing(proxy):
    """A body where the upstream's method has none, and none where it has one: the connections stay in step."""
    def serve(peer):
        while True:
            request = peer.read_request()
            head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
            peer.send(head if request.start_line.startswith("HEAD") else head + "hello")

    upstream = proxy.upstream(serve)
    to_head = proxy.route(upstream, plugins={"proxy-rewrite": {"method": "HEAD"}})
    to_get = proxy.route(upstream, plugins={"proxy-rewrite": {"method": "GET"}})
    client = proxy.client()
    for _ in range(3):
        response = client.ask(f"GET {to_head} HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert (response.status, response.body, response.header("Content-Length")) == (200, b"", "0")
        response = client.ask(f"HEAD {to_get} HTTP/1.1\r\nHost: a.test\r\n\r\n", to="HEAD")
        assert (response.status, response.header("Content-Length")) == (200, "5")
        response = client.ask(f"POST {to_get} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc")
        assert (response.status, response.body) == (200, b"hello")
    assert client.end is None
