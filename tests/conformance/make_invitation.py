"""Vectors of section 10 that nobody seals: invitation.json, answer.json."""

from __future__ import annotations

from typing import Any

from . import plain
from .make_enrolment import ANSWER, INVITATION, MADE_S, answer, fingerprint, invitation, public_of, text_of
from .make_healing import SMALL
from .make_keys import secret
from .make_links import DEVICES
from .make_telemetry import EPOCH
from .vectorfile import VectorFile

EXPIRES_S = MADE_S + 14 * 86_400


# ---- invitation.json


def invitation_file() -> VectorFile:
    """Each entry at its edges, and each changed alone."""
    file = VectorFile(
        "invitation",
        "10",
        "`private` is the server's, and stands in no invitation; `release_key` is null where there is none",
    )
    value = _invited("plain")
    _invitation(file, "plain", value)
    for name, changed in (
        ("release-key", {5: secret("release-key")}),
        ("controller-64", {4: "x" * 64}),
        ("controller-none", {4: ""}),
        ("controller-beyond-ascii", {4: "Bäckerei Œuf ü"}),
        ("expires-soon", {3: 1}),
        ("expires-last", {3: 2**32 - 1}),
        ("id-zero", {1: bytes(16)}),
        ("id-ones", {1: b"\xff" * 16}),
        ("url-alphabet", {1: b"\xfb\xef\xbe" * 5 + b"\xff", 2: public_of("url-alphabet")}),
        ("all", {4: "Example Ltd", 5: secret("release-key-2")}),
    ):
        _invitation(file, name, [changed.get(place, entry) for place, entry in enumerate(value)])
    _refused_invitations(file, value)
    return file


def _invited(name: str) -> list[Any]:
    return [1, secret("invitation-" + name)[:16], public_of(name), EXPIRES_S, "Example Ltd", None]


def _invitation(file: VectorFile, name: str, value: list[Any]) -> None:
    _, ident, public, expires_s, controller, release_key = value
    text = text_of(invitation(value))
    file.valid(
        name,
        id=ident,
        public=public,
        expires_s=expires_s,
        controller=controller,
        release_key=release_key,
        packed=invitation(value),
        text=text,
        fingerprint=fingerprint(text),
    )


def _refused_invitations(file: VectorFile, value: list[Any]) -> None:
    for name, kind, place, wrong in (
        ("version-0", "range", 0, 0),
        ("version-2", "range", 0, 2),
        ("id-15", "shape", 1, value[1][:15]),
        ("id-17", "shape", 1, value[1] + b"\x00"),
        ("id-text", "shape", 1, "0" * 16),
        ("public-31", "shape", 2, value[2][:31]),
        ("public-33", "shape", 2, value[2] + b"\x00"),
        *((f"public-{name}", "zero", 2, point) for name, point in SMALL.items()),
        ("expires-negative", "range", 3, -1),
        ("expires-bin", "shape", 3, b"\x00"),
        ("controller-65", "shape", 4, "x" * 65),
        ("controller-bin", "shape", 4, b"Example Ltd"),
        ("controller-line-break", "shape", 4, "Example\nLtd"),
        ("release-key-31", "shape", 5, bytes(31)),
        ("release-key-text", "shape", 5, "0" * 32),
    ):
        packed = invitation([wrong if place == at else entry for at, entry in enumerate(value)])
        file.invalid(name, kind, "plain", f"entry {place}", text=text_of(packed))
    packed, text = invitation(value), text_of(invitation(value))
    long_form = packed[:1] + b"\xcc\x01" + packed[2:]
    for name, kind, changed, wrong_text in (
        ("five-entries", "shape", "the last entry left out", text_of(invitation(value[:5]))),
        ("seven-entries", "shape", "an entry added", text_of(invitation([*value, 0]))),
        ("longer-form", "encoding", "the version in two bytes", text_of(long_form)),
        ("trailing-byte", "encoding", "a byte added", text_of(packed + b"\x00")),
        ("cut", "encoding", "the last byte left out", text_of(packed[:-1])),
        ("nothing", "encoding", "nothing behind the name", INVITATION),
        ("other-name", "shape", "the name", text.replace("invitation-1", "invitation-2")),
        ("capital-name", "shape", "the name", text.replace("byleave", "Byleave")),
        ("padded", "encoding", "padding added", text + "=="),
        ("no-digit", "encoding", "a character of no alphabet", text[:-4] + "!" + text[-3:]),
        ("blank-inside", "encoding", "a blank within", text[:40] + " " + text[40:]),
        ("two-lines", "encoding", "a second line", text + "\n" + text),
        ("long", "size", "4096 characters added", text + "A" * 4096),
    ):
        file.invalid(name, kind, "plain", changed, text=wrong_text)


# ---- answer.json


def answer_file() -> VectorFile:
    """Answers of none to nine envelopes; then what is cut, too long or of another name."""
    file = VectorFile("answer", "10", "`envelopes` are downlinks in the order in which the board is to open them")
    device, root = DEVICES[0], secret("root-answer")
    verdicts = [_verdict(device, root, number) for number in range(9)]
    for count in range(9):
        _answer(file, f"{count}-envelopes", verdicts[:count])
    _answer(file, "later-number", [_verdict(device, root, 70)])
    _answer(file, "largest", [b"\x93" + bytes(1023)])
    one = answer(verdicts[:1])
    head = len(ANSWER)
    for name, kind, changed, wrong in (
        ("name", "shape", "the name", b"B" + one[1:]),
        ("name-2", "range", "the version in the name", one.replace(b"answer-1", b"answer-2", 1)),
        ("cut-in-the-envelope", "size", "the last byte left out", one[:-1]),
        ("cut-in-the-length", "size", "all but a byte of the length left out", one[: head + 1]),
        ("length-0", "size", "the length", one[:head] + bytes(2)),
        ("length-1025", "size", "the length", one[:head] + (1025).to_bytes(2, "big") + bytes(1025)),
        ("byte-added", "size", "a byte behind the last envelope", one + b"\x00"),
        ("nothing", "size", "all of it left out", b""),
    ):
        file.invalid(name, kind, "1-envelopes", changed, answer=wrong)
    return file


def _answer(file: VectorFile, name: str, envelopes: list[bytes]) -> None:
    file.valid(name, envelopes=[each.hex() for each in envelopes], answer=answer(envelopes))


def _verdict(device: str, root: bytes, number: int) -> bytes:
    """A downlink that says `stored` of envelope (0, status, EPOCH, 0), sealed under `root`."""
    key = plain.derive(plain.chain(plain.derive(root, "down", "chain"), "down", number), "down", "seal")
    header, nonce = plain.pack([1, 0, 0, number]), secret(f"nonce-answer-{number}")[:13]
    value = plain.pack([1, [0, 4, EPOCH, 0, secret("digest")[:8], 0]])
    return (
        b"\x93"
        + header
        + plain.pack(nonce)
        + plain.pack(plain.ccm_seal(key, nonce, plain.bound(header, device), value, 16))
    )
