"""What a broker's certificate says of itself, as far as the doctor needs it: for how long it is valid, and for which names.

It judges nothing: that is TLS's, at the board. The bytes are a stranger's, and every step in them is bounded by their length.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterator
from dataclasses import dataclass

MOST_BYTES = 8192  # of one certificate: a common one has 1 to 2 KiB
MOST_NAMES = 3  # that are told of
_SEQUENCE, _VERSION, _EXTENSIONS, _OCTETS, _DNS_NAME = 0x30, 0xA0, 0xA3, 0x04, 0x82
_TIMES = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}  # UTCTime, GeneralizedTime (RFC 5280, 4.1.2.5)
_ALT_NAMES = bytes.fromhex("0603551d11")  # subjectAltName (RFC 5280, 4.2.1.6)


@dataclass(frozen=True)
class Certificate:
    """Validity in Unix seconds, and names."""

    begins_s: int
    ends_s: int
    names: tuple[str, ...] = ()


def read(der: bytes) -> Certificate:
    """What a certificate (RFC 5280) says; ValueError for what is none."""
    if len(der) > MOST_BYTES:
        raise ValueError("longer than a certificate")
    fields = list(_inside(_first(_first(der, _SEQUENCE), _SEQUENCE)))
    if fields and fields[0][0] == _VERSION:
        del fields[0]
    if len(fields) < 6:  # serial, algorithm, issuer, validity, subject, key
        raise ValueError("a certificate of too few parts")
    times = [_unix_s(tag, data) for tag, data in _inside(fields[3][1])]
    if len(times) != 2:
        raise ValueError("a validity of other than two times")
    names: list[str] = []
    for tag, data in fields[6:]:
        if tag == _EXTENSIONS:
            names = list(_names(_first(data, _SEQUENCE)))[:MOST_NAMES]
    return Certificate(times[0], times[1], tuple(names))


def day(unix_s: float) -> str:
    """A day in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(unix_s))


def _names(extensions: bytes) -> Iterator[str]:
    for _, extension in _inside(extensions):
        if extension.startswith(_ALT_NAMES):
            last = list(_inside(extension))[-1]
            if last[0] == _OCTETS:
                yield from (
                    data.decode("ascii") for tag, data in _inside(_first(last[1], _SEQUENCE)) if tag == _DNS_NAME
                )


def _inside(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, content) of one element of DER after another (X.690, 8.1)."""
    while data:
        if len(data) < 2:
            raise ValueError("cut off")
        tag, length, at = data[0], data[1], 2
        if length & 0x80:
            at += length & 0x7F
            length = int.from_bytes(data[2:at], "big")
        if len(data) < at + length or at > 5:  # a length of three bytes is more than MOST_BYTES
            raise ValueError("cut off")
        yield tag, data[at : at + length]
        data = data[at + length :]


def _first(data: bytes, tag: int) -> bytes:
    """Content of the first element, which must be of that kind."""
    found = next(_inside(data), (0, b""))
    if found[0] != tag:
        raise ValueError("another element")
    return found[1]


def _unix_s(tag: int, data: bytes) -> int:
    if tag not in _TIMES:
        raise ValueError("no time")
    return calendar.timegm(time.strptime(data.decode("ascii"), _TIMES[tag]))
