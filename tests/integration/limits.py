"""What tests of limits over a redis share: a gateway and an upstream for a whole file, and a limited route in force.

    from limits import gateway, limit, quick  # noqa: F401
"""
import pytest

from gateway import Gateway
from upstream import Upstream


@pytest.fixture(scope="module")
def gateway():
    gateway = Gateway(workers=2)
    gateway.start()
    yield gateway
    gateway.stop()
    damage = gateway.damage()
    gateway.delete()
    assert not damage, "\n".join(damage)


@pytest.fixture(scope="module")
def quick():
    server = Upstream(lambda request: (200, {}, b"ok"))
    yield server
    server.close()


def limit(gateway, server, plugin, conf, route_id="1"):
    """A limited route, in force in every worker."""
    gateway.put_everywhere(f"/routes/{route_id}", {"uri": "/limited*", "plugins": {plugin: conf}, "upstream": {
        "type": "roundrobin", "nodes": {server.node: 1}}})
