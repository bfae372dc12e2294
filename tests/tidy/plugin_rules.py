"""What makes up a plugin: its file, its schema, its place, its behaviour table and its pages say the same of it, and none is missing."""
import json
import re

_INFO = re.compile(r"PluginInfo kInfo\{(.*?)\}", re.S)
_TABLES = "tests/compat/plugins/"
_SCHEMAS = "worker/plugins/schemas/"
_PAGES = "docs/plugins/"


def _stem(name):
    return name.replace("-", "_")


def _sources(tree):
    """{stem: file} of the plugins' files; what several plugins share has a header and no kInfo. Those that run Lua are of
    the room worker/lua."""
    return {file.name[:-3]: file for file in tree.product()
            if file.folder in ("worker/plugins", "worker/lua/plugins") and file.path.endswith(".cc")
            and (_INFO.search(file.text) or f"{file.path[:-3]}.h" not in tree.paths)}


def _named(tree, folder, suffix):
    """{stem: file} of the files in a folder that are named after plugins."""
    return {_stem(file.name[:-len(suffix)]): file for file in tree.files
            if file.path == f"{folder}{file.name}" and file.name.endswith(suffix)}


def _said_by_code(body):
    """priority, version, type and scope, as a kInfo has them."""
    def number(member, otherwise):
        found = re.search(rf"\.{member} = (-?[\d.]+)", body)
        return float(found.group(1)) if found else otherwise
    return {"priority": number("priority", 0.0), "version": number("version", 0.1),
            "type": "auth" if ".is_auth = true" in body else None,
            "scope": "global" if ".is_global = true" in body else None}


def _faults_of_source(name, source, schema):
    info = _INFO.search(source.text)
    if not info:
        yield f"{source.path} has no PluginInfo kInfo"
        return
    if f'.name = "{name}"' not in info.group(1):
        yield f"the kInfo of {source.path} names another plugin"
    if not re.search(rf"^const plugin::PluginKind& {_stem(name)} = plugin::define<\w+(?:, \w+)?>\(\);$", source.text, re.M):
        yield f"{source.path} does not define the kind {_stem(name)}"
    if schema is None:
        return
    said = json.loads(schema.text)
    for member, value in _said_by_code(info.group(1)).items():
        if said.get(member) != value:
            yield f"its {member} is {value} in {source.path} and {said.get(member)} in {schema.path}"


def plugin_is_whole(tree, layers):
    """A plugin has a file, a schema of the same place, a behaviour table, a page, and a row in docs/PLUGINS.md."""
    sources = _sources(tree)
    schemas = _named(tree, _SCHEMAS, ".json")
    tables = _named(tree, _TABLES, ".yaml")
    pages = _named(tree, _PAGES, ".md")
    rows = next((file.text for file in tree.files if file.path == "docs/PLUGINS.md"), "")
    for stem in sorted({*sources, *schemas, *tables, *pages}):
        name = stem.replace("_", "-")
        faults = [f"there is no {path}" for found, path in (
            (sources, f"worker/plugins/{stem}.cc"), (schemas, f"{_SCHEMAS}{name}.json"),
            (tables, f"{_TABLES}{stem}.yaml"), (pages, f"{_PAGES}{name}.md")) if stem not in found]
        if f"`{name}`" not in rows:
            faults.append("it has no row in docs/PLUGINS.md")
        if stem in sources:
            faults += _faults_of_source(name, sources[stem], schemas.get(stem))
        if stem in tables and not re.search(rf"^plugin: {name}$", tables[stem].text, re.M):
            faults.append(f"{tables[stem].path} is not its table")
        for fault in faults:
            yield f"worker/plugins/{stem}.cc", 1, f"plugin {name}: {fault}"


def example_is_built(tree, layers):
    """The code on the page about writing plugins is a plugin of this build, character by character."""
    page = next((file for file in tree.files if file.path == "docs/PLUGIN_DEVELOP.md"), None)
    if page is None:
        return
    built = next((file.text for file in tree.files if file.path == "worker/plugins/uri_blocker.cc"), "")
    code = re.search(r"^```cpp\n(.*?)^```", page.text, re.S | re.M)
    if not code or code.group(1) != built:
        yield page.path, 1, "its first example is not worker/plugins/uri_blocker.cc"


def plugin_sees_facade(tree, layers):
    """A plugin sees a request through its facade, plugin::Request: the proxy's state behind it is not a plugin's."""
    for file in tree.product():
        if file.path.startswith("worker/plugins/"):
            for line, text in enumerate(file.text.splitlines(), 1):
                if re.search(r"\bRequestState\b|request_state\.h", text):
                    yield file.path, line, "names the proxy's state of a request: a plugin has plugin::Request"


RULES = [plugin_is_whole, example_is_built, plugin_sees_facade]
