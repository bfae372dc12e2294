"""A new binary takes over from a running one (USR2, `apisix upgrade`), or does not: then nothing has changed."""

import os
import shutil
import signal
import socket
import threading

import pytest

from gateway import BINARY, children_of, http_request, is_alive, is_listening, wait_until


@pytest.fixture
def make_upgradable(make_gateway, tmp_path):
    """A gateway that runs from a path of its own, where another binary can be put."""
    def make(start=True, **options):
        binary = tmp_path / "apisix"
        shutil.copy(BINARY, binary)
        return make_gateway(start=start, binary=binary, **options)

    return make


def install(gateway, text=None):
    """Another file under the name of the running binary, as a package manager does it: a script, or the same again."""
    new = gateway.binary.with_suffix(".new")
    if text is None:
        shutil.copy(BINARY, new)
    else:
        new.write_text(text)
        new.chmod(0o755)
    new.rename(gateway.binary)


def route_to(gateway, upstream):
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    wait_until(lambda: all(gateway.request("/").status == 200 for _ in range(8)), "every worker to know the route")


def old_pid_path(gateway):
    return gateway.pid_path.with_suffix(".pid.oldbin")


def upgrade_in_vain(gateway, *arguments):
    """An upgrade that must fail and change nothing; returns what it said."""
    master, workers = gateway.pid, gateway.worker_pids()
    done = gateway.run("upgrade", *arguments)
    assert done.returncode == 1
    assert gateway.pid == master and gateway.worker_pids() == workers
    assert not old_pid_path(gateway).exists()
    assert len(children_of(master)) == len(workers) + 1, "no process of the new binary is left"
    assert "upgrade failed, the old binary stays in use: " in gateway.log()
    return done.stderr


def test_upgrade_replaces_all_processes_and_closes_no_port(make_upgradable, upstream):
    gateway = make_upgradable(workers=2)
    route_to(gateway, upstream)
    old = [gateway.pid, *children_of(gateway.pid)]
    install(gateway)
    done = gateway.run("upgrade")
    assert done.returncode == 0, done.stderr
    new = gateway.pid
    assert done.stdout.endswith(f"upgraded: process {new} replaces {old[0]}\n")
    assert new not in old and len(gateway.worker_pids()) == 2 and len(gateway.agent_pids()) == 1
    wait_until(lambda: not [pid for pid in old if is_alive(pid)], "the old ones to leave")
    assert not old_pid_path(gateway).exists()
    assert os.readlink(f"/proc/{new}/exe") == str(gateway.binary)
    assert gateway.request("/").status == 200
    # The new one is a master like any other.
    gateway.reload()
    assert gateway.request("/").status == 200
    assert gateway.run("stop").returncode == 0
    assert not is_alive(new) and not is_listening(gateway.port)


def test_new_master_inherits_nothing_by_accident(make_upgradable):
    """The same descriptors as an instance that was started afresh: none of the old master is left open."""
    gateway = make_upgradable(workers=2)

    def kinds(pid):
        names = [os.readlink(path) for path in (f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd"))]
        return sorted(name.split(":")[0] if name.startswith(("socket:", "pipe:")) else name for name in names)

    before = kinds(gateway.pid)
    for _ in range(3):
        old = gateway.pid
        assert gateway.run("upgrade").returncode == 0
        wait_until(lambda pid=old: not is_alive(pid), "the old master to leave")
    assert kinds(gateway.pid) == before
    assert "APISIX_INHERITED" not in open(f"/proc/{gateway.worker_pids()[0]}/environ", errors="replace").read()


def test_old_master_stays_while_its_clients_are_served(make_upgradable, upstream):
    gateway = make_upgradable()
    route_to(gateway, upstream)
    arrived, go_on, responses = threading.Event(), threading.Event(), []

    def slow(request):
        if request.path != "/slow":
            return 200, {}, b"fast"
        arrived.set()
        assert go_on.wait(30)
        return 200, {}, b"late"

    upstream.respond = slow
    client = threading.Thread(target=lambda: responses.append(gateway.request("/slow")))
    client.start()
    assert arrived.wait(30)
    old = gateway.pid
    assert gateway.run("upgrade").returncode == 0
    assert is_alive(old) and int(old_pid_path(gateway).read_text()) == old
    assert gateway.request("/").body == b"fast"
    go_on.set()
    client.join()
    assert responses[0].body == b"late"
    wait_until(lambda: not is_alive(old), "the old master to leave")
    assert not old_pid_path(gateway).exists()


def test_binary_that_cannot_be_executed(make_upgradable):
    gateway = make_upgradable()
    gateway.binary.rename(gateway.binary.with_suffix(".moved"))
    gateway.signal(signal.SIGUSR2)
    gateway.wait_for_log("upgrade failed, the old binary stays in use: cannot execute "
                         f"{gateway.binary}: No such file or directory")
    gateway.binary.with_suffix(".moved").rename(gateway.binary)
    wait_until(lambda: gateway.pid, "the pid file under its name again")
    assert is_listening(gateway.port)


@pytest.mark.parametrize("script, why", [
    ("#!/bin/sh\nexit 3\n", "it exited with code 3"),
    ("#!/bin/sh\nkill -9 $$\n", "it died on signal 9"),
])
def test_binary_that_dies(make_upgradable, script, why):
    gateway = make_upgradable()
    install(gateway, script)
    gateway.signal(signal.SIGUSR2)
    gateway.wait_for_log(f"upgrade failed, the old binary stays in use: {why}")
    wait_until(lambda: gateway.pid, "the pid file under its name again")
    install(gateway)
    assert gateway.run("upgrade").returncode == 0, "a failure does not stand in the way of the next one"


def test_binary_that_is_never_ready(make_upgradable):
    gateway = make_upgradable(start=False)
    gateway.start("--timeout", "3")
    before = gateway.pid
    install(gateway, "#!/bin/sh\nexec sleep 1000\n")
    gateway.signal(signal.SIGUSR2)
    wait_until(lambda: old_pid_path(gateway).exists(), "the attempt to begin")
    gateway.binary = BINARY
    assert "an upgrade is under way" in gateway.run("reload").stderr
    os.kill(before, signal.SIGUSR2)
    gateway.wait_for_log("USR2 is ignored while a new binary starts")
    gateway.wait_for_log("upgrade failed, the old binary stays in use: it was not ready within 6 s")
    assert gateway.pid == before
    assert len(children_of(before)) == 2 and is_listening(gateway.port)


def test_stop_while_the_new_binary_starts(make_upgradable):
    gateway = make_upgradable()
    before = gateway.pid
    install(gateway, "#!/bin/sh\nexec sleep 1000\n")
    gateway.signal(signal.SIGUSR2)
    wait_until(lambda: len(children_of(before)) == 3, "the new binary to run")
    all_pids = [before, *children_of(before)]
    gateway.binary = BINARY
    assert gateway.run("stop").returncode == 0
    assert not [pid for pid in all_pids if is_alive(pid)]
    assert not gateway.pid_path.exists() and not old_pid_path(gateway).exists()


def test_new_binary_that_refuses_the_configuration(make_upgradable):
    gateway = make_upgradable()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        gateway.write_config({"apisix": {"node_listen": [{"ip": "127.0.0.1", "port": taken}]}})
        said = upgrade_in_vain(gateway)
    assert (f"not upgraded, the old binary stays in use: cannot listen on 127.0.0.1:{taken} (apisix.node_listen): "
            "Address already in use") in said
    assert is_listening(gateway.port)


def test_upgrade_with_a_bad_file_is_refused_by_the_command(make_upgradable):
    gateway = make_upgradable()
    gateway.write_config({"apisix": {"enable_http2": "perhaps"}})
    before = gateway.pid
    done = gateway.run("upgrade")
    assert done.returncode == 1 and "apisix.enable_http2" in done.stderr
    assert gateway.pid == before and "upgrade" not in gateway.log()


def test_upgrade_takes_over_changed_ports(make_upgradable):
    """With the new binary comes what is in config.yaml now: a port more, a port less."""
    gateway = make_upgradable()
    old, new = gateway.port, gateway.tls_port
    gateway.write_config({"apisix": {"node_listen": [{"ip": "127.0.0.1", "port": new}], "ssl": {"enable": False}}})
    assert gateway.run("upgrade").returncode == 0
    assert is_listening(new)
    wait_until(lambda: not is_listening(old), "the old port to be closed")


def test_stop_ends_a_master_that_still_drains(make_upgradable, upstream):
    gateway = make_upgradable()
    route_to(gateway, upstream)
    arrived, go_on = threading.Event(), threading.Event()

    def never(request):
        arrived.set()
        go_on.wait(30)
        return 200, {}, b""

    upstream.respond = never

    def ask():
        with pytest.raises(OSError):
            http_request(gateway.port)

    client = threading.Thread(target=ask)
    client.start()
    assert arrived.wait(30)
    masters = [gateway.pid]
    for _ in range(2):  # the second is idle and leaves at once: the first is the last of its list then
        assert gateway.run("upgrade").returncode == 0
        masters.append(gateway.pid)
    wait_until(lambda: not is_alive(masters[1]), "the idle master to leave")
    assert is_alive(masters[0])
    assert gateway.run("stop").returncode == 0
    assert not [pid for pid in masters if is_alive(pid)]
    go_on.set()
    client.join()


def test_old_master_that_is_killed_leaves_the_new_one_alone(make_upgradable, upstream):
    gateway = make_upgradable()
    route_to(gateway, upstream)
    arrived, go_on = threading.Event(), threading.Event()

    def slow(request):
        arrived.set()
        go_on.wait(30)
        return 200, {}, b"late"

    upstream.respond = slow
    responses = []
    client = threading.Thread(target=lambda: responses.append(gateway.request("/")))
    client.start()
    assert arrived.wait(30)
    old = gateway.pid
    assert gateway.run("upgrade").returncode == 0
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: not is_alive(old), "the old master's death")
    go_on.set()
    client.join()
    assert responses[0].body == b"late", "its worker finishes what it has"
    assert gateway.request("/").status == 200
    gateway.reload()
    assert gateway.run("stop").returncode == 0
