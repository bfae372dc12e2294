"""The installed package under a real systemd, on a machine of its own: from installing to purging, in order."""

import re
import signal
import subprocess

import pytest

from gateway import wait_until
from machine import SHARED, Machine
from package import debian_package

FILES_OF_THE_OPERATOR = "/etc/apisix /var/lib/apisix /var/log/apisix"


@pytest.fixture(scope="module")
def machine():
    """With the package installed."""
    if refusal := Machine.refusal():
        pytest.skip(f"no machine of its own here: {refusal}")
    made = Machine()
    try:
        (made.shared / "apisix.deb").write_bytes(debian_package().read_bytes())
        install(made)
        yield made
        print(made.journal())
    finally:
        made.stop()


def install(machine):
    return machine.run("dpkg", "--force-unsafe-io", "--install", f"{SHARED}/apisix.deb")


def status_of(machine, path="/", port=9080):
    """Of a response; "000" when there is none."""
    return machine.shell(f"curl -s -o /dev/null -m 20 -w '%{{http_code}}' http://127.0.0.1:{port}{path}", check=False)


def main_pid(machine):
    return int(machine.property("MainPID"))


def wait_until_serving(machine):
    wait_until(lambda: machine.property("ActiveState") == "active" and status_of(machine) in ("200", "404"),
               f"the service; {machine.property('ActiveState')}")


def signal_main(machine, number):
    machine.shell(f"kill -{int(number)} {main_pid(machine)}")


def drop_in(machine, text):
    machine.shell("mkdir -p /run/systemd/system/apisix.service.d")
    machine.shell(f"printf '[Service]\\n{text}\\n' >/run/systemd/system/apisix.service.d/test.conf")
    machine.run("systemctl", "daemon-reload")


def respond_to_all(machine):
    """A route that needs no upstream."""
    key = machine.shell("sed -n 's/^ *key: *//p' /etc/apisix/config.yaml | head -1").split()[0].strip("'\"")
    body = '{"uri": "/*", "plugins": {"mocking": {"response_example": "here", "content_type": "text/plain"}}}'
    code = machine.shell(f"curl -s -o /dev/null -w '%{{http_code}}' -X PUT -H 'X-API-KEY: {key}' -d '{body}' "
                         "http://127.0.0.1:9180/apisix/admin/routes/1")
    assert code in ("200", "201")
    wait_until(lambda: [status_of(machine) for _ in range(8)] == ["200"] * 8, "every worker to know the route")


def test_installed_service_runs(machine):
    assert machine.property("ActiveState") == "active"
    assert machine.property("UnitFileState") == "enabled"
    assert re.fullmatch(r"generation 1 serves, \d+ workers?", machine.property("StatusText"))
    assert status_of(machine) == "404"
    assert machine.property("NRestarts") == "0"
    respond_to_all(machine)


def test_owners_and_modes(machine):
    listed = machine.shell("stat -c '%A %U:%G %n' /etc/apisix /etc/apisix/config.yaml /var/lib/apisix /var/lib/apisix/data "
                           "/var/log/apisix")
    assert listed.splitlines() == [
        "drwxr-x--- root:apisix /etc/apisix",
        "-rw-r----- root:apisix /etc/apisix/config.yaml",  # it holds the admin key
        "drwxr-xr-x apisix:apisix /var/lib/apisix",
        "drwx------ apisix:apisix /var/lib/apisix/data",
        "drwxr-x--- apisix:apisix /var/log/apisix",
    ]
    assert set(machine.shell("stat -c %U:%G /var/log/apisix/*.log").splitlines()) == {"apisix:apisix"}
    assert re.search(r"""key: ["']?[A-Za-z0-9]{32}\b""", machine.shell("cat /etc/apisix/config.yaml"))


def test_processes_have_few_rights(machine):
    processes = machine.shell("ps -o user:20=,args= -C apisix").splitlines()
    assert len(processes) >= 3
    assert all(re.match(r"apisix +apisix: ", line) for line in processes), processes
    status = machine.shell(f"cat /proc/{main_pid(machine)}/status")
    net_bind_service = 1 << 10
    for name in ("CapEff", "CapBnd"):
        assert int(re.search(rf"^{name}:\s+(\w+)$", status, re.M).group(1), 16) == net_bind_service
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M) and re.search(r"^Seccomp:\s+2$", status, re.M)


def test_reload_by_the_service_manager(machine):
    before = main_pid(machine)
    machine.run("systemctl", "reload", "apisix")
    assert main_pid(machine) == before
    assert machine.property("StatusText").startswith("generation 2 serves")
    machine.shell("cp -p /etc/apisix/config.yaml /tmp/kept && echo 'apisix: {enable_http2: perhaps}' >>/etc/apisix/config.yaml")
    assert machine.run("systemctl", "reload", "apisix", check=False).returncode != 0
    assert "apisix.enable_http2" in machine.journal(), "why is in the journal"
    assert machine.property("ActiveState") == "active" and status_of(machine) == "200"
    machine.shell("cp -p /tmp/kept /etc/apisix/config.yaml")


def test_upgrade_of_the_package_loses_no_request(machine):
    before = main_pid(machine)
    load = subprocess.Popen(machine.command("wrk", "-t1", "-c8", "-d600s", "--timeout", "30s", "http://127.0.0.1:9080/"),
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")
    wait_until(lambda: "wrk" in machine.shell("ps -o comm= -C wrk", check=False), "the load")
    install(machine)
    wait_until(lambda: main_pid(machine) not in (0, before), "the new main process")
    machine.run("systemctl", "reload", "apisix")
    machine.shell("kill -INT $(pidof wrk)")
    said = load.communicate(timeout=60)[0]
    assert int(re.search(r"(\d+) requests in", said).group(1)) > 0
    assert "Socket errors" not in said and "Non-2xx" not in said, said
    assert machine.property("ActiveState") == "active" and machine.property("NRestarts") == "0"


def test_logs_are_rotated(machine):
    status_of(machine, "/before")
    wait_until(lambda: "/before" in machine.shell("cat /var/log/apisix/access.log"), "the line")
    machine.run("logrotate", "--force", "/etc/logrotate.d/apisix")
    wait_until(lambda: machine.shell("test -e /var/log/apisix/access.log && echo yes", check=False), "a new file")
    status_of(machine, "/after")
    wait_until(lambda: "/after" in machine.shell("cat /var/log/apisix/access.log"), "the line in the new file")
    assert "/before" in machine.shell("cat /var/log/apisix/access.log.1")
    assert machine.shell("stat -c %U:%G /var/log/apisix/access.log") == "apisix:apisix"


@pytest.mark.parametrize("number, result", [(signal.SIGKILL, "signal"), (signal.SIGSTOP, "watchdog")])
def test_main_process_that_fails_is_started_again(machine, number, result):
    """Killed, or alive and deaf: then the watchdog notices. The first one is the work of an upgrade, and was once the
    child of another than systemd."""
    if result == "watchdog":
        drop_in(machine, "WatchdogSec=2")
        machine.run("systemctl", "restart", "apisix")
    before, count = main_pid(machine), int(machine.property("NRestarts"))
    signal_main(machine, number)
    wait_until(lambda: int(machine.property("NRestarts")) == count + 1, f"the restart after {result}")
    wait_until_serving(machine)
    assert main_pid(machine) != before
    assert f"Failed with result '{result}'" in machine.journal()
    assert machine.shell(f"ps -o pid= --ppid {main_pid(machine)} | wc -l") == machine.shell(
        "ps -o pid= -C apisix | wc -l | xargs expr -1 +"), "no process of the old version is left"


def test_sockets_wait_for_a_service_that_restarts(machine):
    drop_in(machine, "WatchdogSec=30")  # the usual
    machine.run("systemctl", "stop", "apisix")
    assert status_of(machine) == "000"
    machine.run("systemctl", "start", "apisix.socket")
    assert machine.property("ActiveState") == "inactive"
    assert status_of(machine) == "200", "the first client starts it"
    assert machine.property("ActiveState") == "active"
    assert "was given to us, but is not in config.yaml" not in machine.journal()
    restart = subprocess.Popen(machine.command("systemctl", "restart", "apisix"), cwd="/")
    seen = set()
    while restart.poll() is None:
        seen.add(status_of(machine))
    assert restart.returncode == 0 and seen == {"200"}, "no connection was refused"
    machine.run("systemctl", "stop", "apisix.socket", "apisix.service")


def test_removed_package_leaves_what_was_written(machine):
    machine.run("systemctl", "start", "apisix")
    machine.run("dpkg", "--remove", "apisix-cpp")
    assert machine.shell("pidof apisix", check=False) == ""
    assert machine.property("LoadState") == "not-found"
    assert machine.shell("ls /usr/bin/apisix /usr/share/apisix /etc/systemd/system/multi-user.target.wants/apisix.service",
                         check=False) == ""
    assert machine.shell(f"ls -d {FILES_OF_THE_OPERATOR} /etc/apisix/config.yaml | wc -l") == "4"


def test_installed_again_it_goes_on_with_what_was_there(machine):
    install(machine)
    assert machine.property("ActiveState") == "active" and status_of(machine) == "200"
    assert machine.property("UnitFileState") == "enabled"
    machine.run("systemctl", "disable", "--now", "apisix")
    machine.run("dpkg", "--remove", "apisix-cpp")
    install(machine)
    assert machine.property("UnitFileState") == "disabled", "what the operator has decided"
    assert machine.property("ActiveState") == "inactive"


def test_purged_package_leaves_nothing(machine):
    machine.run("dpkg", "--purge", "apisix-cpp")
    assert machine.shell(f"ls -d {FILES_OF_THE_OPERATOR} /etc/logrotate.d/apisix", check=False) == ""
    assert machine.shell("find /etc /usr /var/lib /var/log -xdev -name '*apisix*' -newer /etc/fstab -not -path '/var/lib/dpkg/*'") == ""
