"""A gateway for each repository with its plugins; the tables are run as those of tests/compat are."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "compat"))
sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

import corpus  # noqa: E402
from gateway import Gateway, merged  # noqa: E402
from services import Services  # noqa: E402
from upstream import Upstream  # noqa: E402


# What scenarios use beside the plugin.
NATIVE = ["proxy-rewrite", "response-rewrite", "key-auth", "serverless-pre-function", "serverless-post-function",
          "public-api", "file-logger"]


@pytest.fixture(scope="session")
def services():
    started = Services()
    yield started
    started.close()


@pytest.fixture(scope="module")
def shared_gateway(request, services):
    """One with the plugins of the repository that is the parameter; pytest orders the tests by it."""
    if corpus.folder() is None:
        pytest.skip("LUA_CORPUS names no folder: see README.md")
    repository = request.param
    own = corpus.settings(repository)
    with tempfile.TemporaryDirectory(prefix="apisix-lua-corpus-") as links:
        Path(links).chmod(0o755)
        names = [unit.name for unit in corpus.units() if unit.repository == repository]
        names += own.get("plugins", []) + NATIVE
        config = {"apisix": {"extra_lua_path": corpus.lua_path(repository, Path(links) / "run"),
                             "dns_resolver": [f"127.0.0.1:{services.names.port}"]},
                  "plugins": names}
        gateway = Gateway(config=merged(config, own.get("config", {})), env=own.get("env"))
        for name, file in own.get("files", {}).items():
            shutil.copy(corpus.folder() / repository.replace("/", "+") / file, gateway.prefix / name)
        gateway.start()
        try:
            yield gateway
        finally:
            gateway.finish()


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()
