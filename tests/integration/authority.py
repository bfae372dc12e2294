"""An authority of a test's own, its certificates, and its OCSP responder: by the program openssl."""

import socket
import ssl
import subprocess

from gateway import wait_until
from ports import free_port


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


class OwnAuthority:
    """Writes into `folder`. Its responder listens at `ocsp_port`, while it runs."""

    def __init__(self, folder, name="authority.test"):
        self.folder = folder
        self.ocsp_port = free_port()
        self.cert, self.key = folder / "ca.pem", folder / "ca.key"
        openssl("req", "-x509", *self.new_key("ec"), "-keyout", self.key, "-out", self.cert, "-subj", f"/CN={name}")
        self.index = folder / "index.txt"
        self.index.write_text("")
        (folder / "index.txt.attr").write_text("unique_subject = no\n")
        self.made = 0

    @staticmethod
    def new_key(algorithm):
        return ["-nodes", "-newkey", "rsa:2048"] if algorithm == "rsa" else [
            "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]

    def issue(self, *names, algorithm="ec", days=90, status="V", extensions=(), chain=True):
        """PEM of a certificate for the names, the authority's behind it, and of its key. `status` is what the responder says:
        V valid, R revoked, None: unknown."""
        self.made += 1
        serial = 0x1000 + self.made
        cert, key = self.folder / f"{serial:X}.pem", self.folder / f"{serial:X}.key"
        extensions = (*extensions, "subjectAltName=" + ",".join(f"DNS:{name}" for name in names),
                      f"authorityInfoAccess=OCSP;URI:http://127.0.0.1:{self.ocsp_port}")
        openssl("req", "-x509", *self.new_key(algorithm), "-keyout", key, "-out", cert, "-subj", f"/CN={names[0]}",
                "-CA", self.cert, "-CAkey", self.key, "-set_serial", serial, "-days", days,
                *(word for extension in extensions for word in ("-addext", extension)))
        if status:
            revoked = "200101000000Z" if status == "R" else ""
            with self.index.open("a") as index:
                index.write(f"{status}\t491231235959Z\t{revoked}\t{serial:X}\tunknown\t/CN={names[0]}\n")
        return cert.read_text() + (self.cert.read_text() if chain else ""), key.read_text()

    def object(self, *names, **more):
        """An object of `ssls`; what is no option of issue() is a member of it."""
        options = {name: more.pop(name) for name in ("algorithm", "days", "status", "extensions", "chain") if name in more}
        cert, key = self.issue(*names, **options)
        return {"cert": cert, "key": key, "snis": list(names)} | more

    def start_responder(self):
        """A process, to be ended by who started it. Reads the index as it is now."""
        said = self.folder / "responder.log"
        with open(said, "w") as log:
            responder = subprocess.Popen(
                ["openssl", "ocsp", "-index", self.index, "-port", str(self.ocsp_port), "-rsigner", self.cert, "-rkey",
                 self.key, "-CA", self.cert, "-ndays", "1"], stdout=log, stderr=log)
        # A connection that is opened and closed to look whether it listens would occupy it.
        wait_until(lambda: "waiting for OCSP client connections" in said.read_text(), "the OCSP responder")
        return responder


def shown(port, name, *options):
    """What `openssl s_client` says of a handshake; the certificate that was shown is in it."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, *options],
                          input=b"Q", capture_output=True, check=False, timeout=30)
    return (done.stdout + done.stderr).decode(errors="replace")


def leaf(pem):
    """The first certificate of a PEM text, as DER."""
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(pem[:pem.index(end) + len(end)])


def certificate_of(port, name, ciphers=None, version=ssl.TLSVersion.TLSv1_2):
    """DER of what is shown for the name; None when the handshake is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if ciphers:
        context.maximum_version = version
        context.set_ciphers(ciphers)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=name) as connection:
                return connection.getpeercert(binary_form=True)
        except ssl.SSLError:
            return None
