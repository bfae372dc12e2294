"""Each fuzzer replays its corpus, then searches for FUZZ_SECONDS more (default 10). `./dev fuzz` runs this longer."""
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
BINARIES = HERE.parents[1] / "build/dev/tests/fuzz"
CRASHES = HERE.parents[1] / "build/dev/crashes"
SECONDS = int(os.environ.get("FUZZ_SECONDS", "10"))
NAMES = sorted(path.name.removesuffix("_fuzz.cc") for path in HERE.glob("*_fuzz.cc"))


@pytest.fixture(scope="module")
def searches(request, tmp_path_factory):
    """Each fuzzer is one busy process for a fixed time: as many run at once as there are cores."""
    CRASHES.mkdir(parents=True, exist_ok=True)
    names = [item.callspec.params["name"] for item in request.session.items if item.module is request.module]
    folders = {name: tmp_path_factory.mktemp(name) for name in names}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {name: pool.submit(search, name, folder) for name, folder in folders.items()}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", NAMES)
def test_fuzzer_finds_nothing(name, searches):
    assert searches[name].result() == ""


def search(name, found):
    """What the fuzzer prints when it finds something; else ""."""
    corpus = HERE / "corpus" / name
    seeds = [path for path in corpus.iterdir() if path.is_file()] if corpus.is_dir() else []
    if not seeds:
        return f"{corpus.relative_to(HERE)} holds no input"
    fuzzer = [BINARIES / f"{name}_fuzz", "-timeout=10", "-rss_limit_mb=2048", f"-artifact_prefix={CRASHES}/{name}-"]
    return run(fuzzer + seeds) or run(fuzzer + [f"-max_total_time={SECONDS}", "-print_final_stats=1", found, corpus])


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=SECONDS + 300, check=False)
    return "" if done.returncode == 0 else f"status {done.returncode}: {done.stdout[-4000:]}"
