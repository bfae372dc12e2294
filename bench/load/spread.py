"""How evenly connections spread over workers, with a listening socket for each worker (`reuseport`) and with one for
all, and what that does to latency.

Clients open their connections one burst after the other; the imbalance is what the fullest worker has, divided by the
mean. Then all ask at a fixed rate: a worker with twice its part of the connections has twice its part of the requests,
and p99 is its queue.
"""
import os

import clients
import gateways
import measure
import workers

CONNECTIONS = (64, 1024)
RATE_OF_A_CORE = 3_000


def rate_of(workers_count):
    """Far from what they can do: a queue is then one of a full worker, not of the machine."""
    return RATE_OF_A_CORE * min(workers_count, len(os.sched_getaffinity(0)))


def open_sockets(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def spread_of(server, load, count):
    """Opens `count` connections; what the fullest worker has of them to the mean."""
    processes = measure.workers_of(server.pid)
    before = [open_sockets(pid) for pid in processes]
    load.open(count)
    load.ask()
    # Those to the upstream are few and the same for all: one at a time is enough for ask().
    added = [open_sockets(pid) - old for pid, old in zip(processes, before)]
    return max(added) / (sum(added) / len(added))


def one_round(server, chosen, load_cpu, count):
    with clients.Clients(server, load_cpu) as load:
        imbalance = spread_of(server, load, count)
        result = load.measured_pace(rate_of(server.workers), chosen.seconds)
    result.imbalance = imbalance
    return result


def run(chosen, make, most):
    """The scenario `spread`; `spread-N`: of N workers, more than there are cores if need be."""
    cores = sorted(os.sched_getaffinity(0))
    count = most or max(2, workers.counts(len(cores))[-1])
    gateway_cores, load_cores = workers.cores_of(min(count, len(cores)))
    names = gateways.with_worker_processes(chosen)
    plan = [(name, count) for name in names for _ in (True, False)]
    turn = iter([True, False] * len(names))

    def prepare(server):
        server.reuseport = next(turn)
    with gateways.running(chosen, make, plan, gateway_cores, load_cores, prepare) as (_, servers):
        rounds = {(size, server.name, server.reuseport): [] for size in CONNECTIONS for server in servers}
        for number in range(chosen.rounds):
            for size in CONNECTIONS:
                for server in measure.rotated(servers, number):
                    result = one_round(server, chosen, gateways.cores_text(load_cores), size)
                    rounds[size, server.name, server.reuseport].append(result)
        print_table(rounds, chosen, names[0], count)
        return {f"{size} {name} {'reuseport' if own else 'shared'}": results
                for (size, name, own), results in rounds.items()}


def print_table(rounds, chosen, base, count):
    print(f"\nspread: {count} workers, {rate_of(count)} requests a second, {chosen.rounds} rounds of {chosen.seconds} s")
    print(f"{'gateway':<9}{'socket':<11}{'connections':>12}  {'max/mean of workers':<20}{'cpu us/req':>11}{'p50 us':>8}"
          f"{'p99 us':>8}{'errors':>7}   {'p99 to ' + base + ', alike':<22}p99 to reuseport")
    for (size, name, own), results in rounds.items():
        values = [measure.median(results, field) for field in ("cpu_us_per_request", "p50_us", "p99_us")]
        print("{:<9}{:<11}{:>12}  {:<20}{:>11.2f}{:>8.0f}{:>8.0f}{:>7}   {:<22}{}".format(
            name, "reuseport" if own else "one", size, measure.spread_text([r.imbalance for r in results]), *values,
            sum(r.errors for r in results), measure.ratio_text(results, rounds[size, base, own], "p99_us"),
            measure.ratio_text(results, rounds[size, name, True], "p99_us")), flush=True)
