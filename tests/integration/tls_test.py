"""TLS with clients: certificates by SNI, what requests see of it, protocols, and what is refused."""

import re
import socket
import ssl
import subprocess

import pytest

from certificates import Authority
from gateway import PATIENCE_S, wait_until
from tls_client import ask, connect, context_for, fetch

pytestmark = pytest.mark.shares_gateway


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


def route(gateway, upstream, **more):
    return gateway.put_everywhere("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}},
                                                **more})


def echoed(response, name):
    return next((value for key, value in response.json()["headers"] if key.lower() == name), None)


def test_certificate_is_that_of_the_server_name(gateway, authority, upstream):
    route(gateway, upstream)
    gateway.put("/ssls/1", authority.ssl_object("test.com"))
    gateway.put_everywhere("/ssls/2", authority.ssl_object("other.org", "*.wild.org"))
    for name in ("test.com", "other.org", "a.wild.org"):
        response, tls = fetch(gateway.tls_port, "/x", name, context=context_for(authority.path))  # which checks the name
        assert (response.status, response.json()["path"]) == (200, "/x")
        assert (tls.version, tls.alpn) == ("TLSv1.3", "")


def test_requests_know_that_they_came_by_tls(gateway, authority, upstream):
    route(gateway, upstream, plugins={"proxy-rewrite": {"headers": {"set": {
        "X-Scheme": "$scheme", "X-Https": "$https", "X-Sni": "$ssl_server_name", "X-Protocol": "$ssl_protocol",
        "X-Cipher": "$ssl_cipher"}}}})
    gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    response, tls = fetch(gateway.tls_port)
    for name, value in {"x-forwarded-proto": "https", "x-forwarded-port": str(gateway.tls_port), "x-scheme": "https",
                        "x-https": "on", "x-sni": "test.com", "x-protocol": "TLSv1.3", "x-cipher": tls.cipher}.items():
        assert echoed(response, name) == value, name
    assert echoed(gateway.request("/"), "x-forwarded-proto") == "http"


def test_both_versions_and_alpn(gateway, authority, upstream):
    route(gateway, upstream)
    gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    for version, text in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        response, tls = fetch(gateway.tls_port, context=context_for(version=version, alpn=["http/1.1"]))
        assert (response.status, tls.version, tls.alpn) == (200, text, "http/1.1")
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        fetch(gateway.tls_port, context=context_for(version=ssl.TLSVersion.TLSv1_1))
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        fetch(gateway.tls_port, context=context_for(alpn=["spdy/1"]))


def test_http2_is_agreed_on_by_alpn(gateway, authority, upstream):
    route(gateway, upstream)
    gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    with connect(gateway.tls_port, context=context_for(alpn=["http/1.1", "h2"])) as connection:
        assert connection.selected_alpn_protocol() == "h2"
    for option, version in (("--http2", "2"), ("--http1.1", "1.1")):
        done = subprocess.run(["curl", "-s", option, "--cacert", authority.path, "--resolve",
                               f"test.com:{gateway.tls_port}:127.0.0.1", "-d", "body", "-w", " %{http_code} %{http_version}",
                               f"https://test.com:{gateway.tls_port}/x"], capture_output=True, text=True, timeout=PATIENCE_S,
                              check=True)
        assert done.stdout.endswith(f" 200 {version}") and '"body": "body"' in done.stdout, done.stdout


@pytest.mark.gateway(config={"apisix": {"enable_http2": False}})
def test_http2_is_not_offered_where_it_is_off(gateway, authority):
    gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    with connect(gateway.tls_port, context=context_for(alpn=["h2", "http/1.1"])) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"


# TLS 1.1 has none of the ciphers of the default list.
@pytest.mark.gateway(config={"apisix": {"ssl": {"ssl_ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-SHA"}}})
def test_protocols_of_one_object(gateway, authority, upstream):
    route(gateway, upstream)
    gateway.put("/ssls/1", authority.ssl_object("test.com"))
    gateway.put("/ssls/2", authority.ssl_object("old.com", ssl_protocols=["TLSv1.1", "TLSv1.2"]))
    gateway.put_everywhere("/ssls/3", authority.ssl_object("new.com", ssl_protocols=["TLSv1.3"]))
    old = context_for(version=ssl.TLSVersion.TLSv1_1)
    assert fetch(gateway.tls_port, name="old.com")[1].version == "TLSv1.2"
    assert fetch(gateway.tls_port, name="old.com", context=old)[1].version == "TLSv1.1"
    assert fetch(gateway.tls_port, name="new.com")[1].version == "TLSv1.3"
    for name, context in (("test.com", old), ("new.com", context_for(version=ssl.TLSVersion.TLSv1_2))):
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            fetch(gateway.tls_port, name=name, context=context)


def test_bodies_of_a_mebibyte_both_ways(gateway, authority, upstream):
    route(gateway, upstream)
    upstream.respond = lambda request: (200, {}, request.body)
    gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    body = bytes(range(256)) * 4096
    with connect(gateway.tls_port) as connection:
        for _ in range(3):
            assert ask(connection, method="POST", body=body).body == body
        connection.settimeout(PATIENCE_S)
        connection.unwrap()  # close_notify from both sides


def test_plain_http_gets_the_page_of_nginx(gateway, authority, upstream):
    route(gateway, upstream)
    gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    for method in ("GET", "DELETE", "POST"):
        with socket.create_connection(("127.0.0.1", gateway.tls_port), timeout=PATIENCE_S) as plain:
            plain.sendall(f"{method} / HTTP/1.1\r\nHost: test.com\r\nContent-Length: 0\r\n\r\n".encode())
            got = b"".join(iter(lambda: plain.recv(65536), b""))
        assert got.startswith(b"HTTP/1.1 400 Bad Request\r\n"), got
        assert b"<center>The plain HTTP request was sent to HTTPS port</center>" in got
    assert upstream.requests == []


@pytest.mark.gateway
def test_unknown_and_missing_names_are_refused_and_logged(gateway, authority):
    gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        connect(gateway.tls_port, "unknown.com")
    gateway.wait_for_log("failed to match any SSL certificate by SNI: unknown.com, client: 127.0.0.1")
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        connect(gateway.tls_port, None)
    gateway.wait_for_log("failed to find SNI: please check if the client requests via IP or uses an outdated protocol. "
                         "If you need to report an issue, provide a packet capture file of the TLS handshake.")
    gateway.wait_for_log("the TLS handshake failed (")


@pytest.mark.gateway(config={"apisix": {"ssl": {"fallback_sni": "Test.com."}}})
def test_client_without_a_name_gets_that_of_fallback_sni(gateway, authority, upstream):
    route(gateway, upstream)
    gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    response, tls = fetch(gateway.tls_port, name=None)
    assert response.status == 200
    assert tls.certificate == fetch(gateway.tls_port)[1].certificate


@pytest.mark.gateway(config={"apisix": {"ssl": {"ssl_protocols": "TLSv1.2", "ssl_ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384"}}})
def test_protocols_and_ciphers_of_the_configuration(gateway, authority, upstream):
    route(gateway, upstream)
    gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    _, tls = fetch(gateway.tls_port)
    assert (tls.version, tls.cipher) == ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        fetch(gateway.tls_port, context=context_for(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"))


@pytest.mark.parametrize("setting", ["ssl_protocols", "ssl_ciphers"])
def test_settings_that_nothing_can_be_served_with_stop_the_start(make_gateway, setting):
    gateway = make_gateway(start=False, config={"apisix": {"ssl": {setting: "NONSENSE"}}})
    done = gateway.run("start")
    assert done.returncode != 0
    assert setting in done.stderr and "NONSENSE" in done.stderr, done.stderr
    done = gateway.run("test")
    assert done.returncode != 0 and setting in done.stderr and "NONSENSE" in done.stderr, done.stderr


def test_ciphers_that_are_passed_over_are_named(make_gateway):
    gateway = make_gateway(start=False, config={"apisix": {"ssl": {
        "ssl_ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES129-GCM-SHA256:!aNULL:HIGH:@SECLEVEL=1"}}})
    done = gateway.run("test")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"apisix.ssl.ssl_ciphers: .*", done.stderr) == [
        "apisix.ssl.ssl_ciphers: OpenSSL knows no cipher ECDHE-ECDSA-AES129-GCM-SHA256 for TLS 1.2 and below, it is passed over"]


def test_renegotiation_is_refused(gateway, authority, upstream):
    route(gateway, upstream)
    gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    client = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.tls_port}", "-servername", "test.com",
                             "-tls1_2"], input=b"R\n", capture_output=True, timeout=PATIENCE_S, check=False)
    assert b"no renegotiation" in client.stderr.lower() + client.stdout.lower(), client.stderr[-500:]


def test_certificate_is_replaced_under_open_connections(gateway, authority, upstream):
    route(gateway, upstream)
    gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
    with connect(gateway.tls_port) as connection:
        assert ask(connection).status == 200
        before = connection.getpeercert(binary_form=True)
        gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
        assert ask(connection).status == 200
    _, tls = fetch(gateway.tls_port)
    assert tls.certificate != before
    assert gateway.admin("DELETE", "/ssls/1").status == 200

    def is_refused():
        try:
            connect(gateway.tls_port).close()
        except ssl.SSLError:
            return True
        return False

    wait_until(is_refused, "the certificate to be out of use")
