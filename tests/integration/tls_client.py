"""A TLS client for tests: Python's ssl on a socket of its own, one request at a time."""

import http.client
import socket
import ssl
from dataclasses import dataclass

from gateway import PATIENCE_S, Response


@dataclass
class Tls:
    """What a handshake agreed on, and the session to come back with."""
    version: str
    cipher: str
    alpn: str
    is_resumed: bool
    session: object
    certificate: bytes


def context_for(ca=None, cert=None, version=None, alpn=None, ciphers=None):
    """`ca`: the path of the CA that is trusted; None: any certificate will do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(ca)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert:
        context.load_cert_chain(*cert)
    if version:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def connect(port, name="test.com", context=None, session=None):
    """A wrapped socket whose handshake is done."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    try:
        return (context or context_for()).wrap_socket(plain, server_hostname=name, session=session)
    except BaseException:
        plain.close()
        raise


def ask(connection, path="/", host="test.com", method="GET", body=b"", headers=()):
    """One request on an open connection."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return Response(response.status, response.getheaders(), response.read())


def fetch(port, path="/", name="test.com", host=None, context=None, session=None, **more):
    """(Response, Tls) of a request on a connection of its own, with `name` as SNI; `host` is the Host when it is another.

    The session is taken behind the response: with TLS 1.3 its tickets come with that."""
    with connect(port, name, context, session) as connection:
        response = ask(connection, path, host or name or "test.com", **more)
        return response, Tls(connection.version(), connection.cipher()[0], connection.selected_alpn_protocol() or "",
                             connection.session_reused, connection.session, connection.getpeercert(binary_form=True))
