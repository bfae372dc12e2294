"""One, two and all workers: does a request cost the same, and does nginx scale alike.

Every gateway runs once with each number of workers, all of them side by side; a ratio compares within one round. The
cores beyond those of the workers make the load. Where there are none, all share all cores: then CPU per request still
says what a worker more costs, requests per second only what is left over.
"""
import os

import gateways
import measure


def counts(cores):
    """1, 2, and as many as there are cores, half of them when the load needs the others."""
    most = cores if cores <= 2 else cores // 2
    return sorted({1, min(2, most), most})


def cores_of(most):
    """(of gateways, of load)"""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[:most], cores[most:]) if len(cores) > most else (cores, cores)


def run_rounds(servers, chosen, load_cores):
    rounds = {(server.name, server.workers): [] for server in servers}
    for number in range(-1, chosen.rounds):  # round -1 warms up
        for server in measure.rotated(servers, number):
            result = measure.measured_round(
                server.pid, f"http://127.0.0.1:{server.port}/bytes/64", gateways.cores_text(load_cores),
                connections=chosen.connections * len(load_cores), threads=len(load_cores),
                seconds=1 if number < 0 else chosen.seconds)
            if number >= 0:
                rounds[server.name, server.workers].append(result)
    return rounds


def print_table(rounds, chosen, load_cores):
    base = next(iter(rounds))[0]
    print(f"\nworkers: {chosen.connections * len(load_cores)} connections, {chosen.rounds} rounds of {chosen.seconds} s, "
          f"load on {len(load_cores)} cores")
    print(f"{'gateway':<9}{'workers':>8}{'cpu us/req':>11}{'req/s':>9}{'p99 us':>8}{'errors':>7}"
          f"   {'cpu to ' + base:<19}{'req/s to ' + base:<19}cpu to 1 worker")
    for (name, workers), own in rounds.items():
        values = [measure.median(own, field) for field in ("cpu_us_per_request", "requests_per_second", "p99_us")]
        print("{:<9}{:>8}{:>11.2f}{:>9.0f}{:>8.0f}{:>7}   {:<19}{:<19}{}".format(
            name, workers, *values, sum(r.errors for r in own),
            measure.ratio_text(own, rounds[base, workers], "cpu_us_per_request"),
            measure.ratio_text(own, rounds[base, workers], "requests_per_second"),
            measure.ratio_text(own, rounds[name, 1], "cpu_us_per_request")), flush=True)


def run(chosen, make, most):
    """The scenario `workers`; `workers-N`: up to N of them."""
    wanted = counts(len(os.sched_getaffinity(0))) if most is None else sorted({1, min(2, most), most})
    gateway_cores, load_cores = cores_of(wanted[-1])
    plan = [(name, workers) for workers in wanted for name in chosen.gateways.split(",")]

    def prepare(server):
        server.reuseport = server.workers > 1
    with gateways.running(chosen, make, plan, gateway_cores, load_cores, prepare) as (_, servers):
        for server in servers:
            measure.pin(server.pid, *gateway_cores[:server.workers])
        rounds = run_rounds(servers, chosen, load_cores)
        print_table(rounds, chosen, load_cores)
        return {f"{name} {workers}": own for (name, workers), own in rounds.items()}
