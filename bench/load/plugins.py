"""What plugins cost: routes of one gateway side by side, one without plugins and others with some.

Each route is an exact one that the upstream serves alike (the size with another number of zeros in front), and every request carries the
same fields, so that what differs is the plugins. Ratios are to the route without any.
"""
import base64
import json
import os
import socketserver
import subprocess
import tempfile
import threading
import time

import gateways
import measure

KEY_AUTH = {"key-auth": {}}
# The limit is never reached: what is measured is counting.
LIMIT_COUNT = {"limit-count": {"count": 1000000000, "time_window": 3600, "key": "remote_addr", "rejected_code": 429}}
PROMETHEUS = {"prometheus": {}}
REWRITE = {
    "proxy-rewrite": {"regex_uri": ["^/.*$", "/bytes/64"], "headers": {"set": {"X-Api-Version": "v1"}}},
    "cors": {},
    "response-rewrite": {"headers": {"set": {"X-Served-By": "gateway"}, "remove": ["X-Powered-By"]}},
}


def sets(collector_port):
    return {
        "none": {},
        "key-auth": KEY_AUTH,
        "limit-count": LIMIT_COUNT,
        "prometheus": PROMETHEUS,
        "all three": {**KEY_AUTH, **LIMIT_COUNT, **PROMETHEUS},
        "rewrite": REWRITE,  # proxy-rewrite, cors, response-rewrite
        "jwt-auth": {"jwt-auth": {}},  # RS256
        "observe": {  # request-id, http-logger, ip-restriction
            "request-id": {},
            "http-logger": {"uri": f"http://127.0.0.1:{collector_port}/", "batch_max_size": 1000},
            "ip-restriction": {"whitelist": ["127.0.0.0/8"]},
        },
    }


API_KEY = "the-key-of-the-client"
TOKEN_KEY = "the-key-of-the-token"


class Collector(socketserver.ThreadingTCPServer):
    """Takes what http-logger sends, and reads no more of it than its length."""

    daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline():
                length = 0
                while (header := self.rfile.readline().strip().lower()):
                    if header.startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                    elif header.startswith(b"expect:"):
                        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                self.rfile.read(length)
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def make_token(folder):
    """(public key in PEM, a token that is signed with RS256)"""
    def openssl(*arguments, **options):
        return subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              **options).stdout

    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    private = os.path.join(folder, "token.pem")
    openssl("genrsa", "-out", private, "2048")
    claims = {"key": TOKEN_KEY, "exp": int(time.time()) + 86400}
    signed = encode(b'{"alg":"RS256","typ":"JWT"}') + b"." + encode(json.dumps(claims).encode())
    signature = openssl("dgst", "-sha256", "-sign", private, input=signed)
    return openssl("rsa", "-in", private, "-pubout").decode(), (signed + b"." + encode(signature)).decode()


def path_of(number):
    return "/bytes/" + "0" * number + "64"


def configure(server, routes, public_key):
    server.put("consumers", {"username": "client", "plugins": {
        "key-auth": {"key": API_KEY},
        "jwt-auth": {"key": TOKEN_KEY, "algorithm": "RS256", "public_key": public_key},
    }})
    for number, plugins in enumerate(routes.values()):
        server.put(f"routes/plugins-{number}", {"uri": path_of(number), "upstream_id": "1", "plugins": plugins})
    server.wait_until_routed(path_of(0))


def run_rounds(server, chosen, routes, token):
    rounds = {name: [] for name in routes}
    turns = list(enumerate(routes))
    for number in range(-1, chosen.rounds):  # round -1 warms up
        shift = number % len(turns)
        for place, name in turns[shift:] + turns[:shift]:
            result = measure.measured_round(server.pid, f"http://127.0.0.1:{server.port}{path_of(place)}",
                                            chosen.load_cpu, connections=chosen.connections,
                                            seconds=1 if number < 0 else chosen.seconds,
                                            headers=[f"apikey: {API_KEY}", f"Authorization: {token}"])
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
        public_key, token = make_token(folder)
        collector = Collector()
        routes = sets(collector.server_address[1])
        try:
            upstream.start(chosen.load_cpu)
            server.start(upstream, 1, chosen.gateway_cpu)
            configure(server, routes, public_key)
            measure.pin(server.pid, chosen.gateway_cpu)
            rounds = run_rounds(server, chosen, routes, token)
            print_table(rounds, chosen)
            return rounds
        finally:
            server.stop()
            upstream.stop()
            collector.shutdown()
