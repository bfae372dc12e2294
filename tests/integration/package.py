"""The Debian package of build/release/apisix, made once for all tests that want it."""

import functools
import subprocess
import tempfile
from pathlib import Path

from gateway import REPOSITORY

BUILD = REPOSITORY / "build/release"


@functools.cache
def folder_of_package():
    """Kept as long as the tests run."""
    return tempfile.TemporaryDirectory(prefix="apisix-package-")


@functools.cache
def debian_package():
    """The .deb, as ./dev package makes it."""
    folder = Path(folder_of_package().name)
    assert (BUILD / "apisix").exists(), f"{BUILD}/apisix is missing: ./dev build release"
    done = subprocess.run(["cpack", "--config", BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", folder], cwd=folder,
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (package,) = folder.glob("*.deb")
    return package


@functools.cache
def unpacked_package():
    """A folder with its files, as they will lie below /."""
    root = Path(folder_of_package().name) / "root"
    subprocess.run(["dpkg-deb", "--extract", debian_package(), root], check=True)
    return root


def field(name):
    """A field of its control file."""
    done = subprocess.run(["dpkg-deb", "--field", debian_package(), name], capture_output=True, text=True, check=True)
    return done.stdout.strip()
