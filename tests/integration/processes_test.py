"""The master and its children: which run, as which user, and what happens when one dies."""

import os
import pwd
import resource
import signal
import socket
import time
from pathlib import Path

import pytest

from gateway import children_of, is_alive, is_listening, process_title, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to another user")


def status_field(pid, name):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].split()
    raise KeyError(name)


def test_titles_are_nginx_s(gateway):
    master = gateway.pid
    assert process_title(master).startswith("apisix: master process ")
    assert f"start -p {gateway.prefix}" in process_title(master)
    assert sorted(process_title(pid) for pid in children_of(master)) == [
        "apisix: privileged agent process", "apisix: worker process"]


@pytest.mark.gateway(workers=1, env={"APISIX_WORKER_PROCESSES": 3})
def test_environment_decides_how_many_workers(gateway):
    assert len(gateway.worker_pids()) == 3


@pytest.mark.gateway(config={"nginx_config": {"worker_processes": "auto"}})
def test_auto_means_one_worker_per_usable_core(gateway):
    assert 1 <= len(gateway.worker_pids()) <= len(os.sched_getaffinity(0))


@pytest.mark.expects_damage
@pytest.mark.gateway(workers=2)
def test_killed_worker_is_replaced_and_the_others_stay(gateway):
    victim, other = gateway.worker_pids()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(gateway.worker_pids()) == 2 and victim not in gateway.worker_pids(), "a new worker")
    assert other in gateway.worker_pids()
    gateway.wait_for_log(f"{victim} exited on signal 9; starting it again")


@pytest.mark.expects_damage
def test_killed_agent_is_replaced(gateway):
    (victim,) = gateway.agent_pids()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: gateway.agent_pids() not in ([], [victim]), "a new agent")


SOON_STUCK = {"nginx_config": {"worker_stuck_timeout": "2s"}}


@pytest.mark.expects_damage
@pytest.mark.gateway(workers=2, config=SOON_STUCK)
def test_worker_that_stands_still_is_replaced_and_the_others_stay(gateway):
    victim, other = gateway.worker_pids()
    os.kill(victim, signal.SIGSTOP)
    wait_until(lambda: len(gateway.worker_pids()) == 2 and victim not in gateway.worker_pids(), "a new worker")
    assert other in gateway.worker_pids()
    (line,) = [line for line in gateway.log().splitlines() if f"worker process {victim} (index" in line and "killing" in line]
    assert "[crit]" in line and "has not turned its event loop for 2 s, killing it: its process is T (stopped)" in line
    assert [gateway.request("/").status for _ in range(20)] == [404] * 20


@pytest.mark.expects_damage
@pytest.mark.gateway(config=SOON_STUCK)
def test_agent_that_stands_still_is_replaced(gateway):
    (victim,) = gateway.agent_pids()
    os.kill(victim, signal.SIGSTOP)
    wait_until(lambda: gateway.agent_pids() not in ([], [victim]), "a new agent")


@pytest.mark.gateway(config=SOON_STUCK)
def test_master_that_stood_still_blames_no_child(gateway):
    """All of them stop, as in a container that is paused, and the children go on last."""
    master, children = gateway.pid, children_of(gateway.pid)
    for pid in (master, *children):
        os.kill(pid, signal.SIGSTOP)
    stopped_at = time.monotonic()
    wait_until(lambda: time.monotonic() > stopped_at + 4, "twice the limit to pass")
    os.kill(master, signal.SIGCONT)
    gateway.signal(signal.SIGUSR1)
    for pid in children:
        os.kill(pid, signal.SIGCONT)
    assert gateway.request("/").status == 404
    gateway.reload()  # the master has done what it had to do before
    assert "has not turned its event loop" not in gateway.log()


@pytest.mark.expects_damage
def test_crash_loop_backs_off_and_the_master_lives(gateway):
    master = gateway.pid
    for deaths in range(1, 5):
        (victim,) = wait_until(gateway.worker_pids, "a worker to kill")
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda pid=victim: not is_alive(pid), "its death")
        if deaths > 1:
            gateway.wait_for_log(f"it died {deaths} times in a row, starting it again in {100 << (deaths - 2)} ms")
    wait_until(gateway.worker_pids, "the last new worker")
    assert gateway.pid == master and is_listening(gateway.port)


def test_children_leave_when_the_master_is_killed(gateway):
    master, children = gateway.pid, children_of(gateway.pid)
    assert len(children) == 2
    os.kill(master, signal.SIGKILL)
    wait_until(lambda: not [pid for pid in (master, *children) if is_alive(pid)], "the children to notice")
    assert not is_listening(gateway.port)
    gateway.start()  # the pid file that stayed behind is no obstacle


@pytest.mark.gateway(workers=2)
def test_reload_replaces_children_but_not_the_master(gateway):
    master, agents = gateway.pid, gateway.agent_pids()
    gateway.reload()
    assert gateway.pid == master
    wait_until(lambda: len(gateway.agent_pids()) == 1 and gateway.agent_pids() != agents, "a new agent")
    assert len(gateway.worker_pids()) == 2 and is_listening(gateway.port)


@pytest.mark.gateway(workers=3)
def test_reload_changes_the_number_of_workers(gateway):
    for count in (1, 4):
        gateway.write_config({"nginx_config": {"worker_processes": count}})
        gateway.reload()
        assert len(gateway.worker_pids()) == count


def test_reload_opens_new_ports_and_closes_old_ones(gateway):
    old, new = gateway.port, gateway.tls_port
    gateway.write_config({"apisix": {"node_listen": [{"ip": "127.0.0.1", "port": new}], "ssl": {"enable": False}}})
    gateway.reload()
    assert is_listening(new)
    wait_until(lambda: not is_listening(old), "the old port to be closed")


def test_reload_to_a_port_in_use_keeps_the_old_generation(gateway):
    before = gateway.worker_pids()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        gateway.write_config({"apisix": {"node_listen": [{"ip": "127.0.0.1", "port": taken}]}})
        done = gateway.run("reload")
        why = f"cannot listen on 127.0.0.1:{taken} (apisix.node_listen): Address already in use"
        assert done.returncode == 1 and why in done.stderr, "the file itself is fine, but the master says no"
        assert why in gateway.log()
    assert gateway.worker_pids() == before and is_listening(gateway.port)


def test_many_reloads_at_once_end_in_one_generation(gateway):
    gateway.write_config({"nginx_config": {"worker_processes": 2}})
    for _ in range(5):
        gateway.signal(signal.SIGHUP)
    wait_until(lambda: len(gateway.worker_pids()) == 2 and len(children_of(gateway.pid)) == 3,
               "two workers and an agent, and no other process")


def test_usr1_reopens_the_logs(gateway):
    log = gateway.prefix / "logs/error.log"
    log.rename(gateway.prefix / "logs/error.log.1")
    gateway.signal(signal.SIGUSR1)
    wait_until(log.exists, "a new error.log")
    # What the master writes now, and its standard error, must be in the new file.
    old_inode = (gateway.prefix / "logs/error.log.1").stat().st_ino

    def open_files():
        return [os.stat(path).st_ino for pid in [gateway.pid, *children_of(gateway.pid)]
                for path in Path(f"/proc/{pid}/fd").iterdir() if path.exists()]

    wait_until(lambda: old_inode not in open_files(), "all processes to close the old file")


def test_winch_drains_the_workers_and_hup_brings_new_ones(gateway):
    gateway.signal(signal.SIGWINCH)
    wait_until(lambda: not gateway.worker_pids(), "the workers to leave")
    assert gateway.agent_pids()
    gateway.signal(signal.SIGHUP)
    wait_until(gateway.worker_pids, "new workers")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_signals_end_everything(gateway, number):
    all_pids = [gateway.pid, *children_of(gateway.pid)]
    gateway.signal(number)
    wait_until(lambda: not [pid for pid in all_pids if is_alive(pid)], "all processes to leave")
    assert not gateway.pid_path.exists()


@needs_root
def test_workers_drop_to_nobody_and_the_agent_keeps_few_capabilities(gateway):
    nobody = pwd.getpwnam("nobody").pw_uid
    (worker,), (agent,) = gateway.worker_pids(), gateway.agent_pids()
    assert set(status_field(worker, "Uid")) == {str(nobody)}
    assert status_field(worker, "CapEff") == ["0" * 16]
    assert status_field(worker, "NoNewPrivs") == ["1"]
    assert set(status_field(agent, "Uid")) == {"0"}
    allowed = 1 << 0 | 1 << 1  # CHOWN, DAC_OVERRIDE
    assert int(status_field(agent, "CapEff")[0], 16) & ~allowed == 0
    assert int(status_field(agent, "CapBnd")[0], 16) & ~allowed == 0
    for name in ("data", "logs/error.log", "logs/access.log"):
        assert (gateway.prefix / name).stat().st_uid == nobody
    assert (gateway.prefix / "logs").stat().st_uid == 0, "or the workers could forge the pid file"


@needs_root
def test_prefix_that_the_user_cannot_enter(make_gateway):
    gateway = make_gateway(start=False)
    gateway.prefix.chmod(0o700)
    done = gateway.start()
    assert 'workers run as root, because user "nobody" cannot write into' in done.stderr
    assert (gateway.prefix / "data").stat().st_uid == 0
    gateway.run("stop")
    gateway.write_config({"nginx_config": {"user": "nobody"}})
    done = gateway.run("start")
    assert done.returncode == 1
    assert 'nginx_config.user: user "nobody" cannot write into' in done.stderr


@needs_root
def test_unknown_user_is_refused(make_gateway):
    done = make_gateway(start=False, config={"nginx_config": {"user": "no-such-user"}}).run("start")
    assert done.returncode == 1
    assert 'nginx_config.user: there is no user "no-such-user"' in done.stderr


@needs_root
@pytest.mark.gateway(user="nobody", config={"nginx_config": {"user": "root"}})
def test_runs_without_being_root(gateway):
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    for pid in [gateway.pid, *children_of(gateway.pid)]:
        assert set(status_field(pid, "Uid")) == {nobody}
    done = gateway.run("restart")
    assert "nginx_config.user is ignored: only root can change to another user" in done.stdout
    gateway.run("stop")
    (gateway.prefix / "logs").chmod(0o500)
    done = gateway.run("start")
    assert done.returncode == 1
    assert f"cannot write into the folder {gateway.prefix}/logs: Permission denied" in done.stderr


@needs_root
@pytest.mark.gateway(config={"nginx_config": {"worker_rlimit_nofile": 20490}})
def test_open_files_are_raised(gateway):
    limits = Path(f"/proc/{gateway.worker_pids()[0]}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # a container may forbid to go beyond it
    assert int(line.split()[3]) >= (20490 if hard == resource.RLIM_INFINITY else min(20490, hard))


def test_children_hold_no_foreign_descriptors(gateway):
    """Neither the master's signals and lock nor the other children's sockets."""
    def targets(pid):
        return [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]

    names = [name for pid in children_of(gateway.pid) for name in targets(pid)]
    assert names
    assert not [name for name in names if "signalfd" in name or "nginx.pid" in name or "memfd" in name]
    (agent,) = gateway.agent_pids()
    sockets = [name for name in targets(agent) if name.startswith("socket:")]
    assert len(sockets) <= 2, "its channel and where the metrics are asked for"
    of_workers = {name for pid in gateway.worker_pids() for name in targets(pid)}
    assert not of_workers & set(sockets)
