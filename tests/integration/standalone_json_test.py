"""role data_plane with config_provider json: conf/apisix.json is the configuration."""
from standalone import (data_plane, document_path, replace_document, route, start, statuses, wait_for_status,
                        write_document)


def test_the_file_is_served_and_followed(make_gateway, upstream):
    gateway = start(make_gateway, {"routes": [route(upstream, "a")]}, "json", workers=2)
    assert statuses(gateway, "/a") == {200}
    write_document(gateway, {"routes": [route(upstream, "b")]}, "json")
    wait_for_status(gateway, "/b", 200)
    replace_document(gateway, '{"routes": [', "json")
    gateway.wait_for_log("failed to decode json")
    assert statuses(gateway, "/b") == {200}
    replace_document(gateway, {"routes": []}, "json")
    wait_for_status(gateway, "/b", 404)


def test_variables_are_typed(make_gateway, upstream):
    document = {"routes": [route(upstream, "a", priority="${{PRIORITY}}", uri="${{ROUTE_URI:=/fallback}}")]}
    gateway = start(make_gateway, document, "json", env={"PRIORITY": "7"})
    assert gateway.request("/fallback").status == 200
    assert '"priority":7' in gateway.run("routes", "--json").stdout


def test_faults_have_lines_too(make_gateway):
    gateway = make_gateway(start=False, config=data_plane("json"))
    document_path(gateway, "json").write_text('{"routes": [\n  {"id": 1,\n   "uri": 12}\n]}')
    done = gateway.run("test")
    assert done.returncode == 1
    assert "conf/apisix.json:3: routes[0].uri: wrong type: expected string, got number" in done.stderr
