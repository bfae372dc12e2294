"""Certificates for tests that store them."""

import subprocess
import tempfile
from pathlib import Path


def self_signed(folder, host="test.com"):
    """A certificate of `host` and its private key, as PEM. Writes into `folder`."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key",
                    "-out", folder / "cert", "-subj", f"/CN={host}"], check=True, capture_output=True)
    return (folder / "cert").read_text(), (folder / "key").read_text()


class Authority:
    """A CA of its own in a new folder, whose certificates are of elliptic curves, which are made quickly."""

    def __init__(self, folder, name="test CA"):
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self._key = self._new_key("ca.key")
        self.path = self.folder / "ca.crt"
        self._openssl("req", "-x509", "-new", "-key", self._key, "-subj", f"/CN={name}", "-days", "30", "-out", self.path)
        self.pem = self.path.read_text()

    def issue(self, *names, days=30):
        """(certificate, key) as paths, of `names`: the first is the common name, all are in subjectAltName."""
        stem = f"{len(list(self.folder.iterdir()))}"
        key, request, extensions, certificate = (self.folder / f"{stem}.{end}" for end in ("key", "csr", "ext", "crt"))
        self._new_key(key.name)
        self._openssl("req", "-new", "-key", key, "-subj", f"/CN={names[0]}", "-out", request)
        extensions.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        self._openssl("x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self._key, "-CAcreateserial",
                      "-days", str(days), "-extfile", extensions, "-out", certificate)
        return certificate, key

    def ssl_object(self, *names, **more):
        """An object of /ssls for them."""
        certificate, key = self.issue(*names)
        return {"snis": list(names), "cert": certificate.read_text(), "key": key.read_text()} | more

    def _new_key(self, name):
        path = self.folder / name
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
        return path

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)
