"""Which certificate a client gets: names and wildcards, several objects and pairs, changes, references, OCSP stapling."""

import json

import pytest

from authority import OwnAuthority, certificate_of, leaf, shown
from etcd import Etcd
from gateway import PATIENCE_S, wait_until
from secrets_test import Vault

ECDSA, RSA = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"
STAPLED = {"plugins": ["ocsp-stapling"]}

shares_gateway = pytest.mark.shares_gateway


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return OwnAuthority(tmp_path_factory.mktemp("authority"))


def put_all(gateway, objects):
    """Objects by id; every worker has them when this returns."""
    for name, value in objects.items():
        gateway.put_everywhere(f"/ssls/{name}", value)
    return {name: leaf(value["cert"]) for name, value in objects.items()}


def id_of(gateway, made, name):
    """Which of the objects is shown for the name; None: the handshake is refused."""
    got = certificate_of(gateway.tls_port, name)
    return None if got is None else next(key for key, der in made.items() if der == got)


@shares_gateway
def test_names_find_their_objects(gateway, authority):
    made = put_all(gateway, {"exact": authority.object("www.test.com"), "one": authority.object("*.test.com"),
                             "two": authority.object("*.a.test.com", "b.org")})
    for name, key in {"www.test.com": "exact", "WWW.Test.COM": "exact", "api.test.com": "one", "a.test.com": "one",
                      "b.a.test.com": "two", "b.org": "two", "test.com": None, "c.b.a.test.com": None,
                      "x.y.test.com": None, "c.org": None}.items():
        assert id_of(gateway, made, name) == key, name


@shares_gateway
def test_the_star_is_for_what_lands_nowhere_else(gateway, authority):
    everything = authority.object("star.test") | {"snis": ["*"]}
    made = put_all(gateway, {"one": authority.object("*.test.com"), "all": everything})
    for name, key in {"www.test.com": "one", "a.b.test.com": None, "a.b.test.org": "all", "localhost": "all"}.items():
        assert id_of(gateway, made, name) == key, name


@shares_gateway
def test_the_oldest_of_two_objects_serves_until_it_is_off_or_deleted(gateway, authority):
    first = authority.object("same.test")
    made = put_all(gateway, {"z": first, "a": authority.object("same.test")})
    assert id_of(gateway, made, "same.test") == "z"
    gateway.put_everywhere("/ssls/z", first | {"status": 0})
    assert id_of(gateway, made, "same.test") == "a"
    gateway.put_everywhere("/ssls/z", first)
    assert id_of(gateway, made, "same.test") == "z"
    assert gateway.admin("DELETE", f"/ssls/z?wait={PATIENCE_S * 1000}").status == 200
    assert id_of(gateway, made, "same.test") == "a"


@shares_gateway
def test_an_object_of_type_client_is_not_shown(gateway, authority):
    cert, key = authority.issue("client.test")
    gateway.put_everywhere("/ssls/1", {"cert": cert, "key": key, "type": "client"})
    assert certificate_of(gateway.tls_port, "client.test") is None


@shares_gateway
def test_the_pair_is_the_one_that_the_client_can_use(gateway, authority):
    ecdsa, rsa = authority.object("both.test"), authority.object("both.test", algorithm="rsa")
    gateway.put_everywhere("/ssls/1", rsa | {"certs": [ecdsa["cert"]], "keys": [ecdsa["key"]]})
    assert certificate_of(gateway.tls_port, "both.test", RSA) == leaf(rsa["cert"])
    assert certificate_of(gateway.tls_port, "both.test", ECDSA) == leaf(ecdsa["cert"])
    assert certificate_of(gateway.tls_port, "both.test") in (leaf(rsa["cert"]), leaf(ecdsa["cert"]))


@shares_gateway
def test_the_chain_comes_with_the_certificate(gateway, authority):
    gateway.put_everywhere("/ssls/1", authority.object("chain.test"))
    said = shown(gateway.tls_port, "chain.test", "-showcerts", "-verify_return_error", "-CAfile", str(authority.cert))
    assert said.count("-----BEGIN CERTIFICATE-----") == 2
    assert "Verify return code: 0 (ok)" in said


@shares_gateway
def test_a_replaced_certificate_is_shown_at_once(gateway, authority):
    for _ in range(5):
        value = authority.object("changing.test")
        gateway.put_everywhere("/ssls/1", value)
        assert certificate_of(gateway.tls_port, "changing.test") == leaf(value["cert"])
    response = gateway.admin("PUT", "/ssls/1", value | {"cert": "x" * 200})
    assert (response.status, response.json()["error_msg"]) == (400, "failed to parse cert: PEM_read_bio_X509_AUX() failed")
    assert certificate_of(gateway.tls_port, "changing.test") == leaf(value["cert"])


def test_a_bad_object_in_a_shared_etcd_leaves_the_good_one(make_gateway, authority):
    value = authority.object("kept.test")
    with Etcd() as etcd:
        gateway = make_gateway(config=etcd.config())
        etcd.put("/apisix/ssls/1", value | {"id": "1"})
        wait_until(lambda: certificate_of(gateway.tls_port, "kept.test") == leaf(value["cert"]), "the certificate")
        etcd.put("/apisix/ssls/1", value | {"id": "1", "cert": "x" * 200})
        gateway.wait_for_log("failed to parse cert")
        assert certificate_of(gateway.tls_port, "kept.test") == leaf(value["cert"])


def test_references_to_the_environment(make_gateway, authority):
    value = authority.object("env.test")
    gateway = make_gateway(env={"TEST_CERT": value["cert"], "TEST_PAIR": json.dumps({"key": value["key"]})})
    gateway.put_everywhere("/ssls/1", value | {"cert": "$env://TEST_CERT", "key": "$ENV://TEST_PAIR/key"})
    assert certificate_of(gateway.tls_port, "env.test") == leaf(value["cert"])
    gateway.put_everywhere("/ssls/2", value | {"cert": "$env://TEST_NOT_THERE", "snis": ["none.test"]})
    assert certificate_of(gateway.tls_port, "none.test") is None
    gateway.wait_for_log("failed to resolve secret reference: $env://TEST_NOT_THERE")


@pytest.mark.gateway(config={"apisix": {"lru": {"secret": {"ttl": 0.3, "neg_ttl": 0.3}}}})
def test_a_certificate_follows_vault_and_stays_when_vault_has_none(gateway, authority):
    first, second = authority.object("vault.test"), authority.object("vault.test")
    vault = Vault()
    try:
        vault.secrets["/v1/kv/apisix/tls"] = {"cert": first["cert"], "key": first["key"]}
        gateway.put("/secrets/vault/1", vault.conf())
        gateway.put_everywhere("/ssls/1", {"cert": "$secret://vault/1/tls/cert", "key": "$secret://vault/1/tls/key",
                                           "snis": ["vault.test"]})
        wait_until(lambda: certificate_of(gateway.tls_port, "vault.test") == leaf(first["cert"]), "the certificate")
        vault.secrets["/v1/kv/apisix/tls"] = {"cert": second["cert"], "key": second["key"]}
        wait_until(lambda: certificate_of(gateway.tls_port, "vault.test") == leaf(second["cert"]), "the other one")
        vault.secrets.clear()
        gateway.wait_for_log("with status 404")
        wait_until(lambda: certificate_of(gateway.tls_port, "vault.test") and
                   "its last good certificate stays" in gateway.log(), "a handshake behind it")
        assert certificate_of(gateway.tls_port, "vault.test") == leaf(second["cert"])
    finally:
        vault.server.close()


@pytest.fixture
def responder(authority):
    processes = []

    def start():
        processes.append(authority.start_responder())

    yield start
    for process in processes:
        process.terminate()
        process.wait()


def stapled(gateway, name, *options):
    return shown(gateway.tls_port, name, "-status", *options)


@pytest.mark.gateway(config=STAPLED)
def test_responses_of_the_authority_are_stapled(gateway, authority, responder):
    good, revoked = authority.object("good.test"), authority.object("revoked.test", status="R")
    unknown = authority.object("unknown.test", status=None)
    rsa = authority.object("good.test", algorithm="rsa")
    responder()
    on = {"ocsp_stapling": {"enabled": True}}
    gateway.put_everywhere("/ssls/good", good | on | {"certs": [rsa["cert"]], "keys": [rsa["key"]]})
    gateway.put_everywhere("/ssls/off", authority.object("off.test"))
    wait_until(lambda: "Cert Status: good" in stapled(gateway, "good.test"), "the response")
    for cipher in (ECDSA, RSA):
        said = stapled(gateway, "good.test", "-tls1_2", "-cipher", cipher)
        assert "Cert Status: good" in said and "OCSP Response Status: successful" in said, cipher
    assert "OCSP response: no response sent" in stapled(gateway, "off.test")
    assert "Verify return code" in shown(gateway.tls_port, "good.test"), "a client that does not ask"

    for name, value in (("revoked", revoked), ("unknown", unknown)):
        gateway.put_everywhere(f"/ssls/{name}", value | on)
        gateway.wait_for_log(f'failed to validate ocsp response: certificate status "{name}" in the OCSP response')
        assert "OCSP response: no response sent" in stapled(gateway, f"{name}.test")
        gateway.put_everywhere(f"/ssls/{name}", value | {"ocsp_stapling": {"enabled": True, "skip_verify": True}})
        wait_until(lambda: f"Cert Status: {name}" in stapled(gateway, f"{name}.test"), "the response, unverified")  # noqa: B023


@pytest.mark.gateway(config=STAPLED)
def test_a_responder_that_is_away_leaves_the_handshake_alone(gateway, authority):
    gateway.put_everywhere("/ssls/1", authority.object("away.test", ocsp_stapling={"enabled": True}))
    gateway.wait_for_log("no ocsp response send: ocsp responder query failed")
    assert "OCSP response: no response sent" in stapled(gateway, "away.test")


def test_what_must_be_stapled_is(gateway, authority, responder):
    value = authority.object("strict.test", extensions=("tlsfeature=status_request",))
    responder()
    gateway.put_everywhere("/ssls/1", value)
    wait_until(lambda: "Cert Status: good" in stapled(gateway, "strict.test"), "the response")


def test_certificates_that_end_are_counted_and_named(gateway, authority):
    gateway.put("/ssls/fine", authority.object("fine.test"))
    gateway.put("/ssls/soon", authority.object("soon.test", days=4))
    counts = wait_until(lambda: (now := gateway.control("/v1/status").json()["certificates"])["ending_within_30_days"] and now,
                        "the first look")
    assert counts == {"ended": 0, "ending_within_30_days": 1}
    gateway.wait_for_log("the certificate of ssls/soon ends in 3 days")
    assert "ssls/fine ends" not in gateway.log()
    done = gateway.run("status", "-d", "0.05")
    assert "Certificates 1 end within 30 days, see apisix lint" in done.stdout


def test_lint_names_chains_that_are_incomplete(gateway, authority):
    gateway.put("/ssls/whole", authority.object("whole.test"))
    gateway.put("/ssls/short", authority.object("short.test", chain=False))
    gateway.put("/routes/1", {"uri": "/", "host": "whole.test", "upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}})
    report = gateway.admin("GET", "/lint").json()
    assert {(row["code"], row["id"]) for row in report["findings"]} == {
        ("certificate-chain-incomplete", "short"), ("ssl-name-without-route", "short")}


def test_certificates_of_a_file(make_gateway, authority):
    value = authority.object("file.test")
    gateway = make_gateway(start=False, config={"deployment": {
        "role": "data_plane", "role_data_plane": {"config_provider": "yaml"}, "admin": None}})
    (gateway.prefix / "conf/apisix.yaml").write_text(
        f"ssls:\n  - {json.dumps(value | {'id': '1'})}\n#END\n")
    gateway.start()
    assert certificate_of(gateway.tls_port, "file.test") == leaf(value["cert"])
