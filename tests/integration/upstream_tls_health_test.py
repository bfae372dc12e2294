"""Health checks of nodes that speak TLS: what probes show and ask for, and what failed handshakes count as."""

import pytest

from gateway import wait_until
from raw import respond_ok
from tls_nodes import Authority, server_context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("node.test")


def active(**more):
    return {"active": {"type": "https", "http_path": "/health", "https_verify_certificate": False, "timeout": 2,
                       "healthy": {"interval": 1, "successes": 1},
                       "unhealthy": {"interval": 1, "http_failures": 1, "tcp_failures": 1}} | more}


def speaks_plain(peer):
    peer.read_exactly(5)
    peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    peer.read_to_end()


def probed(node):
    return [peer for peer in node.peers if b"GET /health " in peer.received]


def names_of(node):
    """The client's certificate and the server name of every handshake that succeeded."""
    names = []

    def serve(peer):
        subject = (peer.socket.getpeercert() or {}).get("subject", ())
        names.append((dict(part[0] for part in subject).get("commonName"), peer.sni))
        respond_ok(peer)

    node.serve = serve
    return names


def test_probe_shows_the_certificate_of_the_upstream(proxy, authority, pair):
    node = proxy.upstream(tls=server_context(pair, client_authority=authority))
    names = names_of(node)
    certificate, key = authority.issue("prober.test", usage="clientAuth")
    path = proxy.route(node, upstream={
        "scheme": "https", "pass_host": "rewrite", "upstream_host": "up.test:8443", "checks": active(),
        "tls": {"client_cert": certificate.read_text(), "client_key": key.read_text()}})
    assert proxy.get(path).status == 200  # checks begin with the first use
    wait_until(lambda: len(probed(node)) >= 2, "probes that were let in")
    assert set(names) == {("prober.test", "up.test")}


def test_probe_shows_a_certificate_to_nodes_that_speak_tls_only(proxy, authority, pair):
    """The checks' own type says how to ask, the upstream's scheme whether its certificate is for that."""
    node = proxy.upstream()
    secure = proxy.upstream(tls=server_context(pair))
    names = names_of(secure)
    path = proxy.route(node, upstream={"checks": active(port=secure.port, host="check.test")})
    assert proxy.get(path).status == 200
    wait_until(lambda: probed(secure), "a probe")
    assert set(names) == {(None, "check.test")}


def test_failed_handshakes_count_as_failures_to_connect(proxy, pair):
    """Passive checks: as many as `tcp_failures` keep requests away from the node."""
    plain, good = proxy.upstream(speaks_plain), proxy.upstream(tls=server_context(pair))
    # Probes turn nothing: it is what requests meet that does.
    checks = active(healthy={"interval": 3600, "successes": 254},
                    unhealthy={"interval": 3600, "tcp_failures": 254, "http_failures": 254, "timeouts": 254})
    checks["passive"] = {"unhealthy": {"tcp_failures": 2}}
    path = proxy.route(plain, good, upstream={"scheme": "https", "checks": checks})

    def is_left_alone():
        before = len(plain.peers)
        assert [proxy.get(path).status for _ in range(4)] == [200] * 4
        return len(plain.peers) == before

    wait_until(is_left_alone, "requests to keep away from the node")
    assert len(plain.peers) >= 2
