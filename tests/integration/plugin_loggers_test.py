"""Loggers: what an entry holds, batches, retries, a collector that is away, flush on drain."""
import json
import signal

from gateway import wait_until
from upstream import Upstream


def collect():
    """A collector; its requests are the batches."""
    return Upstream(lambda request: (200, {}, b"ok"))


def route(gateway, upstream, plugins):
    gateway.put("/routes/1", {"uri": "/*", "plugins": plugins,
                              "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})


def entries(collector):
    return [entry for batch in collector.requests for entry in json.loads(batch.body)]


def test_http_logger_sends_full_entries_in_batches(gateway, upstream):
    collector = collect()
    route(gateway, upstream, {"http-logger": {"uri": f"http://127.0.0.1:{collector.port}/log", "batch_max_size": 2,
                                              "auth_header": "Bearer x", "include_req_body": True,
                                              "include_resp_body": True}})
    gateway.request("/a?b=1&b=2", "POST", body="hello", headers={"X-Tag": "t"})
    gateway.request("/c")
    wait_until(lambda: len(collector.requests) == 1, "a batch of two")
    batch = collector.requests[0]
    assert batch.header("Authorization") == "Bearer x" and batch.header("Content-Type") == "application/json"
    first, second = entries(collector)
    assert first["request"]["method"] == "POST" and first["request"]["uri"] == "/a?b=1&b=2"
    assert first["request"]["querystring"] == {"b": ["1", "2"]} and first["request"]["headers"]["x-tag"] == "t"
    assert first["request"]["body"] == "hello" and '"body": "hello"' in first["response"]["body"]
    assert first["response"]["status"] == 200 and first["route_id"] == "1" and first["client_ip"] == "127.0.0.1"
    assert first["upstream"] == upstream.node and first["latency"] >= first["upstream_latency"] >= 0
    assert second["request"]["uri"] == "/c" and "body" not in second["request"]
    collector.close()


def test_log_format_of_route_and_metadata(gateway, upstream):
    collector = collect()
    uri = f"http://127.0.0.1:{collector.port}/log"
    gateway.put("/plugin_metadata/http-logger", {"log_format": {"host": "$host", "of": "metadata"}})
    route(gateway, upstream, {"http-logger": {"uri": uri, "batch_max_size": 1}})
    gateway.request("/a", headers={"Host": "x.test"})
    wait_until(lambda: collector.requests, "an entry")
    assert json.loads(collector.requests[0].body) == {"host": "x.test", "of": "metadata", "route_id": "1"}
    route(gateway, upstream, {"http-logger": {"uri": uri, "batch_max_size": 1,
                                              "log_format": {"n": {"s": "$status"}, "q": "$request_body"}}})
    gateway.request("/a", "POST", body="abc")
    wait_until(lambda: len(collector.requests) == 2, "an entry")
    assert json.loads(collector.requests[1].body) == {"n": {"s": "200"}, "q": "abc", "route_id": "1"}
    collector.close()


def test_log_format_extra_may_name_the_route_that_no_route_matched(gateway):
    collector = collect()
    conf = {"uri": f"http://127.0.0.1:{collector.port}/log", "batch_max_size": 1}
    for extra, wanted in (({"route_id": "mine"}, "mine"), ({"a": "b"}, "no-matched"), (None, "no-matched")):
        metadata = {"log_format_extra": extra} if extra else {}
        gateway.put("/plugin_metadata/http-logger", metadata)
        gateway.put("/global_rules/1", {"plugins": {"http-logger": conf}})
        before = len(collector.requests)
        assert gateway.request("/a").status == 404
        wait_until(lambda: len(collector.requests) > before, "an entry")
        entry = json.loads(collector.requests[-1].body)
        assert entry["route_id"] == wanted and entry["response"]["status"] == 404 and entry.get("a") == (extra or {}).get("a")
    collector.close()


def test_a_failed_batch_is_sent_again_and_then_dropped(gateway, upstream):
    collector = Upstream(lambda request: (500, {}, b"no"))
    route(gateway, upstream, {"http-logger": {"uri": f"http://127.0.0.1:{collector.port}/", "batch_max_size": 1,
                                              "max_retry_count": 1, "retry_delay": 0}})
    gateway.request("/a")
    gateway.wait_for_log("exceeded the max_retry_count[2] dropping the entries")
    assert len(collector.requests) == 2
    collector.close()


def test_what_is_gathered_goes_out_before_the_worker_does(gateway, upstream):
    collector = collect()
    route(gateway, upstream, {"http-logger": {"uri": f"http://127.0.0.1:{collector.port}/", "batch_max_size": 1000,
                                              "inactive_timeout": 60}})
    for i in range(10):
        gateway.request(f"/{i}")
    assert not collector.requests
    gateway.signal(signal.SIGQUIT)
    wait_until(lambda: len(entries(collector)) == 10, "the gathered entries")
    collector.close()


def test_a_long_body_is_logged_in_part_and_forwarded_whole(gateway, upstream):
    collector = collect()
    route(gateway, upstream, {"http-logger": {"uri": f"http://127.0.0.1:{collector.port}/", "batch_max_size": 1,
                                              "include_req_body": True, "max_req_body_bytes": 100}})
    body = bytes(range(32, 127)) * 20_000
    for sent in (body, iter([body[:70_000], body[70_000:]])):  # with its length told, and in chunks
        upstream.requests.clear()
        assert gateway.request("/a", "POST", body=sent).status == 200
        assert upstream.requests[-1].body == body
    wait_until(lambda: len(collector.requests) == 2, "two entries")
    assert all(json.loads(entry.body)["request"]["body"].encode() == body[:100] for entry in collector.requests)
    collector.close()


def test_file_logger_writes_lines_and_follows_reopening(gateway, upstream):
    folder = gateway.prefix / "entries"  # workers run as another user
    folder.mkdir()
    folder.chmod(0o777)
    path = folder / "file-logger.log"
    route(gateway, upstream, {"file-logger": {"path": str(path), "match": [[["arg_log", "==", "yes"]]]}})
    gateway.request("/a?log=yes")
    gateway.request("/a?log=no")
    gateway.request("/b?log=yes")
    wait_until(lambda: path.exists() and len(path.read_text().splitlines()) == 2, "two lines")
    assert [json.loads(line)["request"]["uri"] for line in path.read_text().splitlines()] == ["/a?log=yes", "/b?log=yes"]
    moved = path.rename(path.with_suffix(".old"))
    gateway.signal(signal.SIGUSR1)
    wait_until(lambda: (gateway.request("/c?log=yes"), path.exists())[1], "the new file")
    assert "/c" not in moved.read_text().splitlines()[1]


def test_what_waits_for_a_collector_is_bounded(gateway, upstream):
    gateway.put("/plugin_metadata/http-logger", {"max_pending_entries": 2})
    route(gateway, upstream, {"http-logger": {"uri": "http://127.0.0.1:1/", "inactive_timeout": 600}})
    wait_until(lambda: gateway.request("/a").status == 200, "the route in force")
    for _ in range(3):
        gateway.request("/a")
    gateway.wait_for_log("pending: 2 max_pending_entries: 2 discarded_entries: 1")


def test_a_relative_path_begins_where_the_gateway_was_started(make_gateway, upstream, monkeypatch):
    gateway = make_gateway(start=False)
    folder = gateway.prefix / "entries"  # workers run as another user
    folder.mkdir()
    folder.chmod(0o777)
    monkeypatch.chdir(folder)
    gateway.start()
    route(gateway, upstream, {"file-logger": {"path": "here.log"}})
    gateway.request("/a")
    wait_until((folder / "here.log").exists, "a line")
    monkeypatch.chdir("/")
    gateway.reload()
    gateway.request("/b")
    wait_until(lambda: len((folder / "here.log").read_text().splitlines()) == 2, "a line of the new worker")
