"""The closing line of ./dev test counts what really happened."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tally import tally  # noqa: E402

GTEST = """<testsuites tests="3" failures="1"><testsuite name="A">
<testcase name="Good" status="run" result="completed"/>
<testcase name="Bad" status="run" result="completed"><failure message="x"/></testcase>
<testcase name="Off" status="notrun" result="suppressed"/></testsuite></testsuites>"""
CTEST = """<testsuite tests="2" failures="2">
<testcase name="unit_a" status="fail"><failure message=""/></testcase>
<testcase name="unit_b" status="fail"><failure message=""/></testcase></testsuite>"""
PYTEST = """<testsuites><testsuite><testcase name="a"/><testcase name="b"><error message="x"/></testcase>
<testcase name="c"><skipped message="x"/></testcase></testsuite></testsuites>"""


@pytest.mark.parametrize("files,expected", [
    ({}, (0, 0, 0)),
    ({"s.xml": PYTEST}, (1, 1, 1)),
    ({"s/unit_a.xml": GTEST}, (1, 1, 1)),
    # Two parts of one suite.
    ({"s/beside.xml": PYTEST, "s/serial.xml": PYTEST}, (2, 2, 2)),
    # unit_b died before it could write its file: that is one failure more.
    ({"s/unit_a.xml": GTEST, "s.xml": CTEST}, (1, 2, 1)),
    # No binary at all came as far as writing.
    ({"s.xml": CTEST}, (0, 2, 0)),
    # Another suite's files do not count.
    ({"t.xml": PYTEST, "t/x.xml": GTEST}, (0, 0, 0)),
])
def test_counts(files, expected, tmp_path):
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    assert tally(tmp_path, "s") == expected
