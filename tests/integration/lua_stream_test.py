"""Responses that Lua writes as they come: ngx.say, ngx.flush and ngx.sleep, on a real gateway; and what becomes of a
response when a function fails in the middle of it, or in a filter."""

import pytest

from raw import Client

pytestmark = pytest.mark.shares_gateway


def function(text):
    return f"return function(conf, ctx) local core = require('apisix.core'); {text} end"


@pytest.fixture
def put(gateway, upstream):
    upstream.respond = lambda request: (200, {"X-Node": "n"}, b"from the node")

    def put(text, phase="access", **plugins):
        gateway.put_everywhere("/routes/lua", {
            "uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}},
            "plugins": {"serverless-pre-function": {"phase": phase, "functions": [function(text)]}} | plugins})

    return put


@pytest.fixture
def client(gateway):
    clients = []

    def client(**options):
        clients.append(Client(gateway.port, **options))
        return clients[-1]

    yield client
    for each in clients:
        each.close()


def get(peer, path="/a", version="1.1"):
    peer.send(f"GET {path} HTTP/{version}\r\nHost: a\r\n\r\n".encode())


# A function waits until another request has set the key: the client has seen what was said before, or the test hangs.
WAIT_FOR_GO = "while not _G.go_on do ngx.sleep(0.01) end"


@pytest.fixture
def go_on(gateway, upstream):
    """Lets the function that waits in WAIT_FOR_GO go on."""
    for name, value in (("stop", "nil"), ("go", "true")):
        gateway.put_everywhere(f"/routes/{name}", {
            "uri": f"/gate/{name}", "priority": 9, "plugins": {"serverless-pre-function": {"functions": [
                f"return function() rawset(_G, 'go_on', {value}); ngx.exit(200) end"]}}})
    gateway.request("/gate/stop")
    return lambda: gateway.request("/gate/go")


def test_what_is_said_leaves_at_the_flush(put, client, go_on):
    put(f"ngx.header.content_type = 'text/event-stream'; ngx.say('data: 1'); ngx.say(''); ngx.flush(true); {WAIT_FOR_GO};"
        "ngx.say('data: 2'); ngx.say(''); ngx.exit(200)")
    peer = client()
    get(peer)
    head = peer.read_head()
    assert head.status == 200 and head.header("Content-Type") == "text/event-stream" and head.header("Content-Length") is None
    assert peer.read_chunk() == b"data: 1\n\n"
    go_on()
    assert peer.read_chunk() == b"data: 2\n\n" and peer.read_chunk() == b""


def test_headers_alone_can_be_sent(put, client, go_on):
    put(f"ngx.status = 201; ngx.header['X-Early'] = 'yes'; ngx.send_headers(); {WAIT_FOR_GO}; ngx.print('body')")
    peer = client()
    get(peer)
    head = peer.read_head()
    assert head.status == 201 and head.header("X-Early") == "yes"
    go_on()
    assert peer.read_chunk() == b"body" and peer.read_chunk() == b""


def test_a_client_of_http_1_0_gets_the_pieces_until_the_end(put, client):
    put("ngx.print('a'); ngx.flush(true); ngx.print('b')")
    peer = client()
    get(peer, version="1.0")
    assert peer.read_to_end().endswith(b"\r\n\r\nab")


@pytest.mark.parametrize("end", ["return", "ngx.exit(200)", "ngx.exit(ngx.OK)", "ngx.exit(503)", "ngx.eof()"])
def test_however_it_ends_the_response_is_whole(put, gateway, upstream, end):
    put(f"ngx.print('a'); ngx.flush(true); ngx.print('b'); {end}")
    response = gateway.request("/a")
    assert (response.status, response.text) == (200, "ab") and not upstream.requests


def test_a_body_that_is_returned_goes_behind_it(put, gateway):
    put("ngx.print('a'); ngx.flush(); return 400, {message = 'b'}")
    response = gateway.request("/a")
    assert (response.status, response.text) == (200, 'a{"message":"b"}\n')


def test_an_error_in_the_middle_breaks_the_response_off(put, client, gateway):
    put("ngx.print('a'); ngx.flush(true); error('in the middle')")
    peer = client()
    get(peer)
    peer.read_head()
    assert peer.read_chunk() == b"a" and peer.read_to_end() == b""
    gateway.wait_for_log("in the middle")


def test_what_is_set_too_late_is_logged_and_has_no_effect(put, gateway):
    put("ngx.print('a'); ngx.flush(true); ngx.header['X-Late'] = 'b'; ngx.status = 404; ngx.print(tostring(ngx.headers_sent), ngx.status)")
    response = gateway.request("/a")
    assert (response.status, response.text, response.header("X-Late")) == (200, "atrue200", None)
    gateway.wait_for_log("attempt to set ngx.header.HEADER after sending out response headers")
    gateway.wait_for_log("attempt to set ngx.status after sending out response headers")


def test_there_may_be_nothing_to_flush(put, gateway):
    put("local ok, err = ngx.flush(true); ngx.say(tostring(ok), ' ', err); ngx.exit(200)")
    assert gateway.request("/a").text == "nil nothing to flush\n"


def test_header_and_body_filters_run_on_it(put, gateway):
    put("ngx.print('a'); ngx.flush(true); ngx.print('b')", **{
        "serverless-post-function": {"phase": "body_filter", "functions": [
            "return function() if ngx.arg[1] then ngx.arg[1] = ngx.arg[1]:upper() end end"]},
        "response-rewrite": {"headers": {"set": {"X-Filtered": "yes"}}}})
    response = gateway.request("/a")
    assert (response.text, response.header("X-Filtered")) == ("AB", "yes")


def test_what_another_plugin_has_said_goes_first(put, gateway):
    put("ngx.print('a')", phase="rewrite", **{"serverless-post-function": {"functions": [
        "return function() ngx.print('b'); ngx.flush(true); ngx.print('c') end"]}})
    assert gateway.request("/a").text == "abc"


def test_light_threads_flush_too(put, gateway):
    put("local function write(text) for i = 1, 5 do ngx.print(text); ngx.flush(true); ngx.sleep(0) end end;"
        "local a, b = ngx.thread.spawn(write, 'a'), ngx.thread.spawn(write, 'b'); ngx.thread.wait(a); ngx.thread.wait(b)")
    assert sorted(gateway.request("/a").text) == list("aaaaabbbbb")


def test_a_slow_client_stops_the_function(put, client, gateway):
    """It waits in flush(): what it writes is not held in memory."""
    put("local piece = ('x'):rep(65536); _G.rawset(_G, 'flushed', 0);"
        "for i = 1, 1000 do ngx.print(piece); ngx.flush(true); rawset(_G, 'flushed', i) end", **{
            "serverless-post-function": {"phase": "log", "functions": ["return function() rawset(_G, 'ended', _G.flushed) end"]}})
    gateway.put_everywhere("/routes/flushed", {"uri": "/flushed", "priority": 9, "plugins": {"serverless-pre-function": {"functions": [
        "return function() ngx.say(_G.flushed, ' ', tostring(_G.ended)); ngx.exit(200) end"]}}})
    peer = client(receive_buffer=4096)
    get(peer)
    peer.read_head()
    before = None
    while (now := gateway.request("/flushed").text) != before:
        before = now
    count, ended = now.split()
    assert 0 < int(count) < 1000 and ended == "nil"
    # The client leaves: the function ends where it waits, the log phase runs.
    peer.reset()
    while gateway.request("/flushed").text.split()[1] == "nil":
        pass
    assert gateway.request("/flushed").text.split()[0] == count


# ---- errors in filters

def test_an_error_in_header_filter_is_a_500(put, gateway):
    put("local none; return none.x", phase="header_filter")
    response = gateway.request("/a")
    assert response.status == 500 and "<title>500" in response.text and response.header("X-Node") is None
    gateway.wait_for_log("attempt to index local 'none'")


def test_an_error_in_header_filter_of_an_own_response_is_a_500(put, gateway):
    put("error('in the filter')", phase="header_filter", mocking={"response_example": "mocked", "content_type": "text/plain"})
    response = gateway.request("/a")
    assert response.status == 500 and "mocked" not in response.text


def test_an_error_in_header_filter_of_a_streamed_response_is_a_500(put, gateway):
    put("error('in the filter')", phase="header_filter", **{"serverless-post-function": {"functions": [
        "return function() ngx.print('a'); ngx.flush(true); ngx.print('b') end"]}})
    assert gateway.request("/a").status == 500


def test_header_filter_can_refuse_the_response(put, gateway):
    put("ngx.exit(503)", phase="header_filter")
    response = gateway.request("/a")
    assert response.status == 503 and "<title>503" in response.text


def test_header_filter_can_change_the_status_by_an_exit(put, gateway):
    put("ngx.exit(202)", phase="header_filter")
    response = gateway.request("/a")
    assert (response.status, response.text) == (202, "from the node")


def test_setting_a_header_in_body_filter_does_not_break_the_body(put, gateway):
    put("ngx.header.content_length = nil; ngx.status = 500", phase="body_filter")
    response = gateway.request("/a")
    assert (response.status, response.text) == (200, "from the node")
    gateway.wait_for_log("attempt to set ngx.header.HEADER after sending out response headers")


def test_an_error_in_log_changes_nothing(put, gateway):
    put("error('in the log')", phase="log")
    assert gateway.request("/a").text == "from the node"
    gateway.wait_for_log("in the log")
