"""Many clients of one gateway, in processes of their own: bench/load/clients.cc and what it says."""
import json
import subprocess

import gateways
import measure

OTHER_FILES = 64
ADDRESSES_EACH = 64  # of one process; 2,000 connections come from one


def most_of_a_process():
    """Connections that one process may have."""
    return gateways.open_files_max() - OTHER_FILES


class Clients:
    """Keepalive connections to a gateway; they leave with its scope. More than one process where one may not have so
    many descriptors."""

    def __init__(self, server, cpu, path="/bytes/64"):
        self.server, self.cpu, self.path = server, cpu, path
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait()

    def open(self, count):
        """Once."""
        opened = 0
        while opened < count:
            first_address = str(len(self.processes) * ADDRESSES_EACH)
            self.processes.append(subprocess.Popen(
                ["taskset", "-c", str(self.cpu), gateways.built("clients"), str(self.server.port), self.path, first_address],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            some = min(count - opened, most_of_a_process())
            if self.command(self.processes[-1], f"open {some}")["open"] != some:
                raise RuntimeError(f"{self.server.name}: not all connections were taken")
            opened += some

    def command(self, process, text):
        process.stdin.write(text + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.server.name}: the clients failed at: {text}")
        return json.loads(line)

    def ask(self):
        """One request on each connection; all have to get a response."""
        for process in self.processes:
            result = self.command(process, "ask")
            if result["errors"]:
                raise RuntimeError(f"{self.server.name}: {result}")

    def pace(self, per_second, seconds):
        """At a fixed rate, over all connections in turn: {requests, errors, p50_us, p99_us, max_us}"""
        process, = self.processes
        return self.command(process, f"pace {per_second} {seconds}")

    def measured_pace(self, per_second, seconds):
        """The same as a Round."""
        members = measure.process_tree(self.server.pid)
        before = measure.run_us(members)
        result = self.pace(per_second, seconds)
        cpu_us = measure.run_us(members) - before
        return measure.Round(result["requests"], result["requests"] / seconds, result["p50_us"], result["p99_us"],
                             result["errors"], cpu_us / max(1, result["requests"]))
