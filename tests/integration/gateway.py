"""A real gateway in a folder of its own, on free ports, for tests.

The fixtures of conftest.py make and stop them; this file is what they are made of. Rules: wait for what can be
observed (wait_until), never for a fixed time; stop by pid what was started; loopback only.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("APISIX_BIN", REPOSITORY / "build/dev/apisix"))
ADMIN_KEY = "an-admin-key-for-tests"
# A sanitizer build on a busy machine is slow; nothing here waits that long when all is well.
PATIENCE_S = 30

# In an order in which nothing is used any more when its turn comes.
COLLECTIONS = ["routes", "stream_routes", "services", "upstreams", "consumers", "consumer_groups", "plugin_configs",
               "global_rules", "plugin_metadata", "protos", "ssls", "secrets"]

# What no run may leave in error.log or on standard error.
DAMAGE = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|:\d+:\d+: runtime error:|CHECK failed|exited on signal \d+")


def wait_until(condition, what, timeout_s=PATIENCE_S):
    """Calls `condition` until it returns something true, and returns that. `what` is said when it never does."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain: {what}"
        time.sleep(0.01)


def pause(seconds):
    """Time that is a part of what is tested: the pace of a sender, a timeout that runs out. To wait for a state there is
    wait_until()."""
    time.sleep(seconds)


def merged(base, extra):
    """Maps merge, anything else replaces, None deletes: as config.yaml over its defaults."""
    if not isinstance(base, dict) or not isinstance(extra, dict):
        return extra
    out = dict(base)
    for key, value in extra.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out


@dataclass
class Response:
    status: int
    headers: list  # of (name, value), in order, as received
    body: bytes

    def header(self, name):
        """All values of a header, joined by ", "; None when there is none."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()


def http_request(port, method="GET", path="/", headers=None, body=None, tls=False, timeout_s=PATIENCE_S):
    """One request on a connection of its own, on 127.0.0.1. A dict or list as body is sent as JSON. TLS
    certificates are not checked."""
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout_s, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return Response(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def is_listening(port, host="127.0.0.1"):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def process_title(pid):
    """What ps shows; "" when the process is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def is_alive(pid):
    """False for a zombie too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children_of(pid):
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in listed if is_alive(child)]


class Gateway:
    """One instance: a prefix with conf/, logs/ and data/, its ports, and the commands of the program.

    `config` is merged over default_config(). `env` is added to the environment of every command. `user` runs the
    commands, and owns the prefix (only root can have another user than itself). `binary` runs instead of BINARY.
    """

    def __init__(self, config=None, workers=1, admin_key=ADMIN_KEY, env=None, user=None, binary=BINARY):
        self.binary = binary
        self.prefix = Path(tempfile.mkdtemp(prefix="apisix-test-"))
        self.prefix.chmod(0o755)  # the workers' user has to enter it
        self.admin_key = admin_key
        self.env = env or {}
        self.user = user
        self.port = free_port()
        self.tls_port = free_port()
        self.admin_port = free_port()
        self.control_port = free_port()
        self.metrics_port = free_port()
        self.said = ""  # standard error of all commands so far
        (self.prefix / "conf").mkdir()
        self.config = merged(self.default_config(workers), config or {})
        self.write_config()
        if user:
            # The checkout may be in a folder that only its owner enters.
            self.binary = Path(shutil.copy(binary, self.prefix / "apisix"))
            for path in (self.prefix, self.prefix / "conf", self.config_path):
                shutil.chown(path, user)

    def default_config(self, workers):
        def listen(port):
            return {"ip": "127.0.0.1", "port": port}

        return {
            "apisix": {
                "node_listen": [listen(self.port)],
                "ssl": {"listen": [listen(self.tls_port)]},
                "control": listen(self.control_port),
            },
            "nginx_config": {"worker_processes": workers, "error_log_level": "info"},
            "deployment": {
                "role": "traditional",
                "admin": {
                    "admin_listen": listen(self.admin_port),
                    "admin_key": [{"name": "admin", "key": self.admin_key, "role": "admin"}],
                },
            },
            "plugin_attr": {"prometheus": {"export_addr": listen(self.metrics_port)}},
        }

    # ---- files

    @property
    def config_path(self):
        return self.prefix / "conf/config.yaml"

    def write_config(self, config=None):
        """Writes self.config, first replaced by `config` merged over it."""
        self.config = merged(self.config, config or {})
        self.config_path.write_text(yaml.safe_dump(self.config, sort_keys=False))

    @property
    def pid_path(self):
        return self.prefix / "logs/nginx.pid"

    def log(self, name="error.log"):
        path = self.prefix / "logs" / name
        return path.read_text(errors="replace") if path.is_file() else ""

    def wait_for_log(self, text, name="error.log"):
        wait_until(lambda: text in self.log(name), f"{text!r} in {name}")

    # ---- commands

    def environment(self):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("APISIX_") or k == "APISIX_IO_URING"}
        return inherited | {k: str(v) for k, v in self.env.items()}

    def run(self, *arguments, timeout_s=PATIENCE_S):
        """Runs `apisix ARGUMENTS -p PREFIX` to its end; a CompletedProcess with text in stdout and stderr."""
        # Not pipes: a daemon that keeps them open must not make us wait.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run([self.binary, *arguments, "-p", self.prefix], stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=err, env=self.environment(), timeout=timeout_s, check=False, user=self.user)
            out.seek(0)
            err.seek(0)
            done.stdout, done.stderr = out.read(), err.read()
        self.said += done.stderr
        return done

    def start(self, *arguments):
        done = self.run("start", *arguments)
        assert done.returncode == 0, f"start failed:\n{done.stdout}{done.stderr}{self.log()}"
        return done

    def reload(self):
        """Reloads and waits until new workers serve and the old ones are gone."""
        old = set(self.worker_pids())
        done = self.run("reload")
        assert done.returncode == 0, f"reload failed:\n{done.stdout}{done.stderr}"
        wait_until(lambda: self.worker_pids() and not [pid for pid in old if is_alive(pid)],
                   f"the old workers {old} to leave")

    def stop(self):
        """By `apisix stop`, then by force."""
        master = self.pid
        if master is None:
            return
        children = children_of(master)
        try:
            self.run("stop")
        finally:
            for pid in (master, *children):
                if is_alive(pid):
                    os.kill(pid, signal.SIGKILL)

    # ---- processes

    @property
    def pid(self):
        """Of the master; None when it does not run."""
        try:
            pid = int(self.pid_path.read_text())
        except (OSError, ValueError):
            return None
        return pid if is_alive(pid) and process_title(pid).startswith("apisix: master") else None

    def signal(self, number):
        os.kill(self.pid, number)

    def _children(self, title):
        master = self.pid
        return [pid for pid in children_of(master) if process_title(pid) == title] if master else []

    def worker_pids(self):
        """Workers that serve, and not those that are shutting down."""
        return self._children("apisix: worker process")

    def agent_pids(self):
        return self._children("apisix: privileged agent process")

    # ---- requests

    def request(self, path="/", method="GET", **more):
        """To the proxy port; see http_request()."""
        return http_request(self.port, method, path, **more)

    def tls_request(self, path="/", method="GET", **more):
        return http_request(self.tls_port, method, path, tls=True, **more)

    def admin(self, method, path, body=None, key=None, headers=None):
        """To the Admin API: admin("PUT", "/routes/1", {...})."""
        headers = {"X-API-KEY": self.admin_key if key is None else key} | (headers or {})
        return http_request(self.admin_port, method, "/apisix/admin" + path, headers=headers, body=body)

    def put(self, path, body):
        """An Admin PUT that must succeed; returns the stored value."""
        response = self.admin("PUT", path, body)
        assert response.status in (200, 201), f"PUT {path}: {response.status} {response.text}"
        return response.json()["value"]

    def put_everywhere(self, path, body):
        """The same, and every worker serves with it when this returns."""
        return self.put(f"{path}?wait={PATIENCE_S * 1000:.0f}", body)

    def control(self, path, method="GET"):
        return http_request(self.control_port, method, path)

    def replace_workers(self):
        """Kills every worker and waits for as many others."""
        before = self.worker_pids()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(self.worker_pids()) == len(before) and not set(before) & set(self.worker_pids()),
                   "other workers")

    def empty(self):
        """Deletes every object, for the next test that shares it."""
        for plural in COLLECTIONS:
            for item in self.admin("GET", f"/{plural}").json().get("list", []):
                path = item["key"].removeprefix("/apisix/")
                deleted = self.admin("DELETE", f"/{path}?force=true")
                assert deleted.status == 200, f"DELETE {path}: {deleted.status} {deleted.text}"

    # ---- the end

    def end(self):
        """Stops it as `apisix stop` does, without a process for that, which costs 0.1 s of CPU after every test."""
        master = self.pid
        if master is None or self.pid_path.with_name("nginx.pid.oldbin").exists():
            self.stop()
            return
        running = [master, *children_of(master)]
        os.kill(master, signal.SIGTERM)
        try:
            wait_until(lambda: not is_alive(master), "the gateway to stop")
        finally:
            for pid in running:
                if is_alive(pid):
                    os.kill(pid, signal.SIGKILL)

    def finish(self):
        """Stops it and deletes its folder; no crash and no sanitizer's finding may be left."""
        self.end()
        damage = self.damage()
        log = self.log()[-8000:]
        self.delete()
        assert not damage, "\n".join(damage) + log

    def damage(self):
        """Lines that tell of a crash or a sanitizer's finding."""
        return [line for line in (self.said + self.log()).splitlines() if DAMAGE.search(line)]

    def delete(self):
        shutil.rmtree(self.prefix, ignore_errors=True)


@contextlib.contextmanager
def running_gateway(**options):
    """One that the tests of a file share."""
    gateway = Gateway(**options)
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.finish()
