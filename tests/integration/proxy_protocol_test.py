"""The PROXY header in front of connections to apisix.proxy_protocol.listen_http_port: who the client is, what of it reaches
plugins, the log and the upstream, and what becomes of connections whose header is none."""

import socket
import struct
import subprocess

import pytest

from gateway import wait_until
from ports import free_port
from raw import Client

PORT = free_port()
LINE = "PROXY TCP4 192.0.2.7 198.51.100.2 40000 8443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
IPV4 = socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.2") + struct.pack("!HH", 40000, 8443)
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "::2") + struct.pack("!HH", 1, 2)
FORMAT = "$proxy_protocol_tlv_authority $proxy_protocol_tlv_ssl_cn $proxy_protocol_tlv_0xea " \
         "$remote_addr $remote_port $realip_remote_addr $proxy_protocol_addr $proxy_protocol_port " \
         "$proxy_protocol_server_addr $proxy_protocol_server_port $request_uri"

GATEWAY = {"config": {
    "apisix": {"proxy_protocol": {"listen_http_port": PORT}},
    "nginx_config": {"error_log_level": "info", "http": {
        "access_log_format": FORMAT, "client_header_timeout": "1s",
        "real_ip_header": "proxy_protocol", "real_ip_from": ["127.0.0.1"]}}}}


def binary(command, protocol, body=b""):
    return SIGNATURE + bytes([command, protocol]) + struct.pack("!H", len(body)) + body


@pytest.fixture
def path(proxy):
    def serve(peer):
        while True:
            request = peer.read_request()
            body = "\n".join(f"{name}: {value}" for name, value in request.headers)
            peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}")

    return proxy.route(proxy.upstream(serve))


def get(target, headers=""):
    return f"GET {target} HTTP/1.1\r\nHost: a.test\r\n{headers}\r\n"


def logged(proxy, target):
    """The line of the access log, which is flushed when the log is reopened."""
    assert proxy.gateway.run("reopen").returncode == 0
    lines = wait_until(lambda: [line for line in proxy.gateway.log("access.log").splitlines() if line.endswith(target)],
                       f"{target} in access.log")
    return lines[0].removesuffix(" " + target)


@pytest.mark.parametrize("header, client, port", [
    (LINE.encode(), "192.0.2.7", "40000"),
    (binary(0x21, 0x11, IPV4), "192.0.2.7", "40000"),
    (binary(0x21, 0x11, IPV4 + b"\x02\0\x06a.test" + b"\x04\x0b\xb8" + b"\0" * 3000), "192.0.2.7", "40000"),
    (b"PROXY TCP6 2001:db8::7 ::2 1 2\r\n", "2001:db8::7", "1"),
    (binary(0x21, 0x21, IPV6), "2001:db8::7", "1"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1", None),
    (b"PROXY UNKNOWN ffff:f:f:f ffff:: 1 2\r\n", "127.0.0.1", None),
    (binary(0x20, 0x00), "127.0.0.1", None),
    (binary(0x20, 0x11, IPV4), "127.0.0.1", None),
], ids=["v1", "v2", "tlvs", "v1-6", "v2-6", "unknown", "unknown-long", "local", "local-long"])
def test_header_says_who_the_client_is(proxy, path, header, client, port):
    connection = Client(PORT)
    connection.send(header + get(path).encode())
    response = connection.read_response()
    assert response.status == 200
    assert f"X-Real-IP: {client}\n" in response.body.decode() + "\n"
    assert f"X-Forwarded-For: {client}\n" in response.body.decode() + "\n"
    # The second request of the connection has no header in front of it.
    assert f"X-Real-IP: {client}\n" in connection.ask(get(path)).body.decode() + "\n"
    connection.close()


def test_header_is_in_the_variables_of_the_log(proxy, path):
    connection = Client(PORT)
    assert connection.ask(LINE + get(path + "named")).status == 200
    assert logged(proxy, path + "named") == "- - - 192.0.2.7 40000 127.0.0.1 192.0.2.7 40000 198.51.100.2 8443"
    assert Client(PORT).ask("PROXY UNKNOWN\r\n" + get(path + "unknown")).status == 200
    assert logged(proxy, path + "unknown").endswith(" 127.0.0.1 - - - -")
    assert Client(proxy.port).ask(get(path + "plain")).status == 200
    assert logged(proxy, path + "plain").endswith(" 127.0.0.1 - - - -")


def test_fields_behind_the_addresses_are_variables(proxy, path):
    def field(kind, value):
        return struct.pack("!BH", kind, len(value)) + value

    fields = field(2, b"a.test") + field(0x20, b"\x07\0\0\0\0" + field(0x22, b"client one")) + field(0xea, b"vpce-08d2bf15fac5001c9")
    connection = Client(PORT)
    connection.send(binary(0x21, 0x21, IPV6 + fields) + get(path + "fields").encode())
    assert connection.read_response().status == 200
    assert connection.ask(get(path + "second")).status == 200, "they are the connection's"
    for target in (path + "fields", path + "second"):
        assert logged(proxy, target).startswith("a.test client one vpce-08d2bf15fac5001c9 2001:db8::7 1 ")
    connection.close()


@pytest.mark.parametrize("header", [LINE.encode(), binary(0x21, 0x11, IPV4 + b"\x04\0\x03abc")], ids=["v1", "v2"])
def test_header_in_pieces_is_one(proxy, path, header):
    connection = Client(PORT)
    for byte in header:
        connection.send(bytes([byte]))
    assert "X-Real-IP: 192.0.2.7" in connection.ask(get(path)).body.decode()


def test_port_without_the_protocol_takes_no_header(proxy, path):
    assert Client(proxy.port).ask(LINE + get(path)).status == 400


@pytest.mark.parametrize("sent, why", [
    (get("/x").encode(), "it does not begin as one"),
    (b"PROXY TCP4 192.0.2.7 198.51.100.2 40000 70000\r\n" + get("/x").encode(), "a port is none"),
    (b"PROXY TCP4 192.0.2.7" + b" " * 200, "the line is too long"),
    (b"\x16\x03\x01\x02\x00\x01\x00", "it does not begin as one"),
    (binary(0x21, 0x11, IPV4[:-1]), "the addresses are cut off"),
    (binary(0x31, 0x11, IPV4), "the version is not 2"),
    (SIGNATURE + b"\x21\x11\xff\xff", "it is too long"),
])
def test_connection_without_a_header_is_closed(proxy, sent, why):
    connection = Client(PORT)
    connection.send(sent)
    assert connection.read_to_end() == b""
    proxy.gateway.wait_for_log(f"client 127.0.0.1 sent a broken PROXY header: {why}")


def test_header_that_does_not_come_in_time_ends_the_connection(proxy):
    connection = Client(PORT)
    connection.send(LINE[:20])
    assert connection.read_to_end() == b""
    proxy.gateway.wait_for_log("sent a broken PROXY header: it did not come in time")


def test_half_a_header_and_an_end_is_logged_and_nothing_at_all_is_not(proxy):
    connection = Client(PORT)
    connection.send(LINE[:20])
    connection.half_close()
    assert connection.read_to_end() == b""
    proxy.gateway.wait_for_log("sent a broken PROXY header: the connection ended before it was complete")
    said = proxy.gateway.log().count("broken PROXY header")
    check = Client(PORT)  # a balancer that looks whether the port is open
    check.half_close()
    assert check.read_to_end() == b""
    assert proxy.gateway.log().count("broken PROXY header") == said


def test_address_counts_for_ip_restriction(proxy):
    path = proxy.route(proxy.upstream(), plugins={"ip-restriction": {"whitelist": ["192.0.2.0/24"]}})
    assert Client(PORT).ask(LINE + get(path)).status == 200
    assert Client(PORT).ask(LINE.replace("192.0.2.7", "192.0.3.7") + get(path)).status == 403
    assert Client(proxy.port).ask(get(path)).status == 403


def test_header_of_curl(proxy, path):
    done = subprocess.run(["curl", "-sS", "--haproxy-protocol", f"http://127.0.0.1:{PORT}{path}curl"], capture_output=True,
                          text=True, check=True)
    assert "X-Real-IP: 127.0.0.1" in done.stdout
    _, port, peer, said, said_port, server, server_port = logged(proxy, path + "curl").split()[3:]
    assert (peer, said, server, server_port) == ("127.0.0.1", "127.0.0.1", "127.0.0.1", str(PORT)) and port == said_port != "-"


def test_address_is_not_believed_unless_the_peer_is_trusted(make_gateway, upstream):
    """As in nginx: any peer may send a header; whether it counts is for real_ip_from to say. The plugin
    real-ip is another way to say it."""
    port = free_port()
    gateway = make_gateway(config={
        "apisix": {"proxy_protocol": {"listen_http_port": port}},
        "nginx_config": {"http": {"real_ip_header": "proxy_protocol", "real_ip_from": ["10.0.0.0/8"]}}})
    node = {"type": "roundrobin", "nodes": {f"127.0.0.1:{upstream.port}": 1}}
    gateway.put("/routes/1", {"uri": "/a", "upstream": node, "plugins": {"ip-restriction": {"whitelist": ["127.0.0.1"]}}})
    gateway.put_everywhere("/routes/2", {"uri": "/b", "upstream": node, "plugins": {
        "real-ip": {"source": "proxy_protocol_addr", "trusted_addresses": ["127.0.0.0/24"]},
        "ip-restriction": {"whitelist": ["192.0.2.7"]}}})
    assert Client(port).ask(LINE + get("/a")).status == 200
    assert Client(port).ask(LINE + get("/b")).status == 200
    assert Client(port).ask("PROXY TCP4 192.0.2.8 192.0.2.9 1 2\r\n" + get("/b")).status == 403
    assert gateway.run("reload").returncode == 0
    assert Client(port).ask(LINE + get("/b")).status == 200


def test_connection_without_a_header_does_not_hold_a_worker_that_leaves(make_gateway, upstream):
    port = free_port()
    gateway = make_gateway(config={"apisix": {"proxy_protocol": {"listen_http_port": port}}})
    gateway.put_everywhere("/routes/1", {"uri": "/a", "upstream": {
        "type": "roundrobin", "nodes": {f"127.0.0.1:{upstream.port}": 1}}})
    silent = Client(port)
    served = Client(port)
    assert served.ask(LINE + get("/a")).status == 200
    gateway.reload()
    assert silent.read_to_end() == b"" and served.read_to_end() == b""
    assert Client(port).ask(LINE + get("/a")).status == 200


def test_redirect_to_https_names_no_port_of_a_balancer(make_gateway):
    tls = free_port()
    gateway = make_gateway(config={"apisix": {
        "ssl": {"listen": [{"port": tls}]},
        "proxy_protocol": {"listen_http_port": free_port(), "listen_https_port": free_port()}}})
    gateway.put_everywhere("/routes/1", {"uri": "/a", "plugins": {"redirect": {"http_to_https": True}}})
    places = {gateway.request("/a", headers={"Host": "a.test"}).header("Location") for _ in range(30)}
    assert places == {f"https://a.test:{tls}/a"}
