"""Each fuzzer replays its corpus, then searches for FUZZ_SECONDS more (default 10). `./dev fuzz` runs this longer."""
import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
BINARIES = HERE.parents[1] / "build/fuzz/tests/fuzz"
CRASHES = HERE.parents[1] / "build/fuzz/crashes"
SECONDS = int(os.environ.get("FUZZ_SECONDS", "10"))
NAMES = sorted(path.name.removesuffix("_fuzz.cc") for path in HERE.glob("*_fuzz.cc"))


@pytest.mark.parametrize("name", NAMES)
def test_fuzzer_finds_nothing(name, tmp_path):
    corpus = HERE / "corpus" / name
    seeds = [path for path in corpus.iterdir() if path.is_file()] if corpus.is_dir() else []
    assert seeds, f"{corpus.relative_to(HERE)} holds no input"
    CRASHES.mkdir(parents=True, exist_ok=True)
    fuzzer = [BINARIES / f"{name}_fuzz", "-timeout=10", "-rss_limit_mb=2048", f"-artifact_prefix={CRASHES}/{name}-"]
    run(fuzzer + seeds)
    run(fuzzer + [f"-max_total_time={SECONDS}", "-print_final_stats=1", tmp_path, corpus])


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=SECONDS + 300, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
