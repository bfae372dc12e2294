"""Many connections: what they cost while each asks now and then, and while they only wait.

`active-N`: N keepalive connections, all of which ask in turn at a fixed rate, beside the same rate over a few.
`idle-N`: N connections that were never used, then the same after one request each: bytes of the worker for each, and
of the kernel for both of its ends.
"""
import os
import time
from contextlib import ExitStack

import clients
import gateways
import measure

RATE_PER_SECOND = 5_000
FEW = 32
WARM_CONNECTIONS = 64
OTHERS = 2048  # connections of a worker beside those that are measured
# Until what the last requests needed is free again.
REST_S = 1.5


def run_active(chosen, make, count):
    names = chosen.gateways.split(",")
    if count + OTHERS > gateways.open_files_max():
        raise RuntimeError(f"a process may have {gateways.open_files_max()} open files here (ulimit -Hn)")

    def prepare(server):
        server.connections_max = count + OTHERS
    cores = [chosen.gateway_cpu], [chosen.load_cpu]
    with gateways.running(chosen, make, [(name, 1) for name in names], *cores, prepare) as (_, servers), ExitStack() as stack:
        loads = []
        for server in servers:
            for number in (FEW, count):
                load = stack.enter_context(clients.Clients(server, chosen.load_cpu))
                load.open(number)
                loads.append((server.name, number, load))
        rounds = {(name, number): [] for name, number, _ in loads}
        for turn in range(-1, chosen.rounds):  # round -1 warms up: each connection has asked
            for name, number, load in measure.rotated(loads, turn):
                if turn < 0:
                    load.ask()
                else:
                    rounds[name, number].append(load.measured_pace(RATE_PER_SECOND, chosen.seconds))
        print_active(rounds, chosen, names[0], count)
        return {f"{name} {number}": own for (name, number), own in rounds.items()}


def print_active(rounds, chosen, base, count):
    print(f"\nactive-{count}: {RATE_PER_SECOND} requests a second over all connections in turn, {chosen.rounds} rounds of "
          f"{chosen.seconds} s, {chosen.layout} layout")
    print(f"{'gateway':<9}{'connections':>12}{'cpu us/req':>11}{'p50 us':>8}{'p99 us':>8}{'errors':>7}"
          f"   {'cpu to ' + base:<19}{'p99 to ' + base:<22}cpu to {FEW} connections")
    for (name, number), own in rounds.items():
        values = [measure.median(own, field) for field in ("cpu_us_per_request", "p50_us", "p99_us")]
        print("{:<9}{:>12}{:>11.2f}{:>8.0f}{:>8.0f}{:>7}   {:<19}{:<22}{}".format(
            name, number, *values, sum(r.errors for r in own),
            measure.ratio_text(own, rounds[base, number], "cpu_us_per_request"),
            measure.ratio_text(own, rounds[base, number], "p99_us"),
            measure.ratio_text(own, rounds[name, FEW], "cpu_us_per_request")), flush=True)


def workers_for(count):
    """As few as their descriptors allow; they have a few connections more or less than the mean."""
    return -(-count * 105 // 100 // (gateways.open_files_max() - 2 * OTHERS))


def idle_bytes(chosen, make, name, count):
    """(fresh, after one request, kernel) in bytes a connection. Workers of their own: what they once held would be used
    again."""
    def prepare(server):
        server.connections_max = gateways.open_files_max() - OTHERS
        server.reuseport = True
    plan, cores = [(name, workers_for(count))], ([chosen.gateway_cpu], [chosen.load_cpu])
    with gateways.running(chosen, make, plan, *cores, prepare) as (_, (server,)):
        workers = measure.workers_of(server.pid)
        with clients.Clients(server, chosen.load_cpu) as warm:
            warm.open(WARM_CONNECTIONS * len(workers))
            warm.ask()
        time.sleep(REST_S)
        with clients.Clients(server, chosen.load_cpu) as load:
            before, kernel = held_by(workers), measure.kernel_bytes()
            load.open(count)
            wait_until_accepted(workers, count)
            fresh, kernel = held_by(workers), measure.kernel_bytes() - kernel
            load.ask()
            time.sleep(REST_S)
            used = held_by(workers)
    return [(fresh - before) / count, (used - before) / count, kernel / count]


def held_by(workers):
    return sum(measure.memory_bytes(pid) for pid in workers)


def wait_until_accepted(workers, count):
    deadline = time.monotonic() + 60
    while sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in workers) < count:
        if time.monotonic() > deadline:
            raise RuntimeError("the workers do not take the connections")
        time.sleep(0.05)
    time.sleep(REST_S)


def run_idle(chosen, make, count):
    runs = min(3, chosen.rounds)
    kept = {}
    print(f"\nidle-{count}: {workers_for(count)} workers, bytes a connection, median and spread of {runs} runs")
    print(f"{'gateway':<9}{'fresh':<24}{'after one request':<24}kernel, both ends")
    for name in gateways.with_worker_processes(chosen):
        kept[name] = [idle_bytes(chosen, make, name, count) for _ in range(runs)]
        columns = [measure.spread_text(column, "{:.0f}") for column in zip(*kept[name])]
        print("{:<9}{:<24}{:<24}{}".format(name, *columns), flush=True)
    return kept
