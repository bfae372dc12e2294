"""What the tests of standalone mode share: a gateway whose configuration is a file, and the file."""
import json
import os

import yaml

from gateway import wait_until


def data_plane(provider="yaml", **config):
    return {"deployment": {"role": "data_plane", "role_data_plane": {"config_provider": provider}}} | config


def document_path(gateway, extension="yaml"):
    return gateway.prefix / f"conf/apisix.{extension}"


def as_text(document, extension="yaml"):
    if isinstance(document, str):
        return document
    return json.dumps(document) if extension == "json" else yaml.safe_dump(document, sort_keys=False) + "#END\n"


def write_document(gateway, document, extension="yaml"):
    """In place, as an editor or `cp` does."""
    document_path(gateway, extension).write_text(as_text(document, extension))


def replace_document(gateway, document, extension="yaml"):
    """By a rename."""
    path = document_path(gateway, extension)
    new = path.with_suffix(".new")
    new.write_text(as_text(document, extension))
    os.replace(new, path)


def route(upstream, name, **more):
    nodes = {upstream.node: 1}
    return {"id": name, "uri": f"/{name}", "upstream": {"type": "roundrobin", "nodes": nodes}} | more


def statuses(gateway, path, times=8):
    """Of several requests on connections of their own, so that every worker serves some."""
    return {gateway.request(path).status for _ in range(times)}


def wait_for_status(gateway, path, status):
    wait_until(lambda: statuses(gateway, path) == {status}, f"{path} to respond with {status} in every worker")


def start(make_gateway, document, provider="yaml", workers=1, config=None, **options):
    gateway = make_gateway(start=False, workers=workers, config=data_plane(provider, **(config or {})), **options)
    if document is not None:
        write_document(gateway, document, provider)
    gateway.start()
    return gateway
