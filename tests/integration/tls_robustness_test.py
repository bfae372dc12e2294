"""Handshakes that are slow, broken, cut off or many, and what becomes of TLS when the configuration is reloaded."""

import concurrent.futures
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from certificates import Authority
from gateway import PATIENCE_S, wait_until
from tls_client import ask, connect, context_for, fetch


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


def prepare(gateway, authority):
    gateway.put("/ssls/1", authority.ssl_object("test.com"))
    gateway.put_everywhere("/routes/1", {"uri": "/*", "plugins": {"mocking": {"response_example": "hello"}}})


@pytest.fixture
def serving(make_gateway, authority):
    gateway = make_gateway()
    prepare(gateway, authority)
    return gateway


def open_clients(gateway):
    return int(re.search(r"Active connections: (\d+)", gateway.request("/apisix/nginx_status").text).group(1))


def raw(gateway):
    return socket.create_connection(("127.0.0.1", gateway.tls_port), timeout=PATIENCE_S)


def client_hello(name="test.com"):
    """The first flight of a client, as bytes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context_for().wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def ended(connection):
    """What comes until the gateway ends the connection, by an end or by a reset."""
    got = b""
    try:
        while piece := connection.recv(65536):
            got += piece
    except ConnectionError:
        pass
    return got


def through_memory(gateway, send):
    """A handshake and a request whose bytes `send` brings to the socket."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context_for().wrap_bio(incoming, outgoing, server_hostname="test.com")
    with raw(gateway) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def run(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    send(connection, outgoing.read())
                    incoming.write(connection.recv(65536))

        run(client.do_handshake)
        client.write(b"GET / HTTP/1.1\r\nHost: test.com\r\nConnection: close\r\n\r\n")
        return run(lambda: client.read(65536))


def test_hello_and_request_may_come_byte_by_byte(serving):
    def send(connection, data):
        for byte in data:
            connection.sendall(bytes([byte]))

    assert through_memory(serving, send).startswith(b"HTTP/1.1 200 OK\r\n")


def test_hello_in_many_records(serving):
    """RFC 8446 5.1: a handshake message may be split over records."""
    hello = client_hello()
    body = hello[5:]
    with raw(serving) as connection:
        for at in range(0, len(body), 50):
            piece = body[at:at + 50]
            connection.sendall(hello[:3] + struct.pack(">H", len(piece)) + piece)
        assert connection.recv(1) == b"\x16", "a server hello"


@pytest.mark.parametrize("garbage", [b"\x16" + os.urandom(500), b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff" + b"x" * 70000,
                                     b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc" + b"\0" * 16380], ids=range(4))
def test_garbage_ends_the_connection(serving, garbage):
    with raw(serving) as connection:
        try:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was ended before all was sent
        assert ended(connection)[:1] in (b"", b"\x15"), "at most an alert"
    serving.wait_for_log("the TLS handshake failed (")
    assert fetch(serving.tls_port)[0].status == 200


@pytest.mark.parametrize("sent", [b"", b"\x16", "half"], ids=["nothing", "a byte", "half a hello"])
def test_slow_handshake_times_out(make_gateway, authority, sent):
    gateway = make_gateway(config={"nginx_config": {"http": {"client_header_timeout": "1s"}}})
    prepare(gateway, authority)
    with raw(gateway) as connection:
        connection.sendall(client_hello()[:100] if sent == "half" else sent)
        assert ended(connection) == b""
    assert fetch(gateway.tls_port)[0].status == 200


@pytest.mark.gateway(config={"nginx_config": {"event": {"worker_connections": 64}}})
def test_clients_in_a_handshake_make_room(gateway, authority):
    prepare(gateway, authority)
    held = []
    for _ in range(100):
        held.append(raw(gateway))
        held[-1].sendall(client_hello()[:50])
    assert fetch(gateway.tls_port)[0].status == 200
    for connection in held:
        connection.close()


def test_a_thousand_aborted_handshakes_leave_nothing(serving):
    hello = client_hello()
    before = open_clients(serving)
    for number in range(1000):
        with raw(serving) as connection:
            connection.sendall(hello[:number % len(hello)] if number % 3 else hello)
            if number % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_until(lambda: open_clients(serving) == before, "the clients to be gone")
    assert fetch(serving.tls_port)[0].status == 200


def test_end_of_a_client_gets_an_end(serving):
    connection = connect(serving.tls_port)
    assert ask(connection).status == 200
    plain = connection.unwrap()  # close_notify from both sides
    assert ended(plain) == b""
    plain.close()


def test_keepalive_connection_without_close_notify(serving):
    connection = connect(serving.tls_port)
    assert ask(connection).status == 200
    before = open_clients(serving)
    connection.close()  # a FIN alone
    wait_until(lambda: open_clients(serving) < before, "the connection to be closed")


def test_pipelined_requests_in_one_record(serving):
    with connect(serving.tls_port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: test.com\r\n\r\n" * 20)
        got = b""
        while got.count(b"HTTP/1.1 200 OK") < 20:
            piece = connection.recv(65536)
            assert piece
            got += piece


def test_client_that_asks_for_new_keys_gets_them(serving):
    """RFC 8446 4.6.3, by openssl's command K, which asks for new ones of ours too."""
    client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{serving.tls_port}", "-servername", "test.com",
                               "-tls1_3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for _ in range(3):
            client.stdin.write(b"K\n")
            client.stdin.flush()
            assert any(line.startswith(b"KEYUPDATE") for line in client.stdout), "each is said"
        client.stdin.write(b"GET / HTTP/1.1\r\nHost: test.com\r\nConnection: close\r\n\r\n")
        client.stdin.flush()
        assert any(line.startswith(b"HTTP/1.1 200 OK") for line in client.stdout)
    finally:
        client.kill()
        client.communicate()


@pytest.mark.serial
def test_reload_under_load_fails_no_request(make_gateway, authority):
    gateway = make_gateway(workers=2)
    prepare(gateway, authority)
    stop = threading.Event()

    def work(number):
        done = 0
        context = context_for()
        session = None
        while not stop.is_set():
            response, tls = fetch(gateway.tls_port, context=context, session=session)
            session = tls.session if number % 2 else None
            assert response.status == 200
            done += 1
        return done

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(work, number) for number in range(8)]
        for _ in range(3):
            gateway.reload()
        gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
        stop.set()
        assert all(client.result() > 0 for client in clients)


def test_idle_client_is_closed_with_close_notify_on_quit(serving):
    with connect(serving.tls_port) as connection:
        assert ask(connection).status == 200
        os.kill(serving.pid, signal.SIGQUIT)
        assert connection.recv(1) == b"", "an end, and no error of TLS"
    wait_until(lambda: not Path(f"/proc/{serving.pid}").exists() if serving.pid else True, "the gateway to be gone")
