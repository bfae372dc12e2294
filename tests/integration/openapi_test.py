"""The OpenAPI document: well formed, complete by the table of kinds, and of the very schemas that writes are checked with."""
import re

import pytest

from gateway import http_request

METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
# plural: (methods of the collection, methods of one object)
KINDS = {
    "routes": ("get post", "get put patch delete"), "services": ("get post", "get put patch delete"),
    "upstreams": ("get post", "get put patch delete"), "ssls": ("get post", "get put patch delete"),
    "consumers": ("get put", "get put delete"), "consumer_groups": ("get", "get put patch delete"),
    "global_rules": ("get", "get put patch delete"), "plugin_configs": ("get", "get put patch delete"),
    "plugin_metadata": ("get", "get put delete"), "protos": ("get post", "get put delete"),
    "stream_routes": ("get post", "get put delete"),
}


def document(gateway):
    response = gateway.admin("GET", "/openapi.json")
    assert response.status == 200 and response.header("Content-Type") == "application/json"
    return response.json()


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(root, reference):
    assert reference.startswith("#/"), reference
    for part in reference[2:].split("/"):
        root = root[part.replace("~1", "/").replace("~0", "~")]
    return root


def check_structure(api):
    """What the OpenAPI specification 3.1 asks of a document, as far as this one goes."""
    assert re.fullmatch(r"3\.1\.\d+", api["openapi"])
    assert set(api) <= {"openapi", "info", "jsonSchemaDialect", "servers", "paths", "components", "security", "tags"}
    assert api["info"]["title"] and api["info"]["version"]
    for reference in set(references(api)):
        resolve(api, reference)
    operations = []
    for path, item in api["paths"].items():
        assert path.startswith("/") and set(item) <= METHODS | {"parameters", "summary"}, path
        declared = [p["name"] for p in item.get("parameters", []) if p.get("in") == "path"]
        assert sorted(declared) == sorted(re.findall(r"{(\w+)}", path)), path
        assert all(p["required"] for p in item.get("parameters", []))
        for method in set(item) & METHODS:
            operation = item[method]
            operations.append(operation["operationId"])
            assert operation["summary"] and operation["responses"], (path, method)
            for status, response in operation["responses"].items():
                assert re.fullmatch(r"[1-5]\d\d", status)
                response = resolve(api, response["$ref"]) if "$ref" in response else response
                assert response["description"]
            assert ("requestBody" in operation) <= (method in ("put", "post", "patch"))
            for parameter in operation.get("parameters", []):
                parameter = resolve(api, parameter["$ref"]) if "$ref" in parameter else parameter
                assert parameter["in"] in ("query", "header") and parameter["name"] and "schema" in parameter
    assert operations and len(operations) == len(set(operations)), "operationIds are unique"
    for part in api["components"].values():
        assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in part)
    for name in [name for entry in api["security"] for name in entry]:
        assert name in api["components"]["securitySchemes"]


def test_the_document_is_well_formed_and_complete(gateway):
    api = document(gateway)
    check_structure(api)

    def methods(path):
        return set(api["paths"][path]) & METHODS

    for plural, (of_all, of_one) in KINDS.items():
        assert methods(f"/{plural}") == set(of_all.split()), plural
        one = [path for path in api["paths"] if re.fullmatch(rf"/{plural}/{{\w+}}", path)]
        assert len(one) == 1 and methods(one[0]) == set(of_one.split()), plural
    assert methods("/consumers/{username}/credentials") == {"get"}
    assert methods("/consumers/{username}/credentials/{id}") == {"get", "put", "delete"}
    assert methods("/services/{service_id}/graphql_cost_decorations/{id}") == {"get", "put", "patch", "delete"}
    assert methods("/secrets/{manager}/{id}") == {"get", "put", "patch", "delete"} and methods("/secrets") == {"get"}
    for path in ("/explain", "/configs/validate"):
        assert methods(path) == {"post"}
    for path in ("/lint", "/openapi.json", "/schema/{name}", "/plugins/list"):
        assert methods(path) == {"get"}


def test_schemas_are_those_that_are_asked(gateway):
    schemas = document(gateway)["components"]["schemas"]
    kinds = [name for name in schemas if re.fullmatch(r"[a-z_]+", name)]
    compared = 0
    for name in kinds:
        response = gateway.admin("GET", f"/schema/{name}")
        if response.status == 200:
            compared += 1
            assert schemas[name] == response.json(), name
    assert compared >= 10
    plugins = gateway.admin("GET", "/plugins/list").json()
    assert plugins
    for name in plugins:
        assert schemas[f"plugin.{name}"] == gateway.admin("GET", f"/schema/plugins/{name}").json(), name
        consumer = gateway.admin("GET", f"/schema/plugins/{name}?schema_type=consumer")
        assert (consumer.status == 200) == (f"plugin.{name}.consumer" in schemas), name
        if consumer.status == 200:
            assert schemas[f"plugin.{name}.consumer"] == consumer.json(), name


def test_every_path_that_is_described_is_served(gateway):
    """A GET of each path, with names of what is not there, is not told that there is no such resource."""
    shown = [path for path, item in document(gateway)["paths"].items() if "get" in item]
    assert len(shown) >= 30
    for path in shown:
        path = path.replace("{name}", "cors").replace("{manager}", "vault").replace("{revision}", "1")
        named = re.sub(r"{\w+}", "x", path)
        response = gateway.admin("GET", named)
        assert "Unsupported resource type" not in response.text, path
        # Stream routes are off, and "cors" is no kind of object that has a schema.
        refused = path.startswith("/stream_routes") or path == "/schema/cors"
        missing = named.endswith("/x") or "/x/" in named or path.startswith("/history/")
        assert response.status == (400 if refused else 404 if missing else 200), path


@pytest.mark.gateway(config={"deployment": {"role": "traditional",
                                            "role_traditional": {"config_provider": "yaml"}}})
def test_where_the_configuration_is_pushed(gateway):
    api = document(gateway)
    check_structure(api)
    assert set(api["paths"]) == {
        "/configs", "/configs/apply", "/configs/validate", "/explain", "/history", "/history/{revision}",
        "/history/{revision}/diff", "/history/{revision}/rollback", "/lint", "/openapi.json"}
    assert set(api["paths"]["/configs"]) == {"get", "put", "head"}
    assert http_request(gateway.admin_port, "GET", "/apisix/admin/openapi.json").status == 401
