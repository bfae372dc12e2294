"""The response in Lua: ngx.header, ngx.status, ngx.say, ngx.exit, ngx.arg, apisix.core.response and what the end of a
function means, in functions of serverless plugins on a real gateway."""

import http.client

import pytest

pytestmark = pytest.mark.shares_gateway

OCTETS = b"0123456789" * 1000


def function(text):
    return f"return function(conf, ctx) local core = require('apisix.core'); {text} end"


@pytest.fixture
def run(gateway, upstream):
    upstream.respond = lambda request: (200, {"Content-Type": "text/plain", "ETag": '"1"', "X-Node": "n"}, b"from the node")

    def run(path="/a", plugins=None, request=None, **phases):
        """The text of each phase, in the plugin of the first or the second."""
        names = iter(["serverless-pre-function", "serverless-post-function"])
        own = {next(names): {"phase": phase, "functions": [function(text)]} for phase, text in phases.items()}
        gateway.put_everywhere("/routes/lua", {"uri": "/*", "plugins": own | (plugins or {}),
                                               "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
        return gateway.request(path, **(request or {}))

    return run


# ---- what the end of a function means

@pytest.mark.parametrize("text, status, body", [
    ("ngx.say('hello'); ngx.exit(200)", 200, "hello\n"),
    ("ngx.status = 201; ngx.say('hello'); ngx.exit(200)", 201, "hello\n"),
    ("ngx.exit(ngx.OK)", 200, "from the node"),
    ("ngx.exit(ngx.DECLINED)", 200, "from the node"),
    ("return", 200, "from the node"),
    ("return 401, 'no'", 401, "no"),
    ("return 200, {message = 'yes'}", 200, '{"message":"yes"}\n'),
    ("return 403, {message = 'no'}", 403, '{"message":"no"}\n'),
    ("core.response.exit(202, 'text')", 202, "text"),
    ("core.response.exit(202, {a = 1}, 'b')", 202, '{"a":1}\nb'),
    ("core.response.exit(204)", 204, ""),
    ("core.response.say('said'); core.response.exit(200)", 200, "said"),
    ("ngx.print('a', 1, 1.5, true, nil, false, ngx.null, {'b', {'c', 2}}); ngx.exit(200)", 200, "a11.5truenilfalsenullbc2"),
    ("ngx.header['X-A'] = 'b'; ngx.status = 418; ngx.print('tea'); ngx.exit(418)", 418, "tea"),
])
@pytest.mark.parametrize("phase", ["rewrite", "access"])
def test_ends(run, phase, text, status, body):
    response = run(**{phase: text})
    assert (response.status, response.text) == (status, body)


@pytest.mark.parametrize("text", ["return 444", "ngx.exit(444)", "core.response.exit(444)", "ngx.status = 444; ngx.exit(444)"])
def test_444_closes_the_connection_without_a_response(gateway, run, text):
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        run(access=text)
    assert run(access="return 444, 'text'").status == 444  # what was said goes out


# nginx has sent the head by then.
@pytest.mark.parametrize("text, status, body", [
    ("ngx.say('said'); ngx.exit(403)", 200, "said\n"),
    ("ngx.status = 401; ngx.say('said'); ngx.exit(403)", 401, "said\n"),
    ("ngx.say('said'); return 500, 'too'", 200, "said\ntoo"),
])
def test_the_first_byte_decides_the_status(run, text, status, body):
    response = run(access=text)
    assert (response.status, response.text) == (status, body)


@pytest.mark.parametrize("first, second, status, body", [
    ({"rewrite": "ngx.say('one')"}, {"access": "ngx.say('two')"}, 200, "one\ntwo\n"),
    ({"rewrite": "ngx.status = 202; ngx.say('one')"}, {"before_proxy": "ngx.say('two')"}, 202, "one\ntwo\n"),
    ({"access": "ngx.sleep(0.001); ngx.say('one')"}, {"log": "return"}, 200, "one\n"),
    ({"access": "ngx.say('one')"}, {"before_proxy": "ngx.exit(403)"}, 200, "one\n"),
    ({"access": "ngx.say('one')"}, {"before_proxy": "return 403, 'two'"}, 200, "one\ntwo"),
    ({"before_proxy": "ngx.say('one')"}, {"header_filter": "ngx.header['X-A'] = 'b'"}, 200, "one\n"),
    ({"access": "ngx.say('one')"}, {"before_proxy": "error('x')"}, 500, None),
])
def test_the_other_plugins_run_when_one_has_written(run, upstream, first, second, status, body):
    before = len(upstream.requests)
    response = run(**(first | second))
    assert response.status == status
    assert body is None or response.text == body
    assert len(upstream.requests) == before


def test_a_native_plugin_refuses_what_another_has_written(run):
    blocker = {"uri-blocker": {"block_rules": ["/"], "rejected_msg": "no"}}
    response = run(plugins=blocker, rewrite="ngx.say('secret')")
    assert response.status == 403 and "secret" not in response.text


def test_what_was_written_needs_no_node(gateway):
    gateway.put_everywhere("/routes/lua", {"uri": "/*", "plugins": {
        "serverless-pre-function": {"phase": "access", "functions": [function("ngx.say('here')")]}}})
    response = gateway.request("/a")
    assert (response.status, response.text) == (200, "here\n")


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_a_status_without_a_body_has_a_page(run, status):
    response = run(access=f"ngx.exit({status})")
    assert response.status == status and f"<title>{status}" in response.text


def test_no_function_runs_behind_an_exit(run, upstream):
    response = run(rewrite="ngx.say('first'); ngx.exit(200)", access="ngx.say('second')")
    assert response.text == "first\n" and not upstream.requests


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(run, status):
    response = run(access=f"ngx.redirect('/elsewhere?a=1', {status})")
    assert response.status == status and response.header("Location").endswith("/elsewhere?a=1")


def test_redirect_refuses_other_statuses(run):
    response = run(access="local _, err = pcall(ngx.redirect, '/x', 404); ngx.say(err); ngx.exit(200)")
    assert "only ngx.HTTP_MOVED_TEMPORARILY, ngx.HTTP_MOVED_PERMANENTLY" in response.text


def test_an_error_is_a_page_and_a_traceback(make_gateway, upstream):
    gateway = make_gateway()
    gateway.put_everywhere("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}, "plugins": {
        "serverless-pre-function": {"functions": [function("local t = nil; return t.x")]}}})
    assert gateway.request("/a").status == 500
    gateway.wait_for_log("attempt to index local 't' (a nil value)")
    gateway.wait_for_log("lua entry thread aborted: ")
    gateway.wait_for_log("stack traceback:")
    assert not upstream.requests


# ---- headers and the status

def test_headers_of_an_own_response(run):
    response = run(access="ngx.header['X-One'] = 1; ngx.header.x_two = {'a', 'b'}; ngx.header.x_gone = 'c'; ngx.header.x_gone = nil;"
                          "core.response.set_header('X-Three', 'd', 'X-Four', 'e'); core.response.add_header('X-One', 2);"
                          "core.response.set_header({['X-Five'] = 'f'}); ngx.say(ngx.header['x-one'][2]); ngx.exit(200)")
    assert [response.header(name) for name in ("X-One", "X-Two", "X-Gone", "X-Three", "X-Four", "X-Five")] == [
        "1, 2", "a, b", None, "d", "e", "f"]
    assert response.text == "2\n"


def test_headers_set_early_are_on_the_response_of_the_node(run):
    response = run(access="core.response.set_header('X-Early', 'yes')")
    assert response.header("X-Early") == "yes" and response.text == "from the node"


def test_header_filter_changes_the_head(run):
    response = run(header_filter="ngx.header['X-Node'] = ngx.header['X-Node'] .. '+' .. ngx.status; ngx.header.etag = nil;"
                                 "ngx.status = 203; core.response.add_header('X-More', 'a')")
    assert (response.status, response.header("X-Node"), response.header("ETag"), response.header("X-More")) == (203, "n+200", None, "a")
    assert response.text == "from the node"


def test_the_node_s_length_and_type_are_read(run):
    response = run(header_filter="ngx.header['X-Read'] = ngx.header.content_length .. ' ' .. ngx.header.content_type .. ' ' .. "
                                 "ngx.resp.get_headers()['x-node'] .. ' ' .. ngx.resp.get_headers().content_length")
    assert response.header("X-Read") == "13 text/plain n 13"


@pytest.mark.parametrize("text", ["ngx.sleep(0)", "ngx.say('x')", "ngx.req.read_body()", "ngx.redirect('/')"])
def test_header_filter_has_no_such_functions(run, text):
    response = run(header_filter=f"local _, err = pcall(function() {text} end); ngx.header['X-Error'] = err:match('API.*')")
    assert response.header("X-Error").startswith("API disabled in the context of header_filter_by_lua")


# ---- the body

def test_body_filter_changes_the_body(run):
    response = run(header_filter="core.response.clear_header_as_body_modified()",
                   body_filter="local body = core.response.hold_body_chunk(ctx); if body then ngx.arg[1] = body:upper() .. '!' end")
    assert response.text == "FROM THE NODE!" and response.header("ETag") is None


@pytest.mark.parametrize("change, body", [
    ("ngx.arg[1] = ngx.arg[1] and ngx.arg[1]:upper()", "FROM THE NODE"),
    ("if ngx.arg[1] and ngx.arg[1] ~= '' then ngx.arg[1] = 'other' end", "other"),
    ("local body = core.response.hold_body_chunk(ctx); if body then ngx.arg[1] = body .. ' and more' end", "from the node and more"),
    ("ctx.seen = (ctx.seen or '') .. (ngx.arg[1] or '')", "from the node"),
])
def test_a_body_of_an_announced_length_may_change(run, change, body):
    """nginx would send other bytes than it has promised."""
    assert run(body_filter=change).text == body


def test_a_body_that_a_filter_only_reads_keeps_its_length(run):
    assert run(body_filter="ctx.seen = ngx.arg[1]").header("Content-Length") == "13"


def test_the_name_of_the_type(run):
    response = run(header_filter="ngx.header.content_type = 'a/b'")
    assert ("Content-Type", "a/b") in response.headers


def test_another_length_than_the_node_s_announces_another_body(run):
    response = run(header_filter="ngx.header['Content-Length'] = 5", body_filter="ngx.arg[1] = ngx.arg[2] and 'other' or nil")
    assert response.text == "other"


def test_a_large_body_is_changed_in_all_its_pieces(run, upstream):
    upstream.respond = lambda request: (200, {}, OCTETS * 100)
    response = run(body_filter="ngx.arg[1] = ngx.arg[1] and ngx.arg[1]:gsub('9', '<9>')")
    assert response.body == OCTETS.replace(b"9", b"<9>") * 100


def test_body_filter_fails(run):
    try:
        status = run(header_filter="ngx.header.content_length = nil", body_filter="error('broken')").status
    except http.client.HTTPException:  # the head was sent before
        status = 502
    assert status == 502


def test_body_filter_with_the_length_taken_away(run):
    response = run(header_filter="ngx.header.content_length = nil", body_filter="if ngx.arg[2] then ngx.arg[1] = (ngx.arg[1] or '') .. ' and more' end")
    assert response.text == "from the node and more"


def test_body_filter_ends_the_body(run, upstream):
    upstream.respond = lambda request: (200, {}, OCTETS)
    response = run(header_filter="ngx.header.content_length = nil", body_filter="ngx.arg[1] = ngx.arg[1]:sub(1, 5); ngx.arg[2] = true")
    assert response.body == b"01234"


def test_body_filter_drops_the_body(run):
    assert run(header_filter="ngx.header.content_length = nil", body_filter="ngx.arg[1] = nil").text == ""


def test_held_up_to_a_limit(run, upstream):
    upstream.respond = lambda request: (200, {}, OCTETS)
    response = run(header_filter="ngx.header.content_length = nil",
                   body_filter="local body = core.response.hold_body_chunk(ctx, false, 15); ngx.arg[1] = body and '<' .. body .. '>' or nil")
    assert response.body == b"<012345678901234>"


def test_a_copy_is_held(run, gateway):
    response = run(body_filter="local body = core.response.hold_body_chunk(ctx, true); if body then ngx.log(ngx.WARN, 'held: ', body) end")
    assert response.text == "from the node"
    gateway.wait_for_log("held: from the node")


def test_body_filter_of_an_own_response(run):
    response = run(access="core.response.exit(200, 'own')", body_filter="if ngx.arg[1] then ngx.arg[1] = ngx.arg[1]:upper() end")
    assert response.text == "OWN"


def test_sent_at_once(run):
    response = run(access="ngx.header['X-A'] = 'b'; ngx.say('one'); ngx.flush(true); ngx.sleep(0.01); ngx.say(tostring(ngx.headers_sent)); ngx.exit(200)")
    assert response.text.splitlines()[0] == "one" and response.header("X-A") == "b"


# ---- the log phase

def test_the_log_phase_reads_the_whole(run, gateway):
    run(log="ngx.log(ngx.WARN, 'logged: ', ngx.status, ' ', ctx.var.upstream_status, ' ', ngx.header['X-Node'], ' ', ngx.get_phase(), ' ',"
            "tostring(ngx.headers_sent), ' ', core.response.get_upstream_status(ctx), ' ', core.response.get_response_source(ctx))")
    gateway.wait_for_log("logged: 200 200 n log true 200 upstream")


def test_who_made_the_response(run, gateway):
    run(access="core.response.exit(403, 'no')", log="ngx.log(ngx.WARN, 'source: ', core.response.get_response_source(ctx))")
    gateway.wait_for_log("source: apisix")


def test_exits_are_seen_by_callbacks(run):
    response = run(rewrite="core.response.exit_insert_callback(function(code, body, headers, conf) headers['X-Seen'] = conf; "
                           "return code + 1, {was = body}, headers end, 'yes')",
                   access="core.response.exit(400, 'no')")
    assert (response.status, response.header("X-Seen"), response.text) == (401, "yes", '{"was":"no"}\n')


@pytest.mark.parametrize("phase", ["rewrite", "access", "header_filter", "body_filter"])
def test_the_name_of_the_phase(run, gateway, phase):
    run(**{phase: "ngx.log(ngx.WARN, 'phase is ', ngx.get_phase(), '.')"})
    gateway.wait_for_log(f"phase is {'access' if phase == 'rewrite' else phase}.")
