"""What requests know of TLS and of the client's certificate: as header fields for the upstream, in conditions of routes, in the
access log and in entries of loggers; also behind a PROXY header."""

import json
import re
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from certificates import Authority
from gateway import PATIENCE_S, running_gateway, wait_until
from ports import free_port
from raw import Client
from tls_client import ask, connect, context_for, fetch
from upstream import Upstream

PROXIED_PORT = free_port()
LINE = b"PROXY TCP4 192.0.2.7 198.51.100.2 40000 8443\r\n"
FORMAT = "$request_uri $ssl_protocol $ssl_server_name [$ssl_client_s_dn] $ssl_client_verify $remote_addr $proxy_protocol_addr"
VARIABLES = ["ssl_protocol", "ssl_cipher", "ssl_curve", "ssl_curves", "ssl_ciphers", "ssl_server_name", "ssl_session_reused",
             "ssl_session_id", "ssl_early_data", "ssl_client_verify", "ssl_client_s_dn", "ssl_client_i_dn",
             "ssl_client_s_dn_legacy", "ssl_client_i_dn_legacy", "ssl_client_serial", "ssl_client_fingerprint",
             "ssl_client_v_start", "ssl_client_v_end", "ssl_client_v_remain", "ssl_client_escaped_cert", "scheme", "https"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def gateway(authority):
    """test.com asks for a certificate, open.com for none."""
    config = {"apisix": {"proxy_protocol": {"listen_https_port": PROXIED_PORT}},
              "nginx_config": {"http": {"access_log_format": FORMAT, "real_ip_header": "proxy_protocol",
                                        "real_ip_from": ["127.0.0.1"]}}}
    with running_gateway(config=config) as gateway:
        gateway.put("/ssls/1", authority.ssl_object("test.com", client={"ca": authority.pem, "depth": 1}))
        gateway.put_everywhere("/ssls/2", authority.ssl_object("open.com"))
        yield gateway


@pytest.fixture(scope="module")
def issued(authority):
    """A client's certificate and key, as paths."""
    return authority.issue("client one")


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()


def forward(gateway, upstream, number=1, **more):
    gateway.put_everywhere(f"/routes/{number}", {"uri": "/*", "upstream": {
        "type": "roundrobin", "nodes": {upstream.node: 1}}} | more)


def received(response):
    return {name.lower(): value for name, value in response.json()["headers"]}


def openssl(certificate, *options):
    done = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", *options], check=True, capture_output=True, text=True)
    return done.stdout.strip().split("=", 1)[1]


def set_fields(variables):
    return {"proxy-rewrite": {"headers": {"set": {f"X-{name.replace('_', '-')}": f"${name}" for name in variables}}}}


def test_variables_have_nginxs_forms(gateway, upstream, issued):
    forward(gateway, upstream, plugins=set_fields(VARIABLES))
    response, tls = fetch(gateway.tls_port, context=context_for(cert=issued))
    got = {name: received(response).get(f"x-{name.replace('_', '-')}") for name in VARIABLES}
    certificate = issued[0]
    assert got["ssl_protocol"] == tls.version == "TLSv1.3" and got["ssl_cipher"] == tls.cipher
    assert got["ssl_server_name"] == "test.com" and got["ssl_curve"] == "X25519"
    assert "X25519" in got["ssl_curves"].split(":") and tls.cipher in got["ssl_ciphers"].split(":")
    assert got["ssl_session_reused"] == "." and not got["ssl_early_data"]
    assert got["ssl_client_verify"] == "SUCCESS"
    assert got["ssl_client_s_dn"] == "CN=client one" and got["ssl_client_s_dn_legacy"] == "/CN=client one"
    assert got["ssl_client_i_dn"] == "CN=test CA" and got["ssl_client_i_dn_legacy"] == "/CN=test CA"
    assert got["ssl_client_serial"] == openssl(certificate, "-serial")
    assert got["ssl_client_fingerprint"] == openssl(certificate, "-fingerprint", "-sha1").replace(":", "").lower()
    assert got["ssl_client_v_start"] == openssl(certificate, "-startdate")
    assert got["ssl_client_v_end"] == openssl(certificate, "-enddate")
    assert got["ssl_client_v_remain"] in ("29", "30")
    escaped = got["ssl_client_escaped_cert"]
    assert re.fullmatch(r"[A-Za-z0-9._~%-]+", escaped)
    assert bytes.fromhex(re.sub(r"%(..)|(.)", lambda m: m[1] or m[2].encode().hex(), escaped)).decode() == \
        re.search(r"-----BEGIN.*-----\n", certificate.read_text(), re.DOTALL)[0]
    assert got["scheme"] == "https" and got["https"] == "on"


def test_without_a_certificate_or_tls_they_are_unset(gateway, upstream):
    forward(gateway, upstream, plugins=set_fields(VARIABLES))
    over_tls = received(fetch(gateway.tls_port, name="open.com")[0])
    assert over_tls["x-ssl-client-verify"] == "NONE" and over_tls["x-ssl-protocol"] == "TLSv1.3"
    assert not any(over_tls.get(f"x-{name.replace('_', '-')}") for name in VARIABLES if name.startswith("ssl_client_")
                   and name != "ssl_client_verify")
    plain = received(gateway.request("/"))
    assert not any(value for name, value in plain.items() if name.startswith("x-ssl"))
    assert plain["x-scheme"] == "http"


def test_resumed_session_says_so(gateway, upstream):
    forward(gateway, upstream, plugins=set_fields(["ssl_session_reused", "ssl_session_id"]))
    context = context_for(version=ssl.TLSVersion.TLSv1_2)
    first, tls = fetch(gateway.tls_port, name="open.com", context=context)
    again, resumed = fetch(gateway.tls_port, name="open.com", context=context, session=tls.session)
    assert resumed.is_resumed and received(first)["x-ssl-session-reused"] == "."
    assert received(again)["x-ssl-session-reused"] == "r"
    assert received(again)["x-ssl-session-id"] == received(first)["x-ssl-session-id"] != ""


def test_example_of_the_page_of_variables(gateway, upstream, issued):
    page = (Path(__file__).parents[2] / "docs/VARIABLES.md").read_text()
    route = json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL)[1])
    forward(gateway, upstream, plugins=route["plugins"])
    forged = ["X-Client-Verify: SUCCESS", "X-Client-Subject: CN=root", "X-Client-Fingerprint: 00", "X-Client-Cert: x"]
    known, _ = fetch(gateway.tls_port, context=context_for(cert=issued), headers=forged)
    assert received(known)["x-client-verify"] == "SUCCESS" and received(known)["x-client-subject"] == "CN=client one"
    assert received(known)["x-client-cert"].startswith("-----BEGIN%20CERTIFICATE-----%0A")
    unknown, _ = fetch(gateway.tls_port, name="open.com", headers=forged)
    assert received(unknown)["x-client-verify"] == "NONE"
    assert not received(unknown).get("x-client-subject") and not received(unknown).get("x-client-fingerprint")
    assert not received(unknown).get("x-client-cert")


def test_route_for_one_client(gateway, upstream, authority, issued):
    fingerprint = openssl(issued[0], "-fingerprint", "-sha1").replace(":", "").lower()
    forward(gateway, upstream, uri="/mine", vars=[["ssl_client_fingerprint", "==", fingerprint],
                                                  ["ssl_client_verify", "==", "SUCCESS"], ["https", "==", "on"]])
    assert fetch(gateway.tls_port, "/mine", context=context_for(cert=issued))[0].status == 200
    other = context_for(cert=authority.issue("client two"))
    assert fetch(gateway.tls_port, "/mine", context=other)[0].status == 404
    assert fetch(gateway.tls_port, "/mine", name="open.com")[0].status == 404
    assert gateway.request("/mine").status == 404


def test_redirect_to_https_ends_at_https(gateway, upstream):
    forward(gateway, upstream, plugins={"redirect": {"http_to_https": True}})
    plain = gateway.request("/a?b=1", headers={"Host": "open.com"})
    assert (plain.status, plain.header("Location")) == (301, f"https://open.com:{gateway.tls_port}/a?b=1")
    assert gateway.request("/a", "POST", body="x", headers={"Host": "open.com"}).status == 308
    assert fetch(gateway.tls_port, "/a?b=1", name="open.com")[0].status == 200
    # What an untrusted client says of its scheme does not count.
    assert gateway.request("/a", headers={"Host": "open.com", "X-Forwarded-Proto": "https"}).status == 301
    assert fetch(gateway.tls_port, "/a", name="open.com", headers=["X-Forwarded-Proto: http"])[0].status == 200


def test_access_log_and_loggers_have_them(gateway, upstream, issued):
    collector = Upstream(lambda request: (200, {}, b"ok"))
    log_format = {"path": "$uri", "protocol": "$ssl_protocol", "client": "$ssl_client_s_dn",
                  "verified": "$ssl_client_verify", "of": "$ssl_session_reused"}
    forward(gateway, upstream, plugins={"http-logger": {
        "uri": f"http://127.0.0.1:{collector.port}/", "batch_max_size": 1, "log_format": log_format}})
    assert fetch(gateway.tls_port, "/known", context=context_for(cert=issued))[0].status == 200
    assert fetch(gateway.tls_port, "/unknown", name="open.com")[0].status == 200
    assert gateway.request("/plain").status == 200
    assert gateway.run("reopen").returncode == 0
    for line in ("/known TLSv1.3 test.com [CN=client one] SUCCESS 127.0.0.1 -",
                 "/unknown TLSv1.3 open.com [-] NONE 127.0.0.1 -", "/plain - - [-] - 127.0.0.1 -"):
        gateway.wait_for_log(line + "\n", "access.log")
    wait_until(lambda: len(collector.requests) == 3, "three entries")
    entries = {entry["path"]: entry for entry in (json.loads(request.body) for request in collector.requests)}
    known, unknown, plain = (entries[path] for path in ("/known", "/unknown", "/plain"))
    assert (known["protocol"], known["client"], known["verified"], known["of"]) == ("TLSv1.3", "CN=client one", "SUCCESS", ".")
    assert unknown["verified"] == "NONE" and "client" not in unknown
    assert not {"protocol", "client", "verified", "of"} & set(plain)
    collector.close()


# --- behind a PROXY header

def proxied(sent, name="open.com", context=None):
    """A TLS connection behind `sent`, whose client hello comes in the same segment."""
    plain = socket.create_connection(("127.0.0.1", PROXIED_PORT), timeout=PATIENCE_S)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = (context or context_for()).wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    plain.sendall(sent + outgoing.read())
    return plain, session, incoming, outgoing


def test_tls_begins_behind_the_header(gateway, upstream):
    forward(gateway, upstream)
    plain, session, incoming, outgoing = proxied(LINE)
    while True:
        try:
            session.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            incoming.write(plain.recv(65536))
    session.write(b"GET /x HTTP/1.1\r\nHost: open.com\r\nConnection: close\r\n\r\n")
    plain.sendall(outgoing.read())
    while got := plain.recv(65536):
        incoming.write(got)
    text = b""
    try:
        while piece := session.read(65536):
            text += piece
    except ssl.SSLZeroReturnError:
        pass
    head, _, body = text.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    fields = dict(json.loads(body)["headers"])
    fields = {name.lower(): value for name, value in fields.items()}
    assert fields["x-real-ip"] == fields["x-forwarded-for"] == "192.0.2.7"
    assert fields["x-forwarded-proto"] == "https" and fields["x-forwarded-port"] == str(PROXIED_PORT)
    plain.close()


def test_header_in_pieces_in_front_of_tls(gateway, upstream):
    forward(gateway, upstream)
    plain = socket.create_connection(("127.0.0.1", PROXIED_PORT), timeout=PATIENCE_S)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in LINE:
        plain.sendall(bytes([byte]))
    with context_for().wrap_socket(plain, server_hostname="open.com") as connection:
        assert received(ask(connection, "/x", "open.com"))["x-real-ip"] == "192.0.2.7"
        assert received(ask(connection, "/y", "open.com"))["x-real-ip"] == "192.0.2.7"


def test_tls_without_a_header_is_refused_on_that_port(gateway):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(PROXIED_PORT, "open.com")
    gateway.wait_for_log("sent a broken PROXY header: it does not begin as one")


def test_plain_request_behind_the_header_gets_the_page_of_a_tls_port(gateway):
    client = Client(PROXIED_PORT)
    client.send(LINE + b"GET / HTTP/1.1\r\nHost: open.com\r\n\r\n")
    response = client.read_response()
    assert response.status == 400 and b"The plain HTTP request was sent to HTTPS port" in response.body
