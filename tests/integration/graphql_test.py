"""GraphQL in conditions of routes: $graphql_name, $graphql_operation and $graphql_root_fields."""

import json
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.shares_gateway

OWNER = "query repo {\n    owner {\n        name\n    }\n}"
MUTATION = "mutation repo($ep: Episode!) {\n  createReview(episode: $ep) { stars }\n}"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def matches(gateway, upstream):
    """Does a request come through the route with these conditions? Its body has to reach the node."""

    def matches(conditions, document=None, path="/a", **request):
        gateway.put_everywhere("/routes/1", {"uri": "/*", "vars": conditions,
                                             "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
        if document is not None:
            request |= {"method": "POST", "body": document}
        status = gateway.request(path, **request).status
        if status == 404:
            return False
        assert status == 200
        assert document is None or upstream.requests[-1].body == document.encode()
        return True

    return matches


@pytest.mark.parametrize("condition, document, expected", [
    (["graphql_name", "==", "repo"], OWNER, True),
    (["graphql_name", "==", "repo"], OWNER.replace("repo", "other"), False),
    (["graphql_name", "==", ""], "{ owner { name } }", True),
    (["graphql_operation", "==", "mutation"], MUTATION, True),
    (["graphql_operation", "==", "mutation"], OWNER, False),
    (["graphql_operation", "==", "mutation"], MUTATION + OWNER, True),
    (["graphql_operation", "==", "mutation"], OWNER + MUTATION, False),
    (["graphql_root_fields", "has", "owner"], "query { repo { stars } owner { name } }", True),
    (["graphql_root_fields", "has", "owner"], "query { repo { owner } }", False),
    (["graphql_root_fields", "has", "owner"], "{ harmless: owner { name } }", True),
    (["graphql_root_fields", "has", "owner"], "{ ... on Query { owner { name } } }", True),
    (["graphql_name", "==", ""], "AA", False),
    (["graphql_operation", "==", "query"], "", False),
    (["graphql_name", "!", "==", "repo"], "AA", True),
])
def test_conditions_on_a_posted_document(matches, condition, document, expected):
    assert matches([condition], document) is expected


@pytest.mark.parametrize("body, expected", [
    ({"query": "query{owner{name}}"}, True),
    ({"query": "query{repo{name}}"}, False),
    ({"query": 7}, False),
    ({}, False),
    ([], False),
])
def test_a_document_in_json(matches, body, expected):
    condition = [["graphql_root_fields", "has", "owner"]]
    assert matches(condition, json.dumps(body), headers=JSON) is expected


@pytest.mark.parametrize("query, expected", [
    (["query{owner{name}}"], True),
    (["query{owner{name}}", "query{repo{name}}"], True),
    (["query{repo{name}}", "query{owner{name}}"], False),
    ([], False),
])
def test_a_document_in_the_query(matches, query, expected):
    path = "/a?" + "&".join("query=" + quote(document) for document in query)
    assert matches([["graphql_root_fields", "has", "owner"]], path=path) is expected


def test_other_methods_have_none(matches):
    assert not matches([["graphql_operation", "==", "query"]], method="PUT", body=OWNER)


def test_scripts_and_filters_of_plugins_see_it(gateway, upstream):
    text = "return function(conf, ctx) ngx.say(ctx.var.graphql_name, ' ', ctx.var.graphql_operation, ' ', " \
           "#ctx.var.graphql_root_fields) ngx.exit(200) end"
    gateway.put_everywhere("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}, "plugins": {
        "serverless-pre-function": {"phase": "rewrite", "functions": [text], "_meta": {
            "filter": [["graphql_operation", "==", "query"]]}}}})
    assert gateway.request("/a", method="POST", body=OWNER).text == "repo query 1\n"
    assert gateway.request("/a", method="POST", body=MUTATION).status == 200
    assert upstream.requests[-1].body == MUTATION.encode()
