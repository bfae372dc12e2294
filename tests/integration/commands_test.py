"""The commands of the program: what they print, leave behind, and exit with."""

import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
import yaml

from gateway import BINARY, is_alive, is_listening, wait_until
from ports import free_port

BAD = {"apisix": {"enable_http2": "perhaps"}}  # a fault that names its key


def run_bare(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, check=False)


def test_version_is_the_one_that_scripts_expect():
    assert run_bare("version").stdout == "3.18.0\n"
    assert re.fullmatch(r"3\.18\.0\napisix-cpp \d+\.\d+\.\d+\n", run_bare("version", "-v").stdout)


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_help_lists_the_actions(arguments):
    done = run_bare(*arguments)
    assert done.returncode == 0
    for action in ("init", "start", "stop", "quit", "restart", "reload", "test", "version"):
        assert f"\n{action}:" in done.stdout


def test_unknown_action_is_named_and_exits_with_2():
    done = run_bare("strat")
    assert done.returncode == 2
    assert done.stderr == "invalid argument: strat\n"
    assert "\nstart:" in done.stdout


def test_unknown_option_is_named_and_exits_with_2():
    done = run_bare("start", "--foregruond")
    assert done.returncode == 2
    assert "--foregruond" in done.stderr


def test_start_returns_when_it_serves_and_stop_when_all_is_gone(make_gateway):
    gateway = make_gateway(start=False, workers=2)
    gateway.start()
    assert is_listening(gateway.port) and is_listening(gateway.admin_port)
    assert len(gateway.worker_pids()) == 2 and len(gateway.agent_pids()) == 1
    all_pids = [gateway.pid, *gateway.worker_pids(), *gateway.agent_pids()]
    assert gateway.run("stop").returncode == 0
    assert not [pid for pid in all_pids if is_alive(pid)]
    assert not is_listening(gateway.port)
    assert not gateway.pid_path.exists()


def test_second_start_is_refused_and_changes_nothing(gateway):
    before = gateway.worker_pids()
    done = gateway.run("start")
    assert done.returncode == 1
    assert "the old APISIX is still running, the new one will not start" in done.stdout
    assert gateway.worker_pids() == before


def test_stale_pid_file_is_said_and_overwritten(make_gateway):
    gateway = make_gateway(start=False)
    (gateway.prefix / "logs").mkdir()
    # A pid that lives, but is no gateway: what a restarted container finds.
    gateway.pid_path.write_text(f"{os.getpid()}\n")
    done = gateway.start()
    assert f"nginx.pid exists but there's no corresponding process with pid {os.getpid()}" in done.stdout
    assert gateway.pid not in (None, os.getpid())


def test_pid_file_without_a_pid_is_overwritten(make_gateway):
    gateway = make_gateway(start=False)
    (gateway.prefix / "logs").mkdir()
    gateway.pid_path.write_text("-1\n")
    assert "nginx.pid holds no pid" in gateway.start().stdout


@pytest.mark.parametrize("action", ["stop", "quit"])
def test_stopping_nothing_is_said_but_no_failure(make_gateway, action):
    done = make_gateway(start=False).run(action)
    assert done.returncode == 0
    assert "not running" in done.stderr


def test_reload_of_nothing_fails(make_gateway):
    done = make_gateway(start=False).run("reload")
    assert done.returncode == 1
    assert "not running" in done.stderr


def test_port_in_use_names_address_and_key(make_gateway):
    gateway = make_gateway(start=False)
    with socket.socket() as other:
        other.bind(("127.0.0.1", gateway.admin_port))
        other.listen()
        done = gateway.run("start")
    assert done.returncode == 1
    assert (f"cannot listen on 127.0.0.1:{gateway.admin_port} (deployment.admin.admin_listen): "
            "Address already in use") in done.stderr
    assert gateway.pid is None


def test_port_of_another_instance_is_in_use_too(gateway, make_gateway):
    second = make_gateway(start=False)
    second.write_config({"apisix": {"node_listen": [{"ip": "127.0.0.1", "port": gateway.port}]}})
    done = second.run("start")
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{gateway.port} (apisix.node_listen)" in done.stderr


def test_test_accepts_a_good_file_and_changes_nothing(make_gateway):
    gateway = make_gateway(start=False, admin_key="")
    before = gateway.config_path.read_text()
    done = gateway.run("test")
    assert (done.returncode, done.stdout) == (0, "configuration test is successful\n")
    assert [path.name for path in gateway.prefix.iterdir()] == ["conf"]
    assert [path.name for path in (gateway.prefix / "conf").iterdir()] == ["config.yaml"]
    assert gateway.config_path.read_text() == before


def test_test_prints_the_faults(make_gateway):
    gateway = make_gateway(start=False, config=BAD)
    done = gateway.run("test")
    assert done.returncode == 1
    assert "apisix.enable_http2" in done.stderr and "configuration test failed" in done.stderr


def test_start_with_a_bad_file_fails_and_says_where(make_gateway):
    gateway = make_gateway(start=False, config={"nginx_config": {"worker_processes": "many"}})
    done = gateway.run("start")
    assert done.returncode == 1
    assert "nginx_config.worker_processes" in done.stderr
    assert gateway.pid is None


def test_init_prepares_the_prefix(make_gateway):
    gateway = make_gateway(start=False)
    assert gateway.run("init").returncode == 0
    assert (gateway.prefix / "logs").is_dir() and (gateway.prefix / "data").is_dir()
    uid = (gateway.prefix / "conf/apisix.uid").read_text()
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*", uid)
    assert gateway.run("init").returncode == 0
    assert (gateway.prefix / "conf/apisix.uid").read_text() == uid
    assert gateway.pid is None


def test_ports_of_tls_are_opened_unless_it_is_off(make_gateway):
    gateway = make_gateway(start=False)
    done = gateway.start()
    assert "TLS" not in done.stdout + done.stderr, "by default it is on: nothing to bother people with"
    assert is_listening(gateway.tls_port) and is_listening(gateway.port)
    gateway.write_config({"apisix": {"ssl": {"enable": False}}})
    gateway.reload()
    wait_until(lambda: not is_listening(gateway.tls_port), "the port to be closed")


def test_http3_is_said_not_to_be_served(make_gateway):
    gateway = make_gateway(start=False)
    listen = [entry | {"enable_http3": True} for entry in gateway.config["apisix"]["ssl"]["listen"]]
    gateway.write_config({"apisix": {"ssl": {"listen": listen}}})
    gateway.start()
    said = [line for line in gateway.log().splitlines() if "HTTP/3 (enable_http3) is not served by this version" in line]
    assert len(said) == 1 and "[warn]" in said[0] and said[0].endswith(f"over TCP on 127.0.0.1:{gateway.tls_port}")
    assert is_listening(gateway.tls_port)


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the user")
def test_a_conf_folder_that_cannot_be_written(make_gateway):
    gateway = make_gateway(start=False, user="nobody", config={"plugins": ["server-info"]})
    for path in (gateway.prefix / "conf", gateway.config_path):
        shutil.chown(path, "root")
        path.chmod(0o755)
    gateway.start()
    uid = (gateway.prefix / "data/apisix.uid").read_text()
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", uid)
    assert gateway.control("/v1/server_info").json()["id"] == uid
    gateway.wait_for_log(f"the id {uid} of this instance is kept in {gateway.prefix}/data/apisix.uid")
    assert gateway.run("restart").returncode == 0
    wait_until(lambda: is_listening(gateway.control_port), "it again")
    assert gateway.control("/v1/server_info").json()["id"] == uid
    assert not (gateway.prefix / "conf/apisix.uid").exists()


def test_empty_admin_key_is_replaced_by_a_random_one(make_gateway):
    gateway = make_gateway(start=False, admin_key="")
    done = gateway.start()
    assert f"a random Admin API key was generated and written to {gateway.config_path}" in done.stdout
    key = yaml.safe_load(gateway.config_path.read_text())["deployment"]["admin"]["admin_key"][0]["key"]
    assert re.fullmatch("[A-Za-z0-9]{32}", key)
    done = gateway.run("restart")
    assert done.returncode == 0
    assert "generated" not in done.stdout


def test_logs_folder_that_cannot_be_is_a_clear_error(make_gateway):
    gateway = make_gateway(start=False)
    (gateway.prefix / "logs").write_text("not a folder")
    done = gateway.run("start")
    assert done.returncode == 1
    assert f"{gateway.prefix}/logs is not a folder" in done.stderr


def test_log_file_that_cannot_be_opened_is_a_clear_error(make_gateway):
    gateway = make_gateway(start=False, config={"nginx_config": {"error_log": "/nonexistent/error.log"}})
    done = gateway.run("start")
    assert done.returncode == 1
    assert "/nonexistent/error.log: No such file or directory" in done.stderr


def test_customized_config_is_used_until_stop(make_gateway):
    gateway = make_gateway(start=False)
    other = gateway.prefix / "conf/other.yaml"
    other.write_text(gateway.config_path.read_text())
    gateway.config_path.write_text(yaml.safe_dump(BAD))
    index = gateway.prefix / "conf/.customized_config_path"
    gateway.start("-c", other)
    assert index.read_text() == str(other)
    assert gateway.run("test").returncode == 0, "the stored path counts"
    gateway.reload()
    assert gateway.run("stop").returncode == 0
    assert not index.exists()
    assert gateway.run("test").returncode == 1, "conf/config.yaml counts again"


def test_customized_config_that_does_not_exist(make_gateway):
    done = make_gateway(start=False).run("start", "-c", "/nonexistent/config.yaml")
    assert done.returncode == 1
    assert "customized config file not exists, path: /nonexistent/config.yaml" in done.stderr


@pytest.mark.parametrize("action", ["test", "start"])
def test_profile_chooses_the_file(make_gateway, action):
    gateway = make_gateway(start=False, env={"APISIX_PROFILE": "dev"})
    (gateway.prefix / "conf/config-dev.yaml").write_text(yaml.safe_dump(BAD))
    done = gateway.run(action)
    assert done.returncode == 1
    assert "config-dev.yaml" in done.stderr


def test_restart_changes_every_process(gateway):
    before = {gateway.pid, *gateway.worker_pids()}
    assert gateway.run("restart").returncode == 0
    assert not before & {gateway.pid, *gateway.worker_pids()}
    assert is_listening(gateway.port)


def test_restart_with_a_bad_file_leaves_the_old_one_running(gateway):
    before = [gateway.pid, *gateway.worker_pids()]
    gateway.write_config(BAD)
    assert gateway.run("restart").returncode == 1
    assert [gateway.pid, *gateway.worker_pids()] == before


def test_quit_ends_all_processes(gateway):
    all_pids = [gateway.pid, *gateway.worker_pids(), *gateway.agent_pids()]
    assert gateway.run("quit").returncode == 0
    wait_until(lambda: not [pid for pid in all_pids if is_alive(pid)], "all processes to leave")
    assert not gateway.pid_path.exists()


def test_reload_with_a_bad_file_is_refused(gateway):
    before = gateway.worker_pids()
    gateway.write_config(BAD)
    done = gateway.run("reload")
    assert done.returncode == 1
    assert "apisix.enable_http2" in done.stderr
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_log("reload refused, the old configuration stays in use")
    assert gateway.worker_pids() == before


def test_foreground_stays_until_it_is_told_to_end(make_gateway):
    gateway = make_gateway(start=False)
    with subprocess.Popen([BINARY, "start", "--foreground", "-p", gateway.prefix],
                          env=gateway.environment()) as process:
        gateway.wait_for_log("generation 1 serves")
        assert gateway.pid == process.pid
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    assert not is_listening(gateway.port)


def test_ipv6_wildcard_twins_are_opened(make_gateway):
    port = free_port()
    make_gateway(config={"apisix": {"node_listen": port}})
    assert is_listening(port, "127.0.0.1")
    if os.path.exists("/proc/net/if_inet6"):
        with socket.create_connection(("::1", port), timeout=5):
            pass
