"""Counts that only fall: what ratchet.toml allows of a rule, by the name of what breaks it."""
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Count:
    path: str
    line: int
    number: int
    what: str  # said of the number


def allowed(rule):
    with open(Path(__file__).with_name("ratchet.toml"), "rb") as file:
        return tomllib.load(file).get(rule, {})


def over(rule, counts, limit):
    """Faults of the counts, {name: Count}, that are above the limit and above what the ratchet has for the name."""
    most = allowed(rule)
    for name, count in counts.items():
        here = max(limit, most.get(name, 0))
        if count.number > here:
            yield count.path, count.line, f"{name} has {count.number} {count.what}, more than {here}"


def stale(rule, counts, limit):
    """Names in the ratchet that are within the limit by now, or no more there."""
    for name, most in allowed(rule).items():
        found = counts[name].number if name in counts else 0
        if found <= limit:
            yield f"tests/tidy/ratchet.toml:1: {rule}: {name} = {most} excuses nothing ({found} found): remove it"
