"""apisix top: in a pipe, as lines of JSON, and on a terminal of 80 x 24: keys, another size, and the terminal as it was
before."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading

import pytest

from gateway import PATIENCE_S, wait_until
from ports import free_port


@pytest.fixture
def busy(gateway, upstream):
    """A gateway with requests to three routes, one of which fails, until the test ends."""
    nodes = {upstream.node: 1}
    gateway.put("/upstreams/shop", {"type": "roundrobin", "nodes": nodes})
    gateway.put("/routes/good", {"uri": "/good", "upstream_id": "shop"})
    gateway.put("/routes/broken", {"uri": "/broken", "upstream": {"type": "roundrobin",
                                                                  "nodes": {f"127.0.0.1:{free_port()}": 1}}})
    wait_until(lambda: gateway.request("/broken").status == 502, "the routes")
    over = threading.Event()

    def ask():
        while not over.is_set():
            for path in ("/good", "/broken", "/nowhere"):
                gateway.request(path)

    thread = threading.Thread(target=ask)
    thread.start()
    yield gateway
    over.set()
    thread.join()


def by_name(rows):
    return {row["name"]: row for row in rows}


def test_lines_of_json(busy):
    done = busy.run("top", "--json", "-n", "3", "-d", "0.4")
    assert done.returncode == 0, done.stderr
    screens = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(screens) == 3 and all(screen["seconds"] >= 0.4 for screen in screens)
    last = next(screen for screen in screens if len(screen["routes"]) == 3)
    routes = by_name(last["routes"])
    assert set(routes) == {"good", "broken", ""}
    assert routes["good"]["by_class"]["2xx"] > 0 and routes["good"]["by_class"]["5xx"] == 0
    assert routes["broken"]["by_class"]["5xx"] > 0 and routes[""]["by_class"]["4xx"] > 0
    assert abs(sum(row["requests_per_s"] for row in last["routes"]) - last["requests_per_s"]) < 0.1
    assert 0 < routes["good"]["latency_ms"]["p50"] <= routes["good"]["latency_ms"]["p99"]
    upstreams = by_name(last["upstreams"])
    assert upstreams["upstreams/shop"]["by_class"]["2xx"] > 0
    assert upstreams["routes/broken"]["by_class"]["5xx"] > 0
    assert last["status"] == "ready" and last["connections"] >= 0


def test_counts_are_exact(gateway, upstream):
    """Many requests on one connection, while top looks: the sum of its screens is what was asked."""
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    wait_until(lambda: gateway.request("/").status == 200, "the route")
    top = subprocess.Popen([gateway.binary, "top", "--json", "-d", "0.1", "-p", gateway.prefix], text=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    top.stdout.readline()  # it has looked
    for _ in range(50):
        gateway.request("/")
    count = 0.0
    while count < 49.5:
        screen = json.loads(top.stdout.readline())
        count += screen["requests_per_s"] * screen["seconds"]
    assert 49.5 < count < 50.5
    gateway.run("stop")
    assert top.wait(PATIENCE_S) == 3, "the gateway is gone"
    top.stdout.close()


def test_text_into_a_pipe(busy):
    done = busy.run("top", "-n", "1", "-d", "1", "--sort", "errors")
    assert done.returncode == 0 and "\033" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[1].startswith("Requests ") and "5xx" in lines[1]
    title = next(i for i, line in enumerate(lines) if line.startswith("ROUTE"))
    assert lines[title].split() == ["ROUTE", "REQ/S", "2XX", "3XX", "4XX", "5XX*", "P50", "P90", "P99"]
    assert lines[title + 1].split()[0] == "broken", "the one with errors first"
    assert any(line.startswith("upstreams/shop") for line in lines)
    assert max(len(line) for line in lines) <= 80


def test_wrong_options(gateway):
    assert gateway.run("top", "--sort", "size").returncode == 2
    assert gateway.run("top", "-d", "soon").returncode == 2
    assert gateway.run("top", "-n", "0").returncode == 2


class Terminal:
    """`apisix top` on a pty. The screen is what the last complete drawing put there."""

    def __init__(self, gateway, *arguments, interval_s=0.2, env=()):
        self.master, slave = pty.openpty()
        self.resize(24, 80)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.output = ""
        self.process = subprocess.Popen([gateway.binary, "top", "-d", str(interval_s), *arguments, "-p",
                                         gateway.prefix],
                                        stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        env=gateway.environment() | {"TERM": "xterm"} | dict(env))

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        while select.select([self.master], [], [], 0.02)[0]:
            self.output += os.read(self.master, 65536).decode()

    def screen(self):
        """The lines of the last drawing, without colours."""
        self.read()
        drawings = re.findall(r"\033\[H(.*?)\033\[J", self.output, re.S)
        text = drawings[-1] if drawings else ""
        return [re.sub(r"\033\[[0-9;]*[mK]", "", line) for line in re.split(r"\r+\n", text)]

    def wait_for(self, condition, what):
        return wait_until(lambda: condition(lines := self.screen()) and lines, what)

    def press(self, keys):
        os.write(self.master, keys.encode())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(request):
    opened = []

    def open_one(*arguments, **options):
        opened.append(Terminal(*arguments, **options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def names(lines, title):
    """First words of the rows below a title."""
    at = next((i for i, line in enumerate(lines) if line.startswith(title)), len(lines))
    rows = lines[at + 1:]
    return [row.split()[0] for row in rows[:rows.index("") if "" in rows else None] if row.split()]


def test_screen_of_80_by_24(busy, terminal):
    top = terminal(busy, interval_s=1)
    lines = top.wait_for(lambda now: set(names(now, "ROUTE")) == {"good", "broken", "-"}, "three routes")
    assert len(lines) == 24 and max(len(line) for line in lines) <= 80
    assert lines[0].startswith("APISIX") and "ready" in lines[0]
    assert lines[-1].strip().startswith("q quit")
    assert "\033[31m" in top.output, "errors are red"

    assert "REQ/S*" in "".join(lines)
    top.press("s")
    top.wait_for(lambda now: "5XX*" in "".join(now) and "by errors" in now[-1], "another order")

    top.resize(12, 60)
    top.wait_for(lambda now: len(now) == 12 and max(len(line) for line in now) <= 60, "the smaller screen")
    top.press("q")
    assert top.process.wait(PATIENCE_S) == 0
    top.read()
    assert top.output.startswith("\033[?1049h") and top.output.endswith("\033[?25h\033[?1049l")
    assert termios.tcgetattr(top.slave)[3] == top.before[3], "echo is back"


@pytest.mark.parametrize("end", ["ctrl-c", signal.SIGTERM])
def test_the_terminal_is_given_back(gateway, terminal, end):
    top = terminal(gateway)
    top.wait_for(lambda now: now[0].startswith("APISIX"), "the screen")
    if end == "ctrl-c":
        top.press("\003")
    else:
        top.process.send_signal(end)
    assert top.process.wait(PATIENCE_S) == 0
    top.read()
    assert top.output.endswith("\033[?1049l") and termios.tcgetattr(top.slave)[3] == top.before[3]


def test_no_colours_when_they_are_not_wanted(busy, terminal):
    top = terminal(busy, env={"NO_COLOR": "1"})
    top.wait_for(lambda now: "broken" in names(now, "ROUTE"), "the screen")
    assert not re.search(r"\033\[[0-9;]*m", top.output)


def test_it_stays_over_a_reload_and_leaves_with_the_gateway(busy, terminal):
    top = terminal(busy)
    top.wait_for(lambda now: "generation 1" in now[0] and "good" in names(now, "ROUTE"), "the screen")
    busy.reload()
    top.wait_for(lambda now: "generation 2: ready" in now[0] and "good" in names(now, "ROUTE"), "the new generation")


def test_it_says_that_the_gateway_is_gone(gateway, terminal):
    top = terminal(gateway)
    top.wait_for(lambda now: now[0].startswith("APISIX"), "the screen")
    gateway.run("stop")
    assert top.process.wait(PATIENCE_S) == 3
    assert "not running" in top.process.stderr.read().decode()
    top.read()
    assert top.output.endswith("\033[?1049l")
