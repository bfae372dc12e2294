"""The completion for bash that the package installs: actions, options and their values."""

import subprocess
from pathlib import Path

import pytest

from gateway import BINARY

SCRIPT = Path(__file__).resolve().parents[2] / "package/apisix.bash"


def complete(*words):
    program = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _apisix; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", program, "bash", SCRIPT, BINARY, *words], capture_output=True, text=True,
                          check=True)
    return done.stdout.split()


@pytest.mark.parametrize("words, expected", [
    (["sta"], ["start", "status"]),
    (["plugin_"], ["plugin_configs", "plugin_metadata"]),
    (["help", "to"], ["top"]),
    (["top", "--s"], ["--sort"]),
    (["top", "--sort", "p9"], ["p90", "p99"]),
    (["start", "--f"], ["--foreground"]),
    (["status", "--t"], []),
    (["routes", "--j"], ["--json"]),
    (["-p", "/tmp", "heal"], ["health"]),
    (["lua", "t"], ["test", "types"]),
    (["lua", "test", "--f"], ["--filter"]),
])
def test_completions(words, expected):
    assert complete(*words) == expected
