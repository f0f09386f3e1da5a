"""What the doctor makes of a broker's certificate, whatever is in it."""

from __future__ import annotations

import json

import pytest

from agent.examination import brokers, certificates
from agent.examination.findings import OK, WRONG, Device

DEVICE = Device("esp32s3", enrolled=True, settings={"wifi": {}, "broker": {}}, now_s=1_770_000_000)


def _der(tag: int, *parts: bytes) -> bytes:
    """One element (X.690, 8.1), of up to 65535 bytes."""
    data = b"".join(parts)
    return bytes((tag, 0x82)) + len(data).to_bytes(2, "big") + data


def certificate(name: bytes = b"broker.example", ends: bytes = b"300101000000Z") -> bytes:
    """A certificate of the parts that the doctor reads, unsigned."""
    names = _der(0x30, bytes.fromhex("0603551d11"), _der(0x04, _der(0x30, _der(0x82, name))))
    validity = _der(0x30, _der(0x17, b"260101000000Z"), _der(0x17, ends))
    empty = _der(0x30)
    body = _der(0x30, _der(0x02, b"\1"), empty, empty, validity, empty, empty, _der(0xA3, _der(0x30, names)))
    return _der(0x30, body, empty, _der(0x03, b"\0"))


class Shown:
    """A board whose broker showed this certificate, and took the credentials or failed by this word."""

    def __init__(self, der: bytes, answer: object = 0) -> None:
        self._said = json.dumps([answer, der.hex()])

    def run(self, program: str) -> str:
        """What BROKER prints."""
        return self._said + "\n"


def test_a_certificate_that_can_be_read_gives_its_day_and_its_name() -> None:
    """The case that the odd ones below change in one thing each."""
    assert certificates.read(certificate()).names == ("broker.example",)
    assert brokers.broker(Shown(certificate()), DEVICE).seen.endswith("good until 2030-01-01")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "odd",
    [
        certificate(b"br\xf8ker.example"),
        certificate(b"b" * 8192),
        certificate(ends=b"30010100000+1"),
        certificate()[:90],
    ],
    ids=["name", "long", "time", "cut"],
)
def test_an_odd_certificate_is_no_fault_of_the_board(odd: bytes) -> None:
    """TLS at the board judges it; that the doctor cannot read its day takes nothing from what was found."""
    with pytest.raises(ValueError, match=r"."):
        certificates.read(odd)
    taken = brokers.broker(Shown(odd), DEVICE)  # type: ignore[arg-type]
    assert (taken.state, taken.seen) == (OK, "it is reached, and takes the credentials")
    word = "The certificate is not correctly signed by the trusted CA"
    refused = brokers.broker(Shown(odd, [word]), DEVICE)  # type: ignore[arg-type]
    assert (refused.state, refused.seen) == (WRONG, "another CA than the settings' has signed its certificate")
