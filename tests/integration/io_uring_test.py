"""Turn batches: whether a worker reads and writes by io_uring, who says so, and that the ring is the worker's alone."""

import concurrent.futures
import http.client
import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from gateway import BINARY, children_of, wait_until
from raw import Client, RawUpstream

# The suite runs with APISIX_IO_URING set; these tests say it themselves.
ALWAYS = {"APISIX_IO_URING": "always"}
ENVIRONMENT = {"APISIX_IO_URING": ""}
CLIENTS = 24


def rings_of(pid):
    def target(entry):
        try:
            return os.readlink(entry)
        except OSError:
            return ""

    return sum(target(entry) == "anon_inode:[io_uring]" for entry in Path(f"/proc/{pid}/fd").iterdir())


def has_io_uring(gateway):
    return said_by_workers(gateway) == {"on"}


def said_by_workers(gateway):
    found = json.loads(gateway.run("status", "-d", "0.05", "--json").stdout)
    return {process["io_uring"] for process in found["processes"] if process["role"] == "worker"}


def route(gateway, upstream):
    gateway.put_everywhere("/routes/1", {"uri": "/*", "upstream": {
        "type": "roundrobin", "nodes": {f"127.0.0.1:{upstream.port}": 1}}})


def request_at_once(gateway, path="/echo"):
    """Of many clients whose requests wait together: one turn of a worker finds them readable."""
    workers = gateway.worker_pids()
    clients = [Client(gateway.port) for _ in range(CLIENTS)]
    try:
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        for number, client in enumerate(clients):
            client.send(f"GET {path}?{number} HTTP/1.1\r\nHost: a\r\n\r\n")
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        return [client.read_response() for client in clients]
    finally:
        for client in clients:
            client.close()


@pytest.fixture
def ring_gateway(make_gateway):
    gateway = make_gateway(env=ENVIRONMENT)
    if not has_io_uring(gateway):
        pytest.skip(f"no io_uring here: {said_by_workers(gateway)}")
    return gateway


def test_worker_has_a_ring_and_its_relatives_have_none(ring_gateway):
    assert "io_uring     on" in ring_gateway.run("status", "-d", "0.05").stdout
    (worker,) = ring_gateway.worker_pids()
    assert rings_of(worker) == 1
    assert rings_of(ring_gateway.pid) == 0
    assert [rings_of(pid) for pid in children_of(ring_gateway.pid) if pid != worker] == [0]


def test_requests_that_come_together_are_served_each_its_own(ring_gateway, upstream):
    route(ring_gateway, upstream)
    for _ in range(3):
        responses = request_at_once(ring_gateway)
        assert [response.status for response in responses] == [200] * CLIENTS
        for number, response in enumerate(responses):
            assert json.loads(response.body)["path"] == f"/echo?{number}", "the response to another client's request"


@pytest.mark.expects_damage
def test_ring_is_new_after_a_crash_and_a_reload(ring_gateway, upstream):
    route(ring_gateway, upstream)
    for change in (ring_gateway.replace_workers, ring_gateway.reload):
        before = ring_gateway.worker_pids()
        change()
        (worker,) = ring_gateway.worker_pids()
        wait_until(lambda: has_io_uring(ring_gateway), "the new worker to say so")
        assert worker not in before and rings_of(worker) == 1 and rings_of(ring_gateway.pid) == 0
        assert [response.status for response in request_at_once(ring_gateway)] == [200] * CLIENTS


@pytest.mark.expects_damage
def test_killed_with_requests_in_the_ring_takes_no_other_down(make_gateway, upstream):
    gateway = make_gateway(workers=2, env=ENVIRONMENT)
    route(gateway, upstream)

    def load():
        seen = 0
        while not done.is_set():
            try:
                seen += gateway.request("/echo").status == 200
            except (OSError, http.client.HTTPException):  # of a worker that was killed meanwhile
                continue
        return seen

    done = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        loads = [pool.submit(load) for _ in range(16)]
        for _ in range(3):
            gateway.replace_workers()
        done.set()
        assert all(future.result() > 0 for future in loads)
    assert [response.status for response in request_at_once(gateway)] == [200] * CLIENTS


class CountedBodies:
    """Serves each request with its target, filled up to what still leaves with a batch."""
    SIZE = 3600

    def __init__(self):
        self.served = threading.Semaphore(0)

    def __call__(self, peer):
        while True:
            body = self.body_of(peer.read_request().target)
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            self.served.release()

    def body_of(self, target):
        return target.encode().ljust(self.SIZE, b".")


def test_client_that_asks_on_and_reads_late_gets_all(make_gateway):
    """The end of a response that left with a batch, and was not taken, is the next request's to wait for."""
    gateway = make_gateway(env=ALWAYS)
    if not has_io_uring(gateway):
        pytest.skip(f"no io_uring here: {said_by_workers(gateway)}")
    bodies = CountedBodies()
    node = RawUpstream(bodies)
    route(gateway, node)
    client = Client(gateway.port, receive_buffer=4096)
    sent = 0
    while sent < 5000:
        client.send(f"GET /{sent} HTTP/1.1\r\nHost: a\r\n\r\n")
        sent += 1
        if not bodies.served.acquire(timeout=0.3):
            break
    assert sent < 5000, "the socket took everything: nothing waited"
    for number in range(sent):
        response = client.read_response()
        assert response.status == 200 and response.body == bodies.body_of(f"/{number}")
    client.close()
    node.close()


def test_off_by_the_environment(make_gateway, upstream):
    gateway = make_gateway(env={"APISIX_IO_URING": "off"})
    assert said_by_workers(gateway) == {"off by APISIX_IO_URING"}
    gateway.wait_for_log("io_uring is not used: off by APISIX_IO_URING")
    expect_plain(gateway, upstream)


def test_off_by_config_yaml(make_gateway, upstream):
    gateway = make_gateway(config={"nginx_config": {"event": {"io_uring": False}}}, env=ALWAYS)
    assert said_by_workers(gateway) == {"off by config.yaml"}
    expect_plain(gateway, upstream)


# Fails io_uring_setup() (425 on every machine) with EPERM, as Docker's and Podman's filters do.
FILTER = """\
import ctypes, os, struct, sys
def op(code, jt, jf, k): return struct.pack("HBBI", code, jt, jf, k)
code = op(0x20, 0, 0, 0) + op(0x15, 0, 1, 425) + op(0x06, 0, 0, 0x00050001) + op(0x06, 0, 0, 0x7fff0000)
held = ctypes.create_string_buffer(code)
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(held)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0, os.strerror(ctypes.get_errno())
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_off_by_a_filter_of_system_calls(make_gateway, upstream, tmp_path):
    tmp_path.chmod(0o755)
    script = tmp_path / "apisix"
    script.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{FILTER}' {BINARY} \"$@\"\n")
    script.chmod(0o755)
    gateway = make_gateway(binary=script, env=ENVIRONMENT)
    assert said_by_workers(gateway) == {"Operation not permitted"}
    gateway.wait_for_log("io_uring is not used: Operation not permitted")
    expect_plain(gateway, upstream)


def expect_plain(gateway, upstream):
    (worker,) = gateway.worker_pids()
    assert rings_of(worker) == 0
    route(gateway, upstream)
    assert [response.status for response in request_at_once(gateway)] == [200] * CLIENTS
