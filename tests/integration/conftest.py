"""Fixtures for tests that talk to a real gateway.

    def test_something(gateway, upstream): ...

    @pytest.mark.gateway(workers=2, config={"apisix": {"enable_ipv6": True}}, env={...}, admin_key="...", user="nobody")
    def test_something_else(gateway): ...

    pytestmark = pytest.mark.shares_gateway           # of a file, or of single tests: one gateway for all of its tests
    @pytest.mark.gateway                              # among them: one of its own, as it stops it, or counts from zero

    def test_two_of_them(make_gateway):
        first = make_gateway()                    # started
        second = make_gateway(start=False, ...)   # only prepared: second.run("test")

A gateway is stopped and its folder deleted at the end of the test; one that is shared is only emptied, by the Admin API, and
stopped at the end of the file. A test may share it when it looks at objects and responses: not at logs, metrics, processes or
the history of changes. A crash or a sanitizer's finding fails the test, unless it is marked `expects_damage`. APISIX_BIN names
another binary than build/dev/apisix.

Files run beside each other. A test that measures tenths of a second or makes load is marked `serial` and runs alone.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from gateway import BINARY, Gateway, running_gateway  # noqa: E402
from proxy import Proxy  # noqa: E402
from upstream import Upstream  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "gateway(config, workers, admin_key, env, user): how the gateway fixture is made")
    config.addinivalue_line("markers", "shares_gateway: the gateway fixture is one for all tests of the file")
    config.addinivalue_line("markers", "serial: runs with no other test beside it, as it measures time")
    config.addinivalue_line("markers", "expects_damage: the test makes processes crash")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.call_failed = report.failed


@pytest.fixture
def make_gateway(request):
    assert BINARY.exists(), f"{BINARY} is missing: ./dev build dev apisix"
    made = []

    def make(start=True, **options):
        gateway = Gateway(**options)
        made.append(gateway)
        if start:
            gateway.start()
        return gateway

    yield make

    damage = []
    for gateway in made:
        gateway.end()
        damage += gateway.damage()
        if getattr(request.node, "call_failed", True):
            print(f"---- error.log of {gateway.prefix}\n{gateway.log()[-20000:]}")
        gateway.delete()
    if not request.node.get_closest_marker("expects_damage"):
        assert not damage, "\n".join(damage)


@pytest.fixture(scope="module")
def shared_gateway():
    """Of the tests that are marked `shares_gateway`."""
    with running_gateway() as gateway:
        yield gateway


@pytest.fixture
def gateway(request):
    own = request.node.get_closest_marker("gateway")
    if own or not request.node.get_closest_marker("shares_gateway"):
        yield request.getfixturevalue("make_gateway")(**(own.kwargs if own else {}))
        return
    shared = request.getfixturevalue("shared_gateway")
    before = len(shared.damage())
    yield shared
    if getattr(request.node, "call_failed", True):
        print(f"---- error.log\n{shared.log()[-8000:]}")
    shared.empty()
    damage = shared.damage()[before:]
    assert not damage, "\n".join(damage)


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()


@pytest.fixture(scope="module")
def shared_proxy(request):
    """One gateway for the file; GATEWAY of the file is how it is made."""
    proxy = Proxy(**getattr(request.module, "GATEWAY", {}))
    yield proxy
    proxy.stop()


@pytest.fixture
def proxy(request, shared_proxy):
    yield shared_proxy
    if getattr(request.node, "call_failed", True):
        print(f"---- error.log\n{shared_proxy.gateway.log()[-8000:]}")
    shared_proxy.end_test()


@pytest.fixture
def make_proxy():
    """A gateway of the test's own, with the same conveniences."""
    made = []

    def make(**options):
        made.append(Proxy(**options))
        return made[-1]

    yield make
    for proxy in made:
        proxy.end_test()
        proxy.stop()
