"""A machine to try things on that change one: this one's files, users and packages, with a real systemd as its first
process.

It is made of namespaces and an overlay: what is written on it stays in memory and is gone with it, its network
is its own and leads nowhere, its processes end with it. Files get there through `shared`, which is SHARED inside.
Needs root and a kernel that lets it mount: Machine.refusal() says what is missing.
"""

import functools
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from gateway import PATIENCE_S, wait_until

SHARED = "/mnt"

# Services of the host's that have no business here: hardware, the kernel's settings, and what runs by the clock.
MASKED = """systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount
systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udev-trigger.service
systemd-timesyncd.service systemd-remount-fs.service systemd-random-seed.service systemd-update-utmp.service
systemd-journald-audit.socket sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount
dev-hugepages.mount dev-mqueue.mount tmp.mount timers.target systemd-logind.service"""

LAY_OUT = r"""
set -e
mount --make-rprivate /
cd "$1"
mount -t tmpfs -o mode=755 machine disk
mkdir disk/upper disk/work disk/root
mount -t overlay -o lowerdir=/,upperdir=disk/upper,workdir=disk/work machine disk/root
mount --bind shared disk/root/mnt
cd disk/root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys  # the kernel's settings are the whole machine's
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for each in run tmp var/log var/lib/systemd dev; do mount -t tmpfs -o mode=755 "$each" "$each"; done
chmod 1777 tmp
"""

BOOT = LAY_OUT + r"""
mkdir dev/pts dev/shm
for each in null zero full random urandom tty; do touch dev/$each; mount --bind /dev/$each dev/$each; done
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
: >etc/machine-id
: >etc/fstab
mkdir -p etc/systemd/system etc/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nReadKMsg=no\n' >etc/systemd/journald.conf.d/machine.conf
rm -f var/lib/man-db/auto-update  # or each package makes the index of all manuals again
for each in $2; do ln -sf /dev/null etc/systemd/system/$each; done
exec env -i container=machine PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  chroot . /lib/systemd/systemd --unit=basic.target --show-status=no --log-target=journal
"""

NAMESPACES = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork", "--kill-child"]


class Machine:
    """One that runs, until stop()."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="apisix-machine-"))
        self.shared = self.folder / "shared"
        (self.folder / "disk").mkdir()
        self.shared.mkdir()
        self.log = open(self.folder / "boot.log", "w", encoding="utf-8")
        # It does not outlive this process, however that ends.
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *NAMESPACES, "/bin/sh", "-c", BOOT, "sh",
                                         self.folder, MASKED],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd="/",
                                        start_new_session=True)
        try:
            wait_until(self._is_up, "systemd to be up")
        except BaseException:
            print((self.folder / "boot.log").read_text(encoding="utf-8"))
            self.stop()
            raise

    @staticmethod
    @functools.cache
    def refusal():
        """Why there can be no Machine here; None when there can."""
        if os.geteuid() != 0:
            return "needs root"
        if not Path("/lib/systemd/systemd").exists():
            return "needs systemd"
        with tempfile.TemporaryDirectory(prefix="apisix-machine-") as folder:
            for name in ("disk", "shared"):
                (Path(folder) / name).mkdir()
            done = subprocess.run([*NAMESPACES, "/bin/sh", "-c", LAY_OUT, "sh", folder], capture_output=True, text=True,
                                  timeout=PATIENCE_S, check=False)
            return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else None

    @property
    def init_pid(self):
        """Of its systemd, as it is numbered outside; None when it has ended."""
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return int(tasks.read_text(encoding="ascii").split()[0])
        except (OSError, IndexError):
            return None

    def _is_up(self):
        assert self.process.poll() is None, f"systemd ended with {self.process.returncode}"
        if self.init_pid is None or os.readlink(f"/proc/{self.init_pid}/root") == "/":
            return False
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def command(self, *arguments):
        """What runs `arguments` inside."""
        return ["nsenter", "--target", str(self.init_pid), "--all", "--root", "--wd", "env", "-i", "LC_ALL=C.UTF-8",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_PAGER=", *map(str, arguments)]

    def run(self, *arguments, check=True, timeout_s=120):
        """To its end; a CompletedProcess with text."""
        done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout_s, check=False, cwd="/")
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def shell(self, script, check=True):
        """What a script prints, without the last line's end."""
        return self.run("/bin/sh", "-c", script, check=check).stdout.rstrip("\n")

    def property(self, name, unit="apisix.service"):
        return self.run("systemctl", "show", "--value", "--property", name, unit).stdout.strip()

    def journal(self):
        return self.run("journalctl", "--no-pager", "--quiet", "--lines=200", check=False).stdout

    def stop(self):
        if self.init_pid is not None:
            os.kill(self.init_pid, signal.SIGKILL)  # and with it all processes inside
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
