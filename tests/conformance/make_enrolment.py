"""The three formats of section 10, said once more, and the vectors of the sealed one: enrolment.json."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from . import plain, plain_hpke
from .make_keys import secret
from .make_links import DEVICES, salt_of
from .make_status import BOOT
from .make_telemetry import DAY_START_S, EPOCH
from .vectorfile import Case, VectorFile

INVITATION, ENROLMENT, ANSWER = "byleave-invitation-1:", b"byleave-enrolment-1\n", b"byleave-answer-1\n"
INFO = b"byleave/1/enrolment"
MADE_S = DAY_START_S + 40_000
NIL = b"\xc0"


# ---- the three formats, said once; tests that need one of their own make it with these


def invitation(value: list[Any]) -> bytes:
    """The bytes inside the text; `None` is nil, which stands nowhere else on the wire."""
    return bytes([0x90 | len(value)]) + b"".join(NIL if entry is None else plain.pack(entry) for entry in value)


def text_of(packed: bytes) -> str:
    """The line of text."""
    return INVITATION + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def fingerprint(text: str) -> str:
    """Of the line, without what ends it."""
    digits = hashlib.sha256(text.encode()).hexdigest()[:16]
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


def sealed(ident: bytes, public: bytes, plaintext: bytes, ephemeral: bytes) -> bytes:
    """The file that the agent leaves behind."""
    return ENROLMENT + ident + plain_hpke.seal(public, INFO + ident, plaintext, ephemeral)


def hello(device: str, root: bytes, first_epoch: int, epoch: int, counter: int = 0, status: bytes = b"") -> bytes:
    """The first envelope of a device: its status, under the keys of generation 0."""
    day = plain.derive(plain.spine(root, "status", epoch - first_epoch), "status", "day")
    key = plain.derive(plain.chain(plain.derive(day, "status", "chain"), "status", counter), "status", "seal")
    header, salt = plain.pack([1, 0, plain.STREAMS["status"], epoch, counter, 0]), salt_of("hello")
    nonce = plain.uplink_nonce(plain.STREAMS["status"], epoch, counter, salt)
    text = plain.ccm_seal(key, nonce, plain.bound(header, device), status or plain.pack(BOOT), 8)
    return b"\x93" + header + plain.pack(salt) + plain.pack(text)


def answer(envelopes: list[bytes]) -> bytes:
    """The file that the server answers with."""
    return ANSWER + b"".join(len(each).to_bytes(2, "big") + each for each in envelopes)


def public_of(name: str) -> bytes:
    """The public key of an invitation of this name; the private one is `secret("x25519-invitation-" + name)`."""
    return X25519PrivateKey.from_private_bytes(secret("x25519-invitation-" + name)).public_key().public_bytes_raw()


# ---- enrolment.json


def enrolment_file() -> VectorFile:
    """Whole sealed enrolments; then each part of the plaintext changed alone and sealed soundly, and each of the seal."""
    file = VectorFile(
        "enrolment",
        "10",
        "`ephemeral` is the sender's private key, fixed here and fresh in earnest; `private` opens `sealed`",
    )
    base = _enrolled(file, "with-hello")
    _enrolled(file, "without-hello", greets=False)
    _enrolled(file, "other-device", device=DEVICES[1])
    _enrolled(file, "board-16", board="a" * 16)
    _enrolled(file, "board-1", board="b")
    _enrolled(file, "version-16", version="0.1.0-abcdef0123")
    _enrolled(file, "version-none", version="")
    _enrolled(file, "made-at-midnight", made_s=EPOCH * 86_400)
    _enrolled(file, "hello-after-midnight", made_s=(EPOCH + 1) * 86_400 - 1, hello_epoch=EPOCH + 1)
    _enrolled(file, "first-day-before", made_s=(EPOCH + 1) * 86_400)
    _enrolled(file, "first-day-behind", made_s=EPOCH * 86_400 - 1)
    _enrolled(file, "hello-counter-7", counter=7)
    _enrolled(file, "hello-padded", status=plain.pack(BOOT) + b"\xc1" * 600)
    _refused_plaintexts(file, base)
    _refused_seals(file, base)
    return file


def _enrolled(
    file: VectorFile,
    name: str,
    *,
    device: str = DEVICES[0],
    made_s: int = MADE_S,
    board: str = "esp32s3",
    version: str = "0.1.0",
    greets: bool = True,
    hello_epoch: int = EPOCH,
    counter: int = 0,
    status: bytes = b"",
) -> Case:
    ident, root = secret("invitation-" + name)[:16], secret("root-enrolment-" + name)
    private, ephemeral = secret("x25519-invitation-" + name), secret("x25519-ephemeral-" + name)
    public = public_of(name)
    greeting = hello(device, root, EPOCH, hello_epoch, counter, status) if greets else b""
    plaintext = plain.pack([1, device, root, 0, EPOCH, made_s, board, version, greeting])
    return file.valid(
        name,
        id=ident,
        private=private,
        public=public,
        ephemeral=ephemeral,
        device=device,
        root=root,
        first_epoch=EPOCH,
        made_s=made_s,
        board=board,
        version=version,
        hello=greeting,
        info=INFO + ident,
        plaintext=plaintext,
        sealed=sealed(ident, public, plaintext, ephemeral),
    )


def _refused_plaintexts(file: VectorFile, base: Case) -> None:
    device, root, made_s, greeting = base["device"], base["root"], base["made_s"], base["hello"]
    value = [1, device, root, 0, EPOCH, made_s, "esp32s3", "0.1.0", greeting]
    foreign = hello(device, secret("root-of-nobody"), EPOCH, EPOCH)
    for name, kind, place, wrong in (
        ("version-0", "range", 0, 0),
        ("version-2", "range", 0, 2),
        ("device-15", "shape", 1, device[:15]),
        ("device-17", "shape", 1, device + "a"),
        ("device-capitals", "shape", 1, device.upper()),
        ("device-digit-1", "shape", 1, device[:15] + "1"),
        ("device-bin", "shape", 1, device.encode()),
        ("root-31", "shape", 2, root[:31]),
        ("root-33", "shape", 2, root + b"\x00"),
        ("root-text", "shape", 2, "0" * 32),
        ("generation-1", "range", 3, 1),
        ("first-epoch-two-behind", "range", 4, EPOCH - 2),
        ("first-epoch-two-ahead", "range", 4, EPOCH + 2),
        ("first-epoch-negative", "range", 4, -1),
        ("made-bin", "shape", 5, b"\x00"),
        ("board-none", "shape", 6, ""),
        ("board-17", "shape", 6, "a" * 17),
        ("board-beyond-ascii", "shape", 6, "esp32ü"),
        ("board-bin", "shape", 6, b"esp32s3"),
        ("firmware-17", "shape", 7, "0.1.0-abcdef01234"),
        ("firmware-line-break", "shape", 7, "0.1\n0"),
        ("hello-text", "shape", 8, "hello"),
        ("hello-1025", "size", 8, bytes(1025)),
        ("hello-garbage", "encoding", 8, b"\x93" + bytes(20)),
        ("hello-under-other-keys", "seal", 8, foreign),
        ("hello-flipped", "seal", 8, greeting[:-1] + bytes([greeting[-1] ^ 1])),
        ("hello-of-another-device", "seal", 8, hello(DEVICES[1], root, EPOCH, EPOCH)),
        ("hello-two-days-on", "range", 8, hello(device, root, EPOCH, EPOCH + 2)),
        ("hello-answers-healing", "shape", 8, hello(device, root, EPOCH, EPOCH, 0, plain.pack([16, 0, bytes(32)]))),
        ("hello-no-status", "shape", 8, hello(device, root, EPOCH, EPOCH, 0, plain.pack(BOOT[:17]))),
    ):
        _wrong_plaintext(
            file, base, name, kind, f"entry {place}", plain.pack([*value[:place], wrong, *value[place + 1 :]])
        )
    packed = plain.pack(value)
    _wrong_plaintext(file, base, "eight-entries", "shape", "the hello left out", plain.pack(value[:8]))
    _wrong_plaintext(file, base, "ten-entries", "shape", "an entry added", plain.pack([*value, 0]))
    _wrong_plaintext(file, base, "longer-form", "encoding", "the version in two bytes", b"\x99\xcc\x01" + packed[2:])
    _wrong_plaintext(file, base, "trailing-byte", "encoding", "a byte added", packed + b"\x00")
    _wrong_plaintext(file, base, "empty", "encoding", "nothing sealed", b"")


def _wrong_plaintext(file: VectorFile, base: Case, name: str, kind: str, changed: str, plaintext: bytes) -> None:
    whole = sealed(base["id"], base["public"], plaintext, base["ephemeral"])
    file.invalid("plaintext-" + name, kind, "with-hello", changed, id=base["id"], private=base["private"], sealed=whole)


def _refused_seals(file: VectorFile, base: Case) -> None:
    whole, head = base["sealed"], len(ENROLMENT)
    flipped = [bytes(b ^ (1 if at == place else 0) for at, b in enumerate(whole)) for place in range(len(whole))]
    tail = len(whole) - 1
    for name, kind, changed, wrong in (
        ("magic", "shape", "the first byte", b"B" + whole[1:]),
        ("magic-2", "range", "the version in the name", whole.replace(b"enrolment-1", b"enrolment-2", 1)),
        ("crlf", "shape", "the line's end", whole.replace(b"\n", b"\r\n", 1)),
        ("id", "seal", "the id within the sealing", _resealed(base)),
        ("enc-flipped", "seal", "a bit of the encapsulated key", flipped[head + 16]),
        ("enc-zero", "seal", "the encapsulated key", whole[: head + 16] + bytes(32) + whole[head + 48 :]),
        ("ciphertext-flipped", "seal", "a bit of the ciphertext", flipped[head + 48]),
        ("tag-flipped", "seal", "a bit of the tag", flipped[tail]),
        ("byte-added", "seal", "a byte behind the tag", whole + b"\x00"),
        ("byte-left-out", "seal", "the last byte left out", whole[:-1]),
        ("no-ciphertext", "size", "all behind the encapsulated key left out", whole[: head + 48]),
        ("no-enc", "size", "all behind the id left out", whole[: head + 16]),
        ("only-the-name", "size", "all behind the name left out", ENROLMENT),
        ("nothing", "size", "all of it left out", b""),
        ("long", "size", "4096 bytes added", whole + bytes(4096)),
    ):
        file.invalid("seal-" + name, kind, "with-hello", changed, id=base["id"], private=base["private"], sealed=wrong)


def _resealed(base: Case) -> bytes:
    """Sealed under the info of another invitation."""
    other = plain_hpke.seal(base["public"], INFO + bytes(16), base["plaintext"], base["ephemeral"])
    return ENROLMENT + base["id"] + other
