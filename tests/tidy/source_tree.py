"""The files that the rules look at, and a C++ file with its comments and strings blanked out."""
import fnmatch
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PRODUCT = ("shared", "worker", "privileged-agent", "master")
SKIPPED_AT_TOP = {"build", "run", "logs", "data", ".git", ".cache", "node_modules"}
SKIPPED_ANYWHERE = {"__pycache__", "node_modules", ".pytest_cache", "corpus"}

_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""",
    re.S)


def blank_comments_and_strings(text):
    """Keeps every line where it is; strings become "" padded with spaces, comments become spaces."""
    def blank(match):
        token = match.group(0)
        if token[0] == "/":
            return re.sub(r"[^\n]", " ", token)
        quote = token[-1]
        return quote + re.sub(r"[^\n]", " ", token[1:-1]) + quote
    return _TOKEN.sub(blank, text)


@dataclass
class SourceFile:
    root: Path
    path: str  # relative to the root, with /

    @cached_property
    def text(self):
        return (self.root / self.path).read_text(encoding="utf-8", errors="replace")

    @cached_property
    def lines(self):
        return self.text.splitlines()

    @cached_property
    def code(self):
        return blank_comments_and_strings(self.text)

    @property
    def folder(self):
        return os.path.dirname(self.path)

    @property
    def name(self):
        return os.path.basename(self.path)

    @property
    def is_cpp(self):
        return self.path.endswith((".h", ".cc"))

    @property
    def is_product(self):
        return self.is_cpp and self.path.split("/")[0] in PRODUCT

    def matches(self, globs):
        return any(fnmatch.fnmatchcase(self.path, glob) for glob in globs)

    def includes(self):
        """(line number, '"' or '<', what) of each include."""
        for number, line in enumerate(self.lines, 1):
            found = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            if found:
                yield number, found.group(1), found.group(2)


class SourceTree:
    def __init__(self, root):
        self.root = Path(root)
        self.files = [SourceFile(self.root, path) for path in sorted(self._walk())]
        self.paths = {file.path for file in self.files}

    def _walk(self):
        for folder, subfolders, names in os.walk(self.root):
            top = Path(folder) == self.root
            subfolders[:] = [s for s in subfolders
                             if s not in SKIPPED_ANYWHERE and not (top and s in SKIPPED_AT_TOP)]
            for name in names:
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    yield path.relative_to(self.root).as_posix()

    def cpp(self):
        return [file for file in self.files if file.is_cpp]

    def product(self):
        return [file for file in self.files if file.is_product]
