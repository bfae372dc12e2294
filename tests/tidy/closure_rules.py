"""What a hot header includes, all the way down, may not grow: closures.toml holds the numbers."""
import re
import tomllib
from pathlib import Path

BUDGETS = Path(__file__).resolve().parent / "closures.toml"
_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def closure(files, header):
    """Paths of the headers that come with `header`, directly or not."""
    found, pending = set(), [header]
    while pending:
        for name in _INCLUDE.findall(files[pending.pop()].text):
            if name in files and name not in found:
                found.add(name)
                pending.append(name)
    return found - {header}


def header_closure(tree, layers):
    files = {file.path: file for file in tree.files if file.is_product}
    for header, budget in tomllib.loads(BUDGETS.read_text(encoding="utf-8")).items():
        if header in files:
            count = len(closure(files, header))
            if count > budget:
                yield header, 1, f"includes {count} headers, {budget} are its budget: declare what a reference needs"


RULES = [header_closure]
