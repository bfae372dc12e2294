"""A class of more than 20 data members or 30 public functions, or a constructor of more than 5 parameters, does two
things. Counted in headers; those of today are in ratchet.toml, by namespace and name."""
import functools
import re
from dataclasses import dataclass, field

import ratchet

DATA_MEMBERS = 20
PUBLIC_FUNCTIONS = 30
CONSTRUCTOR_PARAMETERS = 5

_CLASS = re.compile(r"\b(?P<key>class|struct)\s+(?:alignas\([^)]*\)\s*)?(?P<name>\w+)\s*(?:final\s*)?(?::(?!:).*)?$",
                    re.S)
_NAMESPACE = re.compile(r"\bnamespace\s+(?:\w+::)*(\w+)\s*$")
_NO_MEMBER = re.compile(r"(?:friend|using|typedef|static_assert|enum|union|extern)\b|"
                        r"(?:class|struct)\s+\w+\s*(?:final\s*)?(?::[^{]*)?(?:\{\}\s*)?$")
_POINTER_TO_FUNCTION = re.compile(r"\(\s*(?:\w+::)?\*\s*(?:const\s+)?\w*\s*\)\s*\(")


def _without_templates(text):
    text = text.replace("->", "  ").replace("<=>", "   ").replace("<<", "  ").replace(">>", "> >")
    before = None
    while before != text:
        before, text = text, re.sub(r"<[^<>(){};]*(?:\([^<>{};]*\)[^<>(){};]*)*>", "", text)
    return text


def _top_level_commas(text):
    depth = commas = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        commas += char == "," and depth == 0
    return commas


def _parameters(text):
    """Of the first pair of parentheses."""
    begin = text.index("(")
    depth = 0
    for at in range(begin, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            inside = text[begin + 1:at].strip()
            return 0 if inside in ("", "void") else _top_level_commas(inside) + 1
    return 0


@dataclass
class Class:
    name: str
    full_name: str  # proxy::Stream, with the last part of the namespace
    line: int
    data_members: int = 0
    public_functions: int = 0
    constructors: list = field(default_factory=list)  # the number of parameters of each

    def take(self, statement, access):
        """Counts one statement of its body."""
        text = re.sub(r"\[\[.*?\]\]|alignas\s*\([^)]*\)", " ", statement)
        text = re.sub(r"^(?:template\s*)+(?:requires\b[^;{]*?\)\s*)?", "", _without_templates(text).strip()).strip()
        if not text or _NO_MEMBER.match(text):
            return
        head = re.split(r"(?<!operator)=(?!=)|\{", text, maxsplit=1)[0]
        if "(" in head and not _POINTER_TO_FUNCTION.search(head):
            self._take_function(head, text, access)
        elif not re.match(r"(?:static|constexpr|inline)\b", text):
            self.data_members += 1 + (0 if "(" in head else _top_level_commas(head))

    def _take_function(self, head, text, access):
        name = re.search(r"([~\w]+|operator\s*\S+?)\s*\(", head)
        if re.match(rf"(?:constexpr\s+|explicit\s*(?:\([^)]*\))?\s*|inline\s+)*{self.name}\s*\(", head):
            self.constructors.append(_parameters(head))
        elif access == "public" and name and "~" not in name.group(1) and not re.search(r"=\s*delete", text):
            self.public_functions += 1


class _Reader:
    """Reads the code of a header once, and counts what the classes in it define."""

    def __init__(self):
        self.classes = []
        self.current, self.access, self.namespace = None, None, ""
        self._outer = []  # what was current around each open brace
        self._text = ""   # of the statement so far; blocks are {}
        self._block = 0   # depth inside a block that is not read

    def read(self, code):
        line = 1
        for char in re.sub(r"^[ \t]*#[^\n]*", "", code, flags=re.M):
            line += char == "\n"
            if self._block:
                self._block += (char == "{") - (char == "}")
                if self._block == 0:
                    self._end_block()
            elif char == "{":
                self._open(line)
            elif char == "}":
                self._close()
            elif char == ";":
                self._end_statement()
            else:
                self._text += char
        return self.classes

    def _open(self, line):
        text = " ".join(self._take_access().split())
        is_class = _CLASS.search(text)
        namespace = _NAMESPACE.search(text)
        if is_class and not text.startswith("enum") and "(" not in _without_templates(text[:is_class.start()]):
            self._outer.append((self.current, self.access, self.namespace))
            around = self.current.full_name if self.current else self.namespace
            self.current = Class(is_class.group("name"), f"{around}::{is_class.group('name')}".lstrip(":"), line)
            self.classes.append(self.current)
            self.access, self._text = "public" if is_class.group("key") == "struct" else "private", ""
        elif not self.current and (namespace or text.endswith("namespace") or text.startswith("extern")):
            self._outer.append((self.current, self.access, self.namespace))
            self.namespace, self._text = namespace.group(1) if namespace else self.namespace, ""
        else:
            self._text += "{"
            self._block = 1

    def _end_block(self):
        """A body of a function ends its statement; an initialiser and the list of an enum do not."""
        self._text += "}"
        text = _without_templates(self._take_access())
        is_function = "(" in re.split(r"(?<!operator)=(?!=)|\{", text, maxsplit=1)[0]
        if not self.current:
            self._text = ""
        elif is_function and not re.match(r"\s*(?:enum|union)\b", text):
            self._end_statement()

    def _close(self):
        self._text = ""
        if self._outer:
            was_class = self.current is not None
            self.current, self.access, self.namespace = self._outer.pop()
            self._text = "struct _ {}" if was_class else ""  # a declarator may follow

    def _end_statement(self):
        if self.current:
            self.current.take(self._take_access(), self.access)
        self._text = ""

    def _take_access(self):
        while label := re.match(r"\s*(public|private|protected)\s*:(?!:)", self._text):
            self.access, self._text = label.group(1), self._text[label.end():]
        return self._text


def classes(code):
    """Every class that the code of a header defines, nested ones too."""
    return _Reader().read(code)


@functools.cache
def _classes_of(tree):
    return [(file, found) for file in tree.product() if file.path.endswith(".h") for found in classes(file.code)]


def _counts(tree, number_of, what):
    out = {}
    for file, found in _classes_of(tree):
        name, number = found.full_name, number_of(found)
        if name not in out or number > out[name].number:
            out[name] = ratchet.Count(file.path, found.line, number, what)
    return out


def data_member_counts(tree):
    return _counts(tree, lambda found: found.data_members, "data members")


def public_function_counts(tree):
    return _counts(tree, lambda found: found.public_functions, "public functions")


def parameter_counts(tree):
    return _counts(tree, lambda found: max(found.constructors, default=0), "parameters in its constructor")


def data_members(tree, layers):
    yield from ratchet.over("data-members", data_member_counts(tree), DATA_MEMBERS)


def public_functions(tree, layers):
    yield from ratchet.over("public-functions", public_function_counts(tree), PUBLIC_FUNCTIONS)


def constructor_parameters(tree, layers):
    yield from ratchet.over("constructor-parameters", parameter_counts(tree), CONSTRUCTOR_PARAMETERS)


RULES = [data_members, public_functions, constructor_parameters]
# rule: (how its counts are made, its limit), for the check that the ratchet holds nothing that is within the limit.
COUNTED = {"data-members": (data_member_counts, DATA_MEMBERS),
           "public-functions": (public_function_counts, PUBLIC_FUNCTIONS),
           "constructor-parameters": (parameter_counts, CONSTRUCTOR_PARAMETERS)}
