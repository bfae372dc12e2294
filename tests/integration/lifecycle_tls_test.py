"""Reloads, upgrades and other certificates under load of TLS and HTTP/2: no request and no handshake fails.

LIFECYCLE_FULL=1 runs the long version: 100 reloads, 20 upgrades, 200 certificates.
"""

import os
import random
import shutil
import ssl

import pytest

from certificates import self_signed
from gateway import BINARY, children_of, wait_until
from h2_wire import connect
from load import FastNode, H2Load, Handshakes, Load, change

# Load generators beside other tests would leave none of them time.
pytestmark = pytest.mark.serial

FULL = bool(os.environ.get("LIFECYCLE_FULL"))
RELOADS = 100 if FULL else 20
UPGRADES = 20 if FULL else 5
CERTIFICATES = 200 if FULL else 20

HOST = "test.com"
# The name has to be resolved for wrk, which takes it for SNI; glibc finds this one without a server.
LOCAL = "localhost"


@pytest.fixture
def certificates(tmp_path):
    """Two of the same names: (certificate, key) each."""
    made = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        made.append(self_signed(folder, HOST))
    return made


@pytest.fixture
def loaded(make_gateway, tmp_path, certificates):
    """A gateway of two workers at a path of its own, with a fast route and a certificate."""
    node = FastNode()
    binary = tmp_path / "apisix"
    shutil.copy(BINARY, binary)
    gateway = make_gateway(binary=binary, workers=2)
    show(gateway, certificates[0])
    gateway.put_everywhere("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {f"127.0.0.1:{node.port}": 1}}})
    yield gateway
    node.close()


def show(gateway, certificate):
    gateway.put_everywhere("/ssls/1", {"snis": [HOST, LOCAL], "cert": certificate[0], "key": certificate[1]})


def test_reloads_and_upgrades_lose_no_request(loaded):
    loads = [Load(loaded.tls_port, server_name=LOCAL), H2Load(loaded.tls_port, tls=True), H2Load(loaded.port), Handshakes(loaded.tls_port)]
    changes = ["reload"] * RELOADS + ["upgrade"] * UPGRADES
    random.Random(1).shuffle(changes)
    try:
        for what in changes:
            change(loaded, what)
    finally:
        counts = [load.stop() for load in loads]
    for count in counts:
        print(count.text)
    assert [count.failures for count in counts] == [0, 0, 0, 0], "\n".join(count.text for count in counts)
    assert all(count.requests > len(changes) for count in counts)
    # Connections that were asked to leave have left, and the generations with them.
    master = loaded.pid
    wait_until(lambda: len(children_of(master)) == 3, "the old generations to leave")


def test_connection_of_http2_ends_with_goaway(loaded):
    """And not by a bare close, at which a client could not know what was served."""
    wire = connect(loaded.tls_port, tls=True, server_name=HOST)
    assert wire.get().status == 200
    change(loaded, "reload")
    assert wire.ends()
    assert wire.goaway is not None and wire.goaway.code == 0


def test_certificate_is_replaced_under_load(loaded, certificates):
    kept = connect(loaded.tls_port, tls=True, server_name=HOST)
    assert kept.get().status == 200
    handshakes, load = Handshakes(loaded.tls_port), H2Load(loaded.tls_port, tls=True)
    try:
        for number in range(CERTIFICATES):
            shown = certificates[(number + 1) % 2]
            show(loaded, shown)
            assert handshakes.once() == ssl.PEM_cert_to_DER_cert(shown[0])
    finally:
        counts = [handshakes.stop(), load.stop()]
    for count in counts:
        print(count.text)
    assert [count.failures for count in counts] == [0, 0], "\n".join(count.text for count in counts)
    assert handshakes.seen == {ssl.PEM_cert_to_DER_cert(one[0]) for one in certificates}
    # It stays what it was for a connection that is open.
    assert kept.get(stream=3).status == 200
    kept.close()
