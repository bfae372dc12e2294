"""Makes docs/PLUGINS.md of the behaviour tables."""

from pathlib import Path

import tables

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "PLUGINS.md"
HEAD = """# Plugins

What this build has. A plugin that is not here is unknown: a route that names it is refused with
`unknown plugin [x]`, and one that is found in the store answers 503.
The page is made of the tables in `tests/compat/plugins`: `python3 tests/compat/generate.py`.

| plugin | what it does | its table |
|---|---|---|
"""


def page():
    rows = []
    for stem, table in tables.tables().items():
        name = table["plugin"]
        manual = ROOT / "docs" / "plugins" / f"{name}.md"
        title = f"[`{name}`](plugins/{name}.md)" if manual.exists() else f"`{name}`"
        count = len(table["cases"])
        rows.append(f"| {title} | {table['summary']} | [{count} cases](../tests/compat/plugins/{stem}.yaml) |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page())
