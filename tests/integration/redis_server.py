"""Real redis servers for tests, on free ports, each in a folder of its own: single ones, clusters, and a master with a
replica that sentinels watch. The test that starts one closes it."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import redis

from gateway import wait_until
from ports import free_port, take_port


class RedisServer:
    """`options` as on the command line: {"requirepass": "x"}."""

    def __init__(self, options=None, port=None, host="127.0.0.1"):
        self.host = host
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="redis-test-"))
        self.options = {"port": self.port, "bind": self.host, "save": "", "appendonly": "no",
                        "dir": self.folder} | (options or {})
        self.process = None
        self.start()

    def command_line(self):
        line = ["redis-server"]
        for name, value in self.options.items():
            line += [f"--{name}", *str(value).split(" ")]
        return line

    def start(self):
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen(self.command_line(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.replies, f"redis on port {self.port}")

    def replies(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return self.client.ping()
        except (redis.ConnectionError, redis.BusyLoadingError):
            return False

    @property
    def client(self):
        return redis.Redis(self.host, self.port, password=self.options.get("requirepass"), socket_timeout=10)

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def freeze(self):
        """Answers nothing any more when this returns: a signal takes a moment to arrive on another core."""
        os.kill(self.process.pid, signal.SIGSTOP)
        tasks = list(Path(f"/proc/{self.process.pid}/task").iterdir())
        wait_until(lambda: all((task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks),
                   "redis to stop")

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Several:
    """Servers that are closed together, also when one of them does not start."""

    def __init__(self):
        self.servers = []
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def add(self, server):
        self.servers.append(server)
        return server

    def close(self):
        for server in reversed(self.servers):
            server.close()


class RedisCluster(Several):
    """Three masters; the first has a replica."""

    def start(self):
        options = {"cluster-enabled": "yes", "cluster-node-timeout": 1000, "cluster-config-file": "nodes.conf"}
        self.nodes = []
        for _ in range(4):
            port = free_port()
            while port > 20000 or not take_port(port + 10000):  # the bus is there
                port = free_port()
            self.nodes.append(self.add(RedisServer(options, port=port)))
        self.masters, self.replica = self.nodes[:3], self.nodes[3]
        for i, node in enumerate(self.masters):
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", i * 16384 // 3, (i + 1) * 16384 // 3 - 1)
            node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for node in self.nodes[1:]:
            node.client.execute_command("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        wait_until(lambda: all(self.state(node, "cluster_known_nodes") == "4" for node in self.nodes), "the nodes to meet")
        wait_until(self._replicate, "the replica to know its master")
        wait_until(lambda: all(self.state(node, "cluster_state") == "ok" for node in self.nodes), "the cluster")
        wait_until(lambda: self.replica.client.info("replication").get("master_link_status") == "up", "the replica")

    def _replicate(self):
        try:
            return self.replica.client.execute_command("CLUSTER", "REPLICATE", self.id_of(self.nodes[0]))
        except redis.ResponseError:
            return False

    @staticmethod
    def state(node, name):
        lines = node.client.execute_command("CLUSTER", "INFO").decode().split()
        return dict(line.split(":", 1) for line in lines)[name]

    @staticmethod
    def id_of(node):
        return node.client.execute_command("CLUSTER", "MYID").decode()

    def find(self, pattern):
        """(node, key) of the only key like `pattern`."""
        found = [(node, key) for node in self.masters for key in node.client.keys(pattern)]
        assert len(found) == 1, found
        return found[0]


class WatchedRedis(Several):
    """A master named `mymaster`, its replica, and three sentinels."""

    name = "mymaster"
    password = "foobared"

    def start(self):
        options = {"requirepass": self.password, "masterauth": self.password}
        self.master = self.add(RedisServer(options))
        self.replica = self.add(RedisServer(options | {"replicaof": f"127.0.0.1 {self.master.port}"}))
        wait_until(lambda: self.replica.client.info("replication")["master_link_status"] == "up", "the replica")
        self.sentinels = [self.add(Sentinel(self.master.port, self.password)) for _ in range(3)]
        wait_until(lambda: all(sentinel.sees(2) for sentinel in self.sentinels), "the sentinels to meet")


class Sentinel(RedisServer):
    def __init__(self, master_port, password):
        self.master_port, self.password = master_port, password
        super().__init__()

    def command_line(self):
        path = self.folder / "sentinel.conf"
        path.write_text(f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
                        f"sentinel monitor mymaster 127.0.0.1 {self.master_port} 2\n"
                        f"sentinel auth-pass mymaster {self.password}\n"
                        "sentinel down-after-milliseconds mymaster 500\n"
                        "sentinel failover-timeout mymaster 3000\n")
        return ["redis-server", str(path), "--sentinel"]

    def sees(self, others):
        words = self.client.execute_command("SENTINEL", "MASTER", "mymaster")
        state = dict(zip(words[::2], words[1::2]))
        return int(state[b"num-other-sentinels"]) == others and int(state[b"num-slaves"]) == 1
