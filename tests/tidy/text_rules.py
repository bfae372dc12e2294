"""Format, head comments, leftovers, links of the documentation."""
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

TEXT = (".h", ".cc", ".py", ".md", ".txt", ".toml", ".yaml", ".yml", ".json", ".cmake", ".sh", ".service", ".socket")
_LEFTOVER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
_MACHINE_PATH = re.compile(r"(?<![\w.~<-])/(?:home|root|work|workspace|Users|mnt)/[A-Za-z]")


def _texts(tree):
    for file in tree.files:
        if file.path.endswith(TEXT) or file.path in ("dev", ".ci/run", "bench/load/compare"):
            yield file


def head_comment(tree, layers):
    for file in tree.product():
        if file.path.endswith(".h"):
            if not file.lines or not file.lines[0].startswith("// "):
                yield file.path, 1, "a header starts with 2 to 6 lines: what it is, who owns it, the invariant"
            if "#pragma once" not in file.text:
                yield file.path, 1, "a header has #pragma once"


def using_namespace(tree, layers):
    for file in tree.product():
        for number, line in enumerate(file.code.splitlines(), 1):
            inside_a_function = line.startswith(" ") and file.path.endswith(".cc")
            if re.match(r"\s*using\s+namespace\b", line) and "literals" not in line and not inside_a_function:
                yield file.path, number, "no using namespace for a whole file"


def leftover(tree, layers):
    for file in _texts(tree):
        for number, line in enumerate(file.lines, 1):
            if _LEFTOVER.search(line):
                yield file.path, number, "finish it or write it into docs/STATUS.md: " + line.strip()[:60]


def machine_path(tree, layers):
    for file in _texts(tree):
        for number, line in enumerate(file.lines, 1):
            if _MACHINE_PATH.search(line):
                yield file.path, number, "a path of somebody's machine: " + line.strip()[:80]


def clang_format(tree, layers):
    program = shutil.which("clang-format-19")
    if program is None:
        yield ".clang-format", 1, "clang-format-19 is not installed (./dev test installs it)"
        return
    files = [file.path for file in tree.cpp()]
    for start in range(0, len(files), 100):
        run = subprocess.run([program, "--dry-run", "-Werror", "--ferror-limit=1", *files[start:start + 100]],
                             cwd=tree.root, capture_output=True, text=True, check=False)
        for found in re.finditer(r"^(\S+?):(\d+):\d+: error: code should be clang-formatted", run.stderr, re.M):
            yield found.group(1), int(found.group(2)), "not as clang-format-19 writes it (./dev format)"


def link(tree, layers):
    """Relative links of Markdown files lead to a file."""
    for file in tree.files:
        if not file.path.endswith(".md"):
            continue
        text = re.sub(r"^```.*?^```", lambda m: "\n" * m.group(0).count("\n"), file.text, flags=re.S | re.M)
        for number, line in enumerate(text.splitlines(), 1):
            for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", line):
                if "://" in target or target.startswith("mailto:"):
                    continue
                if not (tree.root / os.path.normpath(os.path.join(file.folder, target))).exists():
                    yield file.path, number, f"link to {target}, which does not exist"


def named_in_docs(tree, layers):
    """In pages about the code, `f()` and `path/file.h` exist."""
    code = None
    for file in tree.files:
        if file.path not in ("docs/LIFE_OF_A_REQUEST.md", "docs/ARCHITECTURE.md"):
            continue
        if code is None:
            code = "\n".join(product.code for product in tree.product())
        for number, line in enumerate(file.lines, 1):
            for name in re.findall(r"`(?:\w+::)*(\w+)\(\)`", line):
                if not re.search(rf"\b{name}\s*\(", code):
                    yield file.path, number, f"there is no {name}() in the code"
            for path in re.findall(r"`([a-z][\w./-]*/[\w./-]*\.(?:h|cc|py|toml|txt|cmake))`", line):
                if path not in tree.paths:
                    yield file.path, number, f"there is no {path}"


def counted_words(tree):
    """{word: how often it stands in the tree}, for the words of words.toml, without case."""
    with open(Path(__file__).with_name("words.toml"), "rb") as file:
        allowed = tomllib.load(file)["words"]
    text = "\n".join(file.text for file in _texts(tree)
                     if file.path.endswith((".h", ".cc", ".py", ".md")) and file.path != "docs/GLOSSARY.md").lower()
    return {word: len(re.findall(rf"\b{word}\b", text)) for word in allowed}, allowed


def plain_words(tree, layers):
    """The words of words.toml do not become more."""
    found, allowed = counted_words(tree)
    for word, count in found.items():
        if count > allowed[word]:
            yield "tests/tidy/words.toml", 1, f"{word!r} stands {count} times, {allowed[word]} are allowed: docs/GLOSSARY.md has a word"


RULES = [plain_words, head_comment, using_namespace, leftover, machine_path, clang_format, link, named_in_docs]
