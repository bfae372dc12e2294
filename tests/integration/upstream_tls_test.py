"""TLS to upstreams: what is asked for, what is shown and verified, and what happens when a node fails at it."""

import ssl

import pytest

from gateway import wait_until
from ports import free_port
from raw import respond_ok
from tls_nodes import Authority, server_context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority):
    return server_context(authority.issue("node.test"))


def https(**more):
    return {"scheme": "https"} | more


def logged(proxy, text):
    wait_until(lambda: text in proxy.gateway.log(), f"{text!r} in error.log")


def test_request_reaches_a_tls_node_with_the_host_as_server_name(proxy, tls):
    node = proxy.upstream(tls=tls)
    path = proxy.route(node, upstream=https())
    response = proxy.get(path)
    assert (response.status, response.body) == (200, b"ok")
    assert node.peers[0].sni == "a.test"
