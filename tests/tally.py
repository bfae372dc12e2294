#!/usr/bin/env python3
"""tally.py RESULTS NAME: prints "passed failed skipped" of one suite, for ./dev test.

Reads RESULTS/NAME.xml (pytest, ctest) and RESULTS/NAME/*.xml (one per gtest binary, or per part of a suite of pytest).
Where ctest ran gtest binaries, the binaries' own files count single tests; ctest's file only adds binaries that left
no file because they crashed or timed out.
"""
import pathlib
import sys
import xml.etree.ElementTree as ET


def count_cases(path):
    passed = failed = skipped = 0
    for case in ET.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def failed_binaries(path):
    for case in ET.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.get("status") == "fail":
            yield case.get("name")


def tally(results, name):
    whole = results / f"{name}.xml"
    singles = {p.stem: count_cases(p) for p in (results / name).glob("*.xml")}
    if not singles:
        return count_cases(whole) if whole.exists() else (0, 0, 0)
    passed, failed, skipped = (sum(column) for column in zip(*singles.values()))
    if whole.exists():
        failed += sum(1 for binary in failed_binaries(whole) if singles.get(binary, (0, 0, 0))[1] == 0)
    return passed, failed, skipped


if __name__ == "__main__":
    print(*tally(pathlib.Path(sys.argv[1]), sys.argv[2]))
