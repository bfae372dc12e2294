"""CPU time of process trees, one wrk run, and summaries of paired rounds. Python's standard library only."""
import os
import re
import statistics
import subprocess
from dataclasses import dataclass

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def process_tree(pid):
    """The process and all its descendants (a gateway's master and workers)."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                    todo += [int(child) for child in file.read().split()]
        except OSError:
            pass  # it ended meanwhile
    return found


def cpu_us(pid):
    """User and system time of the tree in microseconds, including children that were waited for."""
    ticks = 0
    for member in process_tree(pid):
        try:
            with open(f"/proc/{member}/stat", encoding="ascii", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            ticks += sum(int(field) for field in fields[11:13])
        except OSError:
            pass
    return ticks * 1e6 / TICKS_PER_SECOND


def resident_kib(pid):
    """Largest resident set in the tree: one worker's memory."""
    sizes = [0]
    for member in process_tree(pid):
        try:
            with open(f"/proc/{member}/status", encoding="ascii", errors="replace") as file:
                sizes += [int(line.split()[1]) for line in file if line.startswith("VmRSS:")]
        except OSError:
            pass
    return max(sizes)


def workers_of(pid):
    """The tree's processes that serve clients; none of haproxy, whose workers are threads."""
    found = []
    for member in process_tree(pid):
        with open(f"/proc/{member}/cmdline", encoding="utf-8", errors="replace") as file:
            if "worker process" in file.read():
                found.append(member)
    return sorted(found)


def run_us(pids):
    """Time on a core of these processes in microseconds, by the scheduler's own clock: for what takes less than many
    ticks."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total / 1e3


def memory_bytes(pid, field="Pss_Anon"):
    """Of one process. Pss_Anon: what it allocated, without files and shared memory zones."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field + ":")) * 1024


def kernel_bytes():
    """What the kernel's objects take, of all the machine."""
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Slab:")) * 1024


def pin(pid, *cpus):
    for member in process_tree(pid):
        for task in os.listdir(f"/proc/{member}/task"):
            os.sched_setaffinity(int(task), set(cpus))


@dataclass
class Round:
    requests: int
    requests_per_second: float
    p50_us: float
    p99_us: float
    errors: int  # socket errors, timeouts, and responses other than 2xx or 3xx
    cpu_us_per_request: float = 0.0


def _microseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}[unit]


def parse_wrk(output):
    def percentile(p):
        return _microseconds(re.search(rf"^\s+{p}%\s+(\S+)", output, re.M).group(1))
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    errors = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", output))
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    errors += int(refused.group(1)) if refused else 0
    per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))
    return Round(requests, per_second, percentile(50), percentile(99), errors)


def start_wrk(url, cpu, seconds, connections, headers=(), script=None, script_arguments=(), threads=1):
    """`cpu`: a core, or several as "0,1"."""
    command = ["taskset", "-c", str(cpu), "wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for header in headers:
        command += ["-H", header]
    if script:
        command += ["-s", str(script)]
    command += [url, "--", *script_arguments] if script_arguments else [url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish_wrk(process):
    output, _ = process.communicate(timeout=300)
    if process.returncode != 0:
        raise RuntimeError("wrk failed:\n" + output)
    return parse_wrk(output)


def measured_round(gateway_pid, url, cpu, **options):
    before = cpu_us(gateway_pid)
    result = finish_wrk(start_wrk(url, cpu, **options))
    if result.requests == 0:
        raise RuntimeError(f"no request was answered at {url}")
    result.cpu_us_per_request = (cpu_us(gateway_pid) - before) / result.requests
    return result


def rotated(items, number):
    """The order of one round: each is first in its turn."""
    shift = number % len(items)
    return items[shift:] + items[:shift]


def median(rounds, field):
    return statistics.median(getattr(r, field) for r in rounds)


def ratio(rounds, base, field):
    """Median, least and greatest of the ratios of rounds that ran side by side."""
    ratios = [getattr(a, field) / max(getattr(b, field), 1e-9) for a, b in zip(rounds, base)]
    return statistics.median(ratios), min(ratios), max(ratios)


def ratio_text(rounds, base, field):
    return "{:.2f} [{:.2f}..{:.2f}]".format(*ratio(rounds, base, field))


def spread_text(values, form="{:.2f}"):
    """Median, least and greatest."""
    return f"{form} [{form}..{form}]".format(statistics.median(values), min(values), max(values))
