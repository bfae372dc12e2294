"""Certificates for tests that store them."""

import subprocess


def self_signed(folder, host="test.com"):
    """A certificate of `host` and its private key, as PEM. Writes into `folder`."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key",
                    "-out", folder / "cert", "-subj", f"/CN={host}"], check=True, capture_output=True)
    return (folder / "cert").read_text(), (folder / "key").read_text()
