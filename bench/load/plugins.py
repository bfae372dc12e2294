"""What plugins cost: routes of one gateway side by side, one without plugins and others with some.

Each route is an exact one that the upstream serves alike (the size with another number of zeros in front), and every
request carries the same fields, so that what differs is the plugins. Ratios are to the route without any.
"""
import os
import tempfile

import gateways
import measure

KEY_AUTH = {"key-auth": {}}
# The limit is never reached: what is measured is counting.
LIMIT_COUNT = {"limit-count": {"count": 1000000000, "time_window": 3600, "key": "remote_addr", "rejected_code": 429}}
PROMETHEUS = {"prometheus": {}}
SETS = {
    "none": {},
    "key-auth": KEY_AUTH,
    "limit-count": LIMIT_COUNT,
    "prometheus": PROMETHEUS,
    "all three": {**KEY_AUTH, **LIMIT_COUNT, **PROMETHEUS},
}
API_KEY = "the-key-of-the-client"


def path_of(number):
    return "/bytes/" + "0" * number + "64"


def configure(server):
    server.put("consumers", {"username": "client", "plugins": {"key-auth": {"key": API_KEY}}})
    for number, plugins in enumerate(SETS.values()):
        server.put(f"routes/plugins-{number}", {"uri": path_of(number), "upstream_id": "1", "plugins": plugins})
    server.wait_until_routed(path_of(0))


def run_rounds(server, chosen):
    rounds = {name: [] for name in SETS}
    turns = list(enumerate(SETS))
    for number in range(-1, chosen.rounds):  # round -1 warms up
        shift = number % len(turns)
        for place, name in turns[shift:] + turns[:shift]:
            result = measure.measured_round(server.pid, f"http://127.0.0.1:{server.port}{path_of(place)}",
                                            chosen.load_cpu, connections=chosen.connections,
                                            seconds=1 if number < 0 else chosen.seconds,
                                            headers=[f"apikey: {API_KEY}"])
            if number >= 0:
                rounds[name].append(result)
    return rounds


def print_table(rounds, chosen):
    print(f"\nplugins: {chosen.connections} connections, {chosen.rounds} rounds of {chosen.seconds} s, {chosen.layout} "
          "layout, ratios to the route without plugins")
    print(f"{'plugins':<14}{'cpu us/req':>11}{'req/s':>9}{'p99 us':>8}{'errors':>7}   cpu ratio")
    for name, own in rounds.items():
        ratio = "{:.3f} [{:.2f}..{:.2f}]".format(*measure.ratio(own, rounds["none"], "cpu_us_per_request"))
        print(f"{name:<14}{measure.median(own, 'cpu_us_per_request'):>11.2f}"
              f"{measure.median(own, 'requests_per_second'):>9.0f}{measure.median(own, 'p99_us'):>8.0f}"
              f"{sum(r.errors for r in own):>7}   {ratio}", flush=True)


def run(chosen, make):
    """The scenario `plugins`, of apisix alone."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        os.chmod(folder, 0o755)
        upstream, server = gateways.Upstream(folder), make("apisix", folder, chosen)
        try:
            upstream.start(chosen.load_cpu)
            server.start(upstream, 1, chosen.gateway_cpu)
            configure(server)
            measure.pin(server.pid, chosen.gateway_cpu)
            rounds = run_rounds(server, chosen)
            print_table(rounds, chosen)
            return rounds
        finally:
            server.stop()
            upstream.stop()
