"""What tests of limits over a redis share: a gateway and an upstream for a whole file, and a limited route in force.

    from limits import gateway, limit, quick  # noqa: F401
"""
import pytest

from gateway import running_gateway
from upstream import Upstream

# Sliding windows start at multiples of their length, in time since 1970: one of this length ends in 2033, while that of a
# day ends at midnight, and a test that runs then sees two of them.
ENDLESS_S = 2_000_000_000


@pytest.fixture(scope="module")
def gateway():
    with running_gateway(workers=2) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def quick():
    server = Upstream(lambda request: (200, {}, b"ok"))
    yield server
    server.close()


def limit(gateway, server, plugin, conf, route_id="1"):
    """A limited route, in force in every worker."""
    gateway.put_everywhere(f"/routes/{route_id}", {"uri": "/limited*", "plugins": {plugin: conf}, "upstream": {
        "type": "roundrobin", "nodes": {server.node: 1}}})
