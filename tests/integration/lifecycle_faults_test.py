"""Faults that the gateway survives, and how it says what is wrong: bad files, closing ports, full disks, no descriptors."""

import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from gateway import BINARY, PATIENCE_S, children_of, http_request, is_alive, is_listening, process_title, wait_until
from ports import free_port
from raw import Client

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def route_to(gateway, upstream):
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    wait_until(lambda: all(gateway.request("/").status == 200 for _ in range(8)), "every worker to know the route")


# ---- config.yaml

@pytest.mark.parametrize("text, said", [
    ("apisix:\n  node_listen: [\n", r"config\.yaml:4:1: end of sequence flow not found"),
    ("apisix:\n  enable_ipv6: perhaps\n", r"config\.yaml:2: apisix\.enable_ipv6"),
    ("nginx_config:\n  http:\n    keepalive_timeout: soon\n",
     r"config\.yaml:3: nginx_config\.http\.keepalive_timeout"),
])
def test_reload_with_a_bad_file_names_file_line_and_key(gateway, upstream, text, said):
    route_to(gateway, upstream)
    before = children_of(gateway.pid)
    gateway.config_path.write_text(text)
    done = gateway.run("reload")
    assert done.returncode == 1
    assert re.search(said, done.stderr), done.stderr
    gateway.signal(signal.SIGHUP)  # without the command, the log has the reason
    wait_until(lambda: re.search("reload refused, the old configuration stays in use: .*" + said, gateway.log()),
               "the refusal in error.log")
    assert children_of(gateway.pid) == before
    assert gateway.request("/").status == 200


def test_reload_refuses_a_damaged_store(gateway):
    """Nothing is wrong with config.yaml, but the new workers would have nothing to serve."""
    before = children_of(gateway.pid)
    store = gateway.prefix / "data/store.mdb"
    kept = store.with_suffix(".kept")
    store.rename(kept)
    store.write_text("no store at all " * 1000)
    store.chmod(0o666)
    done = gateway.run("reload")
    assert done.returncode == 1
    assert re.search("not reloaded, the old configuration stays in use: .*store.mdb: the store is damaged",
                     done.stderr), done.stderr
    assert children_of(gateway.pid) == before and is_listening(gateway.port)
    kept.rename(store)


# ---- ports that close

def test_clients_that_wait_in_a_closing_port_are_served(gateway, upstream):
    route_to(gateway, upstream)
    (worker,) = gateway.worker_pids()
    os.kill(worker, signal.SIGSTOP)
    clients = [Client(gateway.port) for _ in range(20)]
    for client in clients:
        client.send("GET /waiting HTTP/1.1\r\nHost: a.test\r\n\r\n")
    old, new = gateway.port, free_port()
    gateway.write_config({"apisix": {"node_listen": [{"ip": "127.0.0.1", "port": new}]}})
    assert gateway.run("reload").returncode == 0
    os.kill(worker, signal.SIGCONT)
    for client in clients:
        response = client.read_response()
        assert response.status == 200 and response.header("Connection") == "close"
    wait_until(lambda: not is_alive(worker), "the old worker to leave")
    assert not is_listening(old) and is_listening(new)


def test_clients_that_wait_when_the_gateway_quits_are_served(gateway, upstream):
    route_to(gateway, upstream)
    master, (worker,) = gateway.pid, gateway.worker_pids()
    os.kill(worker, signal.SIGSTOP)
    clients = [Client(gateway.port) for _ in range(20)]
    for client in clients:
        client.send("GET /waiting HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert gateway.run("quit").returncode == 0
    os.kill(worker, signal.SIGCONT)
    assert [client.read_response().status for client in clients] == [200] * 20
    wait_until(lambda: not is_alive(master), "the master to leave")


def test_idle_clients_of_a_leaving_gateway_see_an_orderly_end(gateway, upstream):
    route_to(gateway, upstream)
    used, fresh = Client(gateway.port), Client(gateway.port)
    assert used.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").header("Connection") == "keep-alive"
    assert gateway.run("quit").returncode == 0
    for client in (used, fresh):
        assert client.read_to_end() == b"" and client.end == "closed"


# ---- processes

def test_start_gives_up_when_loading_takes_too_long(make_gateway):
    """A store that never replies: etcd at a port that accepts and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        gateway = make_gateway(start=False, config={"deployment": {
            "role_traditional": {"config_provider": "etcd"},
            "etcd": {"host": [f"http://127.0.0.1:{silent.getsockname()[1]}"], "timeout": 3600, "startup_retry": 1000}}})
        done = gateway.run("start", "--timeout", "2")
    assert done.returncode == 1
    assert re.search(r"not started: not ready within 2 s: 0 of \d+ processes have loaded their configuration", done.stderr)
    wait_until(lambda: gateway.pid is None, "the master to leave")
    assert not is_listening(gateway.port)


def signals_of(pid, *fields):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1], 16) for line in lines if line.startswith(fields))


@pytest.mark.expects_damage
def test_worker_that_is_stuck_does_not_outlive_a_killed_master_for_long(gateway):
    """Its loop reads no channel message; the signal that sets an alarm needs no loop."""
    (worker,) = gateway.worker_pids()
    sets_the_alarm = 1 << (signal.SIGUSR2 - 1)
    assert signals_of(worker, "SigCgt") & sets_the_alarm
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: "\nState:\tT" in Path(f"/proc/{worker}/status").read_text(), "the worker to be stopped")
    os.kill(gateway.pid, signal.SIGKILL)
    wait_until(lambda: signals_of(worker, "SigPnd", "ShdPnd") & sets_the_alarm, "the signal of the master's death")
    os.kill(worker, signal.SIGKILL)


@pytest.mark.expects_damage
def test_requests_outlive_a_killed_master(gateway, upstream):
    route_to(gateway, upstream)
    arrived, go_on, responses = threading.Event(), threading.Event(), []

    def slow(request):
        arrived.set()
        go_on.wait(PATIENCE_S)
        return 200, {}, b"late"

    upstream.respond = slow
    client = threading.Thread(target=lambda: responses.append(gateway.request("/")))
    client.start()
    assert arrived.wait(PATIENCE_S)
    master, (worker,) = gateway.pid, gateway.worker_pids()
    os.kill(master, signal.SIGKILL)
    wait_until(lambda: process_title(worker) == "apisix: worker process is shutting down", "the worker to notice")
    gateway.start()  # the old worker has left the ports to it
    upstream.respond = lambda request: (200, {}, b"new")
    assert gateway.request("/").body == b"new"
    assert is_alive(worker)
    go_on.set()
    client.join()
    assert responses[0].body == b"late"
    wait_until(lambda: not is_alive(worker), "the old worker to leave")


@pytest.mark.expects_damage
@pytest.mark.gateway(workers=3)
def test_others_take_the_clients_of_a_worker_that_cannot_come_back(gateway, upstream):
    """Its port's socket still gets its share of new connections; the store that the next worker needs is away."""
    route_to(gateway, upstream)
    store = gateway.prefix / "data/store.mdb"
    kept = store.with_suffix(".kept")
    store.rename(kept)
    store.write_text("no store at all " * 1000)
    store.chmod(0o666)
    for victim in gateway.worker_pids()[:2]:
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda pid=victim: not is_alive(pid), "its death")
    gateway.wait_for_log("it died 3 times in a row")
    assert [http_request(gateway.port, timeout_s=5).status for _ in range(40)] == [200] * 40
    kept.rename(store)
    wait_until(lambda: len(gateway.worker_pids()) == 3, "all of them")
    assert [gateway.request("/").status for _ in range(40)] == [200] * 40


# ---- logs

@needs_root
def test_full_disk_stops_no_traffic(make_gateway, upstream):
    gateway = make_gateway(start=False)
    logs = gateway.prefix / "logs"
    logs.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=755", "tmpfs", logs], capture_output=True, text=True,
                             check=False)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
    try:
        gateway.start()
        route_to(gateway, upstream)
        with open(logs / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError as error:
                assert error.strerror == "No space left on device"
        for number in range(50):
            assert gateway.request(f"/lost/{number}/{'x' * 4000}").status == 200
        assert gateway.run("reload").returncode == 0, "nor a change"
        assert gateway.request("/").status == 200
        (logs / "filler").unlink()
        gateway.request("/kept")
        gateway.wait_for_log("GET /kept ", name="access.log")
        gateway.reload()
        gateway.wait_for_log("generation 3 serves")
        assert gateway.run("stop").returncode == 0
    finally:
        gateway.run("stop")
        subprocess.run(["umount", "-l", logs], check=True)


@needs_root
@pytest.mark.parametrize("link", [False, True])
def test_logs_to_standard_streams_work_after_privileges_are_dropped(make_gateway, upstream, link):
    """As in a container: a pipe that belongs to root, and workers that do not."""
    config = {"nginx_config": {"user": "nobody"}}
    if not link:
        config["nginx_config"] |= {"error_log": "/dev/stderr", "http": {"access_log": "/dev/stdout"}}
    gateway = make_gateway(start=False, config=config)
    if link:
        (gateway.prefix / "logs").mkdir()
        (gateway.prefix / "logs/access.log").symlink_to("/dev/stdout")
        (gateway.prefix / "logs/error.log").symlink_to("/dev/stderr")
    process = subprocess.Popen([gateway.binary, "start", "--foreground", "-p", gateway.prefix], env=gateway.environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: is_listening(gateway.port) or process.poll() is not None, "the start")
        assert process.poll() is None, process.stderr.read()
        route_to(gateway, upstream)
        gateway.signal(signal.SIGUSR1)  # opened again: still the same
        assert gateway.request("/to-the-pipe").status == 200
    finally:
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE_S)
    assert "GET /to-the-pipe HTTP/1.1" in out
    assert "started worker process" in err


# ---- descriptors

@pytest.fixture
def make_limited(make_gateway, tmp_path):
    """A gateway whose processes may open few files. Without io_uring, whose ring is one more: the numbers are such that it is
    a client, or an upstream, that gets none."""
    def make(open_files):
        binary = tmp_path / "apisix"
        binary.write_text(f'#!/bin/sh\nulimit -n {open_files}\nexec {BINARY} "$@"\n')
        binary.chmod(0o755)
        return make_gateway(binary=binary, env={"APISIX_IO_URING": "off"})

    return make


def hold_requests(upstream):
    """Requests for /crowd wait in the upstream until the returned event is set."""
    go_on = threading.Event()

    def respond(request):
        if request.path == "/crowd":
            go_on.wait(PATIENCE_S)
        return 200, {"Connection": "close"}, b""  # no connection to use again

    upstream.respond = respond
    return go_on


def crowd_of(count, port):
    """Clients with a request in flight: they do not make room for others."""
    clients = []
    for _ in range(count):
        clients.append(Client(port))
        clients[-1].send("GET /crowd HTTP/1.1\r\nHost: a.test\r\n\r\n")
    return clients


def pass_and_fail(gateway):
    """One request to a node that responds, and one that no node takes. UBSan asks the kernel, with a pipe, about objects
    of a type that it has not seen: not without descriptors."""
    gateway.put("/routes/refused", {"uri": "/refused", "upstream": {"type": "roundrobin", "nodes": {f"127.0.0.1:{free_port()}": 1}}})
    wait_until(lambda: gateway.request("/").status == 200, "the route")
    wait_until(lambda: gateway.request("/refused").status == 502, "the route to no node")


def test_no_descriptors_left_is_said_and_passes(make_limited, upstream):
    # A pair of descriptors for each client and its node: the one that is missing has to be a client's.
    gateway = make_limited(61)
    assert "open files are limited to 61 although nginx_config.worker_rlimit_nofile is 20480" in gateway.said
    route_to(gateway, upstream)
    pass_and_fail(gateway)
    (worker,) = gateway.worker_pids()
    go_on = hold_requests(upstream)
    crowd = crowd_of(60, gateway.port)
    gateway.wait_for_log("accept4() failed: Too many open files, no new connections for 100 ms")
    late = Client(gateway.port)
    late.send("GET /late HTTP/1.1\r\nHost: a.test\r\n\r\n")
    go_on.set()
    for client in crowd:
        client.close()
    assert late.read_response().status == 200, "it had to wait, no more"
    assert gateway.worker_pids() == [worker]


def test_no_descriptor_for_an_upstream_is_said_and_passes(make_limited, upstream):
    """Clients have all descriptors when their requests, which a plugin kept, need connections to the upstream."""
    gateway = make_limited(60)
    checks = {"active": {}, "passive": {"unhealthy": {"tcp_failures": 1, "http_failures": 1}}}
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": {upstream.node: 1}, "checks": checks})
    gateway.put("/routes/2", {"uri": "/crowd", "upstream_id": "1", "plugins": {"fault-injection": {"delay": {"duration": 2}}}})
    gateway.put("/routes/1", {"uri": "/*", "upstream_id": "1"})
    pass_and_fail(gateway)
    crowd = crowd_of(60, gateway.port)
    gateway.wait_for_log("accept4() failed: Too many open files")
    gateway.wait_for_log('cannot make a socket: Too many open files, client: 127.0.0.1, server: _, '
                         f'request: "GET /crowd HTTP/1.1", upstream: "http://{upstream.node}/crowd"')
    assert "[healthcheck]" not in gateway.log().replace("create new checker", ""), "it is not the node that failed"
    for client in crowd:
        client.close()
    wait_until(lambda: gateway.request("/third").status == 200, "descriptors again")


@pytest.mark.gateway(config={"nginx_config": {"event": {"worker_connections": 20}}})
def test_too_many_connections_are_said(gateway, upstream):
    route_to(gateway, upstream)
    go_on = hold_requests(upstream)
    crowd = crowd_of(40, gateway.port)
    gateway.wait_for_log("20 worker_connections are not enough")
    go_on.set()
    for client in crowd:
        client.close()
    wait_until(lambda: http_request(gateway.port).status == 200, "room again")
