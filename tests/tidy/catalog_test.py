"""The catalog of plugins: what worker/plugins/catalog.cmake makes of schemas and order.txt."""
import json
import re
import subprocess
from pathlib import Path

_SCRIPT = Path(__file__).resolve().parents[2] / "worker/plugins/catalog.cmake"


def _catalog(folder, priorities, order=""):
    """Runs the script on plugins of these priorities: what it writes in the place of errors, and the plugins in their order."""
    (folder / "schemas").mkdir()
    for name, priority in priorities.items():
        (folder / f"schemas/{name}.json").write_text(json.dumps({"priority": priority}))
        (folder / f"{name.replace('-', '_')}.cc").write_text("")
    (folder / "order.txt").write_text(f"# reasons\n{order}")
    out = folder / "catalog.cc"
    ran = subprocess.run(["cmake", f"-DFOLDER={folder}", f"-DOUT={out}", "-P", _SCRIPT], capture_output=True, text=True, check=False)
    names = re.findall(r"^ +&(\w+),  // (-?\d+)$", out.read_text(), re.M) if out.exists() else []
    return " ".join(ran.stderr.split()), [(name, int(priority)) for name, priority in names]


def test_plugins_stand_by_priority_also_below_zero(tmp_path):
    _, catalog = _catalog(tmp_path, {"first": 23000, "late-one": -2000, "zero": 0, "last": -10000, "nine": 9, "b": 100, "a": 100, "just-below": -1})
    assert catalog == [("first", 23000), ("a", 100), ("b", 100), ("nine", 9), ("zero", 0), ("just_below", -1), ("late_one", -2000), ("last", -10000)]


def test_order_holds_below_zero(tmp_path):
    error, catalog = _catalog(tmp_path, {"a": -1899, "b": -1900}, "a before b: it asks first\n")
    assert (error, len(catalog)) == ("", 2)


def test_order_that_priorities_below_zero_break_is_refused(tmp_path):
    error, catalog = _catalog(tmp_path, {"a": -1900, "b": -1899}, "a before b: it asks first\n")
    assert "'a before b: it asks first', but that is not what their priorities say" in error
    assert catalog == []


def test_priority_that_is_no_whole_number_is_refused(tmp_path):
    error, catalog = _catalog(tmp_path, {"a": 1.5})
    assert "plugin a: its priority 1.5" in error
    assert catalog == []
