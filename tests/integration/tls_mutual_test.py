"""Client certificates: asked for by `client` of an ssl object, in the handshake or by each request."""

import ssl

import pytest

from certificates import Authority
from gateway import running_gateway
from tls_client import ask, connect, context_for, fetch

OWN = ("test.com", "other.com", "open.com", "skip.com")


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mtls")
    return {name: Authority(folder, name) for name in ("server", "clients", "strangers")}


@pytest.fixture(scope="module")
def gateway(authorities):
    """test.com and other.com ask for a certificate, skip.com does not for /free/..., open.com for none."""
    with running_gateway() as gateway:
        clients = {"ca": authorities["clients"].pem, "depth": 1}
        server = authorities["server"]
        gateway.put("/ssls/1", server.ssl_object("test.com", client=clients))
        gateway.put("/ssls/2", server.ssl_object("other.com", client=clients))
        gateway.put("/ssls/3", server.ssl_object("open.com"))
        gateway.put("/ssls/4", server.ssl_object("skip.com", client=clients | {"skip_mtls_uri_regex": ["^/free/[0-9]+$"]}))
        gateway.put_everywhere("/routes/1", {"uri": "/*", "plugins": {"mocking": {
            "response_example": "$ssl_client_verify", "content_type": "text/plain"}}})
        yield gateway


@pytest.fixture(scope="module")
def good(authorities):
    return context_for(cert=authorities["clients"].issue("client"))


@pytest.fixture(scope="module")
def bad(authorities):
    return context_for(cert=authorities["strangers"].issue("client"))


def refused(port, name, context):
    """With TLS 1.3 the client sees it with its first read only."""
    with pytest.raises((ssl.SSLError, ConnectionError)) as caught:
        fetch(port, name=name, context=context)
    return str(caught.value)


def test_certificate_of_the_ca_is_let_in(gateway, good):
    assert fetch(gateway.tls_port, context=good)[0].status == 200


def test_without_a_certificate_the_handshake_fails(gateway):
    refused(gateway.tls_port, "test.com", context_for())
    gateway.wait_for_log("peer did not return a certificate")
    assert "HANDSHAKE_FAILURE" in refused(gateway.tls_port, "test.com", context_for(version=ssl.TLSVersion.TLSv1_2))


def test_certificate_of_another_ca_fails_the_handshake(gateway, bad):
    refused(gateway.tls_port, "test.com", bad)
    gateway.wait_for_log("unable to get local issuer certificate")


def test_host_has_to_be_the_server_name_where_certificates_are_asked_for(gateway, good):
    assert fetch(gateway.tls_port, name="test.com", host="open.com", context=good)[0].status == 200
    assert fetch(gateway.tls_port, name="open.com", host="unknown.com")[0].status == 200
    assert fetch(gateway.tls_port, name="test.com", host="TEST.com:8443", context=good)[0].status == 200
    for name, host, context in (("open.com", "test.com", None), ("test.com", "other.com", good)):
        response, _ = fetch(gateway.tls_port, name=name, host=host, context=context)
        assert response.status == 400 and "400 Bad Request" in response.text
        gateway.wait_for_log(f"client certificate verified with SNI {name}, but the host is {host}")


def test_skipped_uris_need_no_certificate(gateway, good, bad):
    for context in (context_for(), bad, good):
        assert fetch(gateway.tls_port, "/free/1", name="skip.com", context=context)[0].status == 200
    assert fetch(gateway.tls_port, "/other", name="skip.com", context=good)[0].status == 200
    for context, said in ((context_for(), "client certificate was not present"),
                          (bad, "client certificate verification is not passed: FAILED:")):
        with connect(gateway.tls_port, "skip.com", context) as connection:
            assert ask(connection, "/free/1", "skip.com").status == 200
            assert ask(connection, "/free/1/../../other", "skip.com").status == 400
            gateway.wait_for_log(said)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_under_their_own_name_only(gateway, authorities, version):
    context = context_for(cert=authorities["clients"].issue("client"), version=version)
    session = fetch(gateway.tls_port, name="test.com", context=context)[1].session
    response, tls = fetch(gateway.tls_port, name="test.com", context=context, session=session)
    assert (response.status, tls.is_resumed) == (200, True)
    for name in ("other.com", "open.com"):
        assert not fetch(gateway.tls_port, name=name, context=context, session=session)[1].is_resumed


def test_session_without_a_certificate_opens_nothing_that_needs_one(gateway):
    context = context_for()
    session = fetch(gateway.tls_port, "/free/1", name="skip.com", context=context)[1].session
    response, tls = fetch(gateway.tls_port, "/other", name="skip.com", context=context, session=session)
    assert (response.status, tls.is_resumed) == (400, True)
    refused(gateway.tls_port, "test.com", context)


def test_another_policy_ends_the_sessions_of_the_one_before(gateway, authorities):
    server = authorities["server"].ssl_object("changing.com")
    gateway.put_everywhere("/ssls/9", server | {"client": {"ca": authorities["clients"].pem}})
    context = context_for(cert=authorities["clients"].issue("client"))
    with connect(gateway.tls_port, "changing.com", context) as connection:
        assert ask(connection, host="changing.com").status == 200
        session = connection.session
        gateway.put_everywhere("/ssls/9", server | {"client": {"ca": authorities["strangers"].pem}})
        assert ask(connection, host="changing.com").status == 200, "open connections are not touched"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        fetch(gateway.tls_port, name="changing.com", context=context, session=session)
