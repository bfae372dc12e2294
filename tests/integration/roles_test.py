"""deployment.role: a control plane has the Admin API alone, a data plane has all but it; both on one etcd."""
import pytest
from etcd import Etcd
from gateway import is_listening, wait_until


@pytest.fixture
def etcd():
    with Etcd() as server:
        yield server


def role(etcd, name, **more):
    settings = etcd.config()["deployment"]["etcd"]
    return {"deployment": {"role": name, f"role_{name}": {"config_provider": "etcd"}, "etcd": settings}} | more


def test_a_control_plane_configures_a_data_plane(make_gateway, etcd, upstream):
    # The role decides, not enable_admin.
    control = make_gateway(config=role(etcd, "control_plane", apisix={"enable_admin": False}))
    data = make_gateway(workers=2, config=role(etcd, "data_plane", apisix={"enable_admin": True}))
    assert not is_listening(control.port) and not is_listening(control.tls_port)
    assert not is_listening(data.admin_port)
    control.put("/routes/1", {"uri": "/a", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    wait_until(lambda: {data.request("/a").status for _ in range(6)} == {200}, "the data plane to follow")
    assert control.admin("GET", "/routes/1").status == 200
    # No requests are proxied by the Admin API's port either.
    assert control.admin("GET", "/../../a").status == 404
    assert data.run("routes").stdout == control.run("routes").stdout


def test_a_data_plane_writes_nothing(make_gateway, etcd):
    gateway = make_gateway(config=role(etcd, "data_plane"))
    assert gateway.request("/").status == 404
    gateway.reload()
    assert not etcd.items("/")


@pytest.mark.parametrize("deployment, fault", (
    ({"role": "control_plane", "role_control_plane": {"config_provider": "yaml"}},
     'deployment.role_control_plane.config_provider: expected one of etcd, got "yaml"'),
    ({"role": "data_plane", "role_data_plane": {"config_provider": "xds"}},
     'deployment.role_data_plane.config_provider: expected one of etcd, yaml, json, got "xds"'),
    ({"role": "traditional", "role_traditional": {"config_provider": "json"}},
     'deployment.role_traditional.config_provider: expected one of etcd, yaml, local, got "json"'),
    ({"role": "data_plane"}, "deployment.role_data_plane.config_provider: expected one of etcd, yaml, json"),
    ({"role": "standalone"}, "deployment.role: expected one of traditional, control_plane, data_plane"),
))
def test_combinations_that_are_none(make_gateway, deployment, fault):
    gateway = make_gateway(start=False, config={"deployment": deployment})
    done = gateway.run("start")
    assert done.returncode == 1 and fault in done.stderr
    assert ":" in done.stderr.split("config.yaml", 1)[1][:1], "the fault has its line"


def test_stand_alone_asks_for_a_document(make_gateway):
    gateway = make_gateway(start=False, env={"APISIX_STAND_ALONE": "true"})
    done = gateway.run("init")
    assert done.returncode == 1
    assert "APISIX_STAND_ALONE is set to 'true' but config_provider is 'local'" in done.stderr
    assert "config_provider must be 'yaml' or 'json'" in done.stderr
