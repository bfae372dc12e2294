"""Names of files, types, functions and namespaces."""
import re

BANNED_IN_TYPES = re.compile(r"Manager|Helper|Util(?:s|ity|ities)?(?![a-z])|Base(?![a-z])")
NOUN = r"(?!title|environment|id\b|name)"  # process_title() is a noun
BANNED_FUNCTION = re.compile(rf"(?<![\w:.>])(?:\w+::)*((?:handle|process)_{NOUN}\w+)\s*\([^;]*$|"
                             rf"(?<![\w.>])(?:void|bool|int|auto|[A-Z]\w*(?:<[^;()]*>)?)[&*\s]+(?:\w+::)*((?:handle|process)_{NOUN}\w+)\s*\(")
TYPE = re.compile(r"^\s*(?:template\s*<[^;{}]*>\s*)?(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+"
                  r"(?:\[\[[^\]]*\]\]\s*)?(?:alignas\([^)]*\)\s*)?([A-Za-z_]\w*)(?=\s*(?:final\b|:(?!:)|\{|<|$))")


# namespace apisix::net { class Socket; struct Peer; }
FORWARD_ONLY = re.compile(r"namespace\s+[\w:]+\s*\{(?:\s*(?:template\s*<[^<>]*>\s*)?(?:class|struct|enum class)\s+\w+"
                          r"(?:\s*:\s*[\w:\s]+)?;)+\s*\}")


def _code_lines(file):
    return enumerate(file.code.splitlines(), 1)


def file_name(tree, layers):
    for file in tree.cpp():
        if not re.fullmatch(r"[a-z][a-z0-9_]*\.(h|cc)", file.name):
            yield file.path, 1, "file names are snake_case.h or snake_case.cc"
        if re.search(r"(^|_)(util|utils|helper|helpers|manager|misc|common)(_|\.)", file.name):
            yield file.path, 1, "a file is named after what it holds, not util, helper, manager, misc, common"


def type_name(tree, layers):
    for file in tree.product():
        for number, line in _code_lines(file):
            found = TYPE.match(line)
            if not found:
                continue
            name = found.group(1)
            if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
                yield file.path, number, f"type {name} is not PascalCase"
            if BANNED_IN_TYPES.search(name):
                yield file.path, number, f"type {name}: no Manager, Helper, Util, Base; name what it does"


def function_name(tree, layers):
    for file in tree.product():
        for number, line in _code_lines(file):
            found = BANNED_FUNCTION.search(line)
            if found and not re.search(r"\b(return|co_await)\b", line[:found.start()]):
                name = found.group(1) or found.group(2)
                yield file.path, number, f"{name}(): no handle_ or process_; on_<event>() or the verb of what it does"


def namespace(tree, layers):
    """apisix::<folder>, one level: the file's folder or one of the folders above it.

    A forward declaration of another room's type is free.
    """
    for file in tree.product():
        parts = [part.replace("-", "_") for part in file.folder.split("/")]
        allowed = {f"apisix::{part}" for part in parts if part != "shared"}
        allowed |= {"apisix", "apisix::agent"} if parts[0] in ("privileged_agent", "master") else set()
        names = []
        code = FORWARD_ONLY.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), file.code)
        for number, line in enumerate(code.splitlines(), 1):
            found = re.match(r"\s*(?:inline\s+)?namespace\s+([\w:]+)\s*\{", line)
            if not found or found.group(1) in ("detail", "literals", "std"):
                continue
            names.append(found.group(1))
            if found.group(1) not in allowed:
                yield file.path, number, f"namespace {found.group(1)}: expected {' or '.join(sorted(allowed))}"
        if not names and file.path.endswith(".h") and re.search(r"\b(class|struct|enum)\b", code):
            yield file.path, 1, "declares types outside of a namespace"


def test_mirrors_tree(tree, layers):
    """tests/unit/<folder>/<name>_test.cc tests a folder that exists."""
    folders = {file.folder for file in tree.product()}
    for file in tree.cpp():
        if not file.path.startswith("tests/unit/"):
            continue
        folder = file.folder[len("tests/unit/"):]
        if folder not in folders:
            yield file.path, 1, f"tests/unit mirrors the tree, but there is no {folder}/"
        if file.path.endswith(".cc") and not file.name.endswith("_test.cc"):
            yield file.path, 1, "a .cc under tests/unit is named *_test.cc, or it is not compiled"


RULES = [file_name, type_name, function_name, namespace, test_mirrors_tree]
