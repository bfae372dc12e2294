"""A file of more than 600 lines or a function of more than 70 holds two things."""
import re

FILE_LINES = 600
FUNCTION_LINES = 70
TEST_LINES = 150  # a test may hold a table of cases

_SCOPE = re.compile(r"^(?:inline\s+)?(namespace|extern\s*\"|class|struct|union|enum)\b")
_NAME = re.compile(r"([~\w]+|operator\s*[^\s(]+)\s*\((?!.*\boperator\b)")


def _opens_scope(head):
    head = re.sub(r"^(?:public|private|protected)\s*:", "", head).strip()
    head = re.sub(r"^(?:template\s*<[^{}]*?>\s*(?:requires\s+[^{}]*?)?)+(?=class|struct|union)", "", head)
    return _SCOPE.match(head) is not None and not re.search(r"\)\s*(?:const|noexcept|override|final|->.*)?$", head)


def functions(code):
    """(name, first line, last line) of each function body at namespace or class level."""
    stack = []  # "scope" | "other" | (name, line of the opening brace)
    head, line, depth_in_function = "", 1, 0
    for char in re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), code, flags=re.M):
        if char == "\n":
            line += 1
        if char == "{":
            text = " ".join(head.split())
            if depth_in_function == 0 and _opens_scope(text):
                stack.append("scope")
            elif depth_in_function == 0 and "(" in text and not re.search(r"=\s*$", text):
                found = _NAME.search(text)
                stack.append((found.group(1) if found else text[:40], line))
                depth_in_function = 1
            else:
                stack.append("other")
                depth_in_function += depth_in_function > 0
            head = ""
        elif char == "}":
            if stack:
                top = stack.pop()
                if isinstance(top, tuple):
                    yield top[0], top[1], line
                    depth_in_function = 0
                elif depth_in_function:
                    depth_in_function -= 1
            head = ""
        elif char == ";":
            head = ""
        else:
            head += char


def file_size(tree, layers):
    for file in tree.files:
        if file.path.endswith((".h", ".cc", ".py")) or file.path == "dev":
            if len(file.lines) > FILE_LINES:
                yield file.path, 1, f"{len(file.lines)} lines, more than {FILE_LINES}"


def function_size(tree, layers):
    for file in tree.cpp():
        most = TEST_LINES if file.path.startswith("tests/") else FUNCTION_LINES
        for name, first, last in functions(file.code):
            if last - first - 1 > most:
                yield file.path, first, f"{name}() has {last - first - 1} lines, more than {most}"


RULES = [file_size, function_size]
