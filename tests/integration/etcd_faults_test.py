"""What can happen to etcd while a gateway serves: after each, what is served is what is stored; in between, what was
served stays. `steady` asks all the time and fails the test at the first wrong response."""
import json
import threading
import time

import pytest

from etcd import Etcd
from gateway import pause, wait_until
from link import Link

WORKERS = 2


class Steady:
    """Requests for one path, one after another, from the start to the end of a test: each must get 200."""

    def __init__(self, gateway, path):
        self.gateway = gateway
        self.path = path
        self.wrong = []
        self.asked = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._done.is_set():
            try:
                status = self.gateway.request(self.path, timeout_s=10).status
            except OSError as error:
                status = repr(error)
            self.asked += 1
            if status != 200:
                self.wrong.append(status)
            pause(0.005)

    def end(self):
        self._done.set()
        self._thread.join()
        assert self.asked > 0 and not self.wrong, f"wrong answers: {self.wrong[:5]} of {self.asked}"


class Deployment:
    """An etcd, a link to it, a gateway behind the link, and one route that must always be served."""

    def __init__(self, make_gateway, upstream, **etcd):
        self.upstream = upstream
        self.etcd = Etcd(**etcd)
        self.link = Link(self.etcd.members[0].port)
        self.put("steady")
        config = self.etcd.config(host=[f"http://127.0.0.1:{self.link.port}"])
        self.gateway = make_gateway(config=config, workers=WORKERS)
        self.steady = Steady(self.gateway, "/steady")

    def put(self, name, **more):
        """A route of that name, behind the gateway's back."""
        self.etcd.put(f"/apisix/routes/{name}", self.route(name, **more))

    def route(self, name, **more):
        return {"uri": f"/{name}", "upstream": {"type": "roundrobin", "nodes": {self.upstream.node: 1}}} | more

    def serves(self, *names):
        """Exactly these of all that ever were asked about are served, by every worker (seen from outside)."""
        return all(self.gateway.request(f"/{name}").status == 200 for name in names for _ in range(2 * WORKERS))

    def lacks(self, *names):
        return all(self.gateway.request(f"/{name}").status == 404 for name in names for _ in range(2 * WORKERS))

    def wait(self, serves=(), lacks=()):
        wait_until(lambda: self.serves(*serves) and self.lacks(*lacks), f"{serves} served, {lacks} not")

    def wait_until_away(self):
        wait_until(lambda: self.gateway.log().count("etcd is away") >= WORKERS, "the workers to notice")

    def wait_until_back(self):
        wait_until(lambda: self.gateway.log().count("etcd is back after") >= WORKERS, "the workers to be back")

    def lists_again(self):
        return self.gateway.log().count("reading everything again")

    def close(self):
        self.steady.end()
        self.link.close()
        self.etcd.__exit__()


@pytest.fixture
def deployment(make_gateway, upstream):
    made = Deployment(make_gateway, upstream)
    yield made
    made.close()


def test_kill_9_and_start_again(deployment):
    deployment.put("a")
    deployment.wait(serves=["a"])
    deployment.etcd.kill()
    deployment.wait_until_away()
    assert deployment.serves("a")
    assert deployment.gateway.admin("PUT", "/routes/b", deployment.route("b")).status == 503
    deployment.etcd.start()
    deployment.wait_until_back()
    deployment.etcd.delete("/apisix/routes/a")
    deployment.put("c")
    deployment.wait(serves=["c"], lacks=["a", "b"])
    assert deployment.lists_again() == 0, "the history was the same: nothing had to be read again"


def test_changes_while_the_gateway_was_cut_off(deployment):
    deployment.put("a")
    deployment.put("b")
    deployment.wait(serves=["a", "b"])
    deployment.link.cut()
    deployment.wait_until_away()
    deployment.etcd.delete("/apisix/routes/a")
    deployment.put("c")
    assert deployment.serves("a", "b")
    deployment.link.join()
    deployment.wait(serves=["b", "c"], lacks=["a"])
    assert deployment.lists_again() == 0


def test_compaction_while_the_gateway_was_cut_off(deployment):
    deployment.put("a")
    deployment.put("b")
    deployment.wait(serves=["a", "b"])
    deployment.link.cut()
    deployment.wait_until_away()
    deployment.etcd.delete("/apisix/routes/a")
    deployment.put("c")
    deployment.etcd.compact()
    deployment.link.join()
    deployment.wait(serves=["b", "c"], lacks=["a"])
    assert deployment.lists_again() == WORKERS


def test_compaction_of_a_quiet_prefix_costs_nothing_while_connected(deployment):
    for i in range(5):
        deployment.etcd.put("/elsewhere", str(i))
    deployment.etcd.compact()
    deployment.put("a")
    deployment.wait(serves=["a"])
    assert deployment.lists_again() == 0


def test_restore_of_an_older_snapshot(deployment):
    deployment.put("a")
    deployment.wait(serves=["a"])
    backup = deployment.etcd.snapshot()
    deployment.put("b")
    deployment.etcd.delete("/apisix/routes/a")
    deployment.wait(serves=["b"], lacks=["a"])
    deployment.etcd.stop()
    deployment.wait_until_away()
    deployment.etcd.restore(backup)
    deployment.etcd.start()
    deployment.wait(serves=["a"], lacks=["b"])
    deployment.put("d")
    deployment.wait(serves=["a", "d"], lacks=["b"])


def test_restore_that_reached_the_same_revision_again(deployment):
    """Neither the revision nor the cluster id says that it is another history."""
    backup = deployment.etcd.snapshot()
    for name in ("a", "b", "c"):
        deployment.put(name)
    deployment.wait(serves=["a", "b", "c"])
    revision = deployment.etcd.revision
    deployment.link.cut()
    deployment.wait_until_away()
    deployment.etcd.stop()
    deployment.etcd.restore(backup)
    deployment.etcd.start()
    for name in ("x", "b", "y"):
        deployment.put(name, desc="of the second history")
    assert deployment.etcd.revision == revision
    deployment.link.join()
    deployment.wait(serves=["x", "b", "y"], lacks=["a", "c"])


def test_same_revision_with_another_value(deployment):
    backup = deployment.etcd.snapshot()
    deployment.put("a", uri="/first")
    deployment.wait(serves=["first"])
    deployment.link.cut()
    deployment.wait_until_away()
    deployment.etcd.stop()
    deployment.etcd.restore(backup)
    deployment.etcd.start()
    deployment.put("a", uri="/second")
    deployment.link.join()
    deployment.wait(serves=["second"], lacks=["first"])


def test_wiped_data(make_gateway, upstream):
    """A delete of everything is followed as any change: the store is empty, and so is the gateway."""
    deployment = Deployment(make_gateway, upstream)
    deployment.wait(serves=["steady"])
    deployment.steady.end()
    deployment.link.cut()
    deployment.wait_until_away()
    assert deployment.serves("steady")
    deployment.etcd.stop()
    deployment.etcd.wipe()
    deployment.etcd.start()
    deployment.link.join()
    deployment.wait(lacks=["steady"])
    deployment.put("new")
    deployment.wait(serves=["new"], lacks=["steady"])
    deployment.link.close()
    deployment.etcd.__exit__()


def test_a_thousand_changes_at_once(deployment):
    """As one program can write them: transactions of 100, each key several times."""
    last = {}
    for step in range(10):
        lines = []
        for i in range(100):
            name = f"n{(step * 37 + i) % 120}"
            value = json.dumps(deployment.route(name, uri=f"/{name}/{step}"))
            last[name] = step
            lines.append(f"put /apisix/routes/{name} {json.dumps(value)}")
        deployment.etcd.ctl("txn", input="\n" + "\n".join(lines) + "\n\n\n")
    assert len(last) == 120
    deployment.wait(serves=[f"{name}/{step}" for name, step in list(last.items())[:1]])
    for name, step in last.items():
        wait_until(lambda: deployment.gateway.request(f"/{name}/{step}").status == 200, f"{name} of step {step}")
    stale = [f"/{name}/{step - 1}" for name, step in last.items() if step > 0]
    assert all(deployment.gateway.request(path).status == 404 for path in stale)


def test_slow_etcd(deployment):
    deployment.link.delay_s = 0.2
    began = time.monotonic()
    assert deployment.gateway.admin("PUT", "/routes/a", deployment.route("a")).status == 201
    assert time.monotonic() - began > 0.4
    deployment.wait(serves=["a"])
    assert "etcd is away" not in deployment.gateway.log()


def test_etcd_that_hangs(deployment):
    """Connections stay and nothing comes: calls end in time, the watch is opened again when it is over."""
    deployment.gateway.write_config({"deployment": {"etcd": {"timeout": 1, "watch_timeout": 1}}})
    deployment.gateway.reload()
    deployment.link.hangs = True
    began = time.monotonic()
    response = deployment.gateway.admin("PUT", "/routes/a", deployment.route("a"))
    assert response.status == 503 and time.monotonic() - began < 5
    deployment.wait_until_away()
    deployment.link.hangs = False
    deployment.wait_until_back()
    deployment.put("b")
    deployment.wait(serves=["b"])


def test_value_over_the_limit(make_gateway, upstream):
    deployment = Deployment(make_gateway, upstream, options=["--max-request-bytes", "20000"])
    nodes = {f"{i:0>200}.test:80": 1 for i in range(200)}
    response = deployment.gateway.admin("PUT", "/routes/a", {"uri": "/a", "upstream": {"nodes": nodes}})
    assert response.status == 400 and "too large" in response.json()["error_msg"], response.text
    deployment.put("b")
    deployment.wait(serves=["b"], lacks=["a"])
    assert "etcd is away" not in deployment.gateway.log()
    deployment.close()
