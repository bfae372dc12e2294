"""conf/debug.yaml: which plugins ran is in a response header, which calls were made in error.log; read while the
gateway runs."""
import pytest
import yaml

from gateway import wait_until

OFF = {"basic": {"enable": False}, "http_filter": {"enable": False, "enable_header_name": "X-Trace"},
       "hook_conf": {"enable": False, "name": "calls", "log_level": "warn", "is_print_input_args": True,
                     "is_print_return_value": True},
       "calls": {"apisix": ["http_log_phase"], "apisix.plugins.echo": ["body_filter"]}}


def write(gateway, end="#END\n", **sections):
    document = {name: section | sections.get(name, {}) for name, section in OFF.items()}
    whole = gateway.prefix / "conf/debug.yaml.new"
    whole.write_text(yaml.safe_dump(document) + end)
    whole.rename(gateway.prefix / "conf/debug.yaml")


@pytest.fixture
def debugged(gateway, upstream):
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}},
                              "plugins": {"echo": {"before_body": "<"},
                                          "uri-blocker": {"block_rules": ["blocked"]},
                                          "limit-conn": {"conn": 9, "burst": 0, "default_conn_delay": 0.1,
                                                         "key": "remote_addr"}}})
    gateway.put("/routes/2", {"uri": "/plain", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    return gateway


def told(gateway, path, **headers):
    return gateway.request(path, headers=headers).header("Apisix-Plugins")


def test_response_header_names_the_plugins_that_ran(debugged):
    assert told(debugged, "/a") is None
    write(debugged, basic={"enable": True})
    wait_until(lambda: told(debugged, "/a"), "the file is read")
    assert told(debugged, "/a") == ("uri-blocker#rewrite, limit-conn#access, echo#header_filter, "
                                    "echo#body_filter, limit-conn#log")
    assert told(debugged, "/plain") == "no plugin"
    assert told(debugged, "/blocked") == ("uri-blocker#rewrite, echo#header_filter, echo#body_filter, "
                                          "limit-conn#log")
    # What a global rule's plugin does behind the head can only be logged.
    debugged.put("/global_rules/1", {"plugins": {"response-rewrite": {"body": "new"}}})
    assert told(debugged, "/plain") == "response-rewrite#header_filter"
    wait_until(lambda: "Apisix-Plugins: response-rewrite#body_filter" in debugged.log(), "it is logged")
    debugged.admin("DELETE", "/global_rules/1")


def test_half_a_file_and_a_wrong_one_change_nothing(debugged):
    write(debugged, basic={"enable": True})
    wait_until(lambda: told(debugged, "/a"), "the file is read")
    write(debugged, end="", basic={"enable": False})
    wait_until(lambda: "missing valid end flag" in debugged.log(), "half a file is noticed")
    assert told(debugged, "/a")
    write(debugged, basic={"enable": "maybe"})
    wait_until(lambda: 'property "enable" is not a boolean' in debugged.log(), "a wrong one is noticed")
    assert told(debugged, "/a")
    write(debugged)
    wait_until(lambda: told(debugged, "/a") is None, "a right one counts again")
    write(debugged, basic={"enable": True})
    wait_until(lambda: told(debugged, "/a"), "it is on again")
    (debugged.prefix / "conf/debug.yaml").unlink()
    wait_until(lambda: told(debugged, "/a") is None, "without a file it is off")


def test_calls_of_chosen_requests_are_logged(debugged):
    write(debugged, basic={"enable": True}, hook_conf={"enable": True},
          http_filter={"enable": True}, calls={"apisix.plugins.none": ["nothing"]})
    wait_until(lambda: told(debugged, "/a"), "the file is read")
    assert debugged.request("/a?other=1").status == 200
    assert debugged.request("/a?traced=1", headers={"X-Trace": "1"}).status == 200
    wait_until(lambda: 'http_log_phase() return:{}' in debugged.log(), "the last call is logged")
    lines = [line for line in debugged.log().splitlines() if "call require" in line]
    assert all("GET /a?traced=1 HTTP/1.1" in line for line in lines)
    assert any('call require("apisix").http_log_phase() args:{}' in line for line in lines)
    assert any('call require("apisix.plugins.echo").body_filter() args:{ /routes/1 }' in line for line in lines)
    assert "failed to find function [nothing] in module:apisix.plugins.none" in debugged.log()
