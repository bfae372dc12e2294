"""A scrape of 100,000 metric series: how long it takes, and what it does to traffic meanwhile.

Every route has series of its own, for status, bandwidth and latencies, so a few thousand routes that were asked once
make a large export. Traffic is measured in pairs of rounds, one without scrapes and one with a scrape each second.
"""
import os
import tempfile
import threading
import time
import urllib.request

import gateways
import measure

SERIES_MIN = 100_000
ROUTES = 2200
SCRAPES = 15
SCRAPE_INTERVAL_S = 1


def scrape(port):
    """(seconds, number of series, bytes)"""
    began = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/apisix/prometheus/metrics", timeout=60) as response:
        text = response.read()
    seconds = time.monotonic() - began
    return seconds, sum(1 for line in text.splitlines() if line and not line.startswith(b"#")), len(text)


class Scraper(threading.Thread):
    """Scrapes at a fixed interval until told to stop."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.done = threading.Event()

    def run(self):
        while not self.done.is_set():
            scrape(self.port)
            self.done.wait(SCRAPE_INTERVAL_S)


def ask_every_route(server):
    for number in range(ROUTES):
        server.wait_until_routed(f"/r/{number}", responses=1)


def measure_traffic(server, chosen):
    quiet, scraped = [], []
    for number in range(chosen.rounds * 2):
        scraper = Scraper(server.metrics_port) if number % 2 == 1 else None
        if scraper:
            scraper.start()
        result = measure.measured_round(server.pid, f"http://127.0.0.1:{server.port}/r/0", chosen.load_cpu,
                                        seconds=chosen.seconds, connections=chosen.connections)
        if scraper:
            scraper.done.set()
            scraper.join()
        (scraped if scraper else quiet).append(result)
    return quiet, scraped


def run(chosen, make):
    """The scenario `series`, of apisix alone."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        os.chmod(folder, 0o755)
        upstream, server = gateways.Upstream(folder), make("apisix", folder, chosen)
        try:
            upstream.start(chosen.load_cpu)
            server.exports_metrics = True
            server.start(upstream, ROUTES, chosen.gateway_cpu)
            server.put("global_rules/1", {"plugins": {"prometheus": {}}})
            ask_every_route(server)
            scrapes = [scrape(server.metrics_port) for _ in range(SCRAPES)]
            seconds = sorted(s for s, _, _ in scrapes)
            _, series, size = scrapes[-1]
            if series < SERIES_MIN:
                raise RuntimeError(f"only {series} series: ask more routes")
            print(f"\nseries: {series} series, {size / 2**20:.1f} MiB: scraped in {seconds[len(seconds) // 2] * 1e3:.0f} "
                  f"[{seconds[0] * 1e3:.0f}..{seconds[-1] * 1e3:.0f}] ms, {SCRAPES} times")
            quiet, scraped = measure_traffic(server, chosen)
            for field in ("p99_us", "p50_us"):
                print(f"traffic {field} with a scrape each {SCRAPE_INTERVAL_S} s: "
                      f"{measure.median(scraped, field):.0f} against {measure.median(quiet, field):.0f} quiet, ratio "
                      "{:.2f} [{:.2f}..{:.2f}]".format(*measure.ratio(scraped, quiet, field)), flush=True)
            return {"scrapes": scrapes, "quiet": quiet, "scraped": scraped}
        finally:
            server.stop()
            upstream.stop()
