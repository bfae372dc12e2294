"""Tests that cannot fail, wait for a fixed time, or differ from run to run. Those of today are in ratchet.toml by file.

An assertion may stand in a function that the test calls, in the same file or in another of tests/, but not in one
that only prepares what is tested: SETS_UP.
"""
import ast
import functools
import re

import ratchet
import size_rules

SETS_UP = {"put", "put_everywhere", "route", "apply", "start", "run", "reload", "stop", "finish", "make", "client",
           "upstream"}
PACING = {"wait_until", "pause"}

_ASSERTS = re.compile(r"\b(?:EXPECT|ASSERT)_\w+|\b(?:ADD_FAILURE|FAIL|GTEST_FAIL)\s*\(")
_TEST = re.compile(r"^TEST(?:_F|_P)?\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)\s*\{", re.M)
_CALL = re.compile(r"\b([A-Za-z_]\w*)\s*(?:<[^<>;()]*>)?\(")
_CPP_SLEEP = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
_CPP_RANDOM = re.compile(r"\brandom_device\b|(?<![\w.>])(?:std::)?s?rand\s*\(")


def _tests(tree, ending):
    return [file for file in tree.files if file.path.startswith("tests/") and file.path.endswith(ending)]


def _closed_over(names, calls):
    """`names` and every function that calls one of them, directly or not."""
    names = set(names)
    while more := {name for name, called in calls.items() if name not in names and called & names}:
        names |= more
    return names


# ---- C++

def _body_behind(code, brace):
    depth = 0
    for at in range(brace, len(code)):
        depth += (code[at] == "{") - (code[at] == "}")
        if depth == 0:
            return code[brace:at]
    return code[brace:]


def _cpp_functions(files):
    """{name: code} of the functions that these files define, tests left out."""
    bodies = {}
    for file in files:
        lines = file.code.splitlines()
        for name, first, last in size_rules.functions(file.code):
            if not name.startswith("TEST"):
                bodies[name] = bodies.get(name, "") + "\n".join(lines[first - 1:last])
    return bodies


def _cpp_without_assertion(tree):
    files = _tests(tree, (".h", ".cc"))
    shared = _cpp_functions([file for file in files if file.path.endswith(".h")])
    for file in files:
        bodies = shared | _cpp_functions([file])
        asserting = _closed_over({name for name, body in bodies.items() if _ASSERTS.search(body)},
                                 {name: set(_CALL.findall(body)) for name, body in bodies.items()})
        for found in _TEST.finditer(file.code):
            body = _body_behind(file.code, found.end() - 1)
            if not _ASSERTS.search(body) and not set(_CALL.findall(body)) & asserting:
                yield file, file.code.count("\n", 0, found.start()) + 1, f"{found.group(1)}.{found.group(2)}"


# ---- Python

def _called(node):
    names = set()
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            names.add(call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", ""))
    return names


def _asserts(node):
    """An assertion whose outcome is not written in it."""
    asserted = [part.test for part in ast.walk(node) if isinstance(part, ast.Assert)]
    return any(not isinstance(test, ast.Constant) for test in asserted) or bool(_called(node) & {"raises", "fail"})


def _functions(module):
    return [node for node in ast.walk(module) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


@functools.cache
def _parsed(tree):
    return [(file, ast.parse(file.text)) for file in _tests(tree, ".py")]


def _helpers(modules):
    """(what each calls, those that assert themselves) of all functions that are no tests and set nothing up."""
    calls, asserting = {}, set()
    for module in modules:
        for function in _functions(module):
            if function.name not in SETS_UP and not function.name.startswith("test_"):
                calls[function.name] = calls.get(function.name, set()) | _called(function)
                asserting |= {function.name} if _asserts(function) else set()
    return calls, asserting


def _python_without_assertion(tree):
    modules = _parsed(tree)
    shared = [module for file, module in modules if not file.path.endswith("_test.py")]
    shared_calls, shared_asserting = _helpers(shared)
    for file, module in modules:
        if not file.path.endswith("_test.py"):
            continue
        calls, own = _helpers([module])
        asserting = _closed_over(shared_asserting | own, shared_calls | calls)
        for function in _functions(module):
            if function.name.startswith("test_") and not _asserts(function) and not _called(function) & asserting:
                yield file, function.lineno, function.name


def _is_status(node):
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        name = node.slice.value
    return name == "status"


def _is_of_classes(compare):
    """`status in (200, 404)`: more than one class of statuses."""
    if not isinstance(compare.ops[0], ast.In) or not _is_status(compare.left):
        return False
    parts = list(ast.walk(compare.comparators[0]))
    classes = {part.value // 100 for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, int)}
    return len(classes) > 1 or any(isinstance(part, ast.Name) for part in parts)


def _statuses_of_classes(tree):
    for file, module in _parsed(tree):
        for node in ast.walk(module):
            if not isinstance(node, (ast.Assert, ast.Lambda)):
                continue
            said = node.test if isinstance(node, ast.Assert) else node.body
            for compare in ast.walk(said):
                if isinstance(compare, ast.Compare) and _is_of_classes(compare):
                    yield file, compare.lineno, ast.unparse(compare)


def _sleeps(tree):
    for file in _tests(tree, (".h", ".cc")):
        for number, line in enumerate(file.code.splitlines(), 1):
            if _CPP_SLEEP.search(line):
                yield file, number, line.strip()
    for file, module in _parsed(tree):
        pacing = [function for function in _functions(module) if function.name in PACING]
        paced = {id(part) for function in pacing for part in ast.walk(function)}
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("sleep") and id(node) not in paced:
                yield file, node.lineno, ast.unparse(node)


def _is_unseeded(call):
    """A function of the module, random.Random() without a seed, or the system's source."""
    name = ast.unparse(call.func)
    if name in ("random.Random", "Random"):
        return not call.args
    return name.startswith("random.") and name.count(".") == 1 or name.endswith("SystemRandom")


def _unseeded(tree):
    for file in _tests(tree, (".h", ".cc")):
        for number, line in enumerate(file.code.splitlines(), 1):
            if _CPP_RANDOM.search(line):
                yield file, number, line.strip()
    for file, module in _parsed(tree):
        imports = any(isinstance(node, ast.Import) and any(name.name == "random" for name in node.names)
                      for node in ast.walk(module))
        for node in ast.walk(module):
            if imports and isinstance(node, ast.Call) and _is_unseeded(node):
                yield file, node.lineno, ast.unparse(node)


# ---- the rules

def _by_file(found, what):
    """{path: Count} of (file, line, text); the first one is shown."""
    out = {}
    for file, line, text in found:
        count = out.setdefault(file.path, ratchet.Count(file.path, line, 0, f"{what}, the first is {text[:80]}"))
        count.number += 1
    return out


@functools.cache
def without_assertion_counts(tree):
    return _by_file([*_cpp_without_assertion(tree), *_python_without_assertion(tree)], "tests without an assertion")


@functools.cache
def status_counts(tree):
    return _by_file(_statuses_of_classes(tree), "assertions that statuses of several classes pass")


@functools.cache
def sleep_counts(tree):
    return _by_file(_sleeps(tree), "sleeps outside of wait_until() and pause()")


@functools.cache
def random_counts(tree):
    return _by_file(_unseeded(tree), "random numbers without a seed")


def test_asserts(tree, layers):
    yield from ratchet.over("test-asserts", without_assertion_counts(tree), 0)


def exact_status(tree, layers):
    yield from ratchet.over("exact-status", status_counts(tree), 0)


def no_sleep(tree, layers):
    yield from ratchet.over("no-sleep", sleep_counts(tree), 0)


def seeded_random(tree, layers):
    yield from ratchet.over("seeded-random", random_counts(tree), 0)


RULES = [test_asserts, exact_status, no_sleep, seeded_random]
COUNTED = {"test-asserts": (without_assertion_counts, 0), "exact-status": (status_counts, 0),
           "no-sleep": (sleep_counts, 0), "seeded-random": (random_counts, 0)}
