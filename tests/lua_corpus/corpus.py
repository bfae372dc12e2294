"""The corpus: which plugins, where their files are, and the path by which require finds them."""

import csv
import os
import re
from pathlib import Path

HERE = Path(__file__).parent


def folder():
    """Where the repositories are; None: they are not fetched."""
    name = os.environ.get("LUA_CORPUS")
    return Path(name) if name else None


def units():
    """[(unit, name of the plugin, file)], in the order of corpus.tsv."""
    rows = csv.DictReader((HERE / "corpus.tsv").read_text().splitlines(), delimiter="\t")
    root = folder() or Path("/nonexistent")
    return [(row["unit"], Path(row["path"]).stem, root / row["repository"].replace("/", "+") / row["path"]) for row in rows]


def lua_path(links):
    """extra_lua_path: `links` has the plugins as apisix/plugins/NAME.lua; behind it the repositories' own folders."""
    plugins = links / "apisix" / "plugins"
    plugins.mkdir(parents=True)
    roots = [links, folder() / "lib"]
    for _, name, file in units():
        (plugins / f"{name}.lua").symlink_to(file)
        found = re.match(r"(.*)/apisix/plugins/", str(file))
        repository = folder() / file.relative_to(folder()).parts[0]
        for root in [Path(found.group(1)) if found else file.parent, repository, repository / "src", repository / "lib"]:
            if root not in roots and root.is_dir():
                roots.append(root)
    return ";".join([f"{root}/?.lua" for root in roots] + [f"{root}/?/init.lua" for root in roots])
