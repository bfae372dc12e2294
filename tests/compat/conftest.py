"""The tables use the integration tests' gateway and upstream."""

import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

import tables  # noqa: E402
from gateway import running_gateway  # noqa: E402
from upstream import Upstream  # noqa: E402


def plugins_config():
    """The default list of plugins, where tables ask for more (`enable: true`) with those."""
    more = [table["plugin"] for table in tables.tables().values() if table.get("enable")]
    if not more:
        return {}
    example = yaml.safe_load((Path(__file__).parents[2] / "conf" / "config.yaml.example").read_text())
    return {"plugins": example["plugins"] + more}


@pytest.fixture(scope="module")
def shared_gateway():
    with running_gateway(config=plugins_config()) as gateway:
        yield gateway


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()
