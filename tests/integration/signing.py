"""What clients of auth plugins send: signed requests, tokens, passwords."""

import base64
import email.utils
import hashlib
import hmac
import json
import subprocess
import time


def date_at(offset_s=0):
    return email.utils.formatdate(time.time() + offset_s, usegmt=True)


def moved(date, by_s):
    """Another date, whenever it is asked: date_at(-1) is the one of a second ago, which may be the one that was signed."""
    return email.utils.formatdate(email.utils.parsedate_to_datetime(date).timestamp() + by_s, usegmt=True)


def signed(path, method="GET", headers=None, names=("@request-target", "date"), key_id="my-access-key",
           secret="my-secret-key", algorithm="hmac-sha256", offset_s=0):
    """The header fields of a request that hmac-auth accepts."""
    headers = {"Date": date_at(offset_s)} | (headers or {})
    text = key_id + "\n"
    for name in names:
        if name == "@request-target":
            text += f"{method} {path}\n"
        else:
            text += "".join(f"{name}: {value}\n" for known, value in headers.items() if known.lower() == name.lower())
    digest = getattr(hashlib, algorithm.removeprefix("hmac-"))
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode(), digest).digest()).decode()
    listed = f'headers="{" ".join(names)}",' if names else ""
    return headers | {"Authorization": f'Signature keyId="{key_id}",algorithm="{algorithm}",{listed}'
                                       f'signature="{signature}"'}


def digest_of(body):
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()


def basic(username, password):
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(header, payload):
    """The part of a JWT that is signed."""
    return base64url(json.dumps(header).encode()) + "." + base64url(json.dumps(payload).encode())


def token(header, payload, secret):
    """A JWT signed with HMAC, whatever its header says: SHA-512 if it says HS512, else SHA-256."""
    digest = hashlib.sha512 if header.get("alg") == "HS512" else hashlib.sha256
    text = unsigned(header, payload)
    return text + "." + base64url(hmac.new(secret, text.encode(), digest).digest())


class RsaKey:
    """A key pair of openssl's, in a folder."""

    def __init__(self, folder):
        self.path = folder / "rsa.pem"
        self._openssl("genrsa", "-out", self.path, "2048")
        self.public_pem = self._openssl("rsa", "-in", self.path, "-pubout").decode()

    def token(self, header, payload):
        text = unsigned(header, payload)
        return text + "." + base64url(self._openssl("dgst", "-sha256", "-sign", self.path, given=text.encode()))

    @staticmethod
    def _openssl(*arguments, given=None):
        return subprocess.run(["openssl", *arguments], input=given, check=True, capture_output=True).stdout
