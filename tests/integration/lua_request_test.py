"""The client's request in Lua: ngx.req, ngx.var, ctx.var, ctx and apisix.core.request, in functions of serverless
plugins on a real gateway."""

import json
import re

import pytest

pytestmark = pytest.mark.shares_gateway


def function(text):
    return f"return function(conf, ctx) local core = require('apisix.core'); {text} end"


@pytest.fixture
def run(gateway, upstream):
    """Runs the text as a function of a route, and gives the response to a request."""

    def run(text, path="/a/b?x=1&y=2", phase="access", route=None, **request):
        body = {"uri": "/a/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}},
                "plugins": {"serverless-pre-function": {"phase": phase, "functions": [function(text)]}}} | (route or {})
        body = {name: value for name, value in body.items() if value is not None}
        gateway.put_everywhere("/routes/lua", body)
        return gateway.request(path, **request)

    return run


@pytest.fixture
def say(run):
    """What the expressions are, as JSON in one list."""

    def say(expressions, before="", **more):
        text = f"local cjson = require('cjson'); {before} local t = {{n = select('#', {expressions}), {expressions}}};" \
               "for i = 1, t.n do local v = t[i]; if v == nil then v = cjson.null end;" \
               "ngx.print(i > 1 and ',' or '[', cjson.encode(v)) end; ngx.say(']'); ngx.exit(200)"
        response = run(text, **more)
        assert response.status == 200, response.text
        return json.loads(response.body)

    return say


# ---- headers

def test_headers_are_found_in_any_case_and_with_underscores(say):
    assert say("ngx.req.get_headers()['X-My-Name'], ngx.req.get_headers().x_my_name, ngx.req.get_headers()['x-my-name'], "
               "core.request.header(ctx, 'X-MY-NAME'), ngx.var.http_x_my_name, ctx.var.http_x_my_name",
               headers={"X-My-Name": "me"}) == ["me"] * 6


def test_raw_names_are_as_the_client_wrote_them(say):
    assert say("ngx.req.get_headers(0, true)['X-My-Name'], ngx.req.get_headers(0, true)['x-my-name']",
               headers={"X-My-Name": "me"}) == ["me", None]


def test_more_headers_than_the_limit_are_said_to_be_truncated(say):
    many = {f"X-{i}": "1" for i in range(120)}
    assert say("err, n", before="local h, err = ngx.req.get_headers(); local n = 0; for _ in pairs(h) do n = n + 1 end",
               headers=many) == ["truncated", 100]
    assert say("err, h['x-119']", before="local h, err = ngx.req.get_headers(0)", headers=many) == [None, "1"]


def test_changed_headers_reach_the_node(run):
    sent = run("ngx.req.set_header('X-One', 'a'); ngx.req.set_header('X-Many', {'b', 'c'}); ngx.req.set_header('X-Number', 7);"
               "ngx.req.clear_header('X-Gone'); ngx.req.set_header('X-Nil', nil); core.request.add_header(ctx, 'X-One', 'd')",
               headers={"X-Gone": "1", "X-Nil": "1"}).json()["headers"]
    sent = [(name.lower(), value) for name, value in sent if name.lower().startswith("x-") and
            name.lower() in ("x-one", "x-many", "x-number", "x-gone", "x-nil")]
    assert sorted(sent) == [("x-many", "b"), ("x-many", "c"), ("x-number", "7"), ("x-one", "a"), ("x-one", "d")]


def test_a_header_that_was_set_is_read_again(say):
    assert say("core.request.header(ctx, 'X-A'), ngx.var.http_x_a, ctx.var.http_x_a",
               before="local _ = core.request.headers(ctx), ctx.var.http_x_a; core.request.set_header(ctx, 'X-A', 'new')",
               headers={"X-A": "old"}) == ["new"] * 3


def test_the_first_of_several_headers(say):
    assert say("core.request.header(ctx, 'X-A'), core.request.headers(ctx)['X-A']",
               before="core.request.add_header(ctx, 'X-A', 'b')", headers={"X-A": "a"}) == ["a", ["a", "b"]]


# ---- the line and the arguments

def test_the_request_line(say):
    assert say("ngx.req.get_method(), core.request.get_method(), ngx.req.http_version(), ngx.var.uri, ngx.var.request_uri, "
               "ngx.var.args, ngx.var.is_args, core.request.get_http_version(), ngx.req.is_internal()", method="POST") == [
        "POST", "POST", 1.1, "/a/b", "/a/b?x=1&y=2", "x=1&y=2", "?", 1.1, False]
    assert say("ngx.req.raw_header():match('^[^\\r]*'), ngx.req.raw_header(true):match('^%a+')") == [
        "GET /a/b?x=1&y=2 HTTP/1.1", "Host"]


def test_arguments(say):
    assert say("ngx.req.get_uri_args(), core.request.get_uri_args(ctx).x, ctx.var.arg_x, ngx.var.arg_x", path="/a/b?x=1&x=2&flag&e=&p=a%20b") == [
        {"x": ["1", "2"], "flag": True, "e": "", "p": "a b"}, ["1", "2"], "1", "1"]


def test_ngx_var_has_what_the_client_sent_and_ctx_var_what_it_means(say):
    assert say("ngx.var.arg_p, ctx.var.arg_p, ngx.var.arg_P, ngx.var.arg_flag, ngx.var.arg_none", path="/a/b?p=%20x&flag&p=2") == [
        "%20x", " x", "%20x", None, None]
    assert say("ngx.var.request_uri, ctx.var.request_uri, ngx.var.uri", path="/a/%62?p=%20x") == ["/a/%62?p=%20x", "/a/b?p=%20x", "/a/b"]
    assert say("ngx.var.upstream_host, ngx.var.upstream_scheme",
               before="ngx.var.upstream_host = 'a.test'; ngx.var.upstream_scheme = 'https'") == ["a.test", "https"]


def test_more_arguments_than_the_limit(say):
    path = "/a/b?" + "&".join(f"k{i}=1" for i in range(101))
    assert say("err, n", before="local a, err = ngx.req.get_uri_args(); local n = 0; for _ in pairs(a) do n = n + 1 end",
               path=path) == ["truncated", 100]
    assert say("err", before="local a, err = ngx.req.get_uri_args(3)") == [None]


@pytest.mark.parametrize("text, target", [
    ("ngx.req.set_uri_args('z=9')", "/a/b?z=9"),
    ("ngx.req.set_uri_args({z = 9})", "/a/b?z=9"),
    ("ngx.req.set_uri_args({z = {1, 2}})", "/a/b?z=1&z=2"),
    ("core.request.set_uri_args(ctx, {z = true})", "/a/b?z"),
    ("ngx.var.args = 'z=9'", "/a/b?z=9"),
    ("ngx.req.set_uri('/a/c')", "/a/c?x=1&y=2"),
    ("ngx.req.set_uri('/a/c', false)", "/a/c?x=1&y=2"),
    ("ngx.var.upstream_uri = '/other?q=1'", "/other?q=1"),
    ("ctx.var.upstream_uri = '/other'", "/other"),
])
def test_a_changed_target_reaches_the_node(run, text, target):
    assert run(text).json()["path"] == target


def test_uri_behind_proxy_rewrite(say):
    """nginx's $uri is the new one; APISIX has looked ctx.var.uri up before."""
    def rewriting(conf):
        text = "return function(conf, ctx) ngx.say(require('cjson').encode({ngx.var.uri, ctx.var.uri, ngx.var.request_uri})) ngx.exit(200) end"
        return {"proxy-rewrite": conf, "serverless-post-function": {"phase": "access", "functions": [text]}}
    for conf, uri in (({"uri": "/new"}, "/new"), ({"regex_uri": ["^/a/(.*)", "/x/$1"]}, "/x/b"), ({"host": "a.test"}, "/a/b")):
        assert say("1", phase="log", route={"plugins": rewriting(conf)}) == [uri, "/a/b", "/a/b?x=1&y=2"], conf


def test_a_changed_method_reaches_the_node(run):
    assert run("ngx.req.set_method(ngx.HTTP_PUT)", method="POST", body="data").json()["method"] == "PUT"


@pytest.mark.parametrize("name", ["upstream_host", "Host"])
def test_a_changed_host_reaches_the_node(run, name):
    text = "ctx.var.upstream_host = 'other.test'" if name == "upstream_host" else "ngx.req.set_header('Host', 'other.test')"
    assert ["host", "other.test"] in [[n.lower(), v] for n, v in run(text).json()["headers"]]


@pytest.mark.parametrize("text, error", [
    ("ngx.req.set_uri('')", "attempt to use zero-length uri"),
    ("ngx.req.set_uri('/a\\nb')", "unsafe byte \"0x0a\" in uri \"/a"),
    ("ngx.req.set_uri('/a', true)", "API disabled in the context of"),
    ("ngx.req.set_method(3)", "unsupported HTTP method: 3"),
    ("ngx.var.nowhere_defined = 'x'", "variable \"nowhere_defined\" not found for writing"),
    ("ngx.var.remote_addr = 'x'", "variable \"remote_addr\" not changeable"),
    ("ngx.location.capture('/x')", "ngx.location.capture"),
])
def test_errors_of_arguments(say, text, error):
    ok, message = say("ok, err", before=f"local ok, err = pcall(function() {text} end)")
    assert ok is False and error in message


# ---- the body

def test_the_body(say):
    assert say("ngx.req.get_body_data(), ngx.req.get_body_data(3), ngx.req.get_body_file(), core.request.get_body()",
               before="ngx.req.read_body()", method="POST", body="hello") == ["hello", "hel", None, "hello"]


def test_no_body(say):
    assert say("ngx.req.get_body_data(), core.request.get_body()", before="ngx.req.read_body()") == [None, None]


def test_a_body_is_not_there_before_it_is_read(say):
    assert say("ngx.req.get_body_data(), pcall(ngx.req.get_post_args)", method="POST", body="a=1")[:2] == [None, False]


def test_a_body_too_large(say):
    assert say("core.request.get_body(3, ctx)", method="POST", body="hello") == [
        None, "request size 5 is greater than the maximum size 3 allowed"]


def test_form_arguments(say):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert say("core.request.get_post_args(ctx), ctx.var.post_arg_a, ngx.req.get_post_args()", method="POST", body="a=1&b=x%20y&c",
               headers=form) == [{"a": "1", "b": "x y", "c": True}, "1", {"a": "1", "b": "x y", "c": True}]


@pytest.mark.parametrize("body, result", [
    ('{"a": [1]}', [{"a": [1]}, None]),
    ("", [None, {"message": "could not get body: request body is empty"}]),
])
def test_a_json_body(say, body, result):
    assert say("t, err", before="local t, err = core.request.get_json_request_body_table()", method="POST", body=body) == result


def test_a_body_that_is_no_json(say):
    fault = say("t, err", before="local t, err = core.request.get_json_request_body_table()", method="POST", body="{")[1]["message"]
    assert fault.startswith("could not parse JSON request body: ")


def test_a_body_by_its_type(say):
    get = "local t, err = core.request.get_request_body_table(ctx)"
    assert say("t, err", before=get, method="POST", body='{"a":1}', headers={"Content-Type": "application/json"}) == [{"a": 1}, None]
    assert say("t, err", before=get, method="POST", body="a=1", headers={"Content-Type": "application/x-www-form-urlencoded"}) == [
        {"a": "1"}, None]
    assert say("err", before=get, method="POST", body="a", headers={"Content-Type": "text/plain"}) == [
        "unsupported content-type: text/plain, supported types are: application/json, "
        "application/x-www-form-urlencoded, multipart/form-data"]
    assert say("err", before=f"{get}; t, err = core.request.get_request_body_table(ctx, 'multipart/form-data')", method="POST",
               body="{}", headers={"Content-Type": "application/json"}) == [
        "request body type mismatch: cached type is application/json, expected multipart/form-data"]


def test_a_replaced_body_reaches_the_node(run):
    response = run("ngx.req.read_body(); ngx.req.set_body_data('other body')", method="POST", body="hello").json()
    assert response["body"] == "other body"
    assert ["content-length", "10"] in [[n.lower(), v] for n, v in response["headers"]]


def test_a_body_made_of_pieces_reaches_the_node(run):
    response = run("ngx.req.init_body(); ngx.req.append_body('one, '); ngx.req.append_body('two'); ngx.req.finish_body()",
                   method="POST", body="hello").json()
    assert response["body"] == "one, two"


def test_a_body_that_lua_has_read_still_reaches_the_node(run):
    assert run("ngx.req.read_body()", method="POST", body="hello").json()["body"] == "hello"


def test_a_body_that_a_condition_has_read_is_there(say):
    form = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
    assert say("ctx.req_post_args, ngx.req.get_post_args(), ngx.req.get_body_data()", method="POST", body="test=1", headers=form,
               route={"vars": [["post_arg_test", "==", "1"]]}) == [{"test": "1"}, {"test": "1"}, "test=1"]
    assert say("ctx.req_post_args", method="POST", body="test=1", headers=form) == [None]


# ---- variables and ctx

def test_variables(say):
    assert say("ctx.var.remote_addr, ngx.var.scheme, ctx.var.request_method, ctx.var.method, ctx.var.cookie_a, ctx.var.nothing, ngx.var.nothing, "
               "core.request.get_ip(ctx), core.request.get_scheme(ctx), core.request.get_remote_client_ip(ctx)",
               headers={"Cookie": "a=5; b=6"}) == ["127.0.0.1", "http", "GET", "GET", "5", None, None, "127.0.0.1", "http", "127.0.0.1"]


def test_numbers(say, gateway):
    assert say("core.request.get_port(ctx), type(core.request.get_remote_client_port(ctx)), type(ngx.req.start_time()), "
               "math.abs(ngx.now() - ngx.req.start_time()) < 60") == [gateway.port, "number", "number", True]


def test_what_is_written_to_ctx_var_is_kept(say):
    assert say("ctx.var.mine, ctx.var.list, ngx.ctx.api_ctx == ctx, ngx.ctx.own, ctx.own",
               before="ctx.var.mine = 5; ctx.var.list = {1}; ngx.ctx.own = 'x'; ctx.own = 'y'") == [5, [1], True, "x", "y"]


def test_ctx_var_is_a_table_as_libraries_expect(say):
    assert say("type(ctx.var), copy.var.uri, other.uri, kept, rawget(ctx.var, 'uri'), ok, err",
               before="local copy = core.table.deepcopy(ctx); local other = setmetatable({_request = ctx.var._request}, getmetatable(ctx.var));"
                      "ctx.var.mine = 1; ctx.var.mine = 2; local kept = other.mine;"
                      "local ok, err = pcall(function() return setmetatable({}, getmetatable(ctx.var)).uri end); err = err:match('no request found')") == [
        "table", "/a/b", "/a/b", 2, None, False, "no request found"]


def test_only_texts_name_variables(say):
    ok, message = say("pcall(function() return ctx.var[1] end)")
    assert ok is False and "invalid argument, expect string value" in message


def test_variables_keep_between_phases(run, gateway):
    gateway.put("/global_rules/1", {"plugins": {"serverless-post-function": {
        "phase": "header_filter", "functions": [function("ngx.header['X-Kept'] = ctx.var.mine .. ngx.ctx.other .. ctx.third")]}}})
    response = run("ctx.var.mine = 'a'; ngx.ctx.other = 'b'; ctx.third = 'c'")
    assert response.header("X-Kept") == "abc"


def test_the_matched_route(say):
    route = {"uri": "/a/*", "name": "the-route"}
    assert say("ctx.route_id, ctx.route_name, ctx.conf_type, ctx.conf_id, ctx.matched_route.value.id, ctx.curr_req_matched._path, "
               "ctx.var.route_id, ctx.var.uri, ctx.service_id", route=route) == [
        "lua", "the-route", "route", "lua", "lua", "/a/*", "lua", "/a/b", None]


def test_matched_route_is_the_stored_one(say, upstream):
    route = {"uri": "/a/*", "labels": {"team": "x"}, "timeout": {"connect": 1, "send": 2, "read": 3}, "desc": "d"}
    node = {"host": "127.0.0.1", "port": upstream.port, "weight": 1}
    assert say("v.labels.team, v.timeout.read, v.desc, v.uri, v.priority, v.upstream.nodes[1], v.upstream.type, r.key, r.has_domain, "
               "r == ctx.matched_route, r.modifiedIndex == ctx.conf_version, v.plugins['serverless-pre-function'].phase",
               before="local r = ctx.matched_route; local v = r.value", route=route) == [
        "x", 3, "d", "/a/*", 0, node, "roundrobin", "/apisix/routes/lua", False, True, True, "access"]


def test_conf_version_grows_with_a_change(say):
    before, = say("ctx.conf_version")
    again, = say("ctx.conf_version", route={"desc": "another"})
    assert isinstance(before, int) and again > before


def test_a_service_is_merged_into_matched_route(say, gateway, upstream):
    gateway.put("/services/s", {"name": "the-service", "hosts": ["127.0.0.1"], "labels": {"of": "service"},
                                "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    found = say("ctx.conf_type, ctx.conf_id, v.id, v.service_id, v.hosts[1], v.labels.of, v.name, v.upstream.nodes[1].port, "
                "ctx.conf_version == r.modifiedIndex .. '&' .. ctx.matched_service.modifiedIndex, "
                "require('apisix.http.service').get('s').value.name, ctx.matched_service.value.name, ctx.service_name",
                before="local r = ctx.matched_route; local v = r.value", route={"service_id": "s", "upstream": None})
    assert found == ["route&service", "lua&s", "lua", "s", "127.0.0.1", "service", None, upstream.port, True,
                     "the-service", "the-service", "the-service"]


def test_stored_upstreams_can_be_looked_up(say, gateway, upstream):
    gateway.put("/upstreams/u", {"type": "chash", "key": "uri", "nodes": {"localhost:80": 2}})
    assert say("u.nodes[1].host, u.nodes[1].weight, u.type, up.get_by_id('none')",
               before="local up = require('apisix.upstream'); local u = up.get_by_id('u')") == ["localhost", 2, "chash", None]
    assert say("#require('apisix.router').http_routes()") == [1]


def test_the_upstream_is_known_once_a_node_is_picked(run, gateway):
    gateway.put("/global_rules/1", {"plugins": {"serverless-post-function": {"phase": "header_filter", "functions": [function(
        "ngx.header['X-Up'] = ctx.matched_upstream.type .. ctx.upstream_scheme .. ctx.balancer_port .. ctx.conf_type .. ctx.conf_id")]}}})
    response = run("if ctx.matched_upstream then ngx.exit(500) end")
    assert response.status == 200 and re.fullmatch(r"roundrobinhttp\d+global_rule1", response.header("X-Up"))


def test_the_consumer_is_in_the_names_of_configurations(say, gateway):
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {"key-auth": {"key": "k"}}})
    route = {"plugins": {"key-auth": {}, "serverless-post-function": {"phase": "access", "functions": [function(
        "ngx.say('[\"', ctx.conf_type, '\",\"', ctx.conf_id, '\"]'); ngx.exit(200)")]}}}
    assert say("", route=route, headers={"apikey": "k"}) == ["route&consumer", "lua&jack"]


# ---- the body as a socket

def test_the_body_is_read_as_a_socket(run, upstream):
    text = ("local sock, err = ngx.req.socket(); sock:settimeout(1000);"
            "local out = {sock:receive(3), sock:receive(), sock:receiveany(2), (sock:receiveuntil('--'))(), sock:receive('*a')};"
            "out[#out + 1] = table.concat({tostring(sock:receive(1)), (select(2, sock:receive(1)))}, ' ');"
            "ngx.say(table.concat(out, '|')); ngx.say(ngx.req.get_body_data()); ngx.exit(200)")
    body = b"abcline\r\nxyuntil--rest"
    assert run(text, method="POST", body=body).body == b"abc|line|xy|until|rest|nil closed\n" + body + b"\n"


def test_receiveuntil_gives_pieces(run):
    text = ("local sock = ngx.req.socket(); local next_piece = sock:receiveuntil('--', {inclusive = true});"
            "for i = 1, 5 do ngx.print(tostring((next_piece(2))), '|') end ngx.print(tostring((next_piece(9)))); ngx.exit(200)")
    assert run(text, method="POST", body=b"abcde--fg--").text == "ab|cd|e--|nil|fg--|nil"


@pytest.mark.parametrize("text, body, error", [
    ("ngx.req.socket()", b"", "no body"),
    ("ngx.req.socket(true)", b"x", "raw request sockets are not supported by this gateway"),
    ("(function() ngx.req.read_body(); return ngx.req.socket() end)()", b"x", "request body already exists"),
])
def test_there_may_be_no_socket(run, text, body, error):
    assert run(f"local sock, err = {text}; ngx.say(err); ngx.exit(200)", method="POST", body=body).text == error + "\n"


def test_a_body_that_was_read_as_a_socket_goes_to_the_node(run, upstream):
    run("ngx.req.socket():receive(2)", method="POST", body=b"all of it")
    assert upstream.requests[-1].body == b"all of it"


def test_parameters_of_the_path(make_gateway, upstream):
    gateway = make_gateway(config={"apisix": {"router": {"http": "radixtree_uri_with_parameter"}}})
    gateway.put_everywhere("/routes/1", {"uri": "/blog/:name", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}},
                                         "plugins": {"serverless-pre-function": {"functions": [
                                             function("ngx.say(ctx.curr_req_matched.name, ctx.var.uri_param_name); ngx.exit(200)")]}}})
    assert gateway.request("/blog/dog").text == "dogdog\n"


def test_a_registered_variable_is_good_in_functions_and_conditions(run, gateway, upstream):
    register = "core.ctx.register_var('a_half', function(ctx) return ctx.var.arg_x == '1' and 'first' or 'second' end)"
    run(register)
    assert run("ngx.say(ctx.var.a_half); ngx.exit(200)").text == "first\n"
    gateway.put_everywhere("/routes/2", {"uri": "/a/cond", "vars": [["a_half", "==", "second"]],
                                         "plugins": {"mocking": {"response_example": "conditioned", "content_type": "text/plain"}},
                                         "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    assert "conditioned" in gateway.request("/a/cond?x=2").text
    assert "conditioned" not in gateway.request("/a/cond?x=1").text


def test_a_request_that_has_ended_is_no_longer_read(run, gateway):
    run("ngx.timer.at(0.05, function() local ok, err = pcall(function() return ctx.var.uri end);"
        "ngx.log(ngx.WARN, 'late: ', tostring(ok), ' ', tostring(err)) end)")
    gateway.wait_for_log("late: ")
    assert "no request found" in next(line for line in gateway.log().splitlines() if "late: false" in line)


def test_a_copy_of_ctx_has_what_the_gateway_knows(say):
    before = "ctx.own = {1}; local clone, copy = core.table.clone(ctx), core.table.deepcopy(ctx);"
    assert say("clone.route_id, clone.var.uri, clone.matched_route.value.id, clone.own[1], clone.own == ctx.own,"
               "copy.route_id, copy.var.uri, copy.matched_route.value.id, copy.own[1], copy.own == ctx.own", before=before) == [
                   "lua", "/a/b", "lua", 1, True, "lua", "/a/b", "lua", 1, False]


def test_ctx_is_read_in_a_timer_as_long_as_its_request_goes_on(run, gateway):
    assert run("ctx.own = 'mine'; ngx.timer.at(0, function() ctx.seen = tostring(ctx.var.uri) .. ' ' .. ctx.route_id end)"
               "ngx.sleep(0.2); return 200, ctx.seen").text.strip() == "/a/b lua"
    run("ngx.timer.at(0.2, function() ngx.log(ngx.WARN, 'afterwards: ', tostring(ctx.route_id), ' ',"
        "select(2, pcall(function() return ctx.var.uri end))) end) return 200")
    gateway.wait_for_log("afterwards: ")
    line = next(line for line in gateway.log().splitlines() if "afterwards: " in line)
    assert "afterwards: nil " in line and "no request found" in line


def test_each_request_has_a_ctx_of_its_own(run):
    for number in range(3):
        text = "local had = ctx.own; ctx.own = ngx.var.arg_n; return 200, tostring(had) .. ctx.var.arg_n .. ctx.own"
        assert run(text, path=f"/a/b?n={number}").text.strip() == f"nil{number}{number}"
