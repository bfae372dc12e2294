"""The access log as operators read it, and the gateway under load generators."""

import json
import re
import shutil
import signal
import subprocess
import time

import pytest

from gateway import wait_until
from ports import free_port

FORMAT = '{"a":"$remote_addr","r":"$request","s":$status,"ua":"$http_user_agent","b":"$body_bytes_sent","none":"$http_none"}'


def wait_for_line(gateway, text, name="access.log"):
    wait_until(lambda: text in gateway.log(name), f"{text!r} in {name}", timeout_s=5)
    return next(line for line in gateway.log(name).splitlines() if text in line)


def test_default_line(make_proxy):
    proxy = make_proxy()
    path = proxy.route(upstream := proxy.upstream())
    before = time.monotonic()
    proxy.get(path + "/x?y=1", 'User-Agent: a"b\\c\t\u00e9\r\nReferer: http://r/\r\n')
    line = wait_for_line(proxy.gateway, "/x?y=1")
    assert time.monotonic() - before < 4  # kept for 3 s at most
    pattern = (r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] a\.test "GET ' + path +
               r'/x\?y=1 HTTP/1\.1" 200 2 \d\.\d{3} "http://r/" "a\\x22b\\x5Cc\\x09\\xC3\\xA9" ' +
               re.escape(upstream.node) + r' 200 \d\.\d{3} "http://a\.test' + path + r'/x\?y=1" "[0-9a-f]{32}"')
    assert re.fullmatch(pattern, line), line


def test_request_without_a_response_is_logged(make_proxy):
    proxy = make_proxy(config={"nginx_config": {"http": {
        "access_log_buffer": 1, "access_log_format": "$request_uri $status [$upstream_addr] [$upstream_status]"}}})
    dead = free_port(), free_port()
    proxy.get(proxy.route(*dead) + "/dead")
    assert re.fullmatch(r"/r\d+/dead 502 \[127.0.0.1:\d+, 127.0.0.1:\d+\] \[502, 502\]", wait_for_line(proxy.gateway, "/dead"))
    proxy.get("/nowhere")
    assert wait_for_line(proxy.gateway, "/nowhere") == "/nowhere 404 [-] [-]"
    upstream = proxy.upstream(lambda peer: peer.read_to_end())
    client = proxy.client()
    client.send(f"GET {proxy.route(upstream)}/gone HTTP/1.1\r\nHost: a\r\n\r\n")
    upstream.wait_for_peer()
    client.close()
    assert " 499 " in wait_for_line(proxy.gateway, "/gone")


def test_json_lines_and_reopening(make_proxy):
    proxy = make_proxy(config={"nginx_config": {"http": {"access_log_buffer": 1, "access_log_format": FORMAT, "access_log_format_escape": "json"}}})
    proxy.get("/first", 'User-Agent: "quoted"\\\t\u00e9\r\n')
    line = json.loads(wait_for_line(proxy.gateway, "/first"))
    assert line == {"a": "127.0.0.1", "r": "GET /first HTTP/1.1", "s": 404, "ua": '"quoted"\\\t\u00e9',
                    "b": line["b"], "none": ""}
    logs = proxy.gateway.prefix / "logs"
    shutil.move(logs / "access.log", logs / "access.log.1")
    proxy.gateway.signal(signal.SIGUSR1)
    wait_until((logs / "access.log").exists, "a new access.log")
    proxy.get("/second")
    wait_for_line(proxy.gateway, "/second")
    assert "/second" not in proxy.gateway.log("access.log.1") and "/first" not in proxy.gateway.log("access.log")


@pytest.fixture
def loaded(make_proxy):
    proxy = make_proxy(config={"nginx_config": {"error_log_level": "warn"}})
    other = make_proxy()  # a gateway can serve as a fast upstream: 404, small and with a length
    path = proxy.route(other.port)
    return proxy, f"http://127.0.0.1:{proxy.port}{path}"


def test_h2load_finds_no_error(loaded):
    _, url = loaded
    done = subprocess.run(["h2load", "--h1", "-n", "6000", "-c", "20", url], capture_output=True, text=True,
                          timeout=60, check=True)
    assert re.search(r"requests: 6000 total, 6000 started, 6000 done, 0 succeeded, 6000 failed, 0 errored, 0 timeout",
                     done.stdout), done.stdout
    assert "0 2xx, 0 3xx, 6000 4xx, 0 5xx" in done.stdout


def test_wrk_finds_no_error(loaded):
    proxy, url = loaded
    for headers in ([], ["-H", "Connection: close"]):
        done = subprocess.run(["wrk", "-t1", "-c30", "-d2s", *headers, url], capture_output=True, text=True,
                              timeout=60, check=True)
        assert "Socket errors" not in done.stdout, done.stdout
        total = int(re.search(r"(\d+) requests in", done.stdout)[1])
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
        assert total > 100 and int(bad[1]) == total  # all are the upstream's 404
    wait_until(lambda: proxy.gateway.log("access.log").count(" 404 ") >= total, "a line for each request")
