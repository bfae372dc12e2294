"""What tests of limits over a redis share: a gateway and an upstream for a whole file, and a limited route in force.

    from limits import gateway, limit, quick  # noqa: F401
"""
import pytest

from gateway import running_gateway
from upstream import Upstream


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
