"""Files of Lua read anew while the gateway serves: PUT /apisix/admin/plugins/reload."""

import threading

import pytest

from gateway import running_gateway, wait_until
from lua_files import lua_config, lua_folder, plugin_file

pytestmark = pytest.mark.shares_gateway

PLUGIN = """
local helper = require("helper")
local _M = {version = 0.1, priority = 1, schema = {type = "object", properties = {}}}
function _M.init() ngx.log(ngx.WARN, "init of ", helper.name) end
function _M.destroy() ngx.log(ngx.WARN, "destroy of ", helper.name) end
function _M.check_schema(conf) return true end
function _M.access(conf, ctx) return 200, helper.name end
return _M
"""


class Files:
    def __init__(self, folder):
        self.folder = folder
        self.write("one")

    def write(self, name, plugin=PLUGIN):
        (self.folder / "helper.lua").write_text(f"return {{name = '{name}'}}")
        plugin_file(self.folder, "named").write_text(plugin)


@pytest.fixture(scope="module")
def files():
    with lua_folder({}) as folder:
        yield Files(folder)


@pytest.fixture(scope="module")
def shared_gateway(files):
    config = lua_config(files.folder, ["named", "serverless-pre-function"])
    with running_gateway(config=config, workers=2) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def route(gateway, files):
    files.write("one")
    assert gateway.admin("PUT", "/plugins/reload").status == 200
    gateway.put_everywhere("/routes/1", {"uri": "/*", "plugins": {"named": {}}})


def names(gateway, count=12):
    return {gateway.request("/a").text.strip() for _ in range(count)}


def test_helper_modules_are_new_too(gateway, files):
    wait_until(lambda: names(gateway) == {"one"}, "the first file")
    files.write("two")
    assert gateway.admin("PUT", "/plugins/reload").status == 200
    wait_until(lambda: names(gateway) == {"two"}, "the second file in every worker")
    gateway.wait_for_log("destroy of one")
    gateway.wait_for_log("init of two")


@pytest.mark.parametrize("text, what", [("return {", "named.lua:1:"), ("error('not today')", "not today"),
                                        ("return {version = 1}", "missing field: priority")])
def test_a_broken_file_leaves_the_old_one(gateway, files, text, what):
    files.write("three", plugin=text)
    refused = gateway.admin("PUT", "/plugins/reload")
    assert refused.status == 500 or what in refused.text
    gateway.wait_for_log(what)
    assert names(gateway) == {"one"}
    files.write("four")
    assert gateway.admin("PUT", "/plugins/reload").status == 200
    wait_until(lambda: names(gateway) == {"four"}, "the mended file")


def test_a_new_schema_counts(gateway, files):
    files.write("one", plugin=PLUGIN.replace("return true", "return conf.to ~= nil, 'to is missing'"))
    assert gateway.admin("PUT", "/plugins/reload").status == 200
    refused = gateway.admin("PUT", "/routes/2", {"uri": "/b", "plugins": {"named": {}}})
    assert refused.status == 400 and "to is missing" in refused.json()["error_msg"]


def test_no_request_is_lost(gateway, files):
    ends = threading.Event()
    statuses = []

    def load():
        while not ends.is_set():
            statuses.append(gateway.request("/a").status)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(10):
            files.write(f"turn {turn}")
            assert gateway.admin("PUT", "/plugins/reload").status == 200
        wait_until(lambda: names(gateway, 4) == {"turn 9"}, "the last file")
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    assert len(statuses) > 10 and set(statuses) == {200}


def test_what_waits_ends_with_the_old_files(gateway, files):
    waits = PLUGIN.replace("return 200, helper.name end", "ngx.sleep(0.5) return 200, helper.name end")
    files.write("slow", plugin=waits)
    assert gateway.admin("PUT", "/plugins/reload").status == 200
    wait_until(lambda: names(gateway, 2) == {"slow"}, "the slow one")
    got = []
    thread = threading.Thread(target=lambda: got.append(gateway.request("/a").text.strip()))
    thread.start()
    files.write("fast")
    assert gateway.admin("PUT", "/plugins/reload").status == 200
    thread.join()
    assert got[0] in ("slow", "fast")
    wait_until(lambda: names(gateway) == {"fast"}, "the next file")
