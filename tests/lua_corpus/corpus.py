"""The corpus: which plugins, where their files are, and the path by which require finds them."""

import csv
import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Unit:
    unit: str
    repository: str
    name: str  # of the plugin, as `plugins` of config.yaml has it
    file: Path


def folder():
    """Where the repositories are; None: they are not fetched."""
    name = os.environ.get("LUA_CORPUS")
    return Path(name) if name else None


@functools.cache
def units():
    """In the order of corpus.tsv."""
    rows = csv.DictReader((HERE / "corpus.tsv").read_text().splitlines(), delimiter="\t")
    root = folder() or Path("/nonexistent")
    return [Unit(row["unit"], row["repository"], Path(row["path"]).stem,
                 root / row["repository"].replace("/", "+") / row["path"]) for row in rows]


def settings(repository):
    """What gateways.yaml says about it: {config, env, roots, overlays, plugins, wants}."""
    return yaml.safe_load((HERE / "gateways.yaml").read_text()).get(repository, {})


def missing_library(unit):
    """What `wants` names of the plugin, when LUA_CORPUS/lib does not have it."""
    library = settings(unit.repository).get("wants", {}).get(unit.name)
    return library if library and not (folder() / "lib" / library).exists() else None


def lua_path(repository, links):
    """extra_lua_path: `links` has the plugins as apisix/plugins/NAME.lua; behind it the repository's own folders."""
    plugins = links / "apisix" / "plugins"
    plugins.mkdir(parents=True)
    checkout = folder() / repository.replace("/", "+")
    roots = [links, folder() / "lib"]
    for number, overlay in enumerate(settings(repository).get("overlays", [])):
        root = links.with_name(f"overlay-{number}")
        (root / "apisix").mkdir(parents=True)
        (root / "apisix" / "plugins").symlink_to(checkout / overlay)
        roots.append(root)
    roots += [checkout / root for root in settings(repository).get("roots", [])]
    for unit in units():
        if unit.repository != repository:
            continue
        (plugins / f"{unit.name}.lua").symlink_to(unit.file)
        found = re.match(r"(.*)/apisix/plugins/", str(unit.file))
        for root in [Path(found.group(1)) if found else unit.file.parent, checkout, checkout / "src", checkout / "lib"]:
            if root not in roots and root.is_dir():
                roots.append(root)
    return ";".join([f"{root}/?.lua" for root in roots] + [f"{root}/?/init.lua" for root in roots])
