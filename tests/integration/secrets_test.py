"""References to secrets in configurations: the environment, and fake secrets managers that speak the protocols of Vault,
AWS Secrets Manager and Google Cloud Secret Manager."""

import base64
import hashlib
import hmac
import json
import subprocess
import threading
import time

import pytest

from gateway import wait_until
from upstream import Upstream

QUICK = {"apisix": {"lru": {"secret": {"ttl": 0.3, "neg_ttl": 0.3}}}}


class Vault:
    """Version 1 of the KV engine. `secrets` by path; `status` replaces every response."""

    def __init__(self):
        self.secrets = {}
        self.status = None
        self.open = threading.Event()  # responses wait for it
        self.open.set()
        self.server = Upstream(self.respond)
        self.uri = f"http://{self.server.node}"

    def respond(self, request):
        self.open.wait(20)
        if self.status:
            return self.status, {}, b"{}"
        if request.header("X-Vault-Token") != "root":
            return 403, {}, b'{"errors":["permission denied"]}'
        fields = self.secrets.get(request.path)
        if fields is None:
            return 404, {}, b'{"errors":[]}'
        return 200, {"Content-Type": "application/json"}, json.dumps({"data": fields, "auth": None}).encode()

    def conf(self, **more):
        return {"uri": self.uri, "prefix": "kv/apisix", "token": "root"} | more


@pytest.fixture
def vault():
    fake = Vault()
    yield fake
    fake.open.set()
    fake.server.close()


def put_route(gateway, upstream, plugins, path="/a"):
    gateway.put("/routes/" + path.strip("/"), {
        "uri": path, "plugins": plugins, "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    wait_until(lambda: gateway.request(path).status != 404, "the route in force")


def with_key(gateway, key, path="/a"):
    return gateway.request(path, headers={"apikey": key}).status


@pytest.mark.gateway(env={"VAULT_TOKEN": "root"}, config=QUICK)
def test_a_consumers_key_comes_from_vault_and_follows_it(gateway, upstream, vault):
    vault.secrets["/v1/kv/apisix/jack"] = {"key": "first"}
    reference = "$secret://vault/1/jack/key"
    gateway.put("/secrets/vault/1", vault.conf(token="$ENV://VAULT_TOKEN", namespace="team"))
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {"key-auth": {"key": reference}}})
    put_route(gateway, upstream, {"key-auth": {}})
    wait_until(lambda: with_key(gateway, "first") == 200, "the key that vault holds")
    assert vault.server.requests[-1].header("X-Vault-Namespace") == "team"
    assert with_key(gateway, reference) == 401

    vault.secrets["/v1/kv/apisix/jack"] = {"key": "second"}
    wait_until(lambda: with_key(gateway, "second") == 200, "the new key")
    assert with_key(gateway, "first") == 401

    # Who is away takes nothing back ...
    asked = len(vault.server.requests)
    vault.status = 503
    wait_until(lambda: len(vault.server.requests) >= asked + 2, "two requests without a response")
    assert with_key(gateway, "second") == 200
    # ... who says no does.
    vault.status = None
    del vault.secrets["/v1/kv/apisix/jack"]
    wait_until(lambda: with_key(gateway, "second") == 401, "the key that is gone")
    vault.secrets["/v1/kv/apisix/jack"] = {"key": "third"}
    wait_until(lambda: with_key(gateway, "third") == 200, "the key that came back")


def test_a_consumer_whose_secret_is_unknown_matches_no_request(gateway, upstream, vault):
    gateway.put("/secrets/vault/1", vault.conf())
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {"key-auth": {"key": "$secret://vault/1/jack/key"}}})
    gateway.put("/consumers/rose", {"username": "rose", "plugins": {"key-auth": {"key": "$env://NOT_SET"}}})
    gateway.put("/consumers/bob", {"username": "bob", "plugins": {
        "basic-auth": {"username": "bob", "password": "$secret://vault/2/bob/password"}}})
    put_route(gateway, upstream, {"key-auth": {}})
    put_route(gateway, upstream, {"basic-auth": {}}, "/basic")
    assert with_key(gateway, "$secret://vault/1/jack/key") == 401
    assert with_key(gateway, "$env://NOT_SET") == 401
    login = base64.b64encode(b"bob:$secret://vault/2/bob/password").decode()
    assert gateway.request("/basic", headers={"Authorization": "Basic " + login}).status == 401
    gateway.wait_for_log("failed to resolve secret reference")


def test_a_secret_may_be_written_after_the_consumer(gateway, upstream, vault):
    """The first request that wants it asks once more; what is not there even then is not asked for by every request."""
    gateway.put("/secrets/vault/1", vault.conf())
    for name in ("jack", "rose"):
        gateway.put(f"/consumers/{name}", {"username": name, "plugins": {
            "key-auth": {"key": f"$secret://vault/1/{name}/key"}}})
        gateway.wait_for_log(f"failed to resolve secret reference: $secret://vault/1/{name}/key")
    vault.secrets["/v1/kv/apisix/jack"] = {"key": "jacks"}
    gateway.put_everywhere("/routes/a", {"uri": "/a", "plugins": {"key-auth": {}}, "upstream": {
        "type": "roundrobin", "nodes": {upstream.node: 1}}})
    assert with_key(gateway, "jacks") == 200
    asked = len(vault.server.requests)
    assert asked == 4, "each by the object and by the first request"
    assert [with_key(gateway, key) for key in ("jacks", "roses", "jacks")] == [200, 401, 200]
    assert len(vault.server.requests) == asked


def test_the_first_request_waits_for_the_secret_and_no_other_does(gateway, upstream, vault):
    vault.secrets["/v1/kv/apisix/jack"] = {"key": "the-key"}
    gateway.put("/secrets/vault/1", vault.conf())
    put_route(gateway, upstream, {"key-auth": {}})
    put_route(gateway, upstream, {}, "/open")
    vault.open.clear()
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {"key-auth": {"key": "$secret://vault/1/jack/key"}}})
    wait_until(lambda: vault.server.requests, "the question")
    statuses = []
    waiting = threading.Thread(target=lambda: statuses.append(with_key(gateway, "the-key")))
    waiting.start()
    for _ in range(5):
        assert gateway.request("/open").status == 200
    assert not statuses
    vault.open.set()
    waiting.join()
    assert statuses == [200]


def test_a_change_of_the_managers_object_is_in_force_at_once(gateway, upstream, vault):
    vault.secrets["/v1/kv/apisix/jack"] = {"key": "old"}
    vault.secrets["/v1/kv/other/jack"] = {"key": "new"}
    gateway.put("/secrets/vault/1", vault.conf())
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {"key-auth": {"key": "$secret://vault/1/jack/key"}}})
    put_route(gateway, upstream, {"key-auth": {}})
    wait_until(lambda: with_key(gateway, "old") == 200, "the key")
    gateway.put("/secrets/vault/1", vault.conf(prefix="kv/other"))
    wait_until(lambda: with_key(gateway, "old") == 401, "the old key refused")
    assert with_key(gateway, "new") == 200
    assert gateway.admin("DELETE", "/secrets/vault/1").status == 200
    wait_until(lambda: with_key(gateway, "new") == 401, "the key without its manager refused")


@pytest.mark.gateway(env={"GREETING": "hello", "OBJECT": '{"name": "jack"}', "BAD_URI": "no slash"}, config=QUICK)
def test_plugins_get_values_and_follow_them(gateway, upstream, vault):
    vault.secrets["/v1/kv/apisix/headers"] = {"token": "t1"}
    gateway.put("/secrets/vault/1", vault.conf())
    headers = {"X-Env": "$env://GREETING", "X-Name": "$ENV://OBJECT/name", "X-Token": "$secret://vault/1/headers/token",
               "X-None": "$secret://vault/1/headers/none"}
    put_route(gateway, upstream, {"proxy-rewrite": {"headers": {"set": headers}}})

    def sent():
        upstream.requests.clear()
        assert gateway.request("/a").status == 200
        return {name: upstream.requests[-1].header(name) for name in headers}

    # proxy-rewrite takes "$secret" of the unresolved text for a variable, which is unset.
    assert sent() == {"X-Env": "hello", "X-Name": "jack", "X-Token": "t1", "X-None": "://vault/1/headers/none"}
    gateway.wait_for_log("failed to resolve secret reference: $secret://vault/1/headers/none")
    vault.secrets["/v1/kv/apisix/headers"] = {"token": "t2", "none": "now"}
    wait_until(lambda: sent()["X-Token"] == "t2" and sent()["X-None"] == "now", "the new values")
    # What is shown and stored is the reference.
    assert gateway.admin("GET", "/routes/a").json()["value"]["plugins"]["proxy-rewrite"]["headers"]["set"] == headers
    # A value that the plugin's schema refuses closes the route.
    put_route(gateway, upstream, {"proxy-rewrite": {"uri": "$env://BAD_URI"}}, "/bad")
    assert gateway.request("/bad").status == 503


def test_global_rules_and_consumers_plugins_have_secrets_too(gateway, upstream, vault):
    vault.secrets["/v1/kv/apisix/x"] = {"global": "g", "consumer": "c"}
    gateway.put("/secrets/vault/1", vault.conf())
    gateway.put("/global_rules/1", {"plugins": {"response-rewrite": {
        "headers": {"set": {"X-Global": "$secret://vault/1/x/global"}}}}})
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {
        "key-auth": {"key": "k"},
        "proxy-rewrite": {"headers": {"set": {"X-Consumer": "$secret://vault/1/x/consumer"}}}}})
    put_route(gateway, upstream, {"key-auth": {}})
    response = wait_until(lambda: (got := gateway.request("/a", headers={"apikey": "k"})).status == 200 and got, "jack")
    assert response.header("X-Global") == "g"
    assert upstream.requests[-1].header("X-Consumer") == "c"


class Aws:
    """Secrets Manager, which checks the signature by its own arithmetic."""

    key_id, secret = "AKIDEXAMPLE", "wJalrXUtnFEMI"

    def __init__(self, secrets):
        self.secrets = secrets
        self.server = Upstream(self.respond)

    def signature(self, request, names, scope):
        def key(start, part):
            return hmac.new(start, part.encode(), hashlib.sha256).digest()

        fields = "".join(f"{name}:{request.header(name)}\n" for name in names.split(";"))
        canonical = "\n".join([request.method, request.path, "", fields, names, hashlib.sha256(request.body).hexdigest()])
        text = "\n".join(["AWS4-HMAC-SHA256", request.header("x-amz-date"), scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        made = ("AWS4" + self.secret).encode()
        for part in scope.split("/"):
            made = key(made, part)
        return hmac.new(made, text.encode(), hashlib.sha256).hexdigest()

    def respond(self, request):
        _, credential, names, signature = request.header("authorization").replace(",", "").split(" ")
        scope = credential.split("/", 1)[1]
        good = (credential.startswith(f"Credential={self.key_id}/") and "x-amz-target" in names
                and request.header("x-amz-security-token") == "session"
                and signature == "Signature=" + self.signature(request, names.removeprefix("SignedHeaders="), scope))
        if not good or request.header("x-amz-target") != "secretsmanager.GetSecretValue":
            return 400, {}, b'{"__type":"InvalidSignatureException"}'
        asked = json.loads(request.body)
        assert asked["VersionStage"] == "AWSCURRENT"
        if asked["SecretId"] not in self.secrets:
            return 400, {}, b'{"__type":"ResourceNotFoundException"}'
        return 200, {}, json.dumps({"SecretString": self.secrets[asked["SecretId"]]}).encode()


@pytest.mark.gateway(env={"AWS_SECRET": Aws.secret})
def test_aws(gateway, upstream):
    aws = Aws({"whole": "value", "team/jack": '{"key": "of-jack", "deep/er": "below"}'})
    gateway.put("/secrets/aws/1", {"access_key_id": aws.key_id, "secret_access_key": "$ENV://AWS_SECRET",
                                   "session_token": "session", "endpoint_url": f"http://{aws.server.node}/ignored"})
    headers = {"A": "$secret://aws/1/whole", "B": "$secret://aws/1/team/jack/key",
               "C": "$secret://aws/1/team/jack/deep/er", "D": "$secret://aws/1/nobody/key"}
    put_route(gateway, upstream, {"proxy-rewrite": {"headers": {"set": headers}}})
    assert gateway.request("/a").status == 200
    got = upstream.requests[-1]
    assert [got.header(name) for name in headers] == ["value", "of-jack", "below", "://aws/1/nobody/key"]
    aws.server.close()


class Google:
    """The token endpoint and Secret Manager. The assertion's signature is checked by the openssl command."""

    def __init__(self, folder):
        self.folder = folder
        self.tokens = 0
        self.lock = threading.Lock()
        self.key = subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True, text=True).stdout
        (folder / "key.pem").write_text(self.key)
        self.server = Upstream(self.respond)
        self.uri = f"http://{self.server.node}"

    def is_signed(self, assertion):
        text, signature = assertion.rsplit(".", 1)
        (self.folder / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
        return subprocess.run(["openssl", "dgst", "-sha256", "-prverify", self.folder / "key.pem", "-signature",
                               self.folder / "signature"], input=text.encode(), capture_output=True).returncode == 0

    def respond(self, request):
        if request.path == "/token":
            fields = dict(part.split("=", 1) for part in request.body.decode().split("&"))
            claims = json.loads(base64.urlsafe_b64decode(fields["assertion"].split(".")[1] + "=="))
            with self.lock:  # the file is one
                is_signed = self.is_signed(fields["assertion"])
            good = (is_signed and claims["iss"] == "me@test" and claims["aud"] == self.uri + "/token"
                    and claims["scope"] == "scope-1 scope-2" and 0 < claims["exp"] - time.time() <= 3600
                    and fields["grant_type"] == "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer")
            if not good:
                return 401, {}, b"{}"
            self.tokens += 1
            return 200, {}, b'{"access_token":"at","token_type":"Bearer","expires_in":3600}'
        if request.header("Authorization") != "Bearer at":
            return 401, {}, b"{}"
        secrets = {"/v1/projects/p1/secrets/plain/versions/latest:access": b"text",
                   "/v1/projects/p1/secrets/json/versions/latest:access": b'{"a": "in-json"}'}
        if request.path not in secrets:
            return 404, {}, b"{}"
        data = base64.b64encode(secrets[request.path]).decode()
        return 200, {}, json.dumps({"payload": {"data": data}}).encode()


def test_gcp(gateway, upstream, tmp_path):
    google = Google(tmp_path)
    account = {"client_email": "me@test", "private_key": google.key, "project_id": "p1", "token_uri": google.uri + "/token",
               "entries_uri": google.uri + "/v1", "scope": ["scope-1", "scope-2"]}
    account_file = gateway.prefix / "account.json"  # where workers may read
    account_file.write_text(json.dumps(account))
    gateway.put("/secrets/gcp/1", {"auth_config": account})
    gateway.put("/secrets/gcp/2", {"auth_file": str(account_file), "ssl_verify": False})
    headers = {"A": "$secret://gcp/1/plain", "B": "$secret://gcp/1/json/a", "C": "$secret://gcp/2/plain",
               "D": "$secret://gcp/1/missing"}
    put_route(gateway, upstream, {"proxy-rewrite": {"headers": {"set": headers}}})
    assert gateway.request("/a").status == 200
    got = upstream.requests[-1]
    assert [got.header(name) for name in headers] == ["text", "in-json", "text", "://gcp/1/missing"]
    assert google.tokens == 1  # all secrets of an account share its token
    google.server.close()


def asked_for(vault, name):
    return sum(request.path.endswith("/" + name) for request in vault.server.requests)


@pytest.mark.parametrize("count", [1, 512])
def test_unused_values_are_kept_up_to_the_count(make_gateway, upstream, vault, count):
    gateway = make_gateway(config={"apisix": {"lru": {"secret": {"count": count}}}})
    for name in ("jack", "rose"):
        vault.secrets[f"/v1/kv/apisix/{name}"] = {"key": name}
    gateway.put("/secrets/vault/1", vault.conf())
    put_route(gateway, upstream, {"key-auth": {}})

    def come_and_go(name):
        gateway.put(f"/consumers/{name}", {
            "username": name, "plugins": {"key-auth": {"key": f"$secret://vault/1/{name}/key"}}})
        wait_until(lambda: with_key(gateway, name) == 200, "the response")
        assert gateway.admin("DELETE", f"/consumers/{name}?wait=20000").status == 200

    come_and_go("jack")
    come_and_go("rose")
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {
        "key-auth": {"key": "$secret://vault/1/jack/key"}}})
    if count == 1:
        wait_until(lambda: asked_for(vault, "jack") == 2, "what was forgotten to be asked for again")
        return
    gateway.put("/consumers/tom", {"username": "tom", "plugins": {"key-auth": {"key": "$secret://vault/1/tom/key"}}})
    wait_until(lambda: asked_for(vault, "tom"), "a later question")
    assert asked_for(vault, "jack") == 1


@pytest.mark.gateway(env={"LOG_TEXT": "resolved"})
def test_metadata_is_used_as_it_stands(gateway, upstream):
    """As in APISIX, which resolves references in plugins' configurations only."""
    gateway.put("/plugin_metadata/file-logger", {"log_format": {"text": "$env://LOG_TEXT"}})
    stored = gateway.admin("GET", "/plugin_metadata/file-logger").json()["value"]
    assert stored["log_format"] == {"text": "$env://LOG_TEXT"}
    folder = gateway.prefix / "entries"  # workers run as another user
    folder.mkdir()
    folder.chmod(0o777)
    path = folder / "lines.log"
    put_route(gateway, upstream, {"file-logger": {"path": str(path)}})
    assert gateway.request("/a").status == 200
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), "the entry")
    assert "resolved" not in path.read_text()
