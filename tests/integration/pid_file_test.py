"""What commands do when logs/nginx.pid lies: the master of the prefix is signalled, and no other process."""

import os
import signal
import subprocess

import pytest

from gateway import children_of, is_alive, is_listening, wait_until


@pytest.fixture
def stranger():
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("command", ["stop", "quit"])
def test_foreign_pid_in_the_file_of_a_running_gateway(gateway, stranger, command):
    all_pids = [gateway.pid, *children_of(gateway.pid)]
    gateway.pid_path.write_text(f"{stranger.pid}\n")
    done = gateway.run(command)
    assert done.returncode == 0
    assert (f"warning: {gateway.pid_path} names process {stranger.pid}, which is not the master of this prefix: "
            f"{all_pids[0]} is") in done.stderr
    wait_until(lambda: not [pid for pid in all_pids if is_alive(pid)], "the gateway to leave")
    assert stranger.poll() is None


def test_foreign_pid_does_not_disturb_reload_reopen_and_upgrade(gateway, stranger):
    master, workers = gateway.pid, gateway.worker_pids()
    gateway.pid_path.write_text(f"{stranger.pid}\n")
    assert gateway.run("reload").returncode == 0
    (gateway.prefix / "logs/error.log").rename(gateway.prefix / "logs/error.log.1")
    assert gateway.run("reopen").returncode == 0
    wait_until((gateway.prefix / "logs/error.log").exists, "a new error.log")
    assert gateway.run("start").returncode == 1, "it runs already"
    done = gateway.run("upgrade")
    assert done.returncode == 0 and f"replaces {master}" in done.stdout
    assert gateway.pid not in (None, master, stranger.pid) and gateway.worker_pids() != workers
    assert stranger.poll() is None


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "99999999999", "1 2"])
def test_damaged_file_of_a_running_gateway(gateway, text):
    master = gateway.pid
    gateway.pid_path.write_text(text)
    assert gateway.run("stop").returncode == 0
    assert not is_alive(master)


def test_deleted_file_of_a_running_gateway(gateway):
    master = gateway.pid
    gateway.pid_path.unlink()
    done = gateway.run("start")
    assert done.returncode == 1 and "the old APISIX is still running" in done.stdout
    assert gateway.run("stop").returncode == 0
    assert not is_alive(master) and not is_listening(gateway.port)


def test_stale_file_with_the_pid_of_another_program(make_gateway, stranger):
    gateway = make_gateway(start=False)
    gateway.pid_path.parent.mkdir(exist_ok=True)
    gateway.pid_path.write_text(f"{stranger.pid}\n")
    done = gateway.run("stop")
    assert done.returncode == 0 and "not running" in done.stderr
    assert "the file will be overwritten" in gateway.start().stdout
    assert stranger.poll() is None


def test_gateway_of_another_prefix_is_a_stranger(gateway, make_gateway):
    other = make_gateway()
    gateway.pid_path.write_text(f"{other.pid}\n")
    assert gateway.run("stop").returncode == 0
    assert other.pid and is_listening(other.port)


@pytest.mark.parametrize("make, said", [(os.mkfifo, "is not a regular file: remove it"), (os.mkdir, "Is a directory")])
def test_what_is_no_file_is_refused_at_once(make_gateway, make, said):
    gateway = make_gateway(start=False)
    gateway.pid_path.parent.mkdir(exist_ok=True)
    make(gateway.pid_path)
    for command in ("stop", "reload"):
        assert "not running" in gateway.run(command).stderr
    done = gateway.run("start")
    gateway.pid_path.rename(gateway.prefix / "set aside")  # a FIFO without a writer: reading it would not end
    assert done.returncode == 1 and said in done.stderr


def test_reopen_without_a_gateway_fails(make_gateway):
    done = make_gateway(start=False).run("reopen")
    assert done.returncode == 1 and "not running" in done.stderr


def test_killed_master_is_not_mistaken_for_its_successor(gateway):
    os.kill(gateway.pid, signal.SIGKILL)
    gateway.start()
    assert gateway.run("stop").returncode == 0
    assert gateway.pid is None
