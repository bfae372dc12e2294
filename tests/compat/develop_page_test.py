"""The code on the page about writing plugins is a plugin of this build, character by character."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_example_is_what_is_built():
    page = (ROOT / "docs" / "PLUGIN_DEVELOP.md").read_text()
    code = page.split("```cpp\n", 1)[1].split("```", 1)[0]
    assert code == (ROOT / "worker" / "plugins" / "uri_blocker.cc").read_text()
