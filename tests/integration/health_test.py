"""Active health checks from outside: when nodes are probed, when they turn, and when traffic follows."""

import itertools
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from gateway import wait_until
from nodes import HANGS, Nodes
from ports import free_port
from raw import Client

REQUEST = "GET /traffic HTTP/1.1\r\nHost: a.test\r\n\r\n"


@pytest.fixture
def nodes():
    made = Nodes()
    yield made
    made.close()


def check(**active):
    """`checks` of an upstream: quick to turn both ways, and what is given over it."""
    return {"active": {"http_path": "/health", "healthy": {"interval": 1, "successes": 1},
                       "unhealthy": {"interval": 1, "http_failures": 2, "tcp_failures": 1, "timeouts": 1}} | active}


def put_upstream(gateway, nodes, **more):
    """Upstream 1 and a route to it; returns when it is in use, and so its checks are."""
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": nodes, "checks": check(), "retries": 0} | more)
    gateway.put("/routes/1", {"uri": "/*", "upstream_id": "1"})
    wait_until(lambda: all(gateway.request("/traffic").status == 200 for _ in range(8)), "every worker to know the route")


def answering(gateway, requests=12):
    """The nodes that respond, of so many requests on connections of their own."""
    return {gateway.request("/traffic").text for _ in range(requests)}


def wait_for_probes(nodes, *numbers, more=1):
    goals = {number: nodes.count(number) + more for number in numbers}
    wait_until(lambda: all(nodes.count(number) >= goal for number, goal in goals.items()), f"{more} more probes of {goals}")


class Traffic:
    """Keepalive clients that ask one after the other without a pause; remembers which node responded when."""

    def __init__(self, gateway, connections=8):
        self.responses = []  # (when it was asked, address of the node)
        self.failures = []
        self._clients = [Client(gateway.port) for _ in range(connections)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self):
        for client in itertools.cycle(self._clients):
            if self._stop.is_set():
                return
            asked = time.monotonic()
            response = client.ask(REQUEST)
            if response.status != 200:
                self.failures.append(response.status)
            self.responses.append((asked, response.body.decode()))

    def seen_since(self, moment):
        return {node for asked, node in self.responses if asked >= moment}

    def stop(self):
        self._stop.set()
        self._thread.join()
        for client in self._clients:
            client.close()


def turns(gateway, word):
    return gateway.log().count(f"' to '{word}'")


@pytest.mark.gateway(workers=2)
def test_traffic_follows_a_node_that_turns(gateway, nodes):
    """Two failures in a row, a second apart, turn it; no request that comes a moment later meets it, in no worker."""
    put_upstream(gateway, nodes.named(1, 2, 3))
    wait_for_probes(nodes, 1, 2, 3)
    sick = nodes.node(2)
    traffic = Traffic(gateway)
    try:
        began = time.monotonic()
        nodes.behaviour[sick] = 503
        wait_until(lambda: turns(gateway, "unhealthy") == 1, "the node to turn")
        said = time.monotonic()
        failing = [probe.at for probe in nodes.probes[sick] if probe.at > began]
        assert len(failing) >= 2, "one failure is not enough"
        wait_until(lambda: traffic.seen_since(said) == {nodes.node(1), nodes.node(3)} and len(traffic.responses) % 50 == 49,
                   "traffic on the others alone")
        last = max((asked for asked, node in traffic.responses if node == sick), default=0)
        lag_ms = (last - failing[1]) * 1000
        print(f"down {failing[1] - began:.3f} s after it fell ill, {lag_ms:.1f} ms until the last request to it")
        assert last <= said

        nodes.behaviour[sick] = 200
        began = time.monotonic()
        wait_until(lambda: turns(gateway, "healthy") == 1, "the node to come back")
        wait_until(lambda: sick in traffic.seen_since(began), "traffic on it again")
    finally:
        traffic.stop()
    assert not traffic.failures


@pytest.mark.gateway(workers=2)
def test_a_node_is_probed_once_by_the_whole_machine(gateway, nodes):
    """Not once for each worker or route that has its upstream, and at its interval."""
    put_upstream(gateway, nodes.named(1, 2))
    for number in range(2, 6):
        gateway.put(f"/routes/{number}", {"uri": f"/other/{number}", "upstream_id": "1"})
        wait_until(lambda path=f"/other/{number}": gateway.request(path).status == 200, "the route")
    wait_for_probes(nodes, 1, more=3)
    moments = [probe.at for probe in nodes.probes[nodes.node(1)]]
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert min(gaps[-2:]) > 0.5, gaps
    (agent,) = gateway.agent_pids()
    assert agent, "and the agent is who does it"
    # The nodes are not all asked in the same moment.
    assert abs(nodes.probes[nodes.node(1)][-1].at - nodes.probes[nodes.node(2)][-1].at) > 0.0001


def test_state_survives_edits_of_the_nodes(gateway, nodes):
    put_upstream(gateway, nodes.named(1, 2))
    nodes.behaviour[nodes.node(2)] = 503
    wait_until(lambda: turns(gateway, "unhealthy") == 1, "the node to turn")
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": nodes.named(1, 2, 3), "checks": check(), "retries": 0})
    wait_until(lambda: nodes.count(3) > 0, "the new node to be probed")
    assert answering(gateway) == {nodes.node(1), nodes.node(3)}
    assert turns(gateway, "unhealthy") == 1, "it did not have to turn again"
    gateway.reload()  # nor for new processes
    assert answering(gateway) == {nodes.node(1), nodes.node(3)}
    assert turns(gateway, "unhealthy") == 1


def test_removed_node_is_probed_no_more(gateway, nodes):
    put_upstream(gateway, nodes.named(1, 2))
    wait_for_probes(nodes, 1, 2)
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": nodes.named(1), "checks": check(), "retries": 0})
    removed = time.monotonic()
    wait_for_probes(nodes, 1, more=2)
    late = [probe.at - removed for probe in nodes.probes[nodes.node(2)] if probe.at > removed]
    print(f"probes after the removal: {late}")
    count = nodes.count(2)
    wait_for_probes(nodes, 1, more=3)
    assert nodes.count(2) == count
    assert not [seconds for seconds in late if seconds > 5], "within a second, on a machine that has time"
    # With the route goes everything.
    for path in ("/routes/1", "/upstreams/1"):
        assert gateway.admin("DELETE", path).status == 200
    wait_until(lambda: time.monotonic() - nodes.probes[nodes.node(1)][-1].at > 2.5, "the last probe")


def test_no_more_probes_at_once_than_concurrency(gateway, nodes):
    numbers = range(1, 9)
    for number in numbers:
        nodes.behaviour[nodes.node(number)] = HANGS
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": nodes.named(*numbers), "timeout": {
        "connect": 1, "send": 1, "read": 1}, "checks": check(concurrency=2, timeout=0.2)})
    gateway.put("/routes/1", {"uri": "/*", "upstream_id": "1"})
    wait_until(lambda: gateway.request("/traffic").status in (502, 504), "a first use")
    wait_until(lambda: nodes.open.total() == 0, "the request's own connections to be closed")
    nodes.open_max = 0
    wait_until(lambda: turns(gateway, "unhealthy") == 8, "all of them to be found silent")
    assert nodes.open_max <= 2


def test_a_removed_node_that_hangs_does_not_stop_the_others(gateway, nodes):
    """One at a time, and the node never responds."""
    slow = check(concurrency=1, timeout=1000)
    put_upstream(gateway, nodes.named(1, 2), checks=slow)
    wait_for_probes(nodes, 1, 2)
    nodes.behaviour[nodes.node(2)] = HANGS
    wait_until(lambda: nodes.open[nodes.node(2)] and time.monotonic() - nodes.probes[nodes.node(1)][-1].at > 2.5,
               "all requests to wait for it")
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": nodes.named(1), "checks": slow, "retries": 0})
    wait_for_probes(nodes, 1, more=2)


def test_probes_are_what_was_configured(gateway, nodes):
    gateway.put("/upstreams/1", {
        "type": "roundrobin", "nodes": {f"127.0.0.1:{free_port()}": 1}, "checks": check(
            host="nodes.test", port=nodes.port, http_path="/health?deep=1", req_headers=["User-Agent: prober", "X-More: 1"])})
    gateway.put("/routes/1", {"uri": "/*", "upstream_id": "1"})
    wait_until(lambda: gateway.request("/traffic").status == 502, "a first use")  # the node's own port is closed
    wait_until(lambda: nodes.count(1), "a probe at the port of the check")
    lines = nodes.probes[nodes.node(1)][0].text.split("\r\n")
    assert lines[0] == "GET /health?deep=1 HTTP/1.1"
    assert {"Host: nodes.test", "User-Agent: prober", "X-More: 1", "Connection: close"} == set(filter(None, lines[1:]))


def test_tcp_check_needs_only_a_connection(gateway, nodes):
    closed = free_port()
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": nodes.named(1) | {f"127.0.0.1:{closed}": 1},
                                 "checks": check(type="tcp"), "retries": 0})
    gateway.put("/routes/1", {"uri": "/*", "upstream_id": "1"})
    wait_until(lambda: gateway.request("/traffic").status == 200, "a first use")
    wait_until(lambda: turns(gateway, "unhealthy") == 1, "the closed port to be found")
    assert {gateway.request("/traffic").status for _ in range(6)} == {200}
    assert f"unhealthy TCP increment (1/1) for '127.0.0.1(127.0.0.1:{closed})'" in gateway.log()
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(("127.0.0.1", closed))
        opened.listen()
        wait_until(lambda: turns(gateway, "healthy") == 1, "it to be there again")


@pytest.fixture
def https_nodes(tmp_path):
    """With a certificate for nodes.test that no authority has signed."""
    made = [tmp_path / "certificate", tmp_path / "key"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=nodes.test", "-addext", "subjectAltName=DNS:nodes.test", "-out", made[0], "-keyout",
                    made[1]], check=True, capture_output=True)
    served = Nodes(certificate=made)
    yield served, made[0]
    served.close()


@pytest.mark.parametrize("verify, trusted, is_healthy", [(True, False, False), (True, True, True), (False, False, True)])
def test_https_check_trusts_the_configured_certificates(make_gateway, nodes, https_nodes, verify, trusted, is_healthy):
    served, certificate = https_nodes
    config = {"apisix": {"ssl": {"ssl_trusted_certificate": str(certificate)}}} if trusted else None
    gateway = make_gateway(config=config)
    put_upstream(gateway, nodes.named(1), checks=check(type="https", host="nodes.test", port=served.port,
                                                       https_verify_certificate=verify))
    if is_healthy:
        wait_until(lambda: served.count(1) >= 2, "probes that succeed")
        assert turns(gateway, "unhealthy") == 0
    else:
        wait_until(lambda: turns(gateway, "unhealthy") == 1, "the node to turn")
        assert served.count(1) == 0, "it was asked nothing"
        gateway.wait_for_log("[healthcheck] failed SSL handshake with 'nodes.test(127.0.0.1:")


@pytest.mark.gateway(workers=2)
def test_what_clients_meet_turns_a_node_and_a_probe_brings_it_back(gateway, nodes):
    """Passive checks: what one worker's client met keeps the others' away."""
    checks = {"active": {"http_path": "/health", "healthy": {"interval": 100, "successes": 1}, "unhealthy": {"interval": 1}},
              "passive": {"unhealthy": {"http_statuses": [500], "http_failures": 3}}}
    put_upstream(gateway, nodes.named(1, 2), checks=checks)
    sick = nodes.node(2)
    nodes.behaviour[sick], nodes.traffic[sick] = 503, 500
    wait_until(lambda: gateway.request("/traffic").status and turns(gateway, "unhealthy") == 1, "three bad responses")
    # What happens is noted when the client has its response: the other worker may send one more there.
    assert gateway.log().count("unhealthy HTTP increment") in (3, 4)
    assert {gateway.request("/traffic").status for _ in range(12)} == {200}
    wait_until(lambda: nodes.count(2) >= 2, "it to be probed at the interval of the unhealthy")
    assert turns(gateway, "healthy") == 0
    nodes.behaviour[sick] = nodes.traffic[sick] = 200
    wait_until(lambda: turns(gateway, "healthy") == 1, "a probe that succeeds")
    wait_until(lambda: answering(gateway) == {nodes.node(1), sick}, "traffic on it again")


@pytest.mark.expects_damage
def test_the_next_agent_goes_on_with_what_the_last_one_knew(gateway, nodes):
    put_upstream(gateway, nodes.named(1, 2))
    nodes.behaviour[nodes.node(2)] = 503
    wait_until(lambda: turns(gateway, "unhealthy") == 1, "the node to turn")
    (agent,) = gateway.agent_pids()
    os.kill(agent, signal.SIGKILL)
    wait_until(lambda: gateway.agent_pids() not in ([], [agent]), "another agent")
    wait_for_probes(nodes, 1, 2)
    assert answering(gateway) == {nodes.node(1)}
    nodes.behaviour[nodes.node(2)] = 200
    wait_until(lambda: turns(gateway, "healthy") == 1, "the node to come back")
    wait_until(lambda: answering(gateway) == {nodes.node(1), nodes.node(2)}, "traffic on it again")
