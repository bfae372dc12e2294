"""Who may include whom: rooms, third-party libraries, plugins. The table is layers.toml."""
import os
import re


def room_of(path, layers):
    """The row of layers.toml that holds this path, or None.

    The row of a top-level folder holds only the files directly in it: a new folder needs a row of its own or
    a line in [parts].
    """
    rooms = layers["rooms"]
    own = os.path.dirname(path)
    folder = own = layers.get("parts", {}).get(own, own)
    while folder:
        if folder in rooms:
            return folder if "/" in folder or folder == own else None
        folder = os.path.dirname(folder)
    return None


def _allows(row, room):
    return room in row or any(entry.endswith("/*") and room.startswith(entry[:-1]) for entry in row)


def layer_table(tree, layers):
    """A row may only name rows above it, so that the table cannot hold a cycle."""
    above = []
    for room, row in layers["rooms"].items():
        for other in row:
            known = other in above or other.endswith("/*") and any(a.startswith(other[:-1]) for a in above)
            if not known:
                yield "tests/tidy/layers.toml", 1, f'"{room}" names "{other}", which is not a row above it'
        above.append(room)


def room_has_row(tree, layers):
    for file in tree.product():
        if room_of(file.path, layers) is None:
            yield file.path, 1, f"folder {file.folder} has no row in tests/tidy/layers.toml"


def layer(tree, layers):
    rooms = layers["rooms"]
    for file in tree.product():
        room = room_of(file.path, layers)
        for number, quote, what in file.includes():
            if quote != '"' or room is None:
                continue
            target = room_of(what, layers)
            if target is None or target == room or _allows(rooms[room], target):
                continue
            extra = layers.get("headers", {}).get(room, [])
            if any(what == header or header.endswith("/*") and what.startswith(header[:-1]) for header in extra):
                continue
            yield file.path, number, f"{room} may not include {what}"


def include_form(tree, layers):
    """Our headers in quotes, from the root, and there; no file of the product includes tests or bench."""
    for file in tree.cpp():
        for number, quote, what in file.includes():
            if quote == "<" and what.split("/")[0] in ("shared", "worker", "master", "privileged-agent"):
                yield file.path, number, f'write "{what}" in quotes'
            elif quote == '"' and what not in tree.paths and not what.endswith((".pb.h", "version.h")):
                yield file.path, number, f'"{what}" is not a file from the root of the repository'
            elif file.is_product and what.startswith(("tests/", "bench/")):
                yield file.path, number, f"the product may not include {what}"


def library(tree, layers):
    """A third-party header appears only where its library lives."""
    system = layers["system"]
    for file in tree.cpp():
        for number, quote, what in file.includes():
            if quote != "<" or re.fullmatch(r"c?[a-z_0-9]+", what):
                continue
            if what in system["names"] or what.startswith(tuple(system["prefixes"])):
                continue
            rows = [globs for prefix, globs in layers["libraries"].items() if what.startswith(prefix)]
            if not rows:
                if file.is_product:
                    yield file.path, number, f"<{what}> has no row in tests/tidy/layers.toml"
            elif not file.path.startswith(("tests/", "bench/")) and not any(file.matches(row) for row in rows):
                places = ", ".join(place for row in rows for place in row)
                yield file.path, number, f"<{what}> may only be included by {places}"


# asString(), asUInt64() ... of the JSON library throw on a value of another type or out of range.
_JSON_AS = re.compile(r"(?:\.|->)\s*(as(?:String|CString|Bool|Int|UInt|Int64|UInt64|LargestInt|LargestUInt|Float|Double))\s*\(|"
                      r"(?:\.|->)\s*(as)\s*<")


def json_readers(tree, layers):
    """Values of JSON are read by shared/format/read.h, which does not throw."""
    for file in tree.product():
        if file.folder == "shared/format":
            continue
        for number, line in enumerate(file.code.splitlines(), 1):
            for found in _JSON_AS.finditer(line):
                name = found.group(1) or found.group(2)
                yield file.path, number, f"{name}() throws: read it by shared/format/read.h (string_of(), clamped() ...)"


def exceptions(tree, layers):
    """Out of memory is not a failure that anybody reports as a Result: bad_alloc is free."""
    for file in tree.cpp():
        if file.matches(layers["exceptions"]["may_throw_or_catch"]):
            continue
        for number, line in enumerate(file.code.splitlines(), 1):
            if re.search(r"\bthrow\b(?!\s+std::bad_alloc)|\bcatch\s*\(", line):
                yield file.path, number, "exceptions do not leave shared/format: return a Result"


def is_plugin(tree, path):
    return any(file.path == path and "PluginInfo kInfo" in file.text for file in tree.files)


def catalog(tree, layers):
    """Only the catalog, which is generated, names plugins; a plugin includes no other plugin, but may include what several share."""
    for file in tree.cpp():
        for number, _, what in file.includes():
            if not re.fullmatch(r"worker/plugins/[a-z0-9_]+\.h", what) or what == "worker/plugins/catalog.h":
                continue
            own = file.folder == "worker/plugins" and file.name.rsplit(".", 1)[0] == what[15:-2]
            if own or file.path.startswith("tests/"):
                continue
            if file.folder == "worker/plugins" and what in tree.paths and not is_plugin(tree, what[:-2] + ".cc"):
                continue  # what several plugins share
            yield file.path, number, f"only the generated catalog may include {what}"


RULES = [json_readers, layer_table, room_has_row, layer, include_form, library, exceptions, catalog]
