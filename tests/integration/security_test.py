"""Published vulnerabilities of APISIX whose subject this gateway has, one named test each, and attacks of the same kinds.
docs/SECURITY.md lists what is proven where."""

import pytest

from gateway import wait_until
from signing import RsaKey, base64url, date_at, digest_of, signed, token, unsigned

SECRET = b"the-secret-of-jack"


def put_jack(proxy):
    proxy.gateway.put("/consumers/jack", {"username": "jack", "plugins": {
        "key-auth": {"key": "key-of-jack"}, "jwt-auth": {"key": "jack", "secret": SECRET.decode()},
        "hmac-auth": {"key_id": "my-access-key", "secret_key": "my-secret-key"}}})


# ---- CVE-2021-43557: rules on the client's own spelling of a path

SPELLINGS = ["/internal/x", "//internal/x", "/internal//x", "/./internal/x", "/a/../internal/x", "/%69nternal/x",
             "/%2Finternal/x", "/%2e/internal/x", "/a/%2E%2e/internal/x", "/a/..%2finternal/x", "/internal/../internal/x"]
LEAVES_THE_ROOT = "/a/../../internal/x"  # 400, whatever the route says


def ask_of(proxy, host, target, headers=""):
    """Routes for every path are of a host of their test's own, in a gateway that tests share."""
    client = proxy.client()
    try:
        return client.ask(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n")
    finally:
        client.close()


def refused_in_every_spelling(proxy, upstream, host, status):
    for target in [*SPELLINGS, f"http://{host}//internal/x"]:
        assert ask_of(proxy, host, target).status == status, target
        assert not upstream.requests, f"{target} reached the upstream as {upstream.requests[0].path}"
    assert ask_of(proxy, host, LEAVES_THE_ROOT).status == 400
    assert not upstream.requests
    assert ask_of(proxy, host, "/public/x").status == 200


def test_cve_2021_43557_uri_blocker_sees_the_path_that_is_forwarded(proxy, upstream):
    """`//internal/x` is /internal/x for most upstreams; a rule that saw the raw text let it pass."""
    proxy.route(upstream.port, uri="/*", hosts=["blocked.test"], plugins={"uri-blocker": {"block_rules": ["^/internal/"]}})
    refused_in_every_spelling(proxy, upstream, "blocked.test", 403)


def test_cve_2021_43557_no_spelling_chooses_another_route(proxy, upstream):
    """A protected path and one for all others: what the upstream takes for the protected path must be matched as it."""
    put_jack(proxy)
    proxy.route(upstream.port, uri="/*", hosts=["routes.test"])
    proxy.route(upstream.port, uri="/internal/*", hosts=["routes.test"], plugins={"key-auth": {}})
    refused_in_every_spelling(proxy, upstream, "routes.test", 401)


def test_cve_2021_43557_conditions_of_other_plugins_see_it_too(proxy, upstream):
    proxy.route(upstream.port, uri="/*", hosts=["faults.test"], plugins={"fault-injection": {"abort": {
        "http_status": 418, "vars": [[["request_uri", "~~", "^/internal/"]]]}}})
    refused_in_every_spelling(proxy, upstream, "faults.test", 418)


def test_cve_2026_94269_matched_is_forwarded_with_servlet_paths(make_proxy, upstream):
    """A servlet container drops `;x` from a path. With normalize_uri_like_servlet the gateway matches what the container
    will see, and refuses parameters that hide dot segments."""
    proxy = make_proxy(config={"apisix": {"normalize_uri_like_servlet": True}})
    put_jack(proxy)
    proxy.route(upstream.port, uri="/*")
    proxy.route(upstream.port, uri="/internal/*", plugins={"key-auth": {}})
    for target, status in (("/internal;v=1/x", 401), ("/internal;/x", 401), ("/a/..;/internal/x", 400),
                           ("/;/internal/x", 400), ("/a/..;v=1/internal/x", 400)):
        assert proxy.get(target).status == status, target
    assert not upstream.requests
    assert proxy.get("/public;v=1/x").status == 200


# ---- CVE-2026-39999: the token says how it is to be checked

@pytest.fixture(scope="module")
def rsa_key(tmp_path_factory):
    return RsaKey(tmp_path_factory.mktemp("rsa"))


@pytest.fixture
def jwt_route(proxy, upstream, rsa_key):
    put_jack(proxy)
    proxy.gateway.put("/consumers/rose", {"username": "rose", "plugins": {
        "jwt-auth": {"key": "rose", "algorithm": "RS256", "public_key": rsa_key.public_pem}}})
    path = proxy.route(upstream.port, plugins={"jwt-auth": {}})

    def ask(jwt):
        upstream.requests.clear()
        response = proxy.get(path, f"Authorization: Bearer {jwt}\r\n")
        return response.status, upstream.requests[0].header("X-Consumer-Username") if upstream.requests else None

    return ask


def test_cve_2026_39999_a_public_key_is_no_hmac_secret(jwt_route, rsa_key):
    """Rose's public key is public. A verifier that takes HS256 from the token would use it as the secret."""
    assert jwt_route(rsa_key.token({"alg": "RS256"}, {"key": "rose"})) == (200, "rose")
    pem = rsa_key.public_pem
    for secret in (pem, pem.strip(), pem.replace("\n", "\r\n"), "".join(pem.split("\n")[1:-2]), ""):
        for alg in ("HS256", "HS512", "RS256"):
            assert jwt_route(token({"alg": alg}, {"key": "rose"}, secret.encode())) == (401, None), (alg, secret)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, "HS384", "hs256", ["HS256"], "RS256", "ES256"])
def test_cve_2026_39999_the_algorithm_is_the_consumer_s(jwt_route, alg):
    """jack's tokens are HS256; any other word is refused, above all `none`, with and without a signature."""
    assert jwt_route(token({"alg": "HS256"}, {"key": "jack"}, SECRET)) == (200, "jack")
    header = {"alg": alg} if alg is not None else {}
    assert jwt_route(token(header, {"key": "jack"}, SECRET)) == (401, None)
    for signature in ("", base64url(b"\0" * 32), base64url(b"\0" * 64)):
        assert jwt_route(unsigned(header, {"key": "jack"}) + "." + signature) == (401, None)


def test_cve_2026_39999_a_token_brings_no_key(jwt_route, rsa_key):
    """Headers in which a token names or carries the key that it wants to be checked with (RFC 7515 4.1)."""
    own = base64url(b"a secret of the attacker")
    for more in ({"jwk": {"kty": "oct", "k": own}}, {"jku": "http://127.0.0.1:1/"}, {"kid": "../../dev/null"}, {"x5c": [own]}):
        for secret in (b"a secret of the attacker", b""):
            assert jwt_route(token({"alg": "HS256"} | more, {"key": "jack"}, secret)) == (401, None)
    # Nor does another consumer's key do: a good signature of jack's in a token that says it is rose's.
    assert jwt_route(token({"alg": "HS256"}, {"key": "rose"}, SECRET)) == (401, None)
    assert jwt_route(rsa_key.token({"alg": "RS256"}, {"key": "jack"})) == (401, None)


# ---- CVE-2026-47341: signed requests that were recorded

HMAC_CONFS = [{}, {"signed_headers": []}, {"signed_headers": ["x-role"]}, {"validate_request_body": True},
              {"allowed_algorithms": ["hmac-sha256"]}, {"hide_credentials": True}, {"clock_skew": 1}]


@pytest.mark.parametrize("conf", HMAC_CONFS, ids=[" ".join(conf) or "default" for conf in HMAC_CONFS])
def test_cve_2026_47341_no_configuration_accepts_an_old_request(proxy, upstream, conf):
    """The age is checked whatever else is configured, and a request without a date has no age."""
    put_jack(proxy)
    path = proxy.route(upstream.port, plugins={"hmac-auth": conf})
    names = ("@request-target", "date", "x-role")
    more = {"X-Role": "user", "Digest": digest_of(b"")}

    def status(headers):
        return proxy.gateway.request(path, headers=headers).status

    assert wait_until(lambda: status(signed(path, headers=more, names=names)) == 200, "a fresh request")
    upstream.requests.clear()
    for offset_s in (-1000, 1000):
        assert status(signed(path, headers=more, names=names, offset_s=offset_s)) == 401
    fresh = signed(path, headers=more, names=names)
    assert status({name: value for name, value in fresh.items() if name != "Date"}) == 401
    undated = ("@request-target", "x-role")
    assert status({name: value for name, value in signed(path, headers=more, names=undated).items() if name != "Date"}) == 401
    assert not upstream.requests


def test_cve_2026_47341_a_recorded_request_dies_with_its_clock_skew(proxy, upstream):
    """The same bytes again: good within clock_skew, which is documented, and never after it."""
    put_jack(proxy)
    path = proxy.route(upstream.port, plugins={"hmac-auth": {"clock_skew": 1}})
    recorded = {}

    def record():
        recorded.update(signed(path))
        return proxy.gateway.request(path, headers=recorded).status == 200

    wait_until(record, "a fresh request")
    wait_until(lambda: proxy.gateway.request(path, headers=recorded).status == 401, "the end of the recorded request")
    assert proxy.gateway.request(path, headers=recorded).status == 401


def test_cve_2026_47341_a_second_date_makes_no_old_request_fresh(proxy, upstream):
    put_jack(proxy)
    path = proxy.route(upstream.port, plugins={"hmac-auth": {}})
    old = signed(path, offset_s=-1000)
    lines = f"Authorization: {old['Authorization']}\r\n"
    for dates in ((date_at(), old["Date"]), (old["Date"], date_at()), (date_at(),)):
        assert proxy.get(path, lines + "".join(f"Date: {date}\r\n" for date in dates)).status == 401
    assert not upstream.requests


# ---- CVE-2026-82806: what one request left in the configuration counted for the next

def test_cve_2026_82806_rights_do_not_add_up_over_requests(proxy, upstream):
    """Requests of jack, who may, rose, who may not, and no consumer follow one another on one connection and one
    configuration. None may get anything of the one before."""
    put_jack(proxy)
    proxy.gateway.put("/consumers/jack", {"username": "jack", "plugins": {
        "key-auth": {"key": "key-of-jack"}, "proxy-rewrite": {"headers": {"add": {"X-Role": "admin"}}}}})
    proxy.gateway.put("/consumers/rose", {"username": "rose", "plugins": {"key-auth": {"key": "key-of-rose"}}})
    answered = {"headers": {"add": ["X-Seen: 1"]}}
    open_path = proxy.route(upstream.port, plugins={"key-auth": {}, "response-rewrite": answered})
    only_jack = proxy.route(upstream.port, plugins={"key-auth": {}, "consumer-restriction": {"whitelist": ["jack"]}})
    client = proxy.client()

    def ask(path, key):
        upstream.requests.clear()
        response = client.ask(f"GET {path} HTTP/1.1\r\nHost: a.test\r\n{key}\r\n")
        return response, upstream.requests[0] if upstream.requests else None

    for _ in range(5):
        response, seen = ask(open_path, "apikey: key-of-jack\r\n")
        assert response.all("X-Seen") == ["1"] and seen.header("X-Role") == "admin"
        assert ask(only_jack, "apikey: key-of-jack\r\n")[0].status == 200
        response, seen = ask(open_path, "apikey: key-of-rose\r\n")
        assert response.all("X-Seen") == ["1"] and seen.header("X-Consumer-Username") == "rose"
        assert seen.header("X-Role") is None
        response, seen = ask(only_jack, "apikey: key-of-rose\r\n")
        assert response.status == 403 and seen is None
        for path in (open_path, only_jack):
            response, seen = ask(path, "")
            assert response.status == 401 and seen is None
    client.close()


# ---- other ways around

def test_limits_are_not_dodged_by_forged_addresses(make_proxy, upstream):
    """limit-count counts by client address: a client that could choose one would have as many quotas as it likes."""
    proxy = make_proxy(config={"nginx_config": {"http": {"real_ip_from": ["203.0.113.1"]}}})
    path = proxy.route(upstream.port, plugins={"limit-count": {"count": 2, "time_window": 600, "rejected_code": 429}})
    names = ("X-Forwarded-For", "X-Real-IP", "X_Forwarded_For", "Forwarded", "X-Client-IP")
    found = [proxy.get(path, f"{name}: 192.0.2.{number}\r\n").status for number, name in enumerate(names)]
    assert found == [200, 200, 429, 429, 429]


def test_a_second_user_agent_hides_nothing(proxy, upstream):
    """Upstreams take the first or the last of a repeated field; a listed robot is refused wherever it stands."""
    path = proxy.route(upstream.port, plugins={"ua-restriction": {"denylist": ["robot"]}})
    for agents in (("robot", "good"), ("good", "robot"), ("robot",)):
        assert proxy.get(path, "".join(f"User-Agent: {agent}\r\n" for agent in agents)).status == 403, agents
    assert proxy.get(path, "User-Agent: good\r\n").status == 200


def test_consumer_restriction_counts_the_method_that_is_forwarded(proxy, upstream):
    """Neither another case of the method nor a field that asks for another one gets past allowed_by_methods."""
    put_jack(proxy)
    path = proxy.route(upstream.port, plugins={"key-auth": {}, "consumer-restriction": {
        "allowed_by_methods": [{"user": "jack", "methods": ["GET"]}]}})
    key = "apikey: key-of-jack\r\n"
    # Lower case letters are in no method that this gateway, or nginx, reads: 400 before any rule.
    for method, status in (("POST", 403), ("GETX", 403), ("post", 400), ("get", 400), ("Get", 400)):
        response = proxy.client().ask(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{key}Content-Length: 0\r\n"
                                    "X-HTTP-Method-Override: GET\r\n\r\n")
        assert response.status == status, method
    assert not upstream.requests
    assert proxy.get(path, key).status == 200


@pytest.mark.parametrize("sent, location", [
    ("//evil.test", "/evil.test"), ("/%2Fevil.test", "/evil.test"), ("///evil.test", "/evil.test"),
    ("/./%2fevil.test", "/evil.test"), ("/%5Cevil.test", "/%5Cevil.test"), ("/\\evil.test", "/%5Cevil.test"),
    ("/%09/evil.test", "/%09/evil.test"), ("/%0a/evil.test", "/%0A/evil.test")])
def test_redirect_leads_to_no_other_host(proxy, sent, location):
    """`Location: //evil.test` is another host, and so are `/\\evil.test` and, because browsers drop tabs and line ends,
    `/<TAB>/evil.test`. A replacement that only moves a path must not lead there."""
    proxy.route(1, uri="/*", hosts=["moved.test"], plugins={"redirect": {"regex_uri": ["^/old(.*)", "$1"]}})
    response = ask_of(proxy, "moved.test", "/old" + sent)
    assert (response.status, response.header("Location")) == (302, location)
    proxy.route(1, uri="/*", hosts=["same.test"], plugins={"redirect": {"uri": "$uri"}})
    assert ask_of(proxy, "same.test", sent).header("Location") == location


@pytest.mark.parametrize("plugins", [{"ua-restriction": {"denylist": ["^(a+)+$"]}}, {"uri-blocker": {"block_rules": ["(x+x+)+[yz]"]}}],
                         ids=["ua-restriction", "uri-blocker"])
def test_no_pattern_holds_the_worker(proxy, upstream, plugins):
    """A pattern that backtracks without end, and a text made for it: matching gives up, and what it could not decide is
    blocked. Without a bound it would take longer than the client waits."""
    path = proxy.route(upstream.port, plugins=plugins)
    assert proxy.get(f"{path}?{'x' * 3000}", f"User-Agent: {'a' * 3000}!\r\n").status == 403
    assert proxy.get(path, "User-Agent: curl\r\n").status == 200


def test_body_with_too_many_values_matches_no_condition(proxy, upstream):
    proxy.route(upstream.port, uri="/*", hosts=["values.test"], vars=[["post_arg.a", "==", "b"]])
    headers = {"Content-Type": "application/json", "Host": "values.test"}
    for values, status in ((1000, 200), (60_000, 404)):
        body = '{"a":"b","l":[0' + ",0" * values + "]}"
        assert proxy.gateway.request("/x", "POST", headers=headers, body=body).status == status


def test_deep_documents_are_refused(proxy, upstream):
    """Nesting that would exhaust the stack of a parser: for the router, and for the Admin API."""
    proxy.route(upstream.port, uri="/*", hosts=["deep.test"], vars=[["post_arg.a", "==", "b"]])
    headers = {"Content-Type": "application/json", "Host": "deep.test"}
    for opening in ("[", '{"a":'):
        deep = opening * 100_000
        assert proxy.gateway.request("/x", "POST", headers=headers, body=deep).status == 404  # no argument was found
        assert proxy.gateway.admin("PUT", "/routes/deep", deep.encode()).status == 400
    assert proxy.gateway.request("/x", "POST", headers=headers, body='{"a":"b"}').status == 200


def test_a_route_to_the_gateway_itself_ends(make_proxy):
    """A request that goes round grows with each turn, until its head is too long; nothing else is harmed."""
    proxy = make_proxy()
    path = proxy.route(proxy.port)
    assert proxy.get(path).status == 431
    assert proxy.get(proxy.route(proxy.upstream())).status == 200


def test_nothing_internal_is_on_the_proxy_port(proxy):
    """The Admin API and the APIs of plugins are reachable by their own ports, or by a route made for it."""
    for target in ("/apisix/admin/routes", "/apisix/prometheus/metrics", "/v1/schema", "/apisix/status"):
        assert proxy.get(target, f"X-API-KEY: {proxy.gateway.admin_key}\r\n").status == 404
