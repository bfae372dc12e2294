"""What comes before and within TLS, record by record: right, wrong, and hostile. A connection of that kind ends; it neither
stops the gateway nor stays. And what the gateway offers by default, as sslscan sees it."""

import os
import random
import socket
import ssl
import struct
import subprocess
import xml.etree.ElementTree

import pytest

from certificates import self_signed
from gateway import PATIENCE_S, running_gateway, wait_until
from h2_wire import END_S, tls_context
from upstream import Upstream

HOST = "test.com"
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT = range(20, 25)
CLIENT_HELLO, SERVER_HELLO, FINISHED = 1, 2, 20
HANDSHAKE_FAILURE, PROTOCOL_VERSION, INAPPROPRIATE_FALLBACK = 40, 70, 86

TLS10, TLS11, TLS12 = b"\3\1", b"\3\2", b"\3\3"
USUAL_CIPHERS = b"\x13\x01\x13\x02\x13\x03\xc0\x2f\xc0\x30\xcc\xa8"


def record(kind, payload, version=TLS12):
    return bytes([kind]) + version + struct.pack("!H", len(payload)) + payload


def message(kind, body, length=None):
    """Of the handshake."""
    return bytes([kind]) + struct.pack("!I", len(body) if length is None else length)[1:] + body


def sized(body, octets=2):
    return len(body).to_bytes(octets, "big") + body


def extension(kind, body):
    return struct.pack("!H", kind) + sized(body)


def server_name(name):
    return extension(0, sized(b"\0" + sized(name)))


# What a server needs to go on in TLS 1.2: else a hello is well formed unless the test breaks it.
GROUPS = extension(10, sized(b"\0\x1d\0\x17"))
SIGNATURES = extension(13, sized(b"\x08\x04\x04\x03\x04\x01"))


def hello(name=HOST.encode(), version=TLS12, ciphers=USUAL_CIPHERS, extensions=None, compression=b"\1\0", session=b""):
    """A ClientHello message."""
    if extensions is None:
        extensions = (server_name(name) if name is not None else b"") + GROUPS + SIGNATURES
    return message(CLIENT_HELLO, version + bytes(32) + sized(session, 1) + sized(ciphers) + compression + sized(extensions))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    upstream = Upstream(lambda request: (200, {}, b"served"))
    certificate, key = self_signed(tmp_path_factory.mktemp("certificate"), HOST)
    with running_gateway(config={"nginx_config": {"http": {"client_header_timeout": "60s"}}}) as gateway:
        gateway.put("/ssls/1", {"snis": [HOST], "cert": certificate, "key": key})
        gateway.put_everywhere("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
        yield gateway
    upstream.close()


def opened(served):
    return socket.create_connection(("127.0.0.1", served.tls_port), timeout=END_S)


def is_served(served):
    """By a client that does nothing wrong."""
    with tls_context(alpn=()).wrap_socket(opened(served), server_hostname=HOST) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: test.com\r\nConnection: close\r\n\r\n")
        got = b""
        while part := client.recv(4096):
            got += part
    return got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"served")


def read_to_end(sock):
    """All that comes until the other side closes; fails when it does not."""
    got = b""
    try:
        while part := sock.recv(1 << 16):
            got += part
    except ConnectionError:
        pass
    return got


def records_of(got):
    out = []
    while len(got) >= 5:
        size = struct.unpack_from("!H", got, 3)[0]
        out.append((got[0], got[5:5 + size]))
        got = got[5 + size:]
    return out


def alert_of(got):
    """The description of the fatal alert among these records; None without one."""
    return next((payload[1] for kind, payload in records_of(got) if kind == ALERT and len(payload) == 2 and payload[0] == 2), None)


def end_of(served, sent):
    """(records, alert) after these bytes; the connection has to end."""
    with opened(served) as sock:
        try:
            sock.sendall(sent)
        except ConnectionError:
            pass
        got = read_to_end(sock)
    return records_of(got), alert_of(got)


# ---- what cannot be a handshake

NOTHING_VALID = {
    "random bytes": random.Random(1).randbytes(2000),
    "zeros": bytes(2000),
    "an unknown type of record": record(99, b"x" * 100),
    "application data first": record(APPLICATION_DATA, b"x" * 100),
    "a heartbeat first": record(HEARTBEAT, b"\1\x40\0" + b"x" * 16),
    "a change of ciphers first": record(CHANGE_CIPHER_SPEC, b"\1"),
    "a fatal alert first": record(ALERT, bytes([2, HANDSHAKE_FAILURE])),
    "a closing alert first": record(ALERT, bytes([1, 0])),
    "warnings without end": record(ALERT, bytes([1, 90])) * 1000,
    "records without content": record(HANDSHAKE, b"") * 1000,
    "a record over the largest": bytes([HANDSHAKE]) + TLS12 + struct.pack("!H", 0x4000 + 2049) + bytes(0x4000 + 2049),
    "a hello longer than any": record(HANDSHAKE, message(CLIENT_HELLO, bytes(16000), 0xFFFFFF)) * 20,
    "a server's hello": record(HANDSHAKE, message(SERVER_HELLO, TLS12 + bytes(35))),
    "the end of a handshake": record(HANDSHAKE, message(FINISHED, bytes(12))),
    "an unknown message": record(HANDSHAKE, message(77, bytes(12))),
    "SSL 2": b"\x80\x2e\1\0\2\0\x15\0\0\0\x10" + bytes(37),
    "a hello that breaks off in its record": record(HANDSHAKE, message(CLIENT_HELLO, TLS12 + bytes(10))),
    "a hello with a list of ciphers past its end": record(HANDSHAKE, message(CLIENT_HELLO, TLS12 + bytes(33) + b"\xff\xfe" + bytes(10))),
    "extensions past their end": record(HANDSHAKE, hello(extensions=b"\0\0\xff\xff\0\0")),
    "a server name that is empty": record(HANDSHAKE, hello(b"")),
    "a server name with NUL": record(HANDSHAKE, hello(b"test.com\0.other.com")),
    "a server name of 60,000 bytes": b"".join(record(HANDSHAKE, part) for part in (lambda text: [
        text[at:at + 16000] for at in range(0, len(text), 16000)])(hello(b"a" * 60000))),
    "a server name twice": record(HANDSHAKE, hello(extensions=server_name(b"test.com") * 2 + GROUPS + SIGNATURES)),
    "no compression method": record(HANDSHAKE, hello(compression=b"\0")),
}


@pytest.mark.parametrize("sent", NOTHING_VALID.values(), ids=NOTHING_VALID)
def test_connection_without_a_handshake_ends(served, sent):
    records, _ = end_of(served, sent)
    assert SERVER_HELLO not in [payload[0] for kind, payload in records if kind == HANDSHAKE]
    assert is_served(served)


@pytest.mark.parametrize("sent, alert", [
    (hello(ciphers=b"\0\x05\0\x04"), HANDSHAKE_FAILURE),
    (hello(ciphers=b"\x0a\x0a\x1a\x1a"), HANDSHAKE_FAILURE),
    (hello(version=TLS10), PROTOCOL_VERSION),
    (hello(version=TLS11), PROTOCOL_VERSION),
    (hello(version=b"\3\0"), HANDSHAKE_FAILURE),
    (hello(ciphers=b"\0\x2f\0\x35\0\x9c"), HANDSHAKE_FAILURE),
    (hello(ciphers=USUAL_CIPHERS + b"\x56\0"), INAPPROPRIATE_FALLBACK),
], ids=["RC4", "no known cipher", "TLS 1.0", "TLS 1.1", "SSL 3", "no forward secrecy", "a fallback"])
def test_weak_offers_are_refused(served, sent, alert):
    records, told = end_of(served, record(HANDSHAKE, sent, TLS10))
    assert told == alert and len(records) == 1


def test_hello_byte_by_byte(served):
    """A record for each of its bytes, as small as they may be."""
    with opened(served) as sock:
        for byte in hello():
            sock.sendall(record(HANDSHAKE, bytes([byte]), TLS10))
        got = b""
        while len(got) < 6:
            part = sock.recv(4096)
            assert part, got
            got += part
    assert (got[0], got[5]) == (HANDSHAKE, SERVER_HELLO)


@pytest.mark.parametrize("then", [record(APPLICATION_DATA, b"x" * 50), record(HANDSHAKE, message(FINISHED, bytes(12))), record(HANDSHAKE, hello()),
                                  record(CHANGE_CIPHER_SPEC, b"\1") * 100, random.Random(2).randbytes(500)],
                         ids=["application data", "an end out of turn", "another hello", "many changes of ciphers", "random bytes"])
def test_wrong_second_flight(served, then):
    """Behind the flight of the server, in TLS 1.2."""
    records, alert = end_of(served, record(HANDSHAKE, hello()) + then)
    assert (records[0][0], records[0][1][0]) == (HANDSHAKE, SERVER_HELLO)
    assert alert is not None
    assert is_served(served)


# ---- within a session

class Session:
    """One that python's ssl keeps, with the bytes on the way in hand."""

    def __init__(self, served, version):
        context = tls_context(alpn=())
        context.minimum_version = context.maximum_version = version
        self.socket = opened(served)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=HOST)
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.socket.recv(1 << 16))
        self.flush()

    def flush(self):
        self.socket.sendall(self.outgoing.read())

    def encrypted(self, data):
        self.tls.write(data)
        return self.outgoing.read()


REQUEST = b"GET / HTTP/1.1\r\nHost: test.com\r\n\r\n"


def changed(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


WITHIN = {
    "a changed record": lambda session: changed(session.encrypted(REQUEST), 20),
    "a changed length": lambda session: changed(session.encrypted(REQUEST), 4) + bytes(300),
    "a record twice": lambda session: session.encrypted(b"GET / HTTP/1.1\r\n") * 2,
    "a record over the largest": lambda session: bytes([APPLICATION_DATA]) + TLS12 + struct.pack("!H", 0x4000 + 2049) + bytes(0x4000 + 2049),
    "plain text": lambda session: REQUEST,
    "an alert in plain": lambda session: record(ALERT, bytes([2, 40])),
    "an unknown record": lambda session: record(99, b"x" * 40),
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("frames", WITHIN.values(), ids=WITHIN)
def test_wrong_record_ends_the_session(served, frames, version):
    session = Session(served, version)
    session.socket.sendall(frames(session))
    got = read_to_end(session.socket)
    session.socket.close()
    session.incoming.write(got)
    with pytest.raises(ssl.SSLError):
        assert session.tls.read(100) == b"no response"
    assert is_served(served)


def test_records_of_one_byte(served):
    session = Session(served, ssl.TLSVersion.TLSv1_3)
    session.socket.sendall(b"".join(session.encrypted(bytes([byte])) for byte in REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
    session.incoming.write(read_to_end(session.socket))
    session.socket.close()
    assert session.tls.read(12) == b"HTTP/1.1 200"


def test_connections_that_break_off_leave_nothing(served):
    """At every stage; descriptors of the worker are back at their number."""
    (worker,) = served.worker_pids()

    def descriptors():
        return len(os.listdir(f"/proc/{worker}/fd"))

    assert is_served(served)
    before = descriptors()
    whole = record(HANDSHAKE, hello(), TLS10)
    for size in [0, 1, 5, 6, 50, len(whole) - 1, len(whole)] * 20:
        sock = opened(served)
        sock.sendall(whole[:size])
        sock.close()
    wait_until(lambda: descriptors() <= before, "the descriptors of connections that broke off to be closed")
    assert is_served(served)


# ---- what is offered

def test_sslscan_finds_nothing_weak(served):
    out = subprocess.run(["sslscan", "--xml=-", "--no-colour", f"--sni-name={HOST}", f"127.0.0.1:{served.tls_port}"], capture_output=True,
                         timeout=6 * PATIENCE_S, check=True).stdout
    test = xml.etree.ElementTree.fromstring(out).find("ssltest")
    enabled = {f"{p.get('type')}{p.get('version')}" for p in test.findall("protocol") if p.get("enabled") == "1"}
    assert enabled == {"tls1.2", "tls1.3"}
    assert test.find("renegotiation").get("supported") == "0"
    assert not [one for one in test.findall("heartbleed") if one.get("vulnerable") != "0"]
    ciphers = {cipher.get("cipher"): cipher.get("strength") for cipher in test.findall("cipher")}
    assert len(ciphers) >= 6 and set(ciphers.values()) <= {"strong", "acceptable"}, out.decode()
    # Forward secrecy and authenticated encryption only.
    assert all(name.startswith(("TLS_", "ECDHE-", "DHE-")) and ("GCM" in name or "CHACHA20" in name) for name in ciphers), sorted(ciphers)
