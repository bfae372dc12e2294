"""What a service manager sees: the notify protocol on a real socket, the watchdog, and sockets that it opened."""

import fcntl
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from gateway import BINARY, PATIENCE_S, http_request, is_listening, wait_until
from ports import free_port


MARK = b"a message of the test's own"


class Notifications:
    """The socket that NOTIFY_SOCKET names, and everything that came in on it, with the pid of who said it. It is always read,
    as systemd does: the kernel keeps ten messages, and who sends the next one waits."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.said = []
        self._marks = 0  # that came back
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(self.path)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            text, control, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(12))
            if not text:  # close()
                return
            if text == MARK:
                self._marks += 1
                continue
            pid = int.from_bytes(control[0][2][:4], "little")
            self.said.append((pid, dict(line.split("=", 1) for line in text.decode().splitlines())))

    def read(self):
        """All that was sent up to now, but for what wait_for() returned."""
        seen = self._marks
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(MARK, self.path)
        wait_until(lambda: self._marks > seen, "what was sent before")
        return self.said

    def wait_for(self, pid=None, **fields):
        """Waits until a message (of this pid) has these fields, among those not returned yet; returns all."""
        def found():
            for at, (who, said) in enumerate(self.said):
                if (pid is None or who == pid) and all(said.get(k) == str(v) for k, v in fields.items()):
                    del self.said[:at + 1]
                    return said | {"pid": who}
            return None

        return wait_until(found, f"{fields} from {pid or 'anybody'}; said were {self.said}")

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()


@pytest.fixture
def notifications(tmp_path):
    made = Notifications(tmp_path)
    yield made
    made.close()


@pytest.fixture
def service(make_gateway, notifications, tmp_path):
    """Starts a gateway as a service manager does: in the foreground, with a socket to be told on."""
    processes = []

    def start(command=(), env=None, pass_fds=(), **options):
        binary = tmp_path / "apisix"
        shutil.copy(BINARY, binary)
        gateway = make_gateway(start=False, binary=binary, **options)
        environment = gateway.environment() | {"NOTIFY_SOCKET": notifications.path} | (env or {})
        out = open(gateway.prefix / "output", "w")
        process = subprocess.Popen([*command, binary, "start", "--foreground", "-p", gateway.prefix], env=environment,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=pass_fds)
        processes.append(process)
        return gateway, process

    yield start
    for process in processes:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE_S)


def test_the_life_of_a_service(service, notifications):
    gateway, process = service(workers=2)
    ready = notifications.wait_for(READY=1, pid=process.pid)
    assert ready["STATUS"] == "generation 1 serves, 2 workers"
    assert gateway.pid == process.pid and is_listening(gateway.port)

    assert gateway.run("reload").returncode == 0
    begun = notifications.wait_for(RELOADING=1)
    assert int(begun["MONOTONIC_USEC"]) > 0
    assert notifications.wait_for(READY=1)["STATUS"] == "generation 2 serves, 2 workers"

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        gateway.write_config({"apisix": {"node_listen": [{"ip": "127.0.0.1", "port": other.getsockname()[1]}]}})
        assert gateway.run("reload").returncode == 1
    notifications.wait_for(RELOADING=1)
    assert notifications.wait_for(READY=1)["STATUS"] == "generation 2 serves, 2 workers"

    assert gateway.run("quit").returncode == 0
    notifications.wait_for(STOPPING=1)
    assert process.wait(PATIENCE_S) == 0


def test_an_upgrade_hands_the_service_over(service, notifications):
    gateway, process = service()
    notifications.wait_for(READY=1)
    assert gateway.run("upgrade").returncode == 0
    new = gateway.pid
    notifications.wait_for(RELOADING=1, pid=process.pid)
    # From the old main process, because messages of other processes are ignored until then.
    notifications.wait_for(READY=1, MAINPID=new, pid=process.pid)
    assert process.wait(PATIENCE_S) == 0
    assert not [said for who, said in notifications.read() if who == process.pid and "STOPPING" in said]
    assert gateway.run("reload").returncode == 0
    notifications.wait_for(RELOADING=1, pid=new)
    assert gateway.run("stop").returncode == 0
    notifications.wait_for(STOPPING=1, pid=new)


def test_an_upgrade_that_fails_is_a_reload_that_ends(service, notifications):
    gateway, process = service()
    notifications.wait_for(READY=1)
    gateway.binary.unlink()
    gateway.binary.write_text("#!/bin/sh\nexit 1\n")
    gateway.binary.chmod(0o755)
    gateway.signal(signal.SIGUSR2)
    notifications.wait_for(RELOADING=1)
    notifications.wait_for(READY=1, pid=process.pid)
    gateway.binary = BINARY


def test_a_start_that_fails_says_nothing(service, notifications):
    _, process = service(config={"nginx_config": {"worker_processes": "many"}})
    assert process.wait(PATIENCE_S) == 1
    assert notifications.read() == []


def test_the_watchdog_is_fed_while_the_loop_turns(service, notifications):
    gateway, process = service(env={"WATCHDOG_USEC": "200000"})
    for _ in range(3):
        notifications.wait_for(WATCHDOG=1, pid=process.pid)
    gateway.run("upgrade")
    new = notifications.wait_for(READY=1, MAINPID=gateway.pid) and gateway.pid
    for _ in range(3):
        notifications.wait_for(WATCHDOG=1, pid=new)


def test_the_watchdog_of_another_process_is_not_fed(service, notifications):
    gateway, _ = service(env={"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"})
    notifications.wait_for(READY=1)
    gateway.reload()
    assert not [said for _, said in notifications.read() if "WATCHDOG" in said]


def test_children_cannot_talk_to_the_service_manager(service, notifications):
    gateway, _ = service(env={"WATCHDOG_USEC": "2000000"})
    notifications.wait_for(READY=1)
    gateway.reload()
    assert {pid for pid, _ in notifications.read()} <= {gateway.pid}


# ---- socket activation

def with_sockets(sockets):
    """A command that starts its arguments with these sockets as descriptors 3, 4, ..."""
    moves = "".join(f"exec {3 + at}<&{sock.fileno()}; " for at, sock in enumerate(sockets))
    return ["/bin/bash", "-c", f'{moves} export LISTEN_FDS={len(sockets)} LISTEN_PID=$$; exec "$@"', "bash"]


def listening(port, reuse_port=False):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen()
    high = socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD, 30))  # well above what they become
    sock.close()
    return high


@pytest.mark.parametrize("reuse_port", [False, True])
def test_sockets_of_the_service_manager_are_used(service, notifications, reuse_port):
    port = free_port()
    waiting = listening(port, reuse_port)
    client = socket.create_connection(("127.0.0.1", port))  # before anybody serves it
    client.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
    gateway, process = service(with_sockets([waiting]), pass_fds=[waiting.fileno()], workers=2,
                               config={"apisix": {"node_listen": [{"ip": "127.0.0.1", "port": port}]}})
    notifications.wait_for(READY=1)
    assert client.recv(4096).startswith(b"HTTP/1.1 404 ")
    gateway.reload()
    assert http_request(port).status == 404
    assert gateway.run("stop").returncode == 0
    assert process.wait(PATIENCE_S) == 0
    # It is the service manager's, and goes on listening: a client that connects now waits for the next start.
    assert is_listening(port)
    waiting.close()


def test_unused_sockets_are_left_alone(service, notifications):
    extra = listening(free_port())
    gateway, _ = service(with_sockets([extra]), pass_fds=[extra.fileno()])
    notifications.wait_for(READY=1)
    said = (gateway.prefix / "output").read_text()
    assert f"127.0.0.1:{extra.getsockname()[1]} was given to us, but is not in config.yaml" in said
    late = socket.create_connection(("127.0.0.1", extra.getsockname()[1]))  # still connectable
    late.close()
    extra.close()


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="needs systemd-socket-activate")
def test_systemd_socket_activate_starts_it_with_the_first_client(make_gateway):
    """systemd's own program, not our idea of it."""
    gateway = make_gateway(start=False)
    process = subprocess.Popen(
        ["systemd-socket-activate", f"--listen=127.0.0.1:{gateway.port}", gateway.binary, "start", "--foreground", "-p",
         gateway.prefix], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        # Its port is not probed: that would be a first client, who is accepted and left.
        wait_until(lambda: is_open(gateway.port) or process.poll() is not None, "the socket")
        assert gateway.pid is None
        assert http_request(gateway.port).status == 404
        assert gateway.pid == process.pid
        gateway.reload()
        assert http_request(gateway.port).status == 404
    finally:
        process.terminate()
        said = process.communicate(timeout=PATIENCE_S)[1]
    assert "Listening on 127.0.0.1" in said and "is not in config.yaml" not in said
    assert process.returncode == 0


def is_open(port):
    """Whether a socket listens there, without connecting."""
    wanted = f"0100007F:{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as file:
        return any(line.split()[1] == wanted and line.split()[3] == "0A" for line in file)
