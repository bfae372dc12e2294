"""Runs the tables of admin/: the Admin API of each kind of object. README.md says what rows look like."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway import BINARY, running_gateway
from ports import free_port
from tables import difference, has_member

HERE = Path(__file__).parent
TABLES = sorted((HERE / "admin").glob("*.yaml"))


@pytest.fixture(scope="module")
def gateway():
    assert BINARY.exists(), f"{BINARY} is missing: ./dev build dev apisix"
    with running_gateway(config={
        "apisix": {"proxy_mode": "http&stream", "stream_proxy": {"tcp": [f"127.0.0.1:{free_port()}"]},
                   "data_encryption": {"enable_encrypt_fields": True, "keyring": ["edd1c9f0985e76a2"]}},
        "xrpc": {"protocols": [{"name": "redis"}, {"name": "dubbo"}]},
    }) as made:
        yield made


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pem")
    out = {}
    for name in ("", "other_"):
        key, cert = folder / f"{name}key.pem", folder / f"{name}cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-keyout", key,
                        "-out", cert, "-subj", "/CN=test.com"], check=True, capture_output=True)
        out |= {f"${{{name}key}}": key.read_text(), f"${{{name}cert}}": cert.read_text()}
    return out


def filled_in(value, texts):
    if isinstance(value, dict):
        return {key: filled_in(member, texts) for key, member in value.items()}
    if isinstance(value, list):
        return [filled_in(element, texts) for element in value]
    return texts.get(value, value) if isinstance(value, str) else value


def faults_of(response, row):
    if response.status != row["gives"]:
        yield f"status {response.status} instead of {row['gives']}"
    if "text" in row and response.text != row["text"]:
        yield f"not the text {row['text']!r}"
    if "error" in row:
        yield difference(response.json(), {"error_msg": row["error"]}) or (
            "" if len(response.json()) == 1 else "more than error_msg")
    if "json" in row and response.json() != row["json"]:
        yield f"not {json.dumps(row['json'])}"
    if "has" in row:
        yield difference(response.json(), row["has"])
    for path in row.get("lacks", []):
        if has_member(response.json(), path):
            yield f"{path} is there"


KNOWN = {"do", "body", "gives", "error", "json", "has", "lacks", "text"}


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_table(gateway, certificates, table):
    for number, row in enumerate(yaml.safe_load(table.read_text()), 1):
        assert row.keys() <= KNOWN and "gives" in row, f"row {number} of {table.name} has unknown words: {row}"
        row = filled_in(row, certificates)
        method, path = row["do"].split(" ", 1)
        body = row.get("body")
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        response = gateway.admin(method, path, body)
        faults = [fault for fault in faults_of(response, row) if fault]
        assert not faults, f"row {number}, {row['do']}: {'; '.join(faults)}\n{response.text[:2000]}"
    gateway.empty()
