// Stand-ins of libraries that need neither a network nor the gateway's configuration.
#include "tests/unit/worker/lua/chunk_table.h"

namespace apisix::lua {
namespace {

TEST(LuaStandins, Yaml) {
  expect_chunks({
      kNoPath,
      {"local v = require('tinyyaml').parse('a: 1\\nb: [x, true, null]\\nc: {d: 1.5}') "
       "return v.a, v.b[1], v.b[2], v.b[3] == ngx.null, v.c.d",
       "1|x|true|true|1.5"},
      {"return (pcall(require('tinyyaml').parse, 'a: [1'))", "false"},
      {"local l = require('lyaml') local v = l.load('a: 1\\n---\\nb: 2\\n') return v.a, v.b", "1|nil"},
      {"local l = require('lyaml') local v = l.load('---\\na: 1\\n---\\nb: 2\\n...\\n', {all = true}) "
       "return #v, v[1].a, v[2].b",
       "2|1|2"},
      {"local l = require('lyaml') return l.dump({{a = {1, 2}, b = 'x'}})",
       "---\na:\n  - 1\n  - 2\nb: x\n...\n"},
      {"local l = require('lyaml') local v = l.load(l.dump({{a = {b = {1, 'no'}}}})) return v.a.b[2]", "no"},
      {"return (pcall(require('lyaml').load, 5))", "false"},
  });
}

TEST(LuaStandins, MultipartIsReadAndWritten) {
  expect_chunks({
      kNoPath,
      {"local body = '--b\\r\\nContent-Disposition: form-data; name=\"one\"\\r\\n\\r\\nx\\r\\ny\\r\\n"
       "--b\\r\\nContent-Disposition: form-data; name=\"two\"; filename=\"f.txt\"\\r\\n"
       "Content-Type: text/plain\\r\\n\\r\\n\\r\\n--b--\\r\\n' "
       "form = require('multipart')(body, 'multipart/form-data; boundary=b') "
       "return form:get('one').value, form:get('two').value, form:get('two').filename, "
       "#form:get('two').headers, form:get('three'), form:tostring() == body",
       "x\r\ny||f.txt|2|nil|true"},
      {"form:set_simple('one', 'z') form:delete('two') form:set_simple('three', '3', 'a.bin', 'image/png') "
       "local again = require('multipart')(form:tostring(), 'multipart/form-data; boundary=\"b\"') "
       "return again:get_all().one, again:get('three').filename, again:get('two')",
       "z|a.bin|nil"},
      {"local form = require('multipart')('--b\\r\\nContent-Disposition: form-data; name=a\\r\\n\\r\\n1\\r\\n"
       "--b\\r\\nContent-Disposition: form-data; name=a\\r\\n\\r\\n2\\r\\n--b--', "
       "'multipart/form-data; boundary=b') "
       "return #form:get_as_array('a'), form:get('a', 2).value, form:get_all_with_arrays().a[1]",
       "2|2|1"},
      {"return next(require('multipart')('text', 'text/plain'):get_all()), "
       "next(require('multipart')(nil, nil):get_all())",
       "nil|nil"},
  });
}

TEST(LuaStandins, RoundRobinKeepsTheWeights) {
  expect_chunks({
      kNoPath,
      {"rr = require('resty.roundrobin'):new({a = 3, b = 1}) local count = {a = 0, b = 0} "
       "for i = 1, 400 do local id = rr:find() count[id] = count[id] + 1 end return count.a, count.b",
       "300|100"},
      {"rr:set('a', 1) local count = {a = 0, b = 0} "
       "for i = 1, 400 do local id = rr:find() count[id] = count[id] + 1 end return count.a, count.b",
       "200|200"},
      {"rr:delete('a') rr:delete('b') return rr:find()", "nil"},
  });
}

TEST(LuaStandins, ConsistentHashMovesFewKeys) {
  expect_chunks({
      kNoPath,
      {"local chash = require('resty.chash') local nodes = {a = 1, b = 1, c = 1} "
       "local before, after = chash:new(nodes), chash:new({a = 1, b = 1}) local moved, of_c, count = 0, 0, "
       "{} "
       "for i = 1, 1000 do local one, other = before:find(i), after:find(i) count[one] = 1 "
       "if one == 'c' then of_c = of_c + 1 elseif one ~= other then moved = moved + 1 end end "
       "return moved, of_c > 200 and of_c < 500, count.a, count.b",
       "0|true|1|1"},
      {"local ring = require('resty.chash'):new({a = 1, b = 1}) local id, place = ring:find('k') "
       "local seen = {[id] = true} for i = 1, 400 do id, place = ring:next(place) seen[id] = true end "
       "return seen.a, seen.b",
       "true|true"},
  });
}

TEST(LuaStandins, JsonSchema) {
  expect_chunks({
      kNoPath,
      {"local check = require('jsonschema').generate_validator({type = 'object', required = {'a'}}) "
       "return check({a = 1}), check({})",
       "true|false|property \"a\" is required"},
      {"return (pcall(require('jsonschema').generate_validator, {pattern = '('}))", "false"},
  });
}

TEST(LuaStandins, Template) {
  expect_chunks({
      kNoPath,
      {"t = require('resty.template') return t.process('{{a}} {*a*} {# no #}!', {a = '<b>'})",
       "&lt;b&gt; <b> !"},
      {"return t.process('{% for i, v in ipairs(l) do %}{{v}}{{i}},{% end %}', {l = {'x', 'y'}})", "x1,y2,"},
      {"return t.process('\\\\{{x}} {-raw-}{{x}}{-raw-} {x}', {x = 1})", "{{x}} {{x}} {x}"},
      {"return t.process('{-side-}S{{x}}{-side-}main', {x = 1, layout = '[{*view*}|{*blocks.side*}]'})",
       "[main|S1]"},
      {"return t.process('{% local y = x + 1 %}{{y}}{{string.upper(\"q\")}}', {x = 1})", "2Q"},
      {"return (pcall(t.process, '{% if %}', {}))", "false"},
  });
}

TEST(LuaStandins, KeysSignAndDecrypt) {
  expect_chunks({
      kNoPath,
      {"pkey = require('resty.openssl.pkey') key = pkey.new({type = 'RSA', bits = 2048}) "
       "public = pkey.new(key:to_PEM('public')) local signature = key:sign('text', 'sha256') "
       "return public:verify(signature, 'text', 'sha256'), public:verify(signature, 'other', 'sha256'), "
       "public:sign('text')",
       "true|false|nil|pkey:sign: requires private key"},
      {"local signature = key:sign('text', 'sha256', pkey.PADDINGS.RSA_PKCS1_PSS_PADDING) "
       "return public:verify(signature, 'text', 'sha256', 6), public:verify(signature, 'text', 'sha256')",
       "true|false"},
      {"return key:decrypt(public:encrypt('secret', 4), 4), key:is_private(), public:to_PEM('private')",
       "secret|true|nil|pkey:tostring: requires private key"},
      {"local ec = pkey.new({type = 'EC', curve = 'prime256v1'}) local digest = "
       "require('resty.openssl.digest')"
       ".new('sha256') digest:update('a') digest:update('b') "
       "return ec:verify(ec:sign(digest), 'ab', 'sha256'), ec:get_key_type().sn",
       "true|EC"},
      {"local key, err = pkey.new('no key') return key, err ~= nil", "nil|true"},
      {"local rsa = require('resty.rsa') local public, private = rsa:generate_rsa_keys(2048) "
       "local a, b = rsa:new({public_key = public}), rsa:new({private_key = private, algorithm = "
       "'RSA-SHA256'}) "
       "return b:decrypt(a:encrypt('x')), a:verify('q', b:sign('q')), a:verify('r', b:sign('q'))",
       "x|true|false|Verification failed"},
  });
}

TEST(LuaStandins, CiphersAndMacs) {
  expect_chunks({
      kNoPath,
      {"cipher = require('resty.openssl.cipher') key, iv = ('k'):rep(32), ('i'):rep(16) "
       "local c = cipher.new('aes-256-cbc') local text = c:encrypt(key, iv, 'plain') "
       "return #text, c:decrypt(key, iv, text), c:decrypt(key, 'short', text)",
       "16|plain|nil|cipher:decrypt: incorrect iv size, expect 16"},
      {"local c = cipher.new('aes-256-gcm') local text = c:encrypt(key, ('i'):rep(12), 'plain', nil, 'more') "
       "local tag = c:get_aead_tag() return #tag, c:decrypt(key, ('i'):rep(12), text, nil, 'more', tag), "
       "(c:decrypt(key, ('i'):rep(12), text, nil, 'other', tag))",
       "16|plain|nil"},
      {"local c = cipher.new('aes-256-cbc') c:init(key, iv, {is_encrypt = true}) c:update('pl', 'a') "
       "return c:decrypt(key, iv, c:final('in'))",
       "plain"},
      {"return cipher.new('rot13')", "nil|cipher.new: invalid cipher type \"rot13\""},
      {"local mac = require('resty.openssl.mac').new('k', 'HMAC', nil, 'sha1') mac:update('a') "
       "return require('resty.string').to_hex(mac:final())",
       "40e7d441cadb17b07f050341aa23a6820ed81c8b"},
  });
}

TEST(LuaStandins, WebSocketFrames) {
  expect_chunks({
      kNoPath,
      {"p = require('resty.websocket.protocol') function wire(text) local at = 1 return {receive = "
       "function(_, n) "
       "if at + n - 1 > #text then return nil, 'closed' end at = at + n return text:sub(at - n, at - 1) end} "
       "end "
       "for _, size in ipairs({0, 125, 126, 65535, 65536}) do for _, mask in ipairs({true, false}) do "
       "local data, kind = p.recv_frame(wire(p.build_frame(true, 2, size, ('x'):rep(size), mask)), 1e6, "
       "mask) "
       "assert(data == ('x'):rep(size) and kind == 'binary') end end return 'all'",
       "all"},
      {"return p.recv_frame(wire(p.build_frame(false, 1, 2, 'hi', true)), 100, true)", "hi|text|again"},
      {"return p.recv_frame(wire(p.build_frame(true, 8, 4, '\\3\\232ok', true)), 100, true)",
       "ok|close|1000"},
      {"return p.recv_frame(wire(p.build_frame(true, 1, 4, 'long', false)), 3)",
       "nil|nil|exceeding max payload len"},
      {"return p.recv_frame(wire(p.build_frame(true, 1, 4, 'text', false)), 9, true)",
       "nil|nil|frame unmasked"},
      {"return p.recv_frame(wire('\\131\\0'), 9)", "nil|nil|reserved non-control frames"},
      {"return p.recv_frame(wire('\\129\\5ab'), 9)", "nil|nil|failed to read the payload: closed"},
  });
}

TEST(LuaStandins, EventsOfThisWorker) {
  expect_chunks({
      kNoPath,
      {"events = require('resty.worker.events') got = {} "
       "local function note(data, event, source) got[#got + 1] = source .. event .. tostring(data) end "
       "local names = events.event_list('s', 'up') events.register(note, 's', names.up) "
       "events.post('s', 'up', 1) events.post('s', 'down', 2) events.post_local('s', 'up', 3) "
       "events.unregister(note, 's', 'up') events.post('s', 'up', 4) return table.concat(got, ',')",
       "sup1,sup3"},
      {"return (pcall(function() return events.event_list('s', 'up').down end))", "false"},
  });
}

TEST(LuaStandins, XmlAndBack) {
  expect_chunks({
      kNoPath,
      {"xml = require('xml2lua') function tree(text) local h = require('xmlhandler.tree'):new() "
       "xml.parser(h):parse(text) return h.root end "
       "local a = tree('<?xml version=\"1.0\"?><a x=\"1\"><!-- c --><b>t &amp; &#65;</b><b>u</b><c/>"
       "<d><![CDATA[<raw>]]></d><e k=\"v\">w</e></a>').a "
       "return a._attr.x, a.b[1], a.b[2], type(a.c), a.d, a.e[1], a.e._attr.k",
       "1|t & A|u|table|<raw>|w|v"},
      {"return pcall(tree, '<a><b></a>')", "false|Error parsing XML: unmatched tag a, line 1"},
      {"return pcall(tree, '<a>')", "false|Error parsing XML: a is not closed"},
      {"return (pcall(tree, '<a')), (pcall(tree, '<!-- '))", "false|false"},
      {"return xml.toXml({b = {1, 2}, c = 'x<y'}, 'r')",
       "<r>\n  <b>1</b>\n  <b>2</b>\n  <c>x&lt;y</c>\n</r>\n"},
  });
}

TEST(LuaStandins, DigestsAndBases) {
  expect_chunks({
      kNoPath,
      {"return require('md5').sumhexa('a'), require('sha1')('a'), require('sha1').hmac('k', 'a')",
       "0cc175b9c0f1b6a831c399e269772661|86f7e437faa5a7fce15d1ddcb9eaeaea377667b8|"
       "40e7d441cadb17b07f050341aa23a6820ed81c8b"},
      {"local b = require('basexx') return b.to_base32('foobar'), b.from_base32('MZXW6YTBOI======'), "
       "b.to_url64('\\251\\255'), b.from_url64(b.to_url64('ab')), b.from_hex('4142'), b.from_hex('4')",
       "MZXW6YTBOI======|foobar|-_8|ab|AB|nil|unexpected character"},
      {"local b = require('bit32') return b.bnot(0), b.lshift(1, 31), b.extract(0xf0, 4, 4), b.rshift(1, 40)",
       "4294967295|2147483648|15|0"},
      {"local j = require('dkjson') local value, at, err = j.decode('{') "
       "return j.decode('[1,null]', 1, 'none')[2], value, at, err ~= nil, #require('uuid')()",
       "none|nil|1|true|36"},
      {"local u = require('socket.url').parse('http://u:p@h:80/a;b?c=1#d') "
       "return u.scheme, u.host, u.port, u.user, u.path, u.params, u.query, u.fragment",
       "http|h|80|u|/a|b|c=1|d"},
      {"local sink, pieces = require('ltn12').sink.table() local l = require('ltn12') "
       "return l.pump.all(l.source.string(('x'):rep(5000)), sink), #pieces, #table.concat(pieces)",
       "1|3|5000"},
  });
}

}  // namespace
}  // namespace apisix::lua
