"""What is in the Debian package, and that the tools that will read it find no fault with it. What happens when it is
installed is in package_service_test.py."""

import os
import re
import shutil
import stat
import subprocess

import pytest

from gateway import children_of, wait_until
from package import debian_package, field, unpacked_package

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

# Paths and modes. All of it belongs to root.
FILES = {
    "/etc/logrotate.d/apisix": 0o644,
    "/usr/lib/systemd/system/apisix.service": 0o644,
    "/usr/lib/systemd/system/apisix.socket": 0o644,
    "/usr/lib/sysusers.d/apisix.conf": 0o644,
    "/usr/lib/tmpfiles.d/apisix.conf": 0o644,
    "/usr/bin/apisix": 0o755,
    "/usr/share/apisix/config.yaml": 0o644,
    "/usr/share/apisix/config.yaml.example": 0o644,
    "/usr/share/apisix/debug.yaml": 0o644,
    "/usr/share/bash-completion/completions/apisix": 0o644,
    "/usr/share/doc/apisix-cpp/copyright": 0o644,
    "/usr/share/man/man8/apisix.8": 0o644,
}


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def test_files_owners_and_modes():
    found = {}
    for line in run("dpkg-deb", "--contents", debian_package()).stdout.splitlines():
        mode, owner, path = re.match(r"(\S+) +(\S+) .* \./(\S*)$", line).groups()
        assert owner == "root/root", line
        if mode.startswith("d"):
            assert mode == "drwxr-xr-x", line
        else:
            found["/" + path] = mode
    assert found == {path: stat.filemode(stat.S_IFREG | mode) for path, mode in FILES.items()}


def test_what_it_says_of_itself():
    assert field("Package") == "apisix-cpp"
    assert field("Architecture") == run("dpkg", "--print-architecture").stdout.strip()
    depends = field("Depends")
    assert "libc6 (>= " in depends and "libevent" in depends and "passwd" in depends
    assert "llvm" not in depends and "-dev" not in depends, "what only the build needs"
    assert field("Conflicts") == "apisix"


def test_scripts_are_sound(tmp_path):
    run("dpkg-deb", "--control", debian_package(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conffiles", "control", "md5sums", "postinst", "postrm",
                                                                "prerm"]
    assert (tmp_path / "conffiles").read_text() == "/etc/logrotate.d/apisix\n"
    for name in ("postinst", "postrm", "prerm"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o755
        done = run("/bin/sh", "-n", tmp_path / name)
        assert (done.returncode, done.stderr) == (0, "")


def test_binary_is_stripped_and_hardened():
    binary = unpacked_package() / "usr/bin/apisix"
    said = run("readelf", "--headers", "--dynamic", "--wide", binary).stdout
    assert "Type:                              DYN" in said, "position independent"
    assert "GNU_RELRO" in said and re.search(r"FLAGS.*\bBIND_NOW\b|FLAGS_1.*\bNOW\b", said)
    assert re.search(r"GNU_STACK.* RW ", said), "no executable stack"
    assert ".symtab" not in said
    assert run(binary, "version").stdout == "3.18.0\n"


def test_shipped_configuration_is_accepted(tmp_path):
    """As the package's first start finds it: conf/config.yaml of a prefix."""
    (tmp_path / "conf").mkdir()
    shutil.copy(unpacked_package() / "usr/share/apisix/config.yaml", tmp_path / "conf")
    done = run(unpacked_package() / "usr/bin/apisix", "test", "-p", tmp_path)
    if "there is no user \"apisix\"" not in done.stderr:
        assert (done.returncode, done.stdout) == (0, "configuration test is successful\n"), done.stderr


# ---- systemd

def units_below(folder):
    """The two units with the program where it is, so that what they name exists."""
    units = folder / "units"
    units.mkdir()
    for name in ("apisix.service", "apisix.socket"):
        text = (unpacked_package() / "usr/lib/systemd/system" / name).read_text()
        (units / name).write_text(text.replace("/usr/bin/apisix", str(unpacked_package() / "usr/bin/apisix")))
    return units


def test_units_are_understood(tmp_path):
    units = units_below(tmp_path)
    done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", units / "apisix.service",
               units / "apisix.socket")
    assert (done.returncode, done.stderr) == (0, "")
    assert not re.search(r"@[A-Z_]+@", (units / "apisix.service").read_text()), "what cmake fills in"


def test_service_is_not_exposed(tmp_path):
    """systemd's own measure: 0 is a service that can do nothing, 10 one that can do everything; the usual is 9.6."""
    done = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager",
               units_below(tmp_path) / "apisix.service")
    assert done.returncode == 0, done.stdout[-400:] + done.stderr
    exposure = float(re.search(r"Overall exposure level for apisix\.service: ([\d.]+)", done.stdout).group(1))
    assert exposure <= 2.0


def root_with_user(folder):
    """A root folder where the package's user exists, as systemd-sysusers makes it."""
    root = folder / "root"
    shutil.copytree(unpacked_package(), root, symlinks=True)
    done = run("systemd-sysusers", f"--root={root}", "apisix.conf")
    assert (done.returncode, done.stderr) == (0, "Creating group 'apisix' with GID 999.\n"
              "Creating user 'apisix' (apisix-cpp API gateway) with UID 999 and GID 999.\n")
    return root


@needs_root
def test_user_is_made(tmp_path):
    root = root_with_user(tmp_path)
    assert (root / "etc/passwd").read_text() == "apisix:x:999:999:apisix-cpp API gateway:/var/lib/apisix:/usr/sbin/nologin\n"
    assert run("systemd-sysusers", f"--root={root}", "apisix.conf").stderr == "", "the second time there is nothing to do"


@needs_root
def test_folders_are_made(tmp_path):
    root = root_with_user(tmp_path)
    for _ in range(2):
        done = run("systemd-tmpfiles", f"--root={root}", "--create", "apisix.conf")
        assert (done.returncode, done.stderr) == (0, "")
    seen = {}
    for path in ("etc/apisix", "etc/apisix/config.yaml", "var/log/apisix", "var/lib/apisix", "var/lib/apisix/data"):
        status = (root / path).stat()
        seen[path] = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    assert seen == {"etc/apisix": (0o750, 0, 999), "etc/apisix/config.yaml": (0o640, 0, 999),
                    "var/log/apisix": (0o750, 999, 999), "var/lib/apisix": (0o755, 999, 999),
                    "var/lib/apisix/data": (0o700, 999, 999)}
    assert os.readlink(root / "var/lib/apisix/conf") == "/etc/apisix"
    assert os.readlink(root / "var/lib/apisix/logs") == "/var/log/apisix"
    # What an operator wrote stays.
    (root / "etc/apisix/config.yaml").write_text("deployment: {}\n")
    run("systemd-tmpfiles", f"--root={root}", "--create", "apisix.conf")
    assert (root / "etc/apisix/config.yaml").read_text() == "deployment: {}\n"


# ---- for people

def test_manual_renders_without_a_warning():
    page = unpacked_package() / "usr/share/man/man8/apisix.8"
    done = run("man", "--warnings=w", "--encoding=UTF-8", "--local-file", page, env=os.environ | {"MANWIDTH": "80",
                                                                                                "MANPAGER": "cat"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "API gateway compatible with Apache APISIX" in done.stdout


def test_manual_names_every_action_and_no_other():
    page = (unpacked_package() / "usr/share/man/man8/apisix.8").read_text()
    section = re.search(r"^\.SH ACTIONS$(.*?)^\.SH", page, re.S | re.M).group(1)
    named = re.findall(r"[a-z_]+", re.sub(r"\\f.*?\\fR", "", " ".join(re.findall(r"^\.TP\n\.BR? (.*)$", section, re.M))))
    actions = re.findall(r"^([a-z_]+): ", run(unpacked_package() / "usr/bin/apisix", "help").stdout, re.M)
    assert sorted(named) == sorted(actions)


def completed(line):
    """What bash offers for the last word of a command line."""
    words = line.split(" ")
    script = f"""
        source {unpacked_package()}/usr/share/bash-completion/completions/apisix
        COMP_WORDS=({' '.join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
        _apisix; printf '%s\\n' "${{COMPREPLY[@]}}\""""
    done = run("bash", "-c", script, env={"PATH": f"{unpacked_package()}/usr/bin:/usr/bin:/bin"})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_completion_offers_what_there_is(tmp_path):
    everything = completed("apisix ")
    assert {"start", "stop", "reload", "upgrade", "routes"} <= set(everything)
    assert completed("apisix rel") == ["reload"]
    assert completed("apisix -p /tmp up") == ["upgrade", "upstreams"]
    assert completed("apisix reload ") == [], "one action is enough"
    assert set(completed("apisix start --f")) == {"--foreground"}
    assert completed("apisix start --timeout ") == []
    (tmp_path / "prefix").mkdir()
    (tmp_path / "file.yaml").touch()
    assert completed(f"apisix -p {tmp_path}/") == [f"{tmp_path}/prefix"]
    assert sorted(completed(f"apisix -c {tmp_path}/")) == [f"{tmp_path}/file.yaml", f"{tmp_path}/prefix"]


@pytest.mark.parametrize("option", ["--config", "--prefix", "--foreground", "--timeout", "--json", "--verbose", "--help"])
def test_completed_options_exist(option):
    assert option in completed("apisix --")
    known = run(unpacked_package() / "usr/bin/apisix", "help", option, "1")
    assert known.returncode != 2 or "--" not in known.stderr, known.stderr


# ---- logs

@needs_root
def test_logrotate_moves_the_files_and_tells_the_gateway(make_gateway, tmp_path):
    """The shipped file, with the paths of this gateway."""
    gateway = make_gateway()
    logs = gateway.prefix / "logs"
    text = (unpacked_package() / "etc/logrotate.d/apisix").read_text().replace("/var/log/apisix", str(logs))
    rules = tmp_path / "rules"
    command = "/usr/bin/apisix reopen -p /var/lib/apisix"
    assert command in text and "nginx.pid)" not in text, "no signal to a number that others than root can write"
    text = text.replace(command, f"{gateway.binary} reopen -p {gateway.prefix}")
    rules.write_text(text.replace("su apisix apisix", "su root root"))
    state = tmp_path / "state"
    dry = run("logrotate", "--debug", "--state", state, rules)
    assert dry.returncode == 0 and "error:" not in dry.stderr, dry.stderr
    gateway.request("/before")
    gateway.wait_for_log("GET /before ", name="access.log")
    done = run("logrotate", "--force", "--state", state, rules)
    assert (done.returncode, done.stderr) == (0, "")
    assert "GET /before " in gateway.log("access.log.1") and (logs / "error.log.1").exists()
    old = {(logs / name).stat().st_ino for name in ("access.log.1", "error.log.1")}

    def open_files():
        return {os.stat(path).st_ino for pid in [gateway.pid, *children_of(gateway.pid)]
                for path in (f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")) if os.path.exists(path)}

    wait_until(lambda: not old & open_files(), "all processes to close the old files")
    gateway.request("/after")
    gateway.wait_for_log("GET /after ", name="access.log")
    assert "GET /after " not in gateway.log("access.log.1")
