"""Metrics: APISIX's names and labels, exact over workers that come and go, scraped by a real Prometheus."""
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request

import pytest

from gateway import http_request, wait_until
from ports import free_port


def metrics(gateway):
    response = http_request(gateway.metrics_port, "GET", "/apisix/prometheus/metrics")
    assert response.status == 200 and response.header("Content-Type").startswith("text/plain")
    return response.text


def value(text, name, /, **labels):
    """The sample of that name that has all these labels; None when there is none."""
    for line in text.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if not found or found[1] != name:
            continue
        have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
        if all(have.get(key) == wanted for key, wanted in labels.items()):
            return float(found[3])
    return None


def route(gateway, upstream, conf=None, **members):
    gateway.put("/routes/1", {"uri": "/*", "name": "first", "plugins": {"prometheus": conf or {}},
                              "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}} | members)


def test_a_reload_of_the_plugins_moves_the_metrics(make_gateway):
    """export_uri of plugin_attr, of the public API in every worker and of the agent's own server."""
    gateway = make_gateway(workers=2)
    for name in ("one", "two"):
        gateway.put_everywhere(f"/routes/{name}", {"uri": f"/{name}/metrics", "plugins": {"public-api": {}}})

    def seen(path):
        """By eight requests, so that every worker serves some."""
        return {gateway.request(path).status for _ in range(8)} | {http_request(gateway.metrics_port, "GET", path).status}

    def reloaded(uri):
        gateway.write_config({"plugin_attr": {"prometheus": {"export_uri": uri}}})
        return gateway.admin("PUT", "/plugins/reload")

    assert seen("/one/metrics") == {404}
    for uri, other in (("/one/metrics", "/two/metrics"), ("/two/metrics", "/one/metrics")):
        response = reloaded(uri)
        assert (response.status, response.text) == (200, "done")
        wait_until(lambda uri=uri: seen(uri) == {200}, "every process to have read it")
        assert seen(other) == {404}
    # What cannot be is refused as a whole, and named.
    refused = reloaded(["/one/metrics"])
    assert refused.status == 503 and "plugin_attr.prometheus.export_uri" in refused.json()["error_msg"]
    assert seen("/two/metrics") == {200} and seen("/one/metrics") == {404}
    gateway.write_config({"plugin_attr": {"prometheus": {"export_uri": "/one/metrics"}}})
    assert gateway.admin("GET", "/plugins/reload").status == 405
    assert seen("/two/metrics") == {200}, "nothing is read before it is asked for"


@pytest.mark.expects_damage
def test_who_takes_the_place_of_a_dead_process_has_the_reloaded_plugins(make_gateway):
    gateway = make_gateway()
    gateway.put_everywhere("/routes/1", {"uri": "/moved", "plugins": {"public-api": {}}})
    gateway.write_config({"plugin_attr": {"prometheus": {"export_uri": "/moved"}}})
    assert gateway.admin("PUT", "/plugins/reload").status == 200
    gateway.replace_workers()
    assert gateway.request("/moved").status == 200
    (old,) = gateway.agent_pids()
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: gateway.agent_pids() not in ([], [old]), "another agent")
    wait_until(lambda: http_request(gateway.metrics_port, "GET", "/moved").status == 200, "it to have them")


def test_what_requests_leave_behind(gateway, upstream):
    route(gateway, upstream, hosts=["a.test"])
    for _ in range(3):
        assert gateway.request("/x", "POST", body="hello", headers={"Host": "a.test"}).status == 200
    # A request is counted when it is over, which its client may hear of first.
    wait_until(lambda: value(metrics(gateway), "apisix_http_status", code="200") == 3, "three counted requests")
    text = metrics(gateway)
    labels = {"route": "1", "service": "", "consumer": "", "node": "127.0.0.1", "request_type": "traditional_http",
              "request_llm_model": "", "llm_model": ""}
    assert value(text, "apisix_http_status", code="200", matched_uri="/*", matched_host="a.test",
                 response_source="upstream", **labels) == 3
    for kind in ("request", "upstream", "apisix"):
        assert value(text, "apisix_http_latency_count", type=kind, **labels) == 3
        assert value(text, "apisix_http_latency_bucket", type=kind, le="+Inf", **labels) == 3
    assert value(text, "apisix_bandwidth", type="ingress", **labels) > 15
    assert value(text, "apisix_bandwidth", type="egress", **labels) > 300
    assert value(text, "apisix_http_requests_total") >= 3
    assert value(text, "apisix_nginx_http_current_connections", state="accepted") >= 3
    assert value(text, "apisix_node_info", version="3.18.0") == 1
    capacity = value(text, "apisix_shared_dict_capacity_bytes", name="prometheus-metrics")
    free = value(text, "apisix_shared_dict_free_space_bytes", name="prometheus-metrics")
    assert 0 < free < capacity, "the metrics themselves take some of it"
    assert (capacity - free) % os.sysconf("SC_PAGESIZE") == 0


def test_names_and_consumers_and_responses_of_the_gateway(gateway, upstream):
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {"key-auth": {"key": "k"}}})
    gateway.put("/routes/1", {"uri": "/*", "name": "first", "plugins": {"prometheus": {"prefer_name": True}, "key-auth": {}},
                              "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    gateway.request("/x", headers={"apikey": "k"})
    gateway.request("/x")
    wait_until(lambda: value(metrics(gateway), "apisix_http_status", code="401") == 1, "the refused request")
    text = metrics(gateway)
    assert value(text, "apisix_http_status", code="200", route="first", consumer="jack") == 1
    assert value(text, "apisix_http_status", code="401", route="first", node="", response_source="apisix") == 1


def test_disabled_labels_are_empty(gateway, upstream):
    gateway.put("/plugin_metadata/prometheus", {"disabled_labels": {"http_status": ["node", "matched_uri"]}})
    route(gateway, upstream)
    gateway.request("/x")
    wait_until(lambda: value(metrics(gateway), "apisix_http_status", code="200") == 1, "a counted request")
    text = metrics(gateway)
    assert value(text, "apisix_http_status", code="200", node="", matched_uri="") == 1
    assert value(text, "apisix_bandwidth", type="egress", node="127.0.0.1") > 0


@pytest.mark.expects_damage
@pytest.mark.gateway(workers=2)
def test_counts_survive_killed_workers_and_reloads(gateway, upstream):
    route(gateway, upstream)
    for _ in range(10):
        gateway.request("/x")
    # A request is counted behind its response: a worker that is killed in between takes that one count along.
    counted = lambda number: value(metrics(gateway), "apisix_http_status", code="200", route="1") >= number
    wait_until(lambda: counted(10), "ten counted requests")
    for pid in gateway.worker_pids():
        before = set(gateway.worker_pids())
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(set(gateway.worker_pids()) - before) == 1, "another worker")
    gateway.reload()
    wait_until(lambda: gateway.request("/x").status == 200, "the new workers")
    wait_until(lambda: counted(11), "all counts")


def test_as_a_public_api_and_nothing_else_on_the_port(gateway, upstream):
    gateway.put("/routes/m", {"uri": "/apisix/prometheus/metrics", "plugins": {"public-api": {}}})
    assert "apisix_http_requests_total" in gateway.request("/apisix/prometheus/metrics").text
    assert http_request(gateway.metrics_port, "GET", "/").status == 404
    assert http_request(gateway.metrics_port, "POST", "/apisix/prometheus/metrics").status == 404


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian's prometheus is not installed")
def test_a_real_prometheus_scrapes_it(gateway, upstream, tmp_path):
    route(gateway, upstream)
    gateway.request("/x")
    port = free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(f"""
scrape_configs:
  - job_name: gateway
    scrape_interval: 200ms
    scrape_timeout: 200ms
    metrics_path: /apisix/prometheus/metrics
    static_configs: [{{targets: ["127.0.0.1:{gateway.metrics_port}"]}}]
""")
    process = subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                                f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)

    def query():
        try:
            url = f"http://127.0.0.1:{port}/api/v1/query?query=apisix_http_status"
            return json.load(urllib.request.urlopen(url, timeout=2))["data"]["result"]
        except OSError:
            return []

    try:
        wait_until(lambda: any(sample["metric"]["code"] == "200" for sample in query()), "a scraped sample")
    finally:
        process.kill()
        process.wait()


def expiring(seconds):
    return {"plugin_attr": {"prometheus": {"metrics": {name: {"expire": seconds} for name in ("http_status", "http_latency", "bandwidth")}}}}


@pytest.mark.gateway(config=expiring(1))
def test_series_without_counts_expire(gateway, upstream):
    route(gateway, upstream)
    gateway.request("/x")
    wait_until(lambda: value(metrics(gateway), "apisix_http_status", code="200") == 1, "a counted request")
    wait_until(lambda: "apisix_http_status{" not in metrics(gateway) and "apisix_bandwidth{" not in metrics(gateway)
               and "apisix_http_latency" not in metrics(gateway), "the series to go")
    assert value(metrics(gateway), "apisix_node_info") == 1
    gateway.request("/x")
    wait_until(lambda: value(metrics(gateway), "apisix_http_status", code="200"), "the series to come back")


@pytest.mark.gateway(config={"plugin_attr": {"prometheus": {"export_uri": "/moved"}}})
def test_the_public_api_is_where_export_uri_says(gateway):
    for number, uri in enumerate(("/moved", "/apisix/prometheus/metrics")):
        gateway.put(f"/routes/{number}", {"uri": uri, "plugins": {"public-api": {}}})
    wait_until(lambda: gateway.request("/moved").status == 200, "the public API")
    assert "apisix_node_info" in gateway.request("/moved").text
    assert gateway.request("/apisix/prometheus/metrics").status == 404
