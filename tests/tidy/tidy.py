#!/usr/bin/env python3
"""The rules of docs/ARCHITECTURE.md and CONTRIBUTING.md, executed. tidy.py [ROOT]: prints path:line: rule: message.

A rule is a function (tree, layers) -> iterator of (path, line, message); its name with - is the rule's name.
"""
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import class_rules  # noqa: E402
import closure_rules  # noqa: E402
import hollow_rules  # noqa: E402
import layer_rules  # noqa: E402
import name_rules  # noqa: E402
import plugin_rules  # noqa: E402
import ratchet  # noqa: E402
import size_rules  # noqa: E402
import text_rules  # noqa: E402
from source_tree import SourceTree  # noqa: E402

HERE = Path(__file__).resolve().parent
MODULES = (class_rules, closure_rules, hollow_rules, layer_rules, name_rules, plugin_rules, size_rules, text_rules)
RULES = {rule.__name__.replace("_", "-"): rule for module in MODULES for rule in module.RULES}


def load(name, folder=HERE):
    with open(folder / name, "rb") as file:
        return tomllib.load(file)


class AllowList:
    """Entries of allow.toml; remembers which of them excused something."""

    def __init__(self, entries):
        self.entries = entries
        self.used = [False] * len(entries)

    def excuses(self, rule, path, message):
        found = False
        for index, entry in enumerate(self.entries):
            if entry["rule"] == rule and entry["path"] == path and entry["about"] in message:
                self.used[index] = found = True
        return found

    def faults(self):
        for entry, used in zip(self.entries, self.used):
            if len(entry.get("reason", "")) < 10:
                yield "tests/tidy/allow.toml", 1, f"{entry['rule']} {entry['path']}: an exception needs a reason"
            if not used:
                yield "tests/tidy/allow.toml", 1, f"{entry['rule']} {entry['path']}: excuses nothing, remove it"


def check(root, rules=None, allow=None):
    """{rule: ["path:line: message", ...]} for every rule, for "ratchet" and for "allow-list"."""
    tree = SourceTree(root)
    layers = load("layers.toml")
    allowed = AllowList(load("allow.toml").get("allow", []) if allow is None else allow)
    found = {}
    for name, rule in RULES.items():
        if rules is None or name in rules:
            found[name] = [f"{path}:{line}: {message}" for path, line, message in rule(tree, layers)
                           if not allowed.excuses(name, path, message)]
    if rules is None:
        counted = class_rules.COUNTED | hollow_rules.COUNTED
        found["ratchet"] = [fault for name, (counts, limit) in counted.items()
                            for fault in ratchet.stale(name, counts(tree), limit)]
        found["allow-list"] = [f"{path}:{line}: {message}" for path, line, message in allowed.faults()]
    return found


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent.parent)
    lines = [f"{place}: {name}: {rest}" for name, faults in check(root).items()
             for place, _, rest in (fault.partition(": ") for fault in faults)]
    print("\n".join(lines) if lines else f"tidy: {len(RULES)} rules, no fault")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
