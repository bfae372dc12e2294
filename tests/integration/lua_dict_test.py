"""Shared dictionaries of Lua (ngx.shared) and the libraries on them, in functions of serverless plugins, among two
workers."""

import json

import pytest

from gateway import running_gateway

pytestmark = pytest.mark.shares_gateway

CONFIG = {"nginx_config": {"http": {"custom_lua_shared_dict": {"test-dict": "1m", "small-dict": "12k", "locks": "100k"}}}}


@pytest.fixture(scope="module")
def shared_gateway():
    with running_gateway(workers=2, config=CONFIG) as gateway:
        yield gateway


def put_function(gateway, text, uri="/a"):
    text = f"return function(conf, ctx) local cjson = require('cjson'); local dict = ngx.shared['test-dict']; {text} end"
    gateway.put_everywhere("/routes/" + uri.strip("/"), {
        "uri": uri, "plugins": {"serverless-pre-function": {"phase": "access", "functions": [text]}},
        "upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}})


@pytest.fixture
def say(gateway):
    """What the expressions are, as a list."""

    def say(expressions, before="dict:flush_all(); dict:flush_expired()"):
        put_function(gateway, f"{before} local t = (function(...) return {{n = select('#', ...), ...}} end)({expressions}); "
            "for i = 1, t.n do local v = t[i]; if v == nil then v = cjson.null end; "
            "ngx.print(i > 1 and ',' or '[', cjson.encode(v)) end; ngx.say(']'); ngx.exit(200)")
        response = gateway.request("/a")
        assert response.status == 200, response.text
        return json.loads(response.body)

    return say


FRESH = "dict:flush_all(); dict:flush_expired(); "


def test_values_of_all_types_come_back_with_their_flags(say):
    before = FRESH + "dict:set('t', 'x', 0, 7); dict:set('n', 1.5); dict:set('b', false)"
    assert say("dict:get('t')", before) == ["x", 7]
    assert say("(dict:get('n')), (dict:get('b')), (dict:get('none'))", before) == [1.5, False, None]
    assert say("dict:set('n', {})") == [None, "bad value type"]
    assert say("dict:get('')") == [None, "empty key"]
    assert say("dict:get(nil)") == [None, "nil key"]


def test_add_replace_and_incr_say_why_not(say):
    assert say("dict:replace('a', 1)") == [False, "not found", False]
    assert say("dict:add('a', 2)", FRESH + "dict:set('a', 1)") == [False, "exists", False]
    assert say("dict:incr('a', 1)") == [None, "not found"]
    assert say("dict:incr('a', 1, 10)") == [11, None, False]
    assert say("dict:incr('a', 1)", FRESH + "dict:set('a', 'x')") == [None, "not a number"]


def test_lists(say):
    before = FRESH + "dict:rpush('l', 'b'); dict:lpush('l', 1)"
    assert say("dict:llen('l'), (dict:lpop('l')), (dict:rpop('l')), (dict:rpop('l'))", before) == [2, 1, "b", None]
    assert say("dict:get('l')", before) == [None, "value is a list"]
    assert say("dict:get_stale('l')", before) == [None, "value is a list"]
    assert say("dict:lpush('t', 1)", FRESH + "dict:set('t', 1)") == [None, "value not a list"]


def test_what_ends_is_stale(say):
    before = FRESH + "dict:set('a', 1, 0.01, 3); ngx.sleep(0.05)"
    assert say("dict:get('a')", before) == [None]
    assert say("dict:get_stale('a')", before) == [1, 3, True]
    assert say("dict:ttl('a')", before) == [None, "not found"]
    assert say("dict:expire('a', 1)", FRESH) == [None, "not found"]


def test_no_memory_and_eviction(say):
    small = "local dict = ngx.shared['small-dict']; dict:flush_all(); dict:flush_expired(); " \
            "local i, ok, err = 0; repeat i = i + 1; ok, err = dict:safe_set('k' .. i, ('v'):rep(500)) until not ok"
    assert say("ok, err, i > 3", small) == [False, "no memory", True]
    assert say("dict:set('more', ('v'):rep(500))", small) == [True, None, True]


@pytest.mark.expects_damage  # it kills workers
def test_all_workers_share_one_dictionary_and_a_reload_keeps_it(make_gateway):
    gateway = make_gateway(workers=2, config=CONFIG)
    put_function(gateway, "dict:incr('hits', 1, 0); dict:incr('of' .. ngx.worker.id(), 1, 0); ngx.say(ngx.worker.id()); ngx.exit(200)", "/hit")
    put_function(gateway, "local t = {}; for _, k in ipairs{'hits', 'of0', 'of1'} do t[k] = dict:get(k) or 0 end; "
        "ngx.say(cjson.encode(t)); ngx.exit(200)", "/read")
    seen, sent = set(), 0
    while len(seen) < 2 and sent < 500:
        seen.add(gateway.request("/hit").text.strip())
        sent += 1
    assert seen == {"0", "1"}
    read = json.loads(gateway.request("/read").body)
    assert read["hits"] == sent and read["of0"] + read["of1"] == sent
    gateway.reload()
    assert json.loads(gateway.request("/read").body) == read
    gateway.replace_workers()
    assert json.loads(gateway.request("/read").body) == read


def test_a_lock_is_held_by_one(say):
    new = "local lock = require('resty.lock'); ngx.shared.locks:flush_all(); " \
          "local a = lock:new('locks', {timeout = 0.02}); local b = lock:new('locks', {timeout = 0.02}); "
    assert say("a:lock('k')", new) == [0]
    assert say("b:lock('k')", new + "a:lock('k')") == [None, "timeout"]
    assert say("a:lock('k')", new + "a:lock('k')") == [None, "locked"]
    assert say("a:unlock()", new) == [None, "unlocked"]
    assert say("a:unlock(), b:lock('k')", new + "a:lock('k')") == [1, 0]
    assert say("lock:new('none')", new) == [None, "dictionary not found"]


def test_limiters_reject(say):
    count = "local l = require('resty.limit.count').new('test-dict', 2, 60); "
    assert say("l:incoming('c', true)", FRESH + count) == [0, 1]
    assert say("l:incoming('c', true)", FRESH + count + "l:incoming('c', true); l:incoming('c', true)") == [None, "rejected"]
    req = "local l = require('resty.limit.req').new('test-dict', 1, 0); "
    assert say("l:incoming('r', true)", FRESH + req) == [0, 0]
    assert say("l:incoming('r', true)", FRESH + req + "l:incoming('r', true)") == [None, "rejected"]
    conn = "local l = require('resty.limit.conn').new('test-dict', 1, 1, 0.5); "
    assert say("l:incoming('n', true)", FRESH + conn + "l:incoming('n', true)") == [0.5, 2]
    assert say("l:leaving('n')", FRESH + conn + "l:incoming('n', true)") == [0]


def test_mlcache_has_three_levels(say):
    new = FRESH + "local c = require('resty.mlcache').new('m', 'test-dict', {neg_ttl = 5}); c:purge(); " \
          "local calls = 0; local function load(x) calls = calls + 1; return x end; "
    assert say("c:get('k', nil, load, 'v')", new) == ["v", None, 3]
    assert say("c:get('k', nil, load, 'v')", new + "c:get('k', nil, load, 'v')") == ["v", None, 1]
    assert say("c:get('k', nil, load, 'v')", new + "c:get('k', nil, load, 'v'); c.lru:flush_all()") == ["v", None, 2]
    assert say("calls, (c:get('k', nil, load))", new + "c:get('k', nil, load); c:get('k', nil, load)") == [1, None]
    assert say("c:get('k', nil, function() return nil, 'broken' end)", new) == [None, "broken"]
    assert say("c:get('k')", new) == [None, None, -1]
    assert say("c:get('k', nil, load, 'w')", new + "c:set('k', nil, {1}); c:delete('k')") == ["w", None, 3]
