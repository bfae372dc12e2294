"""The tables use the integration tests' gateway and upstream."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from gateway import running_gateway  # noqa: E402
from upstream import Upstream  # noqa: E402


@pytest.fixture(scope="module")
def shared_gateway():
    with running_gateway() as gateway:
        yield gateway


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()
