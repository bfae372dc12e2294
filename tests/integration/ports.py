"""TCP ports for gateways and servers of tests, safe between processes that run tests beside each other.

Each port has a byte in one file of the folder for temporary files; the process that locks the byte has the port. The
kernel releases the locks when the process ends, however it ends, so that nothing has to be cleaned up.
"""

import fcntl
import functools
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 10000, 32000  # outside the kernel's ephemeral range

_tried = set()  # by this process, whose own locks do not stop it
_order = random.Random(os.getpid())


@functools.cache
def _locks():
    """Never closed: closing any descriptor of the file would release all locks of this process."""
    path = Path(tempfile.gettempdir()) / f"apisix-test-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def take_port(port):
    """Whether the port is this process's own from now on, until it ends."""
    if port in _tried:
        return False
    try:
        # In this order: a bind would be in the way of a server that is just starting on a port of another process.
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        _tried.add(port)
        with socket.socket() as probe:
            probe.bind(("0.0.0.0", port))
    except OSError:
        return False
    return True


def free_port():
    """A port without a listener, not given out before in this run, nor in one beside it."""
    while True:
        port = _order.randint(FIRST, LAST)
        if take_port(port):
            return port
