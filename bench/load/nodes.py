"""One hot upstream with many nodes: what a request, a change of a node's health, and a node's memory cost.

Every node is a loopback address of its own at one port of bench/load/upstream. Routes of one gateway are measured side
by side, one with a single node and others with all of them, by balancer. A node's health is changed by its own
responses: passive checks take each 200 for a failure, and active ones find the node healthy again a second later, so
that most requests find the nodes changed.
"""
import clients
import gateways
import measure

BALANCERS = {"roundrobin": {}, "chash": {"hash_on": "vars", "key": "remote_port"}, "least_conn": {}, "ewma": {}}
COPIES = 8
# Places of routes behind those of one node and of the balancers.
STEADY, TURNING, SPARE_PLACE = len(BALANCERS) + 1, len(BALANCERS) + 2, len(BALANCERS) + 3
FLIPS_PER_SECOND = 500
CHECKS = {"active": {"type": "http", "healthy": {"interval": 1, "successes": 1},
                     "unhealthy": {"interval": 1, "http_failures": 254, "tcp_failures": 254, "timeouts": 254}},
          "passive": {"type": "http", "healthy": {"http_statuses": [599], "successes": 0},
                      "unhealthy": {"http_statuses": [200], "http_failures": 1, "tcp_failures": 0, "timeouts": 0}}}


def address(number):
    return f"127.{1 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"


def path_of(place):
    """Paths that the upstream serves alike: the size with another number of zeros in front."""
    return "/bytes/" + "0" * (place + 1) + "64"


def put_route(server, place, upstream):
    """Made, and asked once: that compiles it."""
    server.put(f"routes/nodes-{place}", {"uri": path_of(place), "upstream": upstream})
    server.wait_until_routed(path_of(place), responses=1)


def configure(server, port, count):
    """The routes; bytes of the worker for a node, by balancer. Each is made several times: the first ones take what
    was freed before."""
    worker, = measure.workers_of(server.pid)
    put_route(server, 0, {"type": "roundrobin", "nodes": {f"127.0.0.1:{port}": 1}})
    nodes = {f"{address(number)}:{port}": 1 for number in range(count)}
    bytes_each = {}
    for place, (balancer, further) in enumerate(BALANCERS.items(), 1):
        upstream = {"type": balancer, "nodes": nodes, **further}
        put_route(server, place, upstream)
        before = measure.memory_bytes(worker)
        for number in range(COPIES):
            put_route(server, SPARE_PLACE + place * COPIES + number, upstream)
        bytes_each[balancer] = (measure.memory_bytes(worker) - before) / count / COPIES
    put_route(server, STEADY, {"type": "roundrobin", "nodes": nodes})
    put_route(server, TURNING, {"type": "roundrobin", "nodes": nodes, "checks": CHECKS})
    return bytes_each


def run_rounds(server, chosen):
    names = ["one node", *BALANCERS]
    rounds = {name: [] for name in names}
    for number in range(-1, chosen.rounds):  # round -1 opens the connections to all nodes
        for place, name in measure.rotated(list(enumerate(names)), number):
            result = measure.measured_round(server.pid, f"http://127.0.0.1:{server.port}{path_of(place)}",
                                            chosen.load_cpu, connections=chosen.connections,
                                            seconds=1 if number < 0 else chosen.seconds)
            if number >= 0:
                rounds[name].append(result)
    return rounds


def measure_health(server, chosen):
    """Microseconds of the worker for a request whose nodes do not change, and for one that turns a node."""
    workers, kept = measure.workers_of(server.pid), {"steady": [], "turning": []}
    for number in range(-1, min(3, chosen.rounds)):
        for name, place in (("steady", STEADY), ("turning", TURNING)):
            with clients.Clients(server, chosen.load_cpu, path_of(place)) as load:
                load.open(8)
                before = measure.run_us(workers)
                result = load.pace(FLIPS_PER_SECOND, 1 if number < 0 else 2 * chosen.seconds)
                if number >= 0:
                    kept[name].append((measure.run_us(workers) - before) / result["requests"])
    return kept


def print_table(rounds, bytes_each, chosen, count):
    print(f"\nnodes-{count}: {chosen.connections} connections, {chosen.rounds} rounds of {chosen.seconds} s, "
          f"{chosen.layout} layout, ratios to a single node")
    print(f"{'upstream':<12}{'bytes/node':>11}{'cpu us/req':>11}{'req/s':>9}{'p99 us':>8}{'errors':>7}   cpu ratio")
    for name, own in rounds.items():
        values = [measure.median(own, field) for field in ("cpu_us_per_request", "requests_per_second", "p99_us")]
        print("{:<12}{:>11}{:>11.2f}{:>9.0f}{:>8.0f}{:>7}   {}".format(
            name, f"{bytes_each[name]:.0f}" if name in bytes_each else "", *values, sum(r.errors for r in own),
            measure.ratio_text(own, rounds["one node"], "cpu_us_per_request")), flush=True)


def run(chosen, make, count):
    """The scenario `nodes-N`, of apisix alone."""
    def prepare(server):
        server.connections_max = min(32_768, gateways.open_files_max() - 256)
    cores = [chosen.gateway_cpu], [chosen.load_cpu]
    with gateways.running(chosen, make, [("apisix", 1)], *cores, prepare) as (upstream, (server,)):
        bytes_each = configure(server, upstream.ports[0], count)
        rounds = run_rounds(server, chosen)
        print_table(rounds, bytes_each, chosen, count)
        health = measure_health(server, chosen)
        print(f"health, {FLIPS_PER_SECOND} requests a second: worker us/request "
              f"{measure.spread_text(health['steady'])} with steady nodes, {measure.spread_text(health['turning'])} when "
              "each turns a node", flush=True)
        return {**rounds, "bytes_each": bytes_each, "health": health}
