"""credentials: certificates and tokens as tests need them, made with the openssl command."""

import base64
import json
import subprocess
import time


def _openssl(*words, **options):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **options).stdout


class Authority:
    """A certificate authority of its own in `directory`; .certificate is the file that its clients trust."""

    def __init__(self, directory, name="tests"):
        self._directory = directory
        directory.mkdir(parents=True)
        self._key, self.certificate = directory / "ca.key", directory / "ca.pem"
        self._make_key(self._key, f"{name} authority", self.certificate, "-x509", "-days", 2)

    def issue(self, name, host="localhost", days=2, password=None):
        """Files with the key, the certificate, and both, for a common name and a host; negative `days` have expired."""
        key, request, certificate, both = (self._directory / f"{name}.{end}" for end in ("key", "csr", "pem", "both.pem"))
        self._make_key(key, name, request)
        extensions = self._directory / f"{name}.extensions"
        extensions.write_text(f"subjectAltName=DNS:{host}\n")
        words = ["-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial"]
        _openssl("x509", *words, "-days", days, "-extfile", extensions, "-out", certificate)
        both.write_text(key.read_text() + certificate.read_text())
        if password:
            _openssl("pkcs8", "-topk8", "-v2", "aes256", "-in", key, "-out", f"{key}.locked", "-passout", f"pass:{password}")
        return key, certificate, both

    @staticmethod
    def _make_key(key, name, output, *words):
        ecdsa = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        _openssl("req", "-new", *ecdsa, "-keyout", key, "-subj", f"/CN={name}", "-out", output, *words)
        # Kafka reads PKCS #8 only, which is what this is.
        key.chmod(0o600)


class Issuer:
    """Signs tokens (JWT, RS256); .keys is the file that brokers check them with."""

    def __init__(self, directory):
        self._key, self.keys = directory / "issuer.key", directory / "jwks.json"
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self._key)
        modulus = _openssl("rsa", "-in", self._key, "-noout", "-modulus").decode().strip().partition("=")[2]
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": _base64(bytes.fromhex(modulus)), "e": "AQAB"}
        self.keys.write_text(json.dumps({"keys": [key]}))

    def token(self, subject, seconds=3600):
        now = int(time.time())
        claims = {"sub": subject, "aud": "kafka", "iss": "tests", "iat": now, "exp": now + seconds}
        parts = ({"alg": "RS256", "kid": "1", "typ": "JWT"}, claims)
        signed = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_base64(_openssl('dgst', '-sha256', '-sign', self._key, input=signed.encode()))}"


def plain_base64(text):
    return base64.b64encode(text.encode()).decode()


def _base64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
