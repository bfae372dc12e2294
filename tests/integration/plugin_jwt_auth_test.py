"""jwt-auth: tokens that are signed with a private key, which a worker verifies once: what changes meanwhile counts at once."""
import base64
import json
import subprocess
import time

import pytest

from gateway import running_gateway, wait_until


def openssl(*arguments, data=b""):
    return subprocess.run(["openssl", *arguments], input=data, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=60).stdout


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    def __init__(self, folder, name):
        self.private = folder / f"{name}.pem"
        openssl("genrsa", "-out", str(self.private), "2048")
        self.public = openssl("rsa", "-in", str(self.private), "-pubout").decode()

    def token(self, **claims):
        text = encoded(b'{"alg":"RS256","typ":"JWT"}') + "." + encoded(json.dumps({"key": "jack", **claims}).encode())
        signature = openssl("dgst", "-sha256", "-sign", str(self.private), data=text.encode())
        return text + "." + encoded(signature)


@pytest.fixture(scope="module")
def signers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return Signer(folder, "first"), Signer(folder, "second")


@pytest.fixture(scope="module")
def gateway():
    with running_gateway() as running:
        yield running


@pytest.fixture
def gate(gateway, upstream):
    gateway.put("/routes/1", {"uri": "/*", "plugins": {"jwt-auth": {}},
                              "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    return gateway


def put_consumer(gate, signer):
    gate.put("/consumers/jack", {"username": "jack", "plugins": {
        "jwt-auth": {"key": "jack", "algorithm": "RS256", "public_key": signer.public}}})


def status(gate, token):
    return gate.request("/", headers={"Authorization": token}).status


def test_verified_token_fails_once_its_consumer_has_another_key_or_is_removed(gate, signers):
    first, second = signers
    put_consumer(gate, first)
    token, other = first.token(), second.token()
    wait_until(lambda: status(gate, token) == 200, "the consumer in force")
    assert [status(gate, token) for _ in range(3)] == [200, 200, 200]
    assert status(gate, other) == 401
    put_consumer(gate, second)
    wait_until(lambda: status(gate, other) == 200, "the other key in force")
    assert status(gate, token) == 401
    assert gate.admin("DELETE", "/consumers/jack").status == 200
    wait_until(lambda: status(gate, other) == 401, "the removal in force")


def test_verified_token_with_another_signature_or_payload_fails(gate, signers):
    put_consumer(gate, signers[0])
    token = signers[0].token()
    wait_until(lambda: status(gate, token) == 200, "the consumer in force")
    head, payload, signature = token.split(".")
    changed = encoded(json.dumps({"key": "jack", "admin": True}).encode())
    middle = len(signature) // 2
    bent = signature[:middle] + ("A" if signature[middle] != "A" else "B") + signature[middle + 1:]
    assert status(gate, f"{head}.{changed}.{signature}") == 401
    assert status(gate, f"{head}.{payload}.{bent}") == 401
    assert status(gate, f"{head}.{payload}.") == 401
    assert status(gate, token) == 200


def test_verified_token_fails_once_it_has_expired(gate, signers):
    put_consumer(gate, signers[0])
    token = signers[0].token(exp=int(time.time()) + 3)
    wait_until(lambda: status(gate, token) == 200, "the token in force")
    wait_until(lambda: status(gate, token) == 401, "the token's end")


def test_scripts_see_the_payload_that_is_kept_for_them(gate, signers, upstream):
    text = "return function(conf, ctx) local p = ctx.jwt_auth_payload; ngx.say(p and p.key .. p.aud[1] or 'none') ngx.exit(200) end"
    put_consumer(gate, signers[0])
    for stores, seen in ((True, "jackx\n"), (False, "none\n")):
        gate.put_everywhere("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}, "plugins": {
            "jwt-auth": {"store_in_ctx": stores}, "serverless-post-function": {"phase": "rewrite", "functions": [text]}}})
        response = gate.request("/", headers={"Authorization": signers[0].token(aud=["x"])})
        assert (response.status, response.text) == (200, seen)
