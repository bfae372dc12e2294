"""The tree keeps every rule; and every rule finds what it is there to find."""
import sys
from pathlib import Path

import pytest
import tidy

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def faults_of_the_tree():
    return tidy.check(ROOT)


@pytest.mark.parametrize("rule", [*tidy.RULES, "ratchet", "allow-list"])
def test_the_tree_keeps(rule, faults_of_the_tree):
    assert not faults_of_the_tree[rule], "\n" + "\n".join(faults_of_the_tree[rule])


HEAD = "// What it is.\n#pragma once\n"
OVER_LONG = "void f() {\n" + "  g();\n" * 71 + "}\n"

CORS = ('#include "worker/plugins/origins.h"\n'
        'static constexpr plugin::PluginInfo kInfo{.name = "cors", .priority = 4000};\n'
        "const plugin::PluginKind& cors = plugin::define<Cors>();\n")

# rule, files of a tree that breaks it, part of the message
BROKEN = [
    ("plain-words", {"docs/a.md": "nobody " * 1000}, "'nobody' stands 1000 times"),
    ("header-closure", {"worker/plugin/request.h": HEAD + "".join(f'#include "shared/base/h{i}.h"\n' for i in range(99)),
                        **{f"shared/base/h{i}.h": HEAD for i in range(99)}}, "includes 99 headers"),
    ("room-has-row", {"worker/cache/lru.cc": "int x;\n"}, "no row"),
    ("layer", {"shared/base/a.h": HEAD, "shared/base/b.cc": '#include "shared/net/socket.h"\n'}, "may not include"),
    ("layer", {"shared/http/a.cc": '#include "worker/route/router.h"\n'}, "may not include"),
    ("layer", {"worker/route/a.cc": '#include "shared/net/socket.h"\n'}, "may not include"),
    ("layer", {"worker/upstream/a.cc": '#include "worker/route/router.h"\n'}, "may not include"),
    ("layer", {"worker/plugins/a.cc": '#include "worker/proxy/stream.h"\n'}, "may not include"),
    ("layer", {"worker/admin/a.cc": '#include "worker/control/status.h"\n'}, "may not include"),
    ("layer", {"privileged-agent/a.cc": '#include "worker/worker.h"\n'}, "may not include"),
    ("layer", {"master/a.cc": '#include "worker/proxy/stream.h"\n'}, "may not include"),
    ("layer", {"master/a.cc": '#include "shared/http/message.h"\n'}, "may not include"),
    ("include-form", {"shared/base/a.cc": '#include "../net/socket.h"\n'}, "not a file"),
    ("include-form", {"shared/base/a.cc": '#include "gone.h"\n'}, "not a file"),
    ("include-form", {"shared/base/a.cc": "#include <shared/base/text.h>\n"}, "in quotes"),
    ("include-form", {"tests/fakes/a.h": HEAD, "shared/base/a.cc": '#include "tests/fakes/a.h"\n'}, "product"),
    ("library", {"worker/proxy/a.cc": "#include <event2/event.h>\n"}, "shared/event"),
    ("library", {"shared/http/a.cc": "#include <openssl/ssl.h>\n"}, "tls_"),
    ("library", {"worker/admin/a.cc": "#include <json/json.h>\n"}, "shared/format"),
    ("library", {"worker/config/a.cc": "#include <lmdb.h>\n"}, "shared/store"),
    ("library", {"worker/plugin/a.cc": "#include <luajit-2.1/lua.h>\n"}, "worker/lua"),
    ("library", {"shared/base/a.cc": "#include <boost/asio.hpp>\n"}, "no row"),
    ("exceptions", {"worker/route/a.cc": "void f() {\n  throw 1;\n}\n"}, "Result"),
    ("exceptions", {"worker/route/a.cc": "void f() {\n  try {\n  } catch (...) {\n  }\n}\n"}, "Result"),
    ("json-readers", {"worker/plugins/a.cc": "int f(const Json& a) {\n  return a[1].asInt();\n}\n"}, "throws"),
    ("json-readers", {"master/a.cc": "auto f(const Json* a) {\n  return a->asCString();\n}\n"}, "throws"),
    ("json-readers", {"shared/resource/a.cc": "int f(const Json& a) {\n  return a.as<int>();\n}\n"}, "throws"),
    ("catalog", {"worker/config/a.cc": '#include "worker/plugins/cors.h"\n'}, "only the generated catalog"),
    ("catalog", {"worker/plugins/a.cc": '#include "worker/plugins/cors.h"\n'}, "only the generated catalog"),
    ("file-name", {"shared/base/BigThing.cc": ""}, "snake_case"),
    ("file-name", {"shared/base/string_utils.cc": ""}, "named after what it holds"),
    ("type-name", {"shared/base/a.h": HEAD + "class big_thing {};\n"}, "PascalCase"),
    ("type-name", {"shared/base/a.h": HEAD + "class PoolManager final {\n};\n"}, "no Manager"),
    ("type-name", {"shared/base/a.h": HEAD + "struct StringUtils {};\n"}, "no Manager"),
    ("type-name", {"shared/base/a.h": HEAD + "class CodecBase : public X {\n};\n"}, "no Manager"),
    ("function-name", {"shared/base/a.cc": "void handle_request(Request& r) {\n}\n"}, "handle_request"),
    ("function-name", {"shared/base/a.h": HEAD + "struct A {\n  bool process_head(int n);\n};\n"}, "process_head"),
    ("function-name", {"shared/base/a.cc": "Status Conn::handle_read() {\n}\n"}, "handle_read"),
    ("namespace", {"shared/http/a.h": HEAD + "namespace apisix::net {\nclass A {};\n}\n"}, "apisix::http"),
    ("namespace", {"shared/http/a.h": HEAD + "namespace apisix::http::impl {\nclass A {};\n}\n"}, "apisix::http"),
    ("namespace", {"shared/http/a.h": HEAD + "class A {};\n"}, "outside of a namespace"),
    ("test-mirrors-tree", {"tests/unit/shared/gone/a_test.cc": ""}, "no shared/gone"),
    ("test-mirrors-tree", {"shared/base/a.cc": "", "tests/unit/shared/base/a.cc": ""}, "_test.cc"),
    ("file-size", {"shared/base/a.cc": "\n" * 601}, "601 lines"),
    ("function-size", {"shared/base/a.cc": "namespace apisix::base {\n" + OVER_LONG + "}\n"}, "f() has 71"),
    ("function-size", {"shared/base/a.cc": "class A {\n  A() : a_(1) {\n" + "\n" * 71 + "  }\n};\n"}, "A() has 71"),
    ("function-size", {"shared/base/a.cc": "auto A::g(int n) const -> int {\n" + "\n" * 71 + "}\n"}, "g() has 71"),
    ("data-members", {"shared/base/a.h": HEAD + "class A {\n" + "  int a_;\n" * 21 + "};\n"}, "A has 21 data members"),
    ("public-functions", {"shared/base/a.h": HEAD + "struct A {\n" + "  void f();\n" * 31 + "};\n"}, "31 public functions"),
    ("constructor-parameters", {"shared/base/a.h": HEAD + "struct A {\n  A(int, int, int, int, int, int);\n};\n"}, "A has 6"),
    ("test-asserts", {"tests/unit/shared/base/a_test.cc": "TEST(A, B) {\n  f();\n}\n"}, "A.B"),
    ("exact-status", {"tests/a_test.py": "assert a.status in (200, 404)\n"}, "a.status in (200, 404)"),
    ("no-sleep", {"tests/a_test.py": "time.sleep(1)\n"}, "time.sleep(1)"),
    ("seeded-random", {"tests/a_test.py": "import random\nrandom.random()\n"}, "random.random()"),
    ("head-comment", {"shared/base/a.h": "#pragma once\n"}, "starts with"),
    ("head-comment", {"shared/base/a.h": "// Text.\n"}, "#pragma once"),
    ("using-namespace", {"shared/base/a.cc": "using namespace std;\n"}, "using namespace"),
    ("leftover", {"shared/base/a.cc": "// TO" + "DO: later\n"}, "finish it"),
    ("machine-path", {"docs/a.md": "see /home" + "/jane/notes\n"}, "somebody's machine"),
    ("clang-format", {"shared/base/a.cc": "int  x ;\n"}, "clang-format"),
    ("link", {"docs/a.md": "[plan](PLAN.md)\n"}, "PLAN.md"),
    ("named-in-docs", {"docs/ARCHITECTURE.md": "`Loop::gone()`\n"}, "no gone()"),
    ("named-in-docs", {"docs/LIFE_OF_A_REQUEST.md": "see `worker/proxy/gone.cc`\n"}, "worker/proxy/gone.cc"),
    ("plugin-is-whole", {"worker/plugins/real_ip.cc": ""}, "real-ip: there is no tests/compat/plugins/real_ip.yaml"),
    ("plugin-is-whole", {"worker/plugins/real_ip.cc": ""}, "real-ip: it has no row in docs/PLUGINS.md"),
    ("plugin-is-whole", {"worker/plugins/real_ip.cc": ""}, "real-ip: there is no worker/plugins/schemas/real-ip.json"),
    ("plugin-is-whole", {"worker/plugins/real_ip.cc": ""}, "real-ip: there is no docs/plugins/real-ip.md"),
    ("plugin-is-whole", {"worker/plugins/real_ip.cc": ""}, "real-ip: worker/plugins/real_ip.cc has no PluginInfo kInfo"),
    ("plugin-is-whole", {"worker/plugins/real_ip.cc": CORS}, "real-ip: the kInfo of worker/plugins/real_ip.cc names another"),
    ("plugin-is-whole", {"worker/plugins/real_ip.cc": CORS}, "does not define the kind real_ip"),
    ("plugin-is-whole", {"worker/plugins/cors.cc": CORS, "worker/plugins/schemas/cors.json": '{"priority": 4001, "version": 0.1}'},
     "cors: its priority is 4000.0 in worker/plugins/cors.cc and 4001 in"),
    ("plugin-is-whole", {"worker/plugins/schemas/cors.json": "{}"}, "cors: there is no worker/plugins/cors.cc"),
    ("plugin-is-whole", {"tests/compat/plugins/cors.yaml": "plugin: echo\n"}, "cors: tests/compat/plugins/cors.yaml is not its table"),
    ("plugin-sees-facade", {"worker/plugins/a.cc": "int f(plugin::RequestState& request);\n"}, "the proxy's state"),
    ("example-is-built", {"docs/PLUGIN_DEVELOP.md": "```cpp\nint x;\n```\n", "worker/plugins/uri_blocker.cc": "int y;\n"},
     "first example is not"),
]


def make_tree(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / ".clang-format").write_text((ROOT / ".clang-format").read_text())
    return root


@pytest.mark.parametrize("rule,files,message", BROKEN, ids=[f"{r}-{i}" for i, (r, _, _) in enumerate(BROKEN)])
def test_finds(rule, files, message, tmp_path):
    faults = tidy.check(make_tree(tmp_path, files), rules={rule})[rule]
    assert any(message in fault for fault in faults), faults


def test_every_rule_has_a_tree_that_breaks_it():
    tested = {rule for rule, _, _ in BROKEN} | {"layer-table"}  # the latter is tested below
    assert tested == set(tidy.RULES)


GOOD = {
    "shared/base/text.h": HEAD + "namespace apisix::base {\nbool starts(int c);\n}  // namespace apisix::base\n",
    "shared/base/text.cc": '#include "shared/base/text.h"\n\n#include <cstring>\n\n#include <sys/types.h>\n\n'
                           "namespace apisix::base {\n\nbool starts(int c) {\n"
                           '  const char* s = "throw handle_x() // TO\\"DO";\n  return s[0] == c;\n}\n\n'
                           "}  // namespace apisix::base\n",
    "shared/http/h2/frame.h": HEAD + '#include <nghttp2/nghttp2.h>\n\n#include "shared/base/text.h"\n\n'
                              "namespace apisix::net {\nclass Socket;\n}\n\n"
                              "namespace apisix::http {\nclass Frame;\n}  // namespace apisix::http\n",
    "tests/unit/shared/base/text_test.cc": "#include <gtest/gtest.h>\n",
    "worker/plugins/cors.cc": CORS,
    "worker/plugins/schemas/cors.json": '{"priority": 4000, "version": 0.1}',
    "docs/plugins/cors.md": "# cors\n",
    "worker/plugins/origins.cc": '#include "worker/plugins/origins.h"\n',
    "worker/plugins/origins.h": HEAD + "namespace apisix::plugins {\nclass Origins;\n}  // namespace apisix::plugins\n",
    "tests/compat/plugins/cors.yaml": "plugin: cors\n",
    "docs/ARCHITECTURE.md": "`starts()` in `shared/base/text.cc`\n",
    "docs/PLUGINS.md": "| `cors` | all |\n\n[the tests](../tests/compat/plugins/cors.yaml)\n",
}


@pytest.mark.parametrize("rule", tidy.RULES)
def test_a_good_tree_has_no_fault(rule, tmp_path):
    assert tidy.check(make_tree(tmp_path, GOOD), rules={rule})[rule] == []


def test_the_skeleton_of_a_plugin_keeps_the_rules(tmp_path):
    sys.path.insert(0, str(ROOT / "tests" / "compat"))
    import new_plugin
    tree = make_tree(tmp_path, new_plugin.files("my-plugin", 5) | {"docs/PLUGINS.md": "`my-plugin`\n"})
    rules = {"plugin-is-whole", "clang-format", "namespace", "type-name", "leftover"}
    assert not any(tidy.check(tree, rules=rules).values())


def test_a_row_that_names_a_lower_row_is_found():
    table = {"rooms": {"shared/base": ["shared/net"], "shared/net": ["shared/base"]}}
    faults = list(tidy.RULES["layer-table"](None, table))
    assert len(faults) == 1 and "shared/net" in faults[0][2]


def test_an_exception_needs_a_reason_and_a_use(tmp_path):
    tree = make_tree(tmp_path, {"shared/base/a.cc": "\n" * 601})
    entry = {"rule": "file-size", "path": "shared/base/a.cc", "about": "", "reason": "a generated table"}
    found = tidy.check(tree, allow=[entry])
    assert found["file-size"] == [] and found["allow-list"] == []
    found = tidy.check(tree, allow=[{**entry, "reason": ""}])
    assert "needs a reason" in found["allow-list"][0]
    found = tidy.check(tree, allow=[{**entry, "path": "shared/base/b.cc"}])
    assert found["file-size"] and "excuses nothing" in found["allow-list"][0]
