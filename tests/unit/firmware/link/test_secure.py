"""What TLS is given: the CA out of the settings, the moment against which certificates are judged."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware.errors import LinkError
from firmware.link.secure import SecureTransport, begins_s, der_of

KEY = ec.derive_private_key(7, ec.SECP256R1())


def certificate(begins: datetime.datetime, *, serial: int = 1) -> x509.Certificate:
    """A certificate whose validity begins then."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = (
        builder.serial_number(serial).not_valid_before(begins).not_valid_after(begins + datetime.timedelta(days=1))
    )
    return builder.sign(KEY, hashes.SHA256())


def pem(found: x509.Certificate) -> str:
    """Its PEM text."""
    return found.public_bytes(serialization.Encoding.PEM).decode()


def der(found: x509.Certificate) -> bytes:
    """Its DER."""
    return found.public_bytes(serialization.Encoding.DER)


MOMENT = datetime.datetime(2026, 2, 28, 23, 59, 58, tzinfo=datetime.UTC)


@pytest.mark.parametrize("text", [lambda p: p, lambda p: "a comment\n" + p, lambda p: p.replace("\n", "\r\n")])
def test_the_ca_is_read_from_its_pem(text: Any) -> None:
    """One certificate, whatever stands around it, in either kind of line."""
    ca = certificate(MOMENT)
    assert der_of(text(pem(ca))) == der(ca)


@pytest.mark.parametrize("text", ["", "trust me", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", "MIIB"])
def test_what_is_no_certificate_is_refused(text: str) -> None:
    """Before anything is said to the broker."""
    with pytest.raises(LinkError, match="no CA"):
        der_of(text)


@pytest.mark.parametrize(
    "begins",
    [MOMENT, datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC), datetime.datetime(2049, 12, 31, tzinfo=datetime.UTC)],
)
def test_the_beginning_of_a_certificate_is_found(begins: datetime.datetime) -> None:
    """Also where the serial number looks like a time at first sight."""
    lure = int.from_bytes(b"\x17\x0d26022", "big")
    for serial in (1, lure):
        assert begins_s(memoryview(der(certificate(begins, serial=serial)))) == int(begins.timestamp())


@pytest.mark.parametrize("data", [b"", b"\x17\x0d", b"\x17\x0d26139999999\x5a", b"\x17\x0d261399999999Z", bytes(500)])
def test_without_a_beginning_there_is_no_guess(data: bytes) -> None:
    """Nothing, a piece, letters and a month 13: the floor stands."""
    assert begins_s(data) == 0


@pytest.mark.parametrize(
    ("now_s", "floor_s", "seen", "told"),
    [
        (1_800_000_000, 5, MOMENT, 1_800_000_000),  # trusted time: nothing else counts
        (None, 1_700_000_000, None, 1_700_000_000),  # the floor
        (None, 1_700_000_000, MOMENT, 1_772_323_198),  # a certificate that was made since
        (None, 1_790_000_000, MOMENT, 1_790_000_000),  # an older one does not turn the clock back
    ],
)
def test_the_moment_against_which_validity_is_judged(
    now_s: int | None, floor_s: int, seen: datetime.datetime | None, told: int
) -> None:
    """Trusted time; else the floor, or the beginning of the broker's certificate where that is later."""
    clock: list[int] = []
    transport = SecureTransport(None, "no ca", lambda: now_s, lambda: floor_s, clock.append)
    if seen is not None:
        assert transport._seen(der(certificate(seen)), 1) == 0  # the CA's own tells nothing
        assert transport._seen(der(certificate(seen)), 0) == 0
    with pytest.raises(ImportError):  # CPython has no `tls`: what comes after the clock is tried in MicroPython
        transport._reading("broker.example")
    assert clock == [told]
