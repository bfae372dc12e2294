"""The Admin API over HTTPS: https_admin and admin_api_mtls."""

import subprocess

import pytest

from certificates import Authority
from gateway import wait_until
from tls_client import context_for, fetch


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


def config(certificate, key, ca=None):
    files = {"admin_ssl_cert": str(certificate), "admin_ssl_cert_key": str(key)}
    if ca:
        files["admin_ssl_ca_cert"] = str(ca)
    return {"deployment": {"admin": {"https_admin": True, "admin_api_mtls": files}}}


def admin(gateway, context, name="admin.test", path="/apisix/admin/routes"):
    return fetch(gateway.admin_port, path, name=name, context=context, headers=[f"X-API-KEY: {gateway.admin_key}"])


def test_admin_api_speaks_tls_with_the_certificate_of_the_configuration(make_gateway, authority):
    gateway = make_gateway(config=config(*authority.issue("admin.test")))
    for name in ("admin.test", None):
        assert admin(gateway, context_for(authority.path) if name else context_for(), name)[0].status == 200
    done = subprocess.run(["curl", "-s", "--cacert", authority.path, "--resolve", f"admin.test:{gateway.admin_port}:127.0.0.1",
                           "-H", f"X-API-KEY: {gateway.admin_key}", "-X", "PUT", "-d", '{"uri": "/x", "upstream": {"nodes": {"127.0.0.1:1": 1}}}',
                           "-w", "%{http_code}", "-o", "/dev/null",
                           f"https://admin.test:{gateway.admin_port}/apisix/admin/routes/1"],
                          capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "201"
    assert "/x" in gateway.run("routes").stdout


def test_certificate_of_the_admin_api_is_replaced_by_a_reload(make_gateway, authority):
    certificate, key = authority.issue("admin.test")
    gateway = make_gateway(config=config(certificate, key))
    before = admin(gateway, context_for(authority.path))[1].certificate
    for path, new in zip((certificate, key), authority.issue("admin.test")):
        path.write_bytes(new.read_bytes())
    gateway.reload()
    assert admin(gateway, context_for(authority.path))[1].certificate != before


def test_clients_need_a_certificate_with_a_ca(make_gateway, authority, tmp_path):
    gateway = make_gateway(config=config(*authority.issue("admin.test"), authority.path))
    response, _ = admin(gateway, context_for(authority.path))
    assert response.status == 400 and "No required SSL certificate was sent" in response.text
    stranger = Authority(tmp_path, "strangers").issue("client")
    response, _ = admin(gateway, context_for(authority.path, cert=stranger))
    assert response.status == 400 and "The SSL certificate error" in response.text
    assert admin(gateway, context_for(authority.path, cert=authority.issue("client")))[0].status == 200


def test_commands_show_the_certificate_of_the_admin_api(make_gateway, authority, tmp_path):
    gateway = make_gateway(config=config(*authority.issue("admin.test"), authority.path))
    done = gateway.run("history")
    assert done.returncode == 0, done.stderr
    gateway.write_config(config(*authority.issue("admin.test"), Authority(tmp_path, "others").path))
    gateway.reload()
    done = gateway.run("history")
    assert done.returncode != 0 and "a certificate of admin_api_mtls.admin_ssl_ca_cert" in done.stderr, done.stderr


@pytest.mark.parametrize("wrong, said", [("missing", "admin_ssl_cert"), ("no PEM", "admin_api_mtls"),
                                         ("another key", "is not that of admin_ssl_cert")])
def test_files_that_cannot_be_used_stop_the_start(make_gateway, authority, tmp_path, wrong, said):
    certificate, key = authority.issue("admin.test")
    if wrong == "missing":
        certificate = tmp_path / "none"
    elif wrong == "no PEM":
        certificate = tmp_path / "text"
        certificate.write_text("text")
    else:
        key = authority.issue("admin.test")[1]
    gateway = make_gateway(start=False, config=config(certificate, key))
    done = gateway.run("start")
    assert done.returncode != 0 and said in done.stderr, done.stderr


def test_key_that_only_the_master_may_read(make_gateway, authority):
    certificate, key = authority.issue("admin.test")
    key.chmod(0o400)
    gateway = make_gateway(config=config(certificate, key))
    wait_until(lambda: admin(gateway, context_for(authority.path))[0].status == 200, "the Admin API")


def test_plain_http_is_refused(make_gateway, authority):
    gateway = make_gateway(config=config(*authority.issue("admin.test")))
    response = gateway.admin("GET", "/routes")
    assert response.status == 400 and "The plain HTTP request was sent to HTTPS port" in response.text
