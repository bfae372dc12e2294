"""The status server: alive, and ready once every worker has a configuration."""
import pytest

import standalone
from gateway import http_request, wait_until
from ports import free_port


def with_status(**config):
    port = free_port()
    return port, {"apisix": {"status": {"ip": "127.0.0.1", "port": port}}} | config


def ask(port, path):
    response = http_request(port, path=path)
    return response.status, response.text


OK = (200, '{"status":"ok"}')


def test_ready(make_gateway):
    port, config = with_status()
    gateway = make_gateway(config=config, workers=2)
    assert ask(port, "/status") == OK and ask(port, "/status?x=1") == OK
    assert ask(port, "/status/ready") == OK
    assert ask(port, "/")[0] == 404 and ask(port, "/v1/schema")[0] == 404
    gateway.reload()
    assert ask(port, "/status/ready") == OK


def test_not_ready_before_there_is_a_file(make_gateway, upstream):
    port, config = with_status()
    gateway = standalone.start(make_gateway, None, config=config)
    assert ask(port, "/status") == OK
    assert ask(port, "/status/ready") == (503, '{"error":"worker id: 0 has not received configuration","status":"error"}')
    standalone.write_document(gateway, {"routes": [standalone.route(upstream, "a")]})
    wait_until(lambda: ask(port, "/status/ready") == OK, "the file to be read")


def test_it_is_off_by_default(gateway):
    for port in (gateway.port, gateway.control_port):
        assert http_request(port, path="/status/ready").status == 404


@pytest.mark.expects_damage
def test_a_worker_that_is_missing(make_gateway):
    """It dies again and again: its place is empty for longer and longer."""
    import os
    import signal

    port, config = with_status()
    gateway = make_gateway(config=config, workers=2)

    def kill_one():
        pids = gateway.worker_pids()
        if len(pids) == 2:
            os.kill(pids[0], signal.SIGKILL)
        return ask(port, "/status/ready")[1]

    wanted = '{"error":"worker count: 2 but status report count: 1","status":"error"}'
    wait_until(lambda: kill_one() == wanted, "one worker missing")
    wait_until(lambda: ask(port, "/status/ready") == OK, "its successor")
