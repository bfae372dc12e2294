"""Traffic while processes come and go: a reload, a smaller number of workers or a crash loses no request that is
not the crashed worker's own."""

import os
import signal
import threading

import pytest

from gateway import children_of, http_request, is_alive, process_title, wait_until


def route_to(gateway, upstream):
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    wait_until(lambda: all(gateway.request("/").status == 200 for _ in range(8)), "every worker to know the route")


class Clients:
    """Threads that ask again and again, on new connections, and count what went wrong."""

    def __init__(self, gateway, count=4):
        self.done, self.failures = 0, []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(gateway.port,)) for _ in range(count)]

    def _ask(self, port):
        while not self._stop.is_set():
            try:
                response = http_request(port, path="/some")
                if response.status != 200:
                    self.failures.append(f"{response.status} {response.text}")
            except OSError as error:
                self.failures.append(repr(error))
            self.done += 1

    def wait_for_more(self, count=50):
        goal = self.done + count
        wait_until(lambda: self.done >= goal, f"{count} more requests")

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.gateway(workers=2)
def test_reloads_under_load_lose_nothing(gateway, upstream):
    route_to(gateway, upstream)
    with Clients(gateway) as clients:
        clients.wait_for_more()
        for workers in (2, 3, 1, 2):
            gateway.write_config({"nginx_config": {"worker_processes": workers}})
            gateway.reload()
            clients.wait_for_more()
    assert not clients.failures


def test_request_in_flight_is_finished_by_the_old_worker(gateway, upstream):
    route_to(gateway, upstream)
    arrived, go_on = threading.Event(), threading.Event()

    def slow(request):
        arrived.set()
        assert go_on.wait(30)
        return 200, {}, b"late"

    upstream.respond = slow
    (old,) = gateway.worker_pids()
    responses = []
    client = threading.Thread(target=lambda: responses.append(gateway.request("/slow")))
    client.start()
    assert arrived.wait(30)
    assert gateway.run("reload").returncode == 0
    wait_until(lambda: process_title(old) == "apisix: worker process is shutting down", "the old worker to drain")
    go_on.set()
    client.join()
    assert (responses[0].status, responses[0].body) == (200, b"late")
    wait_until(lambda: not is_alive(old), "the old worker to leave")


@pytest.mark.gateway(config={"nginx_config": {"worker_shutdown_timeout": "100ms"}})
def test_draining_ends_after_worker_shutdown_timeout(gateway, upstream):
    route_to(gateway, upstream)
    arrived, go_on = threading.Event(), threading.Event()

    def never(request):
        arrived.set()
        go_on.wait(30)
        return 200, {}, b""

    upstream.respond = never
    all_pids = [gateway.pid, *children_of(gateway.pid)]

    responses = []
    client = threading.Thread(target=lambda: responses.append(gateway.request("/")))
    client.start()
    assert arrived.wait(30)
    assert gateway.run("quit").returncode == 0
    wait_until(lambda: not [pid for pid in all_pids if is_alive(pid)], "all processes to end in time")
    go_on.set()
    client.join()
    assert responses[0].status == 503, "a request without a response yet gets a proper one"


@pytest.mark.expects_damage
@pytest.mark.gateway(workers=2)
def test_configuration_survives_the_death_of_all_processes(gateway, upstream):
    route_to(gateway, upstream)
    killed = gateway.worker_pids()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    # One that was not dead yet could still accept a connection, and take it along.
    wait_until(lambda: not any(is_alive(pid) for pid in killed), "the workers' death")
    assert gateway.request("/").status == 200, "a connection waits in the socket until the new worker is there"
    os.kill(gateway.pid, signal.SIGKILL)
    wait_until(lambda: gateway.pid is None, "the master's death")
    gateway.start()
    assert gateway.request("/").status == 200
