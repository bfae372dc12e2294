"""Runs every example of README.md and docs/*.md and compares what it prints.

An example is a fenced block marked `console`: a line that starts with "$ " is a command (it goes on in the lines
after it while a quote or a backslash is open), the lines below are what it prints. In those, "..." stands for
anything within a line, and alone in a line for any number of lines. The blocks of a page run in order in one shell, against a
gateway started as ./dev run starts it, only on free ports and in a folder of its own.
"""
import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from ports import free_port

ROOT = Path(__file__).resolve().parents[2]
BINARY = ROOT / "build/release/apisix"
PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
         if "```console\n" in page.read_text(encoding="utf-8")]
MARK = "=-=-= example "
PAGE_S = 120  # for all examples of a page


def examples(text):
    """[(command, expected output)] of a page."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.S | re.M):
        command, output, is_open = None, "", False
        for line in block.splitlines():
            if line.startswith("$ ") and not is_open:
                if command is not None:
                    found.append((command, output))
                command, output = line[2:], ""
            elif is_open:
                command += "\n" + line
            else:
                output += line + "\n"
                continue
            is_open = command.count("'") % 2 == 1 or command.count('"') % 2 == 1 or command.endswith("\\")
        if command is not None:
            found.append((command, output))
    return found


def matches(expected, printed):
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ \t\r]*\n"
    return re.fullmatch(pattern, printed if printed.endswith("\n") or not printed else printed + "\n") is not None


@pytest.fixture
def ports():
    """The documented ports and the ones that stand for them here, in the same order: lists of nodes are sorted."""
    documented = (7085, 8001, 8002, 9080, 9081, 9090, 9091, 9180, 9443)
    return dict(zip(documented, sorted(free_port() for _ in documented), strict=True))


@pytest.fixture
def gateway(tmp_path, ports):
    """./run of ./dev run, with other ports; the folder."""
    prefix = tmp_path / "run"
    (prefix / "conf").mkdir(parents=True)
    config = (ROOT / "conf/config.yaml").read_text(encoding="utf-8")
    overlay = f"""
apisix:
  node_listen: {ports[9080]}
  control:
    port: {ports[9090]}
  ssl:
    listen:
      - port: {ports[9443]}
plugin_attr:
  prometheus:
    export_addr:
      ip: 127.0.0.1
      port: {ports[9091]}
deployment:
  admin:
    admin_listen:
      ip: 127.0.0.1
      port: {ports[9180]}
"""
    (prefix / "conf/config.yaml").write_text(merged(config, overlay), encoding="utf-8")
    command = [BINARY, "-p", prefix, "-c", prefix / "conf/config.yaml"]
    subprocess.run([*command, "start"], check=True, timeout=60)
    yield prefix
    subprocess.run([*command, "stop"], check=False, timeout=60)
    for pid_file in tmp_path.rglob("logs/*.pid"):  # of a page that broke off before it stopped its own
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(pid_file.read_text()), signal.SIGTERM)


def merged(config, overlay):
    import yaml

    def merge(into, other):
        for name, value in other.items():
            if isinstance(value, dict) and isinstance(into.get(name), dict):
                merge(into[name], value)
            else:
                into[name] = value
        return into

    return yaml.safe_dump(merge(yaml.safe_load(config) or {}, yaml.safe_load(overlay)), sort_keys=False)


def script_of(found, replace):
    """One shell script: a mark before each command, and after a background command a wait for its port."""
    lines = [f"cd {ROOT}"]
    for number, (command, _) in enumerate(found):
        command = replace(command)
        lines += [f"echo '{MARK}{number}'", command]
        if command.endswith("&"):
            port = re.search(r"http\.server (\d+)", command)
            if port:
                lines.append(f"for _ in {{1..200}}; do (exec 3<>/dev/tcp/127.0.0.1/{port.group(1)}) 2>/dev/null && "
                             "break; sleep 0.05; done")
    lines.append("kill $(jobs -p) 2>/dev/null; wait")
    return "\n".join(lines)


def run_page(script, environment):
    """What the shell printed. A page that does not end is ended, with all that it started, and fails with its last words."""
    shell = subprocess.Popen(["bash", script], stdin=subprocess.DEVNULL, env=environment, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, start_new_session=True)
    try:
        return shell.communicate(timeout=PAGE_S)[0]
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        printed = shell.communicate()[0]
        pytest.fail(f"not done after {PAGE_S} s; it printed:\n{printed}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_print_what_the_page_says(page, gateway, ports, tmp_path):
    found = examples(page.read_text(encoding="utf-8"))
    assert found

    def replace(text):
        for documented, here in ports.items():
            text = re.sub(rf"\b{documented}\b", str(here), text)
        return text.replace("/tmp/tour", str(tmp_path / "tour"))

    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tmp_path), "APISIX_RUN": str(gateway),
                   "LC_ALL": "C.UTF-8"}
    script = tmp_path / "page.sh"
    script.write_text(script_of(found, replace), encoding="utf-8")
    printed = re.split(rf"{MARK}\d+\n", run_page(script, environment))[1:]
    wrong = [f"$ {command}\n  the page says:\n{expected}  printed:\n{output}"
             for (command, expected), output in zip(found, printed, strict=True)
             if not matches(replace(expected), output)]
    assert not wrong, f"{page.name}:\n" + "\n".join(wrong)
