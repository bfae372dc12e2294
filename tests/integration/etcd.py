"""Real etcd servers for tests: one or a cluster of members, on free ports, each with a folder of its own.

    with Etcd() as etcd: gateway = make_gateway(config=etcd.config())

What tests do to it: kill, stop, start, compact, snapshot, restore, wipe. Changes behind the gateway's back go
through etcd's own client or its JSON gateway, as other programs make them.
"""
import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from gateway import PATIENCE_S, http_request, is_listening, wait_until
from ports import free_port


class Member:
    """One etcd process and its folder."""

    def __init__(self, folder, name, options):
        self.name = name
        self.folder = Path(folder) / name
        self.folder.mkdir()
        self.port = free_port()
        self.peer_port = free_port()
        self.scheme = "https" if "--cert-file" in options else "http"
        self.options = options
        self.process = None

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def peer_url(self):
        return f"http://127.0.0.1:{self.peer_port}"

    @property
    def data(self):
        return self.folder / "data"

    def start(self, cluster):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["etcd", "--name", self.name, "--data-dir", self.data, "--listen-client-urls", self.url,
                 "--advertise-client-urls", self.url, "--listen-peer-urls", self.peer_url,
                 "--initial-advertise-peer-urls", self.peer_url, "--initial-cluster", cluster,
                 "--heartbeat-interval", "50", "--election-timeout", "300", "--log-level", "error",
                 # The machine does not lose its power, and its disk may be busy for seconds.
                 "--unsafe-no-fsync", *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self):
        """As kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self):
        """As a shutdown in good order."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def pause(self):
        """It keeps its connections and says nothing."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)


class Etcd:
    """A cluster. `options` are further arguments of etcd; `client_options` of etcdctl."""

    def __init__(self, members=1, options=(), client_options=(), start=True):
        self.folder = tempfile.mkdtemp(prefix="etcd-test-")
        self.client_options = list(client_options)
        self.members = [Member(self.folder, f"m{i}", list(options)) for i in range(members)]
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self.members:
            member.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def urls(self):
        return [member.url for member in self.members]

    @property
    def cluster(self):
        return ",".join(f"{member.name}={member.peer_url}" for member in self.members)

    def config(self, **etcd):
        """config.yaml of a gateway that uses it. Waits are short, so that tests are."""
        return {"deployment": {"role_traditional": {"config_provider": "etcd"},
                               "etcd": {"host": self.urls, "timeout": 5, "resync_delay": 1} | etcd}}

    # ---- life

    def start(self):
        for member in self.members:
            if member.process is None:
                member.start(self.cluster)
        self.wait_until_ready()

    def wait_until_ready(self):
        wait_until(lambda: all(is_listening(m.port) for m in self.members if m.process), "etcd to listen")
        wait_until(lambda: self.ctl("get", "nothing", check=False).returncode == 0, "etcd to reply")

    def kill(self):
        for member in self.members:
            member.kill()

    def stop(self):
        for member in self.members:
            member.stop()

    def wipe(self):
        """Everything it knew is gone; the same addresses and names stay."""
        for member in self.members:
            shutil.rmtree(member.data, ignore_errors=True)

    # ---- use

    def ctl(self, *arguments, check=True, input=None):
        done = subprocess.run(["etcdctl", "--endpoints", ",".join(self.urls), "--dial-timeout", "1s",
                               "--command-timeout", f"{PATIENCE_S if check else 3}s", *self.client_options, *arguments],
                              env=os.environ | {"ETCDCTL_API": "3"}, input=input, capture_output=True, text=True,
                              check=False, timeout=PATIENCE_S + 5)
        assert not check or done.returncode == 0, f"etcdctl {arguments}: {done.stderr}"
        return done

    def put(self, key, value):
        """Behind the gateway's back. A dict is written as JSON."""
        self.ctl("put", key, value if isinstance(value, str) else json.dumps(value))

    def delete(self, key):
        self.ctl("del", key)

    def items(self, prefix="/apisix/"):
        """{key: text} of everything under the prefix."""
        response = json.loads(self.ctl("get", "--prefix", prefix, "-w", "json").stdout)
        decode = lambda text: base64.b64decode(text).decode()
        return {decode(item["key"]): decode(item.get("value", "")) for item in response.get("kvs", [])}

    @property
    def revision(self):
        return json.loads(self.ctl("get", "nothing", "-w", "json").stdout)["header"]["revision"]

    def compact(self, revision=None):
        self.ctl("compact", str(revision or self.revision), "--physical")

    def snapshot(self):
        path = Path(self.folder) / "snapshot.db"
        path.unlink(missing_ok=True)
        subprocess.run(["etcdctl", "--endpoints", self.urls[0], *self.client_options, "snapshot", "save", path],
                       env=os.environ | {"ETCDCTL_API": "3"}, capture_output=True, check=True, timeout=30)
        return path

    def restore(self, path):
        """Of one member: its data become the snapshot's. Stop it before, start it after."""
        member = self.members[0]
        shutil.rmtree(member.data, ignore_errors=True)
        subprocess.run(["etcdctl", "snapshot", "restore", path, "--data-dir", member.data, "--name", member.name,
                        "--initial-cluster", self.cluster, "--initial-advertise-peer-urls", member.peer_url],
                       env=os.environ | {"ETCDCTL_API": "3"}, capture_output=True, check=True, timeout=30)

    def metric(self, name, member=0):
        """The sum of a metric over its labels, as the member counts."""
        text = http_request(self.members[member].port, path="/metrics").text
        lines = [line for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)
