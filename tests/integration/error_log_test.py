"""What the logs say of a request: of one that was refused too, and in error.log who sent it and where it went."""

import re
import signal

import pytest

import raw
from gateway import http_request
from ports import free_port

GATEWAY = {"config": {"nginx_config": {"error_log_level": "info", "http": {
    "access_log_buffer": 1, "access_log_format": r'\"$request\" $request_method $status \t$uri'}}}}
ID = r'request_id: "[0-9a-f]{32}"'


def line_with(proxy, text, name="error.log"):
    proxy.gateway.wait_for_log(text, name)
    return next(line for line in proxy.gateway.log(name).splitlines() if text in line)


def send(proxy, data):
    client = proxy.client()
    client.send(data)
    response = client.read_to_end()
    client.close()
    return int(response.split()[1])


@pytest.mark.parametrize("sent, status, logged", [
    ("GET /two-hosts?q HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, '"GET /two-hosts?q HTTP/1.1" GET 400 \t/two-hosts'),
    ("GET /name HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n", 400, '"GET /name HTTP/1.1" GET 400 \t/name'),
    ("get /method HTTP/1.1\r\nHost: a\r\n\r\n", 400, '"get /method HTTP/1.1" - 400 \t-'),
    ("GET /version HTTP/9.9\r\nHost: a\r\n\r\n", 505, '"GET /version HTTP/9.9" GET 505 \t/version'),
    ("GET /bare-lf HTTP/1.1\nHost: a\n\n", 400, '"GET /bare-lf HTTP/1.1" - 400 \t-'),
    ("GET  /two-spaces HTTP/1.1\r\nHost: a\r\n\r\n", 400, '"GET  /two-spaces HTTP/1.1" GET 400 \t-'),
    ("\r\nGET /nul\0\" HTTP/1.1\r\nHost: a\r\n\r\n", 400, r'"GET /nul\x00\x22 HTTP/1.1" '),
    ("GET /long-head HTTP/1.1\r\nHost: a\r\nX: " + "y" * 40000, 431, '"GET /long-head HTTP/1.1" - 431 \t-'),
    ("GET /long-line" + "y" * 40000, 414, '"GET /long-line' + "y" * 2000),
    ("GET /te HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, '"GET /te HTTP/1.1" GET 501 \t/te'),
], ids=["two hosts", "bad name", "method", "version", "bare LF", "two spaces", "NUL", "long head", "long line", "coding"])
def test_refused_requests_are_in_the_access_log(proxy, sent, status, logged):
    assert send(proxy, sent) == status
    proxy.gateway.wait_for_log(logged, "access.log")


def test_a_failed_upstream_is_said_with_the_request(proxy):
    dead = free_port()
    path = proxy.route(dead, name="named")
    assert proxy.get(path + "/x?y=1").status == 502
    line = line_with(proxy, f'request: "GET {path}/x?y=1 HTTP/1.1", upstream')
    route = path.removeprefix("/r")
    assert re.search(rf'connect\(\) to 127\.0\.0\.1:{dead} failed: Connection refused, client: 127\.0\.0\.1, server: _, '
                     rf'request: "GET {path}/x\?y=1 HTTP/1\.1", upstream: "http://127\.0\.0\.1:{dead}{path}/x\?y=1", '
                     rf'host: "a\.test", {ID}, route: "{route}"$', line), line


@pytest.mark.parametrize("response, said", [
    ("", "upstream prematurely closed connection while reading response header from upstream"),
    ("hello\r\n\r\n", "sent an invalid response"),
    ("HTTP/1.1 200 OK\nX: y\n\n", "sent an invalid response: malformed response head"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "upstream prematurely closed connection while reading the response"),
], ids=["nothing", "no HTTP", "bare LF", "half a body"])
def test_what_an_upstream_did_wrong_is_said(proxy, response, said):
    path = proxy.route(proxy.upstream(lambda peer: (peer.read_request(), peer.send(response), peer.close())))
    client = proxy.client()
    client.send(f"GET {path}/wrong HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    client.read_to_end()
    assert said in line_with(proxy, f'request: "GET {path}/wrong HTTP/1.1"')


def test_ignored_lines_are_said_at_info(proxy):
    path = proxy.route(proxy.upstream())
    assert proxy.get(path, 'X[1]: a"\x01b\r\n'.replace("\x01", "\t") + "Content_Length: 5\r\n").status == 200
    line = line_with(proxy, r'client sent invalid header line: "X[1]: a\x22\x09b", client: 127.0.0.1')
    assert "[info]" in line and f'request: "GET {path} HTTP/1.1", host: "a.test", request_id: "' in line
    line_with(proxy, 'client sent invalid header line: "Content_Length: 5", client: 127.0.0.1')


def test_the_id_is_that_of_the_access_log_and_of_request_id(proxy):
    path = proxy.route(free_port(), plugins={"request-id": {}})
    assert proxy.get(path + "/id", 'X-Request-Id: my"id\r\n').status == 502
    assert r'request_id: "my\x22id"' in line_with(proxy, f'request: "GET {path}/id HTTP/1.1", upstream')


def test_plugins_say_the_client_that_they_refuse(proxy):
    path = proxy.route(free_port(), plugins={"key-auth": {}})
    assert proxy.get(path + "/refused", "apikey: Guessed-Key-2\r\n").status == 401
    for said in ("Missing related consumer", "key-auth exits with http status code 401"):
        lines = [line for line in proxy.gateway.log().splitlines() if said in line and f"GET {path}/refused" in line]
        assert lines and all(f', client: 127.0.0.1, server: _, request: "GET {path}/refused HTTP/1.1", ' in line
                             for line in lines), said
    assert "Guessed-Key-2" not in proxy.gateway.log()


def test_the_address_is_the_one_that_real_ip_found(proxy):
    path = proxy.route(free_port(), plugins={"real-ip": {"source": "arg_ip"}})
    assert proxy.get(path + "/real?ip=192.0.2.9").status == 502
    assert ", client: 192.0.2.9, " in line_with(proxy, f'request: "GET {path}/real?ip=192.0.2.9 HTTP/1.1", upstream')


def test_failed_admin_keys_say_the_client_and_not_the_key(proxy):
    gateway = proxy.gateway
    assert gateway.admin("GET", "/routes?x=1", key="Guessed-Admin-Key").status == 401
    assert http_request(gateway.admin_port, "PUT", "/apisix/admin/routes/1%22?api_key=Guessed-Admin-Key", body=b"{}").status == 401
    line = line_with(proxy, 'request: "GET /apisix/admin/routes"')
    assert "[warn]" in line and "failed to check token: wrong apikey, client: 127.0.0.1, request:" in line
    line_with(proxy, 'failed to check token: wrong apikey, client: 127.0.0.1, request: "PUT /apisix/admin/routes/1')
    client = raw.Client(gateway.admin_port)
    client.send("GET /apisix/admin/routes?api_key=Guessed-Admin-Key HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert b" 400 " in client.read_to_end()
    line_with(proxy, 'client sent an invalid request (more than one Host), client: 127.0.0.1')
    assert "Guessed-Admin-Key" not in gateway.log()


def test_a_client_forges_no_part_of_a_line(proxy):
    path = proxy.route(free_port())
    client = proxy.client()
    client.send(f'GET {path}/f",host:"evil"\\ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    client.read_to_end()
    line = line_with(proxy, path + r"/f\x22,host:\x22evil\x22\x5C")
    assert line.count('"') == 10 and 'host: "a", ' in line


def test_an_unknown_variable_of_the_access_log_is_refused(make_gateway):
    gateway = make_gateway(start=False, config={"nginx_config": {"http": {"access_log_format": "$uri $remote_adr"}}})
    for command in ("test", "start"):
        done = gateway.run(command)
        assert done.returncode != 0, command
        assert 'nginx_config.http.access_log_format: unknown "remote_adr" variable' in done.stdout + done.stderr
    assert gateway.pid is None


def test_a_reload_with_an_unknown_variable_changes_nothing(make_gateway):
    gateway = make_gateway()
    before = gateway.worker_pids()
    gateway.write_config({"nginx_config": {"http": {"access_log_format": "$nonsense"}}})
    done = gateway.run("reload")
    assert done.returncode != 0 and 'unknown "nonsense" variable' in done.stderr
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_log('unknown "nonsense" variable')
    assert gateway.worker_pids() == before and gateway.request("/").status == 404
