"""Upstreams whose certificates are verified: proxy_ssl_verify and tls.verify, by the authorities of
apisix.ssl.ssl_trusted_certificate."""

import os
import tempfile

import pytest

from gateway import wait_until
from proxy import Proxy
from tls_nodes import Authority, server_context


@pytest.fixture(scope="module")
def authority():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # workers read the file, as another user
        yield Authority(folder)


@pytest.fixture(scope="module")
def shared_proxy(authority):
    proxy = Proxy(config={"apisix": {"ssl": {"ssl_trusted_certificate": str(authority.file)}},
                          "nginx_config": {"http": {"proxy_ssl_verify": "by_upstream"}}})
    yield proxy
    proxy.stop()


def get(proxy, node, verify=True, host="node.test"):
    """The status of a request to the node, and the path it went to."""
    path = proxy.route(node, upstream={"scheme": "https", "tls": {"verify": verify}, "pass_host": "rewrite",
                                       "upstream_host": host})
    return proxy.get(path).status, path


def refused_for(proxy, path, reason):
    text = f"SSL_do_handshake() failed (SSL: {reason}) while SSL handshaking to upstream"
    wait_until(lambda: any(path in line and text in line for line in proxy.gateway.log().splitlines()),
               f"{text!r} in error.log")


def test_certificate_of_a_trusted_authority_for_the_name(proxy, authority):
    node = proxy.upstream(tls=server_context(authority.issue("node.test")))
    assert get(proxy, node)[0] == 200
    assert get(proxy, node, host="node.test:8443")[0] == 200


def test_certificate_for_an_address(proxy, authority):
    node = proxy.upstream(tls=server_context(authority.issue("127.0.0.1")))
    assert get(proxy, node, host="127.0.0.1")[0] == 200
    status, path = get(proxy, node, host="127.0.0.2")
    assert status == 502
    refused_for(proxy, path, "IP address mismatch")


@pytest.mark.parametrize("days, host, reason", [(-1, "node.test", "certificate has expired"),
                                                (30, "other.test", "hostname mismatch")])
def test_certificate_that_has_ended_or_is_anothers(proxy, authority, days, host, reason):
    node = proxy.upstream(tls=server_context(authority.issue("node.test", days=days)))
    status, path = get(proxy, node, host=host)
    assert status == 502
    refused_for(proxy, path, reason)
    assert node.received == b"", "nothing was sent to it"
    assert get(proxy, node, verify=False, host=host)[0] == 200


def test_certificate_of_an_authority_that_is_not_trusted(proxy, tmp_path):
    node = proxy.upstream(tls=server_context(Authority(tmp_path, "stranger").issue("node.test")))
    status, path = get(proxy, node)
    assert status == 502
    refused_for(proxy, path, "unable to get local issuer certificate")


def test_a_verified_upstream_never_uses_the_connection_of_one_that_is_not(proxy, tmp_path):
    node = proxy.upstream(tls=server_context(Authority(tmp_path, "stranger").issue("node.test")))
    assert get(proxy, node, verify=False)[0] == 200  # its connection and its session are kept
    assert get(proxy, node, verify=True)[0] == 502
    assert get(proxy, node, verify=False)[0] == 200
    assert len([peer for peer in node.peers if peer.received]) == 1


def test_node_that_fails_the_check_is_left_for_another(proxy, authority, tmp_path):
    bad = proxy.upstream(tls=server_context(Authority(tmp_path, "stranger").issue("node.test")))
    good = proxy.upstream(tls=server_context(authority.issue("node.test")))
    path = proxy.route(bad, good, upstream={"scheme": "https", "tls": {"verify": True}, "pass_host": "rewrite",
                                            "upstream_host": "node.test"})
    assert [proxy.get(path).status for _ in range(4)] == [200] * 4


def test_always_verifies_every_upstream(authority, tmp_path):
    proxy = Proxy(config={"apisix": {"ssl": {"ssl_trusted_certificate": str(authority.file)}},
                          "nginx_config": {"http": {"proxy_ssl_verify": "always"}}})
    try:
        node = proxy.upstream(tls=server_context(Authority(tmp_path, "stranger").issue("node.test")))
        assert get(proxy, node, verify=False)[0] == 502
        good = proxy.upstream(tls=server_context(authority.issue("node.test")))
        assert get(proxy, good, verify=False)[0] == 200
        proxy.end_test()
    finally:
        proxy.stop()
