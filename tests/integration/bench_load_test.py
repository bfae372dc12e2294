"""The bench for many cores and many connections runs, in small; and what it finds of shared cache lines is a rule."""
import json
import subprocess

from gateway import BINARY, REPOSITORY

COMPARE = REPOSITORY / "bench/load/compare"
WITHOUT_SHARED_LINES = ["plain", "1,000 nodes", "passive checks", "prometheus", "key-auth", "limit-count by connection",
                        "api-breaker"]


def compare(tmp_path, *scenarios):
    """(output, what --json wrote)"""
    kept = tmp_path / "kept.json"
    done = subprocess.run([COMPARE, "--binary", BINARY, "--gateways", "apisix", "--rounds", "1", "--seconds", "1", "--json",
                           kept, *scenarios], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    return done.stdout, json.loads(kept.read_text())


def test_scenarios_of_many_connections_run(tmp_path):
    output, kept = compare(tmp_path, "spread-2", "active-200", "idle-200", "nodes-20")
    assert [result["errors"] for result in kept["active-200"]["apisix 200"]] == [0], output
    sockets = kept["spread-2"]
    assert set(sockets) == {"64 apisix reuseport", "64 apisix shared", "1024 apisix reuseport", "1024 apisix shared"}
    assert all(1 <= results[0]["imbalance"] <= 2 for results in sockets.values()), output
    assert len(kept["idle-200"]["apisix"][0]) == 3
    assert set(kept["nodes-20"]) >= {"one node", "roundrobin", "chash", "least_conn", "ewma", "health"}


def test_scenarios_of_tls_http2_and_grpc_run(tmp_path):
    output, kept = compare(tmp_path, "protocols", "idle-tls-50", "idle-h2-50")
    assert {name: result["apisix"][0]["errors"] for name, result in kept.items() if not name.startswith("idle")} == dict.fromkeys(
        ["tls", "tls-full", "tls-resumed", "tls-resumed-12", "h2c", "h2", "grpc"], 0), output
    assert all(0 < kept[name]["apisix"][0] < 1_000_000 for name in ("idle-tls-50", "idle-h2-50")), output


def test_workers_share_no_cache_line_but_those_of_shared_limits(tmp_path):
    # Keys of two connections may happen to be neighbours in a table, whose hash has a secret of each start.
    for _ in range(4):
        output, kept = compare(tmp_path, "sharing")
        shared = {name: result["both"] for name, result in kept["sharing"].items()}
        if not shared["limit-count by connection"]:
            break
    assert {name: shared[name] for name in WITHOUT_SHARED_LINES} == {name: [] for name in WITHOUT_SHARED_LINES}, output
    # The bench sees such lines: one key that both workers count is one.
    assert [zone for zone, _ in shared["limit-count by client"]] == ["plugin-limit-count"], output
