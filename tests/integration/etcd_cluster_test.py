"""Clusters of etcd, users and tokens, TLS: what stands between a gateway and its etcd in production."""
import json
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from etcd import Etcd
from gateway import PATIENCE_S, http_request, pause, wait_until
from link import Link


def route(upstream, uri, **more):
    return {"uri": uri, "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}} | more


def serves(gateway, path, status=200):
    return all(gateway.request(path).status == status for _ in range(4))


# ---- members


def test_failover_to_another_member(make_gateway, upstream):
    with Etcd(members=3) as etcd:
        gateway = make_gateway(config=etcd.config(timeout=3), workers=2)
        gateway.put("/routes/1", route(upstream, "/a"))
        wait_until(lambda: serves(gateway, "/a"), "the route to be served")
        for member in etcd.members[:2]:
            member.kill()
            name = f"after-{member.name}"
            wait_until(lambda: gateway.admin("PUT", f"/routes/{name}", route(upstream, f"/{name}")).status < 300,
                       "a write with two of three members")
            wait_until(lambda: serves(gateway, f"/{name}"), "the change to be served")
            assert serves(gateway, "/a")
            member.start(etcd.cluster)
            etcd.wait_until_ready()


def test_without_a_majority(make_gateway, upstream):
    """The member that is left returns nothing that could be stale, and writes nothing."""
    with Etcd(members=3) as etcd:
        etcd.put("/apisix/routes/1", route(upstream, "/a"))
        gateway = make_gateway(config=etcd.config(timeout=2))
        assert serves(gateway, "/a")
        etcd.members[0].kill()
        etcd.members[1].kill()
        gateway.wait_for_log("etcd is away")
        assert serves(gateway, "/a")
        assert gateway.admin("PUT", "/routes/2", route(upstream, "/b")).status == 503
        etcd.start()
        wait_until(lambda: gateway.admin("PUT", "/routes/2", route(upstream, "/b")).status < 300, "writes to work")
        wait_until(lambda: serves(gateway, "/b"), "changes to be served")


def test_concurrent_patches_of_two_gateways_lose_nothing(make_gateway, upstream):
    with Etcd() as etcd:
        etcd.put("/apisix/routes/1", route(upstream, "/a", id="1"))
        gateways = [make_gateway(config=etcd.config(), workers=2) for _ in range(2)]
        patches, each = 4, 10
        refused = []

        def patch(writer):
            gateway = gateways[writer % 2]
            for i in range(each):
                while (response := gateway.admin("PATCH", "/routes/1", {"labels": {f"w{writer}-{i}": "x"}})).status != 200:
                    assert response.status == 503 and "value changed before overwritten" in response.text, response.text
                    refused.append(writer)

        threads = [threading.Thread(target=patch, args=(writer,)) for writer in range(patches)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        labels = json.loads(etcd.items()["/apisix/routes/1"])["labels"]
        assert len(labels) == patches * each
        assert refused, "no two of them met: the test shows nothing"


# ---- users


@pytest.fixture
def secured():
    """Users root and gateway; gateway may use /apisix/ and /apisix-history/. Tokens end two seconds after their last use."""
    with Etcd(options=["--auth-token-ttl", "1"]) as etcd:
        for line in ("user add root:rootpass", "user grant-role root root", "role add apisix",
                     "role grant-permission apisix readwrite /apisix --prefix", "user add gateway:secret",
                     "user grant-role gateway apisix", "auth enable"):
            etcd.ctl(*line.split())
        etcd.client_options = ["--user", "root:rootpass"]
        yield etcd


def test_tokens_that_run_out(secured, make_gateway, upstream):
    with Link(secured.members[0].port) as link:
        gateway = make_gateway(workers=2, config=secured.config(host=[f"http://127.0.0.1:{link.port}"],
                                                                timeout=PATIENCE_S, user="gateway", password="secret"))
        gateway.put("/routes/1", route(upstream, "/a"))
        wait_until(lambda: serves(gateway, "/a"), "the route to be served")
        for name in ("b", "c"):
            wait_for_dead_tokens(secured)
            gateway.put(f"/routes/{name}", route(upstream, f"/{name}"))
            wait_until(lambda: serves(gateway, f"/{name}"), "the change to be served")
        # The watch, too, needs a new token.
        wait_for_dead_tokens(secured)
        link.cut()
        gateway.wait_for_log("etcd is away")
        secured.put("/apisix/routes/d", route(upstream, "/d"))
        link.join()
        wait_until(lambda: serves(gateway, "/d"), "what was written meanwhile")
        assert "permission denied" not in gateway.log()


def wait_for_dead_tokens(etcd):
    """Until etcd refuses a token that is as old as the gateway's newest."""
    port = etcd.members[0].port
    login = http_request(port, "POST", "/v3/auth/authenticate", body={"name": "gateway", "password": "secret"})
    token = login.json()["token"]
    key = "L2FwaXNpeC94"  # /apisix/x
    deadline = time.monotonic() + 20
    # Using a token makes it live longer: asked less often than it lives.
    while time.monotonic() < deadline:
        pause(2.1)
        response = http_request(port, "POST", "/v3/kv/range", headers={"Authorization": token}, body={"key": key})
        if response.status != 200:
            return
    raise AssertionError("the token never ran out")


def test_wrong_password_is_said(secured, make_gateway):
    gateway = make_gateway(start=False, config=secured.config(user="gateway", password="wrong"))
    done = gateway.run("start")
    assert done.returncode == 1
    assert "authentication failed, invalid user ID or password" in done.stderr + gateway.log()


def test_a_user_for_an_etcd_without_users(make_gateway, upstream):
    with Etcd() as etcd:
        gateway = make_gateway(config=etcd.config(user="gateway", password="secret"))
        gateway.put("/routes/1", route(upstream, "/a"))
        wait_until(lambda: serves(gateway, "/a"), "the route to be served")
        assert "authentication switched off" in gateway.log()


# ---- TLS


@pytest.fixture(scope="module")
def certificates():
    """An authority, and of it one certificate for etcd (127.0.0.1, etcd.test) and one for a client."""
    folder = Path(tempfile.mkdtemp(prefix="etcd-tls-"))

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2",
            "-subj", "/CN=authority")
    for name, usage, names in (("etcd", "serverAuth,clientAuth", "IP:127.0.0.1,DNS:etcd.test"),
                               ("client", "clientAuth", "DNS:gateway.test")):
        (folder / "extensions").write_text(f"subjectAltName={names}\nextendedKeyUsage={usage}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", "request", "-subj",
                f"/CN={name}")
        openssl("x509", "-req", "-in", "request", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "extensions", "-out", f"{name}.crt")
    folder.chmod(0o755)
    for file in folder.iterdir():
        file.chmod(0o644)  # the workers' user reads them
    yield folder
    shutil.rmtree(folder)


def tls_etcd(certificates, *options):
    return Etcd(options=["--cert-file", str(certificates / "etcd.crt"), "--key-file", str(certificates / "etcd.key"),
                         *options],
                client_options=["--cacert", str(certificates / "ca.crt"), "--cert", str(certificates / "client.crt"),
                                "--key", str(certificates / "client.key")])


def tls_config(etcd, ca=None, **more):
    config = etcd.config(**more)
    if ca:
        config["apisix"] = {"ssl": {"ssl_trusted_certificate": str(ca)}}
    return config


def test_tls_with_a_checked_certificate(certificates, make_gateway, upstream):
    with tls_etcd(certificates) as etcd:
        gateway = make_gateway(config=tls_config(etcd, certificates / "ca.crt"))
        gateway.put("/routes/1", route(upstream, "/a"))
        wait_until(lambda: serves(gateway, "/a"), "the route to be served")

        stranger = make_gateway(start=False, config=tls_config(etcd, timeout=1))
        done = stranger.run("start")
        assert done.returncode == 1 and "all etcd nodes are unavailable" in done.stderr
        unchecked = make_gateway(config=tls_config(etcd, tls={"verify": False}))
        assert serves(unchecked, "/a")


def test_tls_by_name(certificates, make_gateway):
    with tls_etcd(certificates) as etcd:
        make_gateway(config=tls_config(etcd, certificates / "ca.crt", tls={"sni": "etcd.test"}))
        other = make_gateway(start=False,
                             config=tls_config(etcd, certificates / "ca.crt", timeout=1, tls={"sni": "other.test"}))
        assert other.run("start").returncode == 1


@pytest.mark.parametrize("verify", [True, False])
def test_mutual_tls(certificates, make_gateway, upstream, verify):
    with tls_etcd(certificates, "--client-cert-auth", "--trusted-ca-file", str(certificates / "ca.crt")) as etcd:
        own = {"cert": str(certificates / "client.crt"), "key": str(certificates / "client.key"), "verify": verify}
        gateway = make_gateway(config=tls_config(etcd, certificates / "ca.crt", tls=own))
        gateway.put("/routes/1", route(upstream, "/a"))
        wait_until(lambda: serves(gateway, "/a"), "the route to be served")
        if verify:
            without = make_gateway(start=False, config=tls_config(etcd, certificates / "ca.crt", timeout=1))
            assert without.run("start").returncode == 1


# ---- start, and apisix init_etcd


def test_start_without_etcd_says_so(make_gateway):
    etcd = Etcd(start=False)
    gateway = make_gateway(start=False, config=etcd.config(timeout=1, startup_retry=3))
    done = gateway.run("start")
    assert done.returncode == 1
    assert "all etcd nodes are unavailable" in done.stderr and etcd.urls[0] in done.stderr
    assert gateway.log().count("request etcd endpoint error") == 3
    etcd.__exit__()


def test_a_certificate_that_is_not_there(make_gateway):
    etcd = Etcd(start=False)
    config = etcd.config(host=["https://127.0.0.1:2379"], tls={"cert": "/nowhere.crt", "key": "/nowhere.key"})
    gateway = make_gateway(start=False, config=config)
    done = gateway.run("start")
    assert done.returncode == 1 and "/nowhere.crt" in done.stderr
    etcd.__exit__()


FOLDERS = ["consumer_groups", "consumers", "global_rules", "plugin_configs", "plugin_metadata", "plugins", "protos",
           "routes", "secrets", "services", "ssls", "stream_routes", "upstreams"]


def test_init_etcd(make_gateway):
    with Etcd(members=3) as etcd:
        gateway = make_gateway(start=False, config=etcd.config())
        done = gateway.run("init_etcd")
        assert done.returncode == 0, done.stderr
        assert "trying to initialize the data of etcd" in done.stdout
        assert etcd.items() == {f"/apisix/{folder}/": "init_dir" for folder in FOLDERS}
        gateway.start()
        assert gateway.admin("GET", "/routes").json() == {"list": [], "total": 0}

        etcd.members[1].kill()
        assert gateway.run("init_etcd").returncode == 0
        etcd.members[2].kill()
        few = gateway.run("init_etcd")
        assert few.returncode == 1 and "at least 50% and above healthy nodes" in few.stderr
        assert f"Warning! Request etcd endpoint '{etcd.urls[2]}' error" in few.stdout
        assert few.stdout.count(etcd.urls[2]) >= 2, "startup_retry"
        etcd.members[0].kill()
        none = gateway.run("init_etcd")
        assert none.returncode == 1 and "all etcd nodes are unavailable" in none.stderr


def test_init_etcd_of_a_data_plane_writes_nothing(make_gateway):
    with Etcd() as etcd:
        config = etcd.config()
        config["deployment"] |= {"role": "data_plane", "role_data_plane": {"config_provider": "etcd"}}
        gateway = make_gateway(start=False, config=config)
        done = gateway.run("init_etcd")
        assert done.returncode == 0 and "should be read-only" in done.stdout
        assert etcd.items() == {}
