"""HTTP/2 for clients against the rules of RFC 9113 and RFC 7541, frame by frame: the table is h2_cases.py.

H2_PEER=127.0.0.1:PORT (and H2_PEER_TLS=1) judges another server instead, one that sends its page of more than 4 bytes for
every path below /: so the tests themselves are judged. H2SPEC=PATH runs that program too.
"""

import itertools
import os
import re
import subprocess

import pytest

from certificates import self_signed
from gateway import running_gateway
from h2_cases import ALL
from h2_wire import (ACK, DATA, HEADERS, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, NO_ERROR, PING, PREFACE,
                     PROTOCOL_ERROR, REFUSED_STREAM, SETTINGS, WINDOW_UPDATE, connect, data, frame, ping, settings,
                     window_update)
from upstream import Upstream

EXTERNAL = os.environ.get("H2_PEER")
BODY = b"0123456789"
NUMBERS = itertools.count(1)


class Peer:
    """The server that is judged, by one of its ports."""

    def __init__(self, port, tls, upstream):
        self.port, self.tls, self.upstream = port, tls, upstream

    def connect(self, mine=()):
        return connect(self.port, self.tls, mine)

    def path(self):
        """One that no request had before."""
        return f"/case-{next(NUMBERS)}"

    def has_reached(self, path):
        return self.upstream is not None and any(request.path == path for request in self.upstream.requests)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(plain port, TLS port, upstream)"""
    if EXTERNAL:
        port = int(EXTERNAL.rpartition(":")[2])
        yield port, port, None
        return
    upstream = Upstream(lambda request: (200, {}, BODY))
    certificate, key = self_signed(tmp_path_factory.mktemp("certificate"))
    with running_gateway() as gateway:
        gateway.put("/ssls/1", {"snis": ["test.com", "localhost"], "cert": certificate, "key": key})
        gateway.put_everywhere("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
        yield gateway.port, gateway.tls_port, upstream
    upstream.close()


TRANSPORTS = (["h2"] if os.environ.get("H2_PEER_TLS") else ["h2c"]) if EXTERNAL else ["h2c", "h2"]


@pytest.fixture(params=TRANSPORTS)
def peer(request, served):
    plain, over_tls, upstream = served
    tls = request.param == "h2"
    return Peer(over_tls if tls else plain, tls, upstream)


def judge(case, wire, path, reached):
    """Fails unless the connection shows what the case expects."""
    scope, codes = case.expect.scope, case.expect.codes
    if scope == "ignored":
        wire.barrier()
        wire.send(settings((INITIAL_WINDOW_SIZE, 65535)))
        assert wire.get(path, 2001).status == 200
        return
    end, code = wire.outcome(1)
    told = f"{case.name}: {end} {code}, reached the upstream: {reached()}"
    if scope == "served":
        assert (end, code) == ("status", 200), told
        return
    if scope == "served or closed":
        assert (end, code) == ("status", 200) or end == "closed", told
        return
    if end == "goaway":
        assert code in codes, told
        assert wire.ends(), f"{case.name}: open behind GOAWAY"
    elif end == "status":
        assert scope == "refused" and code == 400, told
    elif end == "reset":
        assert scope != "connection" and code in codes, told
    else:
        assert end == "closed", told
    assert scope not in ("malformed", "refused") or not reached(), told


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in ALL])
def test_rule(peer, case):
    path = peer.path()
    wire = peer.connect(case.mine).agreed()
    try:
        wire.send(case.frames(wire, path))
        judge(case, wire, path, lambda: peer.has_reached(path))
    finally:
        wire.close()
    # What one client did wrong is no other's trouble.
    another = peer.connect()
    assert another.get(peer.path()).status == 200
    another.close()


# ---- RFC 9113 3.4: how a connection begins

def test_first_frame_of_the_server_is_settings(peer):
    wire = peer.connect()
    first = wire.read()
    assert (first.kind, first.flags & ACK, first.stream) == (SETTINGS, 0, 0)
    wire.agreed()
    wire.close()


@pytest.mark.parametrize("begin", [PREFACE.replace(b"SM", b"XX") + settings(), PREFACE + ping(), PREFACE + frame(SETTINGS, ACK)],
                         ids=["another preface", "PING first", "an acknowledgement first"])
def test_connection_that_begins_otherwise_is_ended(peer, begin):
    wire = peer.connect(mine=None)
    wire.send(begin)
    assert wire.ends()
    assert wire.goaway is None or wire.goaway.code in (PROTOCOL_ERROR, NO_ERROR)


def test_preface_and_request_in_pieces(peer):
    """Byte by byte."""
    wire = peer.connect(mine=None)
    for byte in PREFACE + settings() + wire.request(peer.path()):
        wire.send(bytes([byte]))
    assert wire.response().body


# ---- 5.1.2, 6.5.3, 6.7

def test_more_streams_than_allowed_are_refused(peer):
    wire = peer.connect(mine=((INITIAL_WINDOW_SIZE, 0),)).agreed()
    most = wire.peer_settings[MAX_CONCURRENT_STREAMS]
    for number in range(most):
        wire.send(wire.request(peer.path(), 2 * number + 1, end=False, method="POST"))
    path = peer.path()
    last = 2 * most + 1
    wire.send(wire.request(path, last))
    assert wire.outcome(last) in [("reset", REFUSED_STREAM), ("reset", PROTOCOL_ERROR), ("goaway", PROTOCOL_ERROR), ("closed", None)]
    assert not peer.has_reached(path)


def test_ping_is_acknowledged_with_its_payload(peer):
    wire = peer.connect()
    wire.send(ping(b"anything"))
    got = wire.until(lambda got: got.kind == PING, "the acknowledgement")
    assert (got.flags, got.payload) == (ACK, b"anything")


def test_every_settings_frame_is_acknowledged(peer):
    wire = peer.connect().agreed()
    wire.send(settings((INITIAL_WINDOW_SIZE, 1)), settings((INITIAL_WINDOW_SIZE, 2)))
    wire.agreed().agreed()


# ---- 6.9: flow control

def sizes_are(wire, stream, *sizes):
    wire.barrier()
    assert wire.responses[stream].data_sizes == list(sizes)


def wait_for_head(wire):
    wire.until(lambda got: got.kind == HEADERS, "the head of the response")


def test_content_waits_for_the_window_of_its_stream(peer):
    wire = peer.connect(mine=((INITIAL_WINDOW_SIZE, 0),))
    wire.send(wire.request(peer.path()))
    wait_for_head(wire)
    sizes_are(wire, 1)
    wire.send(window_update(1, 3))
    wire.until(lambda got: got.kind == DATA, "three bytes")
    sizes_are(wire, 1, 3)
    wire.send(window_update(1, 1))
    sizes_are(wire, 1, 3, 1)
    wire.send(window_update(1, 65535))
    assert sum(wire.response().data_sizes) == len(wire.response().body) > 4


def test_window_of_one(peer):
    wire = peer.connect(mine=((INITIAL_WINDOW_SIZE, 1),))
    wire.send(wire.request(peer.path()))
    wait_for_head(wire)
    wire.until(lambda got: got.kind == DATA, "one byte")
    sizes_are(wire, 1, 1)


def test_last_of_two_values_of_a_setting_counts(peer):
    wire = peer.connect().agreed()
    wire.send(settings((INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 2)))
    wire.agreed()
    wire.send(wire.request(peer.path()))
    wire.until(lambda got: got.kind == DATA, "two bytes")
    sizes_are(wire, 1, 2)


def test_setting_opens_the_windows_of_open_streams(peer):
    wire = peer.connect(mine=((INITIAL_WINDOW_SIZE, 0),)).agreed()
    wire.send(wire.request(peer.path()))
    wait_for_head(wire)
    wire.send(settings((INITIAL_WINDOW_SIZE, 1)))
    wire.until(lambda got: got.kind == DATA, "one byte")
    sizes_are(wire, 1, 1)


def test_window_below_zero(peer):
    """A setting takes back what was used already; so much has to come before content goes on."""
    wire = peer.connect(mine=((INITIAL_WINDOW_SIZE, 3),)).agreed()
    wire.send(wire.request(peer.path()))
    wire.until(lambda got: got.kind == DATA, "three bytes")
    wire.send(settings((INITIAL_WINDOW_SIZE, 2)))
    wire.agreed()
    wire.send(window_update(1, 1))
    sizes_are(wire, 1, 3)
    wire.send(window_update(1, 1))
    sizes_are(wire, 1, 3, 1)


def test_windows_of_the_peer_are_opened_again(peer):
    """More than any first window holds, sent as the peer allows."""
    wire = peer.connect().agreed()
    wire.send(wire.request(peer.path(), end=False, method="POST"))
    left, sent = 2 << 20, 0
    while left:
        window = min(wire.opened[0] + 65535, wire.opened[1] + wire.peer_settings.get(INITIAL_WINDOW_SIZE, 65535)) - sent
        size = min(left, 16384, window)
        if size <= 0:
            wire.until(lambda got: got.kind == WINDOW_UPDATE, "a larger window")
            continue
        left, sent = left - size, sent + size
        wire.send(data(1, bytes(size), end=not left))
    assert wire.response().status == 200


# ---- another implementation of the rules

@pytest.mark.skipif(not os.environ.get("H2SPEC"), reason="H2SPEC names no program")
def test_h2spec(peer):
    command = [os.environ["H2SPEC"], "-h", "localhost", "-p", str(peer.port), "-o", "5", *(["-t", "-k"] if peer.tls else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    failures = done.stdout.partition("Failures:")[2]
    # On a plain port what does not begin with the preface is a bad request of HTTP/1, with a response of that.
    allowed = [] if peer.tls else ["2: Sends invalid connection preface"]
    assert "146 tests, " in done.stdout, done.stdout + done.stderr
    assert [name for name in re.findall(r"\u00d7 (.*)", failures) if name not in allowed] == [], failures
