"""What a configuration holds costs no worker: numbers beyond C++'s types, bodies that are no object. Every field and every
value is tried by tests/unit/worker/admin/hostile_values_test.cc; here are the real processes."""
import pytest

NUMBERS = ["2147483648", "4294967296", "9223372036854775808", "1e19", "1e300", "1e999", "-1", "0.5"]
# The last of 1e999, which some versions of the parser do not take.
REASONS = ["failed to check the configuration of plugin", "invalid configuration", "is not a number"]
MOCK = '"mocking": {"response_example": "ok", "content_type": "text/plain"}'
# Whole numbers without a maximum: what a 64-bit number holds is accepted, and the route serves.
UNBOUNDED = ['"client-control": {"max_body_size": %s}',
             '"gzip": {"min_length": %s}',
             '"hmac-auth": {"clock_skew": %s}',
             '"hmac-auth": {"max_req_body_size": %s}',
             '"api-breaker": {"break_response_code": 502, "max_breaker_sec": %s}',
             '"api-breaker": {"break_response_code": 502, "unhealthy": {"failures": %s}}',
             '"http-logger": {"uri": "http://127.0.0.1:1", "timeout": %s}',
             '"limit-conn": {"conn": %s, "burst": 0, "default_conn_delay": 1, "key": "host"}',
             '"limit-count": {"count": %s, "time_window": 60}',
             '"response-rewrite": {"max_resp_body_size": %s, "filters": [{"regex": "a", "replace": "b"}]}',
             '"mocking": {"response_example": "ok", "delay": %s}']
ACCEPTED = ["2147483648", "4294967296", "9223372036854775808"]
# Those with one: none of the numbers is in range.
BOUNDED = ['"uri-blocker": {"block_rules": ["zz"], "rejected_code": %s}',
           '"consumer-restriction": {"whitelist": ["a"], "rejected_code": %s}',
           '"fault-injection": {"abort": {"http_status": %s}}',
           '"redirect": {"uri": "/a", "ret_code": %s}',
           '"request-id": {"algorithm": "range_id", "range_id": {"length": %s}}',
           '"mocking": {"response_example": "ok", "response_status": %s}']
KINDS = ["routes/v", "services/v", "upstreams/v", "consumers/v", "consumers/jack/credentials/v", "ssls/v", "global_rules/v",
         "plugin_configs/v", "plugin_metadata/cors", "consumer_groups/v", "protos/v", "secrets/vault/v"]


def deaths(gateway):
    return gateway.log().count(" exited on ")


def accepted_numbers(field):
    if field in BOUNDED:
        return []
    return [*ACCEPTED, "-1"] if field.startswith('"mocking"') else ACCEPTED  # the schema of its delay has no minimum


@pytest.mark.parametrize("field", BOUNDED + UNBOUNDED)
def test_numbers_beyond_a_type_cost_no_worker(proxy, field):
    before = deaths(proxy.gateway)
    gateway = proxy.gateway
    accepted = []
    for number in NUMBERS:
        plugins = "{%s}" % (field % number if field.startswith('"mocking"') else f"{MOCK}, {field % number}")
        response = gateway.admin("PUT", "/routes/values", ('{"uri": "/values", "plugins": %s}' % plugins).encode())
        if response.status == 400:
            assert any(reason in response.text for reason in REASONS), response.text
            continue
        assert response.status == (200 if accepted else 201), response.text
        accepted.append(number)
        if not field.startswith('"mocking"'):  # its delay would hold the request
            proxy.apply()
            assert gateway.request("/values").status == (401 if "hmac-auth" in field else 200)
    assert accepted == accepted_numbers(field)
    gateway.admin("DELETE", "/routes/values")
    assert gateway.request("/values").status == 404
    assert deaths(gateway) == before


def test_a_status_out_of_range_is_refused_with_the_range(proxy):
    response = proxy.gateway.admin("PUT", "/routes/values", {"uri": "/values", "plugins": {
        "uri-blocker": {"block_rules": ["a"], "rejected_code": 4294967296}}})
    assert response.status == 400
    assert "expected 4294967296 to be at most 999" in response.json()["error_msg"]


@pytest.mark.parametrize("body", ["[]", "[1]", "7", '"a"', "true", "null"])
def test_bodies_that_are_no_object_are_refused(proxy, body):
    gateway = proxy.gateway
    before = deaths(gateway)
    gateway.put("/consumers/jack", {"username": "jack"})
    for path in KINDS:
        for query in ("", "?dry_run=true"):
            response = gateway.admin("PUT", f"/{path}{query}", body.encode())
            assert response.status == 400, f"PUT {path}{query} {body}: {response.status} {response.text}"
    for path in ("routes", "services", "upstreams", "ssls", "protos"):
        assert gateway.admin("POST", f"/{path}", body.encode()).status == 400, f"POST {path}"
        assert gateway.admin("POST", f"/schema/validate/{path}", body.encode()).status == 400, f"validate {path}"
    gateway.put("/routes/patched", {"uri": "/patched", "plugins": {}})
    assert gateway.admin("PATCH", "/routes/patched", body.encode()).status == 400
    for path in ("configs/apply", "configs/validate"):
        assert gateway.admin("POST", f"/{path}", body.encode()).status == 400, path
    assert deaths(gateway) == before


def test_an_empty_array_is_an_empty_object_inside(proxy):
    """As in Lua, and as in APISIX: what stands there is in force as an object."""
    before = deaths(proxy.gateway)
    proxy.gateway.put("/routes/values", {"uri": "/values", "plugins": {"key-auth": []}})
    proxy.apply()
    assert proxy.gateway.request("/values").status == 401
    for path, value in (("/global_rules/values", {"plugins": []}), ("/services/values", {"plugins": []}),
                        ("/consumers/missing/credentials/values", {"plugins": []})):
        # A credential needs its consumer, which is not there.
        assert proxy.gateway.admin("PUT", path, value).status == (404 if "credentials" in path else 201), path
    for path in ("/routes/values", "/global_rules/values", "/services/values"):
        proxy.gateway.admin("DELETE", path)
    assert deaths(proxy.gateway) == before
