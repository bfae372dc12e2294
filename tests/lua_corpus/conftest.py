"""One gateway with all plugins of the corpus; the tables are run as those of tests/compat are."""

import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "compat"))
sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

import corpus  # noqa: E402
from gateway import running_gateway  # noqa: E402
from upstream import Upstream  # noqa: E402


# What scenarios use beside the plugin.
NATIVE = ["proxy-rewrite", "response-rewrite", "key-auth", "serverless-pre-function", "public-api"]


@pytest.fixture(scope="session")
def shared_gateway():
    if corpus.folder() is None:
        pytest.skip("LUA_CORPUS names no folder: see README.md")
    with tempfile.TemporaryDirectory(prefix="apisix-lua-corpus-") as links:
        Path(links).chmod(0o755)
        names = [name for _, name, _ in corpus.units()] + NATIVE
        config = {"apisix": {"extra_lua_path": corpus.lua_path(Path(links) / "run")}, "plugins": names}
        with running_gateway(config=config) as gateway:
            yield gateway


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()
