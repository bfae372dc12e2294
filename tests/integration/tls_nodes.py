"""Authorities, certificates and contexts for nodes that speak TLS."""

import ssl
import subprocess
from pathlib import Path

DAYS = 30


class Authority:
    """Signs certificates; all of its files lie in `folder`."""

    def __init__(self, folder, name="authority"):
        self.folder = Path(folder)
        self.name = name
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                  self._file("key"), "-out", self.file, "-subj", f"/CN={name}", "-days", str(DAYS))

    @property
    def file(self):
        return self._file("crt")

    def issue(self, name, days=DAYS, usage=None):
        """A certificate for `name`, as (certificate file, key file). With negative `days` it has ended."""
        key, request, certificate = (self.folder / f"{self.name}-{name}.{end}" for end in ("key", "csr", "crt"))
        extensions = self.folder / f"{name}.ext"
        kind = "IP" if name.replace(".", "").isdigit() else "DNS"
        extensions.write_text(f"subjectAltName={kind}:{name}\n" + (f"extendedKeyUsage={usage}\n" if usage else ""))
        self._run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                  "-out", request, "-subj", f"/CN={name}")
        self._run("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._file("key"), "-CAcreateserial",
                  "-out", certificate, "-days", str(days), "-extfile", extensions)
        return certificate, key

    def _file(self, end):
        return self.folder / f"{self.name}.{end}"

    @staticmethod
    def _run(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def server_context(pair, client_authority=None, version=None, alpn=None):
    """Of a node. With `client_authority` a client must show a certificate of it. Peers get the name that they asked for
    as `sni`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    if client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority.file)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if alpn is not None:
        context.set_alpn_protocols(alpn)

    def keep_name(sock, name, _context):
        sock.sni = name

    context.sni_callback = keep_name
    return context
