"""Cosockets of Lua: TCP, TLS, unix sockets and UDP against real peers, their pools, their errors and their owners; the
stand-ins for resty.http and resty.redis on them."""

import json
import socket
import ssl
import threading
from pathlib import Path

import pytest

from certificates import Authority
from gateway import http_request, wait_until
from ports import free_port
from redis_server import RedisServer

pytestmark = pytest.mark.shares_gateway


class Peer:
    """A server whose `serve(connection)` runs in a thread for each connection."""

    def __init__(self, serve, family=socket.AF_INET, address=("127.0.0.1", 0), context=None):
        self.serve = serve
        self.context = context
        self.accepted = 0
        self.open = []
        self.listener = socket.socket(family)
        self.listener.bind(address)
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1] if family == socket.AF_INET else None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.talk, args=[connection], daemon=True).start()

    def talk(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.open.append(connection)
            self.serve(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        # A thread in accept() holds the socket open: it is woken.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def says(data):
    """Sends it, in two pieces, and ends."""
    def serve(connection):
        connection.sendall(data[:3])
        connection.sendall(data[3:])
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    return serve


@pytest.fixture
def peer():
    made = []

    def make(serve, **more):
        made.append(Peer(serve, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def configure(gateway, lua, uri="/lua", route_id="lua", head=""):
    text = head + "\nreturn function(conf, ctx)\n" + lua + "\nend"
    gateway.put_everywhere(f"/routes/{route_id}", {"uri": uri, "plugins": {
        "serverless-pre-function": {"phase": "access", "functions": [text]}}})


def run(gateway, lua, head=""):
    """What the Lua code returns, as JSON reads it."""
    configure(gateway, "local function run()\n" + lua + "\nend\nlocal results = { run() }\n"
              "for i = 1, 4 do if results[i] == nil then results[i] = require('cjson').null end end\n"
              "return 200, require('cjson').encode(results)", head=head)
    response = gateway.request("/lua")
    assert response.status == 200, response.text
    results = json.loads(response.text)
    while results and results[-1] is None:
        results.pop()
    return results


def connected(port, more=""):
    return f"local sock = ngx.socket.tcp()\nassert(sock:connect('127.0.0.1', {port}{more}))\n"


# --- bytes

def test_lines_sizes_and_the_rest(gateway, peer):
    port = peer(says(b"one\r\ntw\ro\n12345rest")).port
    assert run(gateway, connected(port) + """
        return sock:receive(), sock:receive('*l'), sock:receive(5), (sock:receive('*a'))""") == ["one", "two", "12345", "rest"]


def test_what_had_come_before_the_end(gateway, peer):
    port = peer(says(b"no line")).port
    assert run(gateway, connected(port) + "return sock:receive()") == [None, "closed", "no line"]
    assert run(gateway, connected(port) + "sock:receive() return sock:receive()") == [None, "closed"]


def test_what_had_come_before_the_timeout_and_going_on(gateway, peer):
    port = peer(lambda c: (c.sendall(b"half"), c.recv(1), c.sendall(b" done\n"), c.recv(1))).port
    assert run(gateway, connected(port) + """
        sock:settimeout(50)
        local line, err, partial = sock:receive()
        assert(line == nil and partial == 'half', partial)
        sock:send('x')
        sock:settimeouts(1000, 1000, 5000)
        return err, sock:receive()""") == ["timeout", " done"]


def test_whatever_comes(gateway, peer):
    port = peer(echo).port
    assert run(gateway, connected(port) + """
        sock:send('abcdef')
        return sock:receiveany(4), sock:receiveany(100)""") == ["abcd", "ef"]


def test_until_a_text(gateway, peer):
    port = peer(says(b"hello, whale! -agentzh\r\n--abcedhb blah--end")).port
    assert run(gateway, connected(port) + """
        local reader, parts = sock:receiveuntil('\\r\\n--abcedhb'), {}
        while true do
          local data, err, partial = reader(4)
          if not data then parts[#parts + 1] = tostring(err) break end
          parts[#parts + 1] = data
        end
        return table.concat(parts, '|'), sock:receiveuntil('--', { inclusive = true })(), sock:receiveuntil('none')()
        """) == ["hell|o, w|hale|! -a|gent|zh|nil", " blah--", None, "closed", "end"]


def test_what_send_takes(gateway, peer):
    port = peer(echo).port
    assert run(gateway, connected(port) + """
        local sent = sock:send({ 'a', 1, { 'b', { true, 2.5 } } })
        return sent, sock:receive(sent), sock:send('')""") == [10, "a1btrue2.5", 0]
    [fault] = run(gateway, connected(port) + "return select(2, pcall(sock.send, sock, function() end))")
    assert "bad argument #2 to" in fault and "string, number, boolean, nil, or array table expected, got function" in fault


def test_much_both_ways_at_once(gateway, peer):
    port = peer(echo).port
    assert run(gateway, connected(port) + """
        local much = string.rep('0123456789abcdef', 500000)
        local writer = ngx.thread.spawn(function() return sock:send(much) end)
        local got = sock:receive(#much)
        local ok, sent = ngx.thread.wait(writer)
        return ok, sent, got == much""") == [True, 8000000, True]


def test_busy(gateway, peer):
    port = peer(echo).port
    assert run(gateway, connected(port) + """
        local reader = ngx.thread.spawn(function() return sock:receive() end)
        local results = { select(2, sock:receive()), select(2, sock:close()), select(2, sock:setkeepalive()) }
        sock:send('x\\n')
        ngx.thread.wait(reader)
        return unpack(results)""") == ["socket busy reading"] * 3


# --- connecting

def test_errors_of_connecting(gateway):
    port = free_port()
    assert run(gateway, f"return ngx.socket.tcp():connect('127.0.0.1', {port})") == [None, "connection refused"]
    assert run(gateway, "return ngx.socket.connect('127.0.0.1', 65536)") == [None, "bad port number: 65536"]
    assert run(gateway, "return ngx.socket.tcp():connect('unix:/nowhere/s')") == [None, "no such file or directory"]
    [_, fault] = run(gateway, "return ngx.socket.tcp():connect('no such name', 80)")
    assert fault == "no such name could not be resolved (3: Host not found)"


def test_a_name(gateway, peer):
    port = peer(says(b"named\n")).port
    assert run(gateway, f"local s = assert(ngx.socket.connect('localhost', {port})) return s:receive()") == ["named"]


def test_not_connected(gateway):
    assert run(gateway, """
        local sock, faults = ngx.socket.tcp(), {}
        for _, name in ipairs({ 'receive', 'close', 'setkeepalive', 'getreusedtimes', 'sslhandshake' }) do
          faults[#faults + 1] = select(2, sock[name](sock))
        end
        faults[#faults + 1] = select(2, sock:send('x'))
        return table.concat(faults, ' ')""") == ["closed closed closed closed closed closed"]


def test_phases_where_nothing_waits(gateway):
    gateway.put_everywhere("/routes/lua", {"uri": "/lua", "plugins": {"serverless-post-function": {
        "phase": "header_filter",
        "functions": ["return function() ngx.header.fault = select(2, pcall(ngx.socket.tcp)) end"]},
        "serverless-pre-function": {"phase": "access", "functions": ["return function() return 200, 'x' end"]}}})
    assert "API disabled in the context of header_filter_by_lua*" in gateway.request("/lua").header("fault")


def test_a_unix_socket(gateway, peer, tmp_path):
    path = str(tmp_path / "s")
    peer(echo, family=socket.AF_UNIX, address=path)
    Path(path).chmod(0o777)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    assert run(gateway, f"""
        local sock = ngx.socket.tcp()
        assert(sock:connect('unix:{path}'))
        sock:send('local\\n')
        return sock:receive()""") == ["local"]


# --- pools

def test_a_connection_is_used_again_and_its_end_noticed(gateway, peer):
    server = peer(echo)
    use = connected(server.port) + """
        sock:send('x\\n')
        sock:receive()
        local times = sock:getreusedtimes()
        return times, sock:setkeepalive(60000, 10)"""
    assert run(gateway, use) == [0, 1]
    assert run(gateway, use) == [1, 1]
    assert server.accepted == 1
    server.open[0].shutdown(socket.SHUT_RDWR)
    # The end arrives when it arrives: then the connection is out of the pool.
    wait_until(lambda: run(gateway, use)[0] == 0, "the pool to notice the end")


def test_pools_have_names_and_unread_bytes_keep_out(gateway, peer):
    server = peer(echo)
    other = ", { pool = 'mine' }"
    assert run(gateway, connected(server.port, other) + "return sock:setkeepalive()") == [1]
    assert run(gateway, connected(server.port) + "return sock:getreusedtimes()") == [0]
    assert run(gateway, connected(server.port, other) + "return sock:getreusedtimes()") == [1]
    assert run(gateway, connected(server.port) + """
        sock:send('xy')
        sock:receive(1)
        return sock:setkeepalive()""") == [None, "unread data in buffer"]


def test_connects_wait_for_room_in_a_pool(gateway, peer):
    server = peer(echo)
    assert run(gateway, f"""
        local options = {{ pool = 'bounded', pool_size = 1, backlog = 1 }}
        local first, second, third = ngx.socket.tcp(), ngx.socket.tcp(), ngx.socket.tcp()
        assert(first:connect('127.0.0.1', {server.port}, options))
        local waiting = ngx.thread.spawn(function()
          return second:connect('127.0.0.1', {server.port}, options)
        end)
        local refused = select(2, third:connect('127.0.0.1', {server.port}, options))
        first:setkeepalive()
        local _, connected = ngx.thread.wait(waiting)
        return refused, connected, second:getreusedtimes()
        """) == ["too many waiting connect operations", 1, 1]


# --- owners

def test_a_socket_of_another_request(gateway, peer):
    port = peer(echo).port
    configure(gateway, f"kept = ngx.socket.tcp() assert(kept:connect('127.0.0.1', {port})) return 200, 'kept'",
              uri="/keep", route_id="keep")
    assert gateway.request("/keep").text == "kept"
    # Its request is over.
    assert run(gateway, "return kept:send('x')") == [None, "closed"]


def test_a_socket_of_a_request_that_waits(gateway, peer):
    released = threading.Event()
    server = peer(lambda c: (released.wait(20), c.sendall(b"now\n"), c.recv(1)))
    configure(gateway, f"other = ngx.socket.tcp() assert(other:connect('127.0.0.1', {server.port})) "
              "return 200, other:receive()", uri="/wait", route_id="wait")
    responses = []
    client = threading.Thread(target=lambda: responses.append(http_request(gateway.port, path="/wait")))
    client.start()
    wait_until(lambda: server.open, "the connection")
    [ok, fault] = run(gateway, "return pcall(other.receive, other)")
    released.set()
    client.join()
    assert (ok, fault) == (False, "bad request") and responses[0].text == "now"


def test_a_client_that_leaves_closes_what_waits(gateway, peer):
    ended = threading.Event()
    server = peer(lambda c: c.recv(1) == b"" and ended.set())
    configure(gateway, connected(server.port) + "return 200, sock:receive()")
    client = socket.create_connection(("127.0.0.1", gateway.port))
    client.sendall(b"GET /lua HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until(lambda: server.open, "the connection")
    client.close()
    assert ended.wait(20)


# --- TLS

@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


def test_tls_and_its_sessions(gateway, peer, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("test.com"))
    port = peer(echo, context=context).port
    head = connected(port)
    assert run(gateway, head + """
        local session = assert(sock:sslhandshake(nil, 'test.com', false))
        sock:send('secret\\n')
        return type(session), sock:receive()""") == ["userdata", "secret"]
    assert run(gateway, head + "return sock:sslhandshake(false, 'test.com')") == [True]
    [_, fault] = run(gateway, head + "return sock:sslhandshake(nil, 'test.com', true)")
    assert fault.startswith("20: unable to get local issuer certificate")
    assert run(gateway, head + """
        local session = assert(sock:sslhandshake(nil, 'test.com'))
        sock:send('a\\n') sock:receive() sock:close()
        assert(sock:connect('127.0.0.1', %d))
        assert(sock:sslhandshake(session, 'test.com'))
        sock:send('again\\n')
        return sock:receive()""" % port) == ["again"]


def test_tls_that_shows_a_certificate(gateway, peer, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("test.com"))
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    port = peer(lambda c: (c.sendall(c.getpeercert()["subject"][0][0][1].encode() + b"\n"), c.recv(1)), context=context).port
    certificate, key = (path.read_text() for path in authority.issue("client.com"))
    assert run(gateway, connected(port) + f"""
        local ssl = require('ngx.ssl')
        assert(sock:setclientcert(ssl.parse_pem_cert([[{certificate}]]), ssl.parse_pem_priv_key([[{key}]])))
        assert(sock:sslhandshake(false, 'test.com'))
        return sock:receive()""") == ["client.com"]


def test_no_tls_on_the_other_side(gateway, peer):
    port = peer(says(b"plain text, no TLS\n")).port
    assert run(gateway, connected(port) + "return sock:sslhandshake(nil, 'a', false)") == [None, "handshake failed"]


# --- UDP

def test_udp(gateway):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve():
        data, sender = server.recvfrom(100)
        server.sendto(data.upper(), sender)
    threading.Thread(target=serve, daemon=True).start()
    assert run(gateway, f"""
        local sock = ngx.socket.udp()
        assert(sock:setpeername('127.0.0.1', {server.getsockname()[1]}))
        assert(sock:send({{ 'data', 'gram' }}))
        local data = sock:receive()
        sock:settimeout(20)
        local _, err = sock:receive()
        return data, err, sock:close(), select(2, sock:send('x'))""") == ["DATAGRAM", "timeout", 1, "closed"]
    server.close()


# --- libraries

@pytest.fixture(scope="module")
def redis():
    server = RedisServer()
    yield server
    server.close()


def with_redis(port):
    return f"""
        local red = require('resty.redis'):new()
        red:set_timeouts(1000, 1000, 5000)
        assert(red:connect('127.0.0.1', {port}))
"""


def test_redis(gateway, redis):
    assert run(gateway, with_redis(redis.port) + """
        local ok = red:set('dog', 'an animal')
        local missing = red:get('nothing') == ngx.null
        return ok, red:get('dog'), missing, red:incr('count')""") == ["OK", "an animal", True, 1]
    assert run(gateway, with_redis(redis.port) + """
        red:init_pipeline()
        red:set('a', 1)
        red:get('a')
        red:lpush('a', 2)
        local results = assert(red:commit_pipeline())
        return results[1], results[2], results[3][1], results[3][2]
        """) == ["OK", "1", False, "WRONGTYPE Operation against a key holding the wrong kind of value"]
    assert run(gateway, with_redis(redis.port) + """
        assert(red:multi())
        local queued = red:set('b', 2)
        local results = red:exec()
        return queued, results[1], red:eval('return KEYS[1]', 1, 'k'), red:set_keepalive(10000, 5)
        """) == ["QUEUED", "OK", "k", 1]
    assert run(gateway, with_redis(redis.port) + "return red:get_reused_times()") == [1]


def test_redis_publishes(gateway, redis):
    assert run(gateway, with_redis(redis.port) + f"""
        local other = require('resty.redis'):new()
        assert(other:connect('127.0.0.1', {redis.port}))
        local subscribed = red:subscribe('channel')
        other:publish('channel', 'news')
        local message = red:read_reply()
        return subscribed[1], message[1], message[3]""") == ["subscribe", "message", "news"]


def test_redis_killed_in_the_middle_of_a_call(gateway):
    server = RedisServer()
    configure(gateway, with_redis(server.port) + "return 200, tostring(select(2, red:blpop('never', 0)))")
    responses = []
    client = threading.Thread(target=lambda: responses.append(gateway.request("/lua")))
    client.start()
    wait_until(lambda: server.client.info("clients")["blocked_clients"] == 1, "the call")
    server.close()
    client.join()
    assert responses[0].text == "closed"


def http_server(connection):
    """Responds by the path; keeps the connection."""
    reader = connection.makefile("rb")
    while line := reader.readline():
        method, path, _ = line.decode().split(" ", 2)
        headers = {}
        while (field := reader.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        if path == "/chunked":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Many: a\r\nX-Many: b\r\n\r\n"
                               b"5\r\nhello\r\n6\r\n whale\r\n0\r\nTrail: er\r\n\r\n")
        elif path == "/early":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
        elif path == "/close":
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")
            return
        elif path == "/broken":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            return
        else:
            text = json.dumps({"method": method, "path": path, "headers": headers, "body": body.decode()}).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nContent-Type: application/json\r\n\r\n".encode()
            connection.sendall(head + (b"" if method == "HEAD" else text))


def test_http_in_one_call(gateway, peer):
    server = peer(http_server)
    head = "local http = require('resty.http').new()\n"
    url = f"http://127.0.0.1:{server.port}"
    [status, body] = run(gateway, head + f"""
        local res = assert(http:request_uri('{url}/path?a=1', {{ method = 'POST', body = 'content',
          headers = {{ ['X-Mine'] = 'yes' }}, query = {{ b = '2' }} }}))
        return res.status, res.body""")
    seen = json.loads(body)
    assert (status, seen["method"], seen["body"]) == (200, "POST", "content")
    assert seen["headers"]["x-mine"] == "yes" and seen["headers"]["host"] == f"127.0.0.1:{server.port}"
    assert run(gateway, head + f"""
        local res = assert(http:request_uri('{url}/chunked'))
        return res.body, res.headers['x-MANY'][2], res.headers['Transfer-Encoding'], res.has_body
        """) == ["hello whale", "b", "chunked", True]
    assert run(gateway, head + f"return http:request_uri('{url}/early').status") == [204]
    assert run(gateway, head + f"return http:request_uri('{url}/close').body") == ["until the end"]
    assert run(gateway, head + f"return http:request_uri('{url}/a', {{ method = 'HEAD' }}).status") == [200]
    assert run(gateway, head + f"local res, err = http:request_uri('{url}/broken') return err") == ["closed"]
    for params, fault in [("headers = {['X-A'] = 'b\\r\\nX-C: d'}", "header value"), ("headers = {['X A'] = 'b'}", "header key"),
                          ("path = '/a b'", "path"), ("query = 'a b'", "query")]:
        assert run(gateway, head + f"local res, err = http:request_uri('{url}/a', {{ {params} }}) return res, err") == [
            None, f"invalid characters found in {fault}"]
    assert server.accepted < 6


def test_http_step_by_step(gateway, peer):
    server = peer(http_server)
    assert run(gateway, f"""
        local http = require('resty.http').new()
        assert(http:connect({{ scheme = 'http', host = '127.0.0.1', port = {server.port} }}))
        local res = assert(http:request({{ path = '/chunked' }}))
        local chunks = {{}}
        repeat
          local chunk = res.body_reader(3)
          chunks[#chunks + 1] = chunk
        until not chunk
        res:read_trailers()
        return table.concat(chunks, '|'), res.headers.Trail, http:set_keepalive()
        """) == ["hel|lo| wh|ale", "er", 1]


def test_many_wait(gateway, peer):
    """Threads that wait for a line each, from one server that says nothing until the end."""
    released = threading.Event()
    server = peer(lambda c: (released.wait(60), c.sendall(b"x\n"), c.recv(1)))
    configure(gateway, f"""
        local threads, got = {{}}, 0
        for i = 1, 50 do
          threads[i] = ngx.thread.spawn(function()
            local sock = ngx.socket.tcp()
            assert(sock:connect('127.0.0.1', {server.port}))
            return sock:receive()
          end)
        end
        for i = 1, 50 do
          local ok, line = ngx.thread.wait(threads[i])
          if ok and line == 'x' then got = got + 1 end
        end
        return 200, tostring(got)""")
    responses = []
    client = threading.Thread(target=lambda: responses.append(gateway.request("/lua")))
    client.start()
    wait_until(lambda: len(server.open) == 50, "50 connections")
    released.set()
    client.join()
    assert responses[0].text.strip() == "50"
