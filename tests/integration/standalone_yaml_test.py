"""role data_plane with config_provider yaml: conf/apisix.yaml is the configuration, followed while it changes."""
import os
import signal

import pytest
from gateway import is_listening, wait_until
from standalone import (data_plane, document_path, replace_document, route, start, statuses, wait_for_status,
                        write_document)


def test_the_file_is_served_and_there_is_no_admin_api(make_gateway, upstream):
    gateway = start(make_gateway, {
        "upstreams": [{"id": 1, "type": "roundrobin", "nodes": {upstream.node: 1}}],
        "services": [{"id": "s", "upstream_id": 1, "hosts": ["svc.test"]}],
        "routes": [route(upstream, "own"), {"uri": "/by-upstream", "upstream_id": 1},
                   {"id": 3, "uri": "/by-service", "service_id": "s"}],
    })
    assert gateway.request("/own").json()["path"] == "/own"
    assert gateway.request("/by-upstream").status == 200
    assert gateway.request("/by-service", headers={"Host": "svc.test"}).status == 200
    assert gateway.request("/by-service").status == 404
    assert gateway.request("/none").json() == {"error_msg": "404 Route Not Found"}
    assert not is_listening(gateway.admin_port)


def test_changes_reach_every_worker_however_they_are_written(make_gateway, upstream):
    gateway = start(make_gateway, {"routes": [route(upstream, "a")]}, workers=2)
    assert statuses(gateway, "/a") == {200}
    write_document(gateway, {"routes": [route(upstream, "a"), route(upstream, "b")]})
    wait_for_status(gateway, "/b", 200)
    replace_document(gateway, {"routes": [route(upstream, "c")]})
    wait_for_status(gateway, "/c", 200)
    wait_for_status(gateway, "/a", 404)
    wait_for_status(gateway, "/b", 404)
    assert "reloaded" in gateway.log()


@pytest.mark.expects_damage  # kills a worker
def test_a_faulty_file_keeps_the_last_good_state_also_in_new_workers(make_gateway, upstream):
    gateway = start(make_gateway, {"routes": [route(upstream, "a")]}, workers=2)
    for broken, said in (("routes:\n  - {uri: [\n#END\n", "apisix.yaml:"),
                         ("routes: []\n", "missing valid end flag in file"),
                         ("routes: [{uri: '${{NOT_SET_ANYWHERE}}'}]\n#END\n",
                          "can't find environment variable NOT_SET_ANYWHERE")):
        replace_document(gateway, broken)
        gateway.wait_for_log(said)
        assert statuses(gateway, "/a") == {200}
    gateway.reload()
    assert statuses(gateway, "/a") == {200}
    killed = gateway.worker_pids()[0]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(gateway.worker_pids()) == 2 and killed not in gateway.worker_pids(), "a new worker")
    assert statuses(gateway, "/a") == {200}
    replace_document(gateway, {"routes": [route(upstream, "b")]})
    wait_for_status(gateway, "/b", 200)
    wait_for_status(gateway, "/a", 404)


def test_a_bad_item_is_refused_alone(make_gateway, upstream):
    gateway = start(make_gateway, {"routes": [
        route(upstream, "good"),
        {"id": "worse", "uri": 12},
        "no object",
        route(upstream, "plugged", plugins={"no-such-plugin": {}}),
        route(upstream, "rules", vars=["remote_addr", "=", "1"]),
    ]})
    assert gateway.request("/good").status == 200
    assert gateway.request("/plugged").status == 404
    assert gateway.request("/rules").status == 404
    log = gateway.log()
    assert 'rejected /apisix/routes/worse' in log and 'property "uri" validation failed' in log
    assert "unknown plugin [no-such-plugin]" in log
    assert "routes[2]: it should be an object" in log
    # An item that becomes bad keeps its last good value, the others move on.
    write_document(gateway, {"routes": [route(upstream, "good") | {"priority": "high"}, route(upstream, "more")]})
    wait_for_status(gateway, "/more", 200)
    assert gateway.request("/good").status == 200


def test_of_two_global_rules_with_one_plugin_one_is_refused_alone(make_gateway, upstream):
    def document(*rules):
        return {"routes": [route(upstream, "a"), route(upstream, "done-" + "-".join(name for name, _ in rules))],
                "global_rules": [{"id": name, "plugins": plugins} for name, plugins in rules]}

    guard = {"ip-restriction": {"blacklist": ["127.0.0.1"], "message": "first"}}
    twice = {"ip-restriction": {"whitelist": ["127.0.0.1"]}, "echo": {"body": "never"}}
    gateway = start(make_gateway, document(("a", guard), ("b", twice), ("c", {"request-id": {}})))
    response = gateway.request("/a")
    assert response.status == 403 and response.header("X-Request-Id")
    assert "rejected /apisix/global_rules/b" in gateway.log()
    assert "plugin 'ip-restriction' already exists in global rule with id 'a'" in gateway.log()
    # It is in force as soon as it is alone.
    write_document(gateway, document(("b", {"ip-restriction": {"blacklist": ["127.0.0.2"]}}), ("c", {"request-id": {}})))
    wait_for_status(gateway, "/a", 200)
    # A rule in force that takes another's plugin keeps what it was; none of the two guards goes.
    write_document(gateway, document(("b", guard), ("c", guard)))
    wait_for_status(gateway, "/a", 403)
    assert gateway.request("/a").header("X-Request-Id")


def test_variables_of_the_environment(make_gateway, upstream):
    document = ("routes:\n  - uri: ${{ROUTE_URI}}\n    priority: ${{PRIORITY:=3}}\n    desc: \"${{NUMBER}}\"\n"
                "    upstream: {type: roundrobin, nodes: {\"${{NODE}}\": 1}}\n#END\n")
    gateway = start(make_gateway, document, env={"ROUTE_URI": "/v", "NODE": upstream.node, "NUMBER": "356002209726529540"})
    assert gateway.request("/v").status == 200


def test_what_start_says_of_the_file(make_gateway, upstream):
    gateway = make_gateway(start=False, config=data_plane())
    document_path(gateway).write_text("routes: [{uri: /a, desc: '${{NOT_SET_ANYWHERE}}'}]\n#END\n")
    for command in ("init", "start", "test"):
        done = gateway.run(command)
        assert done.returncode == 1, command
        assert "can't find environment variable NOT_SET_ANYWHERE" in done.stderr, command
    document_path(gateway).write_text("routes:\n  - uri: [\n#END\n")
    assert "conf/apisix.yaml:5:1: " in gateway.run("start").stderr
    document_path(gateway).unlink()
    done = gateway.run("start")
    assert done.returncode == 0 and "nothing is served until it is there" in done.stderr
    assert gateway.request("/a").status == 404
    write_document(gateway, {"routes": [route(upstream, "a")]})
    wait_for_status(gateway, "/a", 200)


def test_a_new_start_forgets_what_was_good(make_gateway, upstream):
    gateway = start(make_gateway, {"routes": [route(upstream, "a")]})
    gateway.run("stop")
    document_path(gateway).unlink()
    gateway.start()
    assert gateway.request("/a").status == 404


def test_the_test_command_lists_faults_with_their_lines(make_gateway):
    gateway = make_gateway(start=False, config=data_plane())
    document_path(gateway).write_text(
        "routes:\n  - id: r1\n    uri: 12\n  - just text\nupstreams:\n  - id: u1\n    type: roundrobin\n"
        "    nodes:\n      \"127.0.0.1:80\": heavy\nconsumers:\n  - plugins: {}\nglobal_rules:\n  - id: 1\n    plugins:\n"
        "      no-such-plugin: {}\n#END\n")
    done = gateway.run("test")
    assert done.returncode == 1
    lines = [line.split("conf/apisix.yaml:", 1)[1] for line in done.stderr.splitlines() if "apisix.yaml:" in line]
    assert any(line.startswith("3: routes[0].uri: wrong type: expected string, got number") for line in lines), lines
    assert any(line.startswith("4: routes[1]: it should be an object") for line in lines), lines
    assert any(line.startswith("9: upstreams[0].nodes") for line in lines), lines
    assert any(line.startswith("11: consumers[0]") and "username" in line for line in lines), lines
    assert any(line.startswith("15: global_rules[0].plugins.no-such-plugin: unknown plugin") for line in lines), lines
    assert done.stderr.endswith("configuration test failed\n")
    document_path(gateway).write_text(
        "global_rules:\n  - id: a\n    plugins: {cors: {}}\n  - id: b\n    plugins: {cors: {}}\n#END\n")
    assert "5: global_rules[1].plugins: plugin 'cors' already exists in global rule with id 'a'" in gateway.run("test").stderr
    document_path(gateway).write_text("routes: [{id: 1, uri: /a, upstream_id: 1}]\n#END\n")
    assert gateway.run("test").returncode == 0


def test_inspect_reads_the_file(make_gateway):
    gateway = make_gateway(start=False, config=data_plane())
    document_path(gateway).write_text("routes: [{id: 1, uri: /a, upstream_id: u}, {uri: /b}]\n#END\n")
    lines = [line.split() for line in gateway.run("routes").stdout.splitlines()]
    assert [line[0] for line in lines] == ["ID", "1", "arr_2"]


def test_a_volume_of_kubernetes(make_gateway, upstream):
    gateway = make_gateway(start=False, workers=2, config=data_plane())
    volume = gateway.prefix / "volume"

    def publish(version, name):
        folder = volume / f"..{version}"
        folder.mkdir(parents=True)
        (folder / "apisix.yaml").write_text(f"routes:\n- uri: /{name}\n  upstream: {{type: roundrobin, nodes: "
                                            f"{{\"{upstream.node}\": 1}}}}\n#END\n")
        (volume / "..data_tmp").symlink_to(folder.name)
        os.replace(volume / "..data_tmp", volume / "..data")

    publish(1, "one")
    (volume / "apisix.yaml").symlink_to("..data/apisix.yaml")
    document_path(gateway).symlink_to(volume / "apisix.yaml")
    gateway.start()
    assert statuses(gateway, "/one") == {200}
    for version, name in ((2, "two"), (3, "three")):
        publish(version, name)
        wait_for_status(gateway, f"/{name}", 200)
    assert statuses(gateway, "/one") == {404}


def test_a_profile_has_its_own_file(make_gateway, upstream):
    gateway = make_gateway(start=False, env={"APISIX_PROFILE": "dev"}, config=data_plane())
    gateway.config_path.rename(gateway.prefix / "conf/config-dev.yaml")
    write_document(gateway, {"routes": [route(upstream, "plain")]})
    document_path(gateway).rename(gateway.prefix / "conf/apisix-dev.yaml")
    gateway.start()
    assert gateway.request("/plain").status == 200


def test_traditional_without_the_admin_api_reads_the_file_too(make_gateway, upstream):
    gateway = make_gateway(start=False, config={
        "apisix": {"enable_admin": False},
        "deployment": {"role": "traditional", "role_traditional": {"config_provider": "yaml"}}})
    write_document(gateway, {"routes": [route(upstream, "a")]})
    gateway.start()
    assert gateway.request("/a").status == 200
    assert not is_listening(gateway.admin_port)


@pytest.mark.parametrize("ids", (["a", "b", "c"], ["c", "b", "a"]))
def test_equal_routes_are_tried_in_the_order_of_the_file(make_gateway, upstream, ids):
    def routes(names):
        return {"routes": [route(upstream, "same") | {"id": name, "vars": [["arg_x", "==", "1"]], "uri": "/same",
                                                       "upstream": {"type": "roundrobin", "pass_host": "rewrite",
                                                                    "upstream_host": f"{name}.test",
                                                                    "nodes": {upstream.node: 1}}} for name in names]}

    def answering(gateway):
        return dict(gateway.request("/same?x=1").json()["headers"])["Host"]

    gateway = start(make_gateway, routes(ids[1:]))
    assert answering(gateway) == f"{ids[1]}.test"
    replace_document(gateway, routes(ids))
    wait_until(lambda: answering(gateway) == f"{ids[0]}.test", "the route that now stands first")
