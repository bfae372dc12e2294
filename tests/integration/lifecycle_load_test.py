"""Reloads, upgrades and violent deaths under load: what clients notice of them, and what they leave behind.

LIFECYCLE_FULL=1 runs the long version: 100 reloads, 20 upgrades, a minute of killing.
"""

import asyncio
import os
import random
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
import websockets

from gateway import BINARY, PATIENCE_S, children_of, http_request, is_alive, pause, process_title, wait_until
from load import FastNode, Load, change, h2load
from websocket_echo import websocket_echo

# Two load generators beside other tests would leave none of them time.
pytestmark = pytest.mark.serial

FULL = bool(os.environ.get("LIFECYCLE_FULL"))
RELOADS = 100 if FULL else 12
UPGRADES = 20 if FULL else 4
KILLING_S = 60 if FULL else 6

class Echo:
    """A WebSocket session that never ends: it sends, and expects what it sent."""

    def __init__(self, port):
        self.echoes, self.failure = 0, None
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._talk()))
        self._thread.start()
        self.wait_for_more()

    async def _talk(self):
        try:
            async with websockets.connect(f"ws://127.0.0.1:{self._port}/ws", ping_interval=None) as socket:
                while not self._stop.is_set():
                    message = f"message {self.echoes}"
                    await socket.send(message)
                    assert await asyncio.wait_for(socket.recv(), PATIENCE_S) == message
                    self.echoes += 1
                    await asyncio.sleep(0.01)
        except Exception as failure:  # noqa: BLE001 - told by stop()
            self.failure = failure

    def wait_for_more(self):
        goal = self.echoes + 3
        wait_until(lambda: self.failure or self.echoes >= goal, "the WebSocket to go on")
        assert self.failure is None, self.failure

    def stop(self):
        self._stop.set()
        self._thread.join()
        assert self.failure is None, self.failure


@pytest.fixture
def answering():
    upstream = FastNode()
    yield upstream
    upstream.close()


@pytest.fixture
def websocket_port():
    with websocket_echo(ping_interval=None) as port:
        yield port


@pytest.fixture
def loaded(make_gateway, tmp_path, answering, websocket_port):
    """A gateway of two workers at a path of its own, with a fast route and a WebSocket."""
    binary = tmp_path / "apisix"
    shutil.copy(BINARY, binary)
    # The WebSocket stays with its first worker, however long all of this takes.
    gateway = make_gateway(binary=binary, workers=2, config={"nginx_config": {"worker_shutdown_timeout": "1h"}})

    def nodes(port):
        return {"type": "roundrobin", "nodes": {f"127.0.0.1:{port}": 1}}

    gateway.put("/routes/1", {"uri": "/*", "upstream": nodes(answering.port)})
    gateway.put("/routes/2", {"uri": "/ws", "enable_websocket": True, "upstream": nodes(websocket_port)})
    wait_until(lambda: all(gateway.request("/").status == 200 for _ in range(8)), "every worker to know the routes")
    wait_until(lambda: all(gateway.request("/ws").status == 426 for _ in range(8)), "the WebSocket's route")
    return gateway


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def private_kib(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(n) for n in re.findall(r"Private_\w+:\s+(\d+) kB", text))


def test_reloads_and_upgrades_under_load_lose_no_request(loaded):
    echo = Echo(loaded.port)
    first_worker_of_echo = set(loaded.worker_pids())
    before = descriptors(loaded.pid)
    load = Load(loaded.port)
    changes = ["reload"] * RELOADS + ["upgrade"] * UPGRADES
    chosen = random.Random(1)
    chosen.shuffle(changes)
    for number, what in enumerate(changes):
        if what == "reload" and number % 5 == 0:
            loaded.write_config({"nginx_config": {"worker_processes": chosen.choice([1, 2, 3])}})
        change(loaded, what)
        echo.wait_for_more()
    count = load.stop()
    echo.stop()
    print(f"{RELOADS} reloads, {UPGRADES} upgrades, {echo.echoes} echoes: {count.text}")
    assert count.requests > len(changes) and count.failures == 0, count.text
    master = loaded.pid
    assert not first_worker_of_echo & set(children_of(master))
    wait_until(lambda: len(children_of(master)) == loaded.config["nginx_config"]["worker_processes"] + 1,
               "the old generations to leave")
    # One socket for each worker that there was at most, three instead of two, on each of four ports.
    assert descriptors(master) <= before + 8


def test_h2load_does_not_notice_either(loaded):
    done = threading.Event()
    failures = []

    def keep_changing():
        try:
            while not done.is_set():
                for what in ("reload", "reload", "upgrade"):
                    change(loaded, what)
        except Exception as failure:  # noqa: BLE001 - told below
            failures.append(failure)

    thread = threading.Thread(target=keep_changing)
    thread.start()
    count = h2load(loaded.port, 60_000 if FULL else 6_000)
    done.set()
    thread.join()
    assert not failures
    print(count.text)
    assert count.failures == 0, count.text


def test_idle_clients_are_told_and_served(loaded):
    """A client that pauses between its requests never finds its connection reset, however often it is reloaded."""
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", loaded.port, timeout=PATIENCE_S)
    announced = 0
    for _ in range(8):
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.status == 200 and response.read() == b"hello\n"
        change(loaded, "reload")
        # The old worker has left us the connection: it responds once more, with Connection: close.
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.read() == b"hello\n"
        announced += response.getheader("Connection") == "close"
    assert announced == 8


def metric(gateway, name):
    """The sum over all labels."""
    text = http_request(gateway.metrics_port, path="/apisix/prometheus/metrics").text
    return sum(float(n) for n in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))


@pytest.mark.expects_damage
def test_killing_a_process_every_second_costs_only_its_own_requests(loaded, answering):
    connections, budget = 8, 1_000_000_000
    # Two deaths' worth of requests that are never given back would be refused.
    loaded.put("/routes/1", {"uri": "/*", "plugins": {
        "prometheus": {},
        "limit-count": {"count": budget, "time_window": 86400, "key": "host"},
        "limit-conn": {"conn": 2 * connections, "burst": 1, "default_conn_delay": 0.1, "key": "remote_addr"},
    }, "upstream": {"type": "roundrobin", "nodes": {f"127.0.0.1:{answering.port}": 1}}})
    wait_until(lambda: all(loaded.request("/").header("X-RateLimit-Limit") for _ in range(8)), "every worker to count")

    def consumed():
        return budget - int(loaded.request("/").header("X-RateLimit-Remaining"))

    master = loaded.pid
    before, memory = descriptors(master), private_kib(master)
    counted, answered, logged = consumed(), answering.requests, metric(loaded, "apisix_http_status")
    load = Load(loaded.port, connections)
    chosen = random.Random(1)
    ends, killed = time.monotonic() + KILLING_S, {"worker": 0, "agent": 0}
    while time.monotonic() < ends:
        choices = [("worker", pid) for pid in loaded.worker_pids()] + [("agent", pid) for pid in loaded.agent_pids()]
        if not choices:
            continue
        role, victim = chosen.choice([one for one in choices if not killed[one[0]]] or choices)
        os.kill(victim, signal.SIGKILL)
        killed[role] += 1
        wait_until(lambda pid=victim: not is_alive(pid), "its death")
        # The other worker goes on at once, and a second is the rhythm of this test.
        assert loaded.request("/").status == 200
        pause(1)
    count = load.stop()
    print(f"killed {killed}: {count.text}")
    assert killed["worker"] and killed["agent"]
    # At most the connections of the killed worker break, each once.
    lost_max = killed["worker"] * connections
    assert count.failures <= lost_max, count.text
    assert count.requests > 100 * killed["worker"]
    wait_until(lambda: len(children_of(master)) == 3, "two workers and an agent")
    # Every request is accounted for, by the upstream, the limit and the metrics; the load's last ones broke off.
    counted, answered = consumed() - counted, answering.requests - answered
    wait_until(lambda: metric(loaded, "apisix_http_status") - logged >= count.requests - lost_max, "the agent's metrics")
    logged = metric(loaded, "apisix_http_status") - logged
    print(f"requests: answered {count.requests}, lost {count.failures}; of the upstream {answered}, of the limit {counted}, "
          f"of the metrics {logged:.0f}")
    slack = lost_max + connections + 2
    others = sum(killed.values())  # that this test asked
    assert count.requests <= answered <= count.requests + others + slack
    assert answered <= counted <= answered + slack
    assert answered - slack <= logged <= answered + slack
    # Nothing leaks.
    assert loaded.pid == master
    assert descriptors(master) == before
    assert private_kib(master) < memory + 1024
    assert process_title(master).startswith("apisix: master process")
