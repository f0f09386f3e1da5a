"""A CA of the tests' own, and certificates of it, with the faults that a device must see."""

from __future__ import annotations

import datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A CA; `pem` is what goes into a device's settings."""

    def __init__(self, name: str) -> None:
        self._name, self._key = _name(name), ec.generate_private_key(ec.SECP256R1())
        certificate = self._build(self._name, self._key.public_key(), -1, 3650).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.pem = self._signed(certificate)

    def _build(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, begins_days: int, ends_days: int
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)  # the interpreter judges validity by the host's clock
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(now + begins_days * DAY).not_valid_after(now + ends_days * DAY)

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def certify(self, name: str, *, begins_days: int = -1, ends_days: int = 30) -> tuple[bytes, bytes]:
        """Certificate and key of a broker under that name, as PEM; validity in days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._build(_name(name), key.public_key(), begins_days, ends_days).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return self._signed(builder), private


@cache
def authority(name: str) -> Authority:
    """One CA of each name for all tests."""
    return Authority(name)
