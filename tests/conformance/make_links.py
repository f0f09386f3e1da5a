"""Vectors of section 4 and of the downlinks of section 7: uplink.json, downlink.json."""

from __future__ import annotations

from typing import Any

from . import plain
from .directives import LARGEST, SOUND
from .make_keys import FIRST_EPOCH, secret
from .make_readings import BOTH, MORNING_S, moves, readings
from .make_status import BOOT
from .make_telemetry import EPOCH, drive
from .vectorfile import Case, VectorFile, plain_value

DEVICES = ("abcdefghijklmnop", "k7vq2zlt4mxwh3ad")
CHALLENGE = bytes.fromhex("0102030405060708")
UPDATE = [5, bytes(range(16)), 137, 139_500]
HEALING = [4, bytes(range(32)), EPOCH - 1, EPOCH]


def salt_of(name: str) -> bytes:
    """A fixed salt that belongs to `name`."""
    return secret("salt-" + name)[:4]


def uplink_file() -> VectorFile:
    """Whole uplink envelopes with every intermediate value, and each field of one changed alone."""
    file = VectorFile(
        "uplink", "4, uplink envelope", "root to envelope with every value between; `key` opens the envelope"
    )
    drive5 = plain.pack(plain.location(0, drive(5), EPOCH))
    drive20 = plain.pack(plain.location(1, drive(20), EPOCH))
    boot, first, second = plain.pack(BOOT), *DEVICES
    base = _uplink(file, "location", drive5, first, 0, "location", EPOCH, 0, 1)
    _uplink(file, "location-cells", drive20, first, 0, "location", EPOCH, 1, 1)
    _uplink(file, "status", boot, first, 0, "status", EPOCH, 0, 0)
    _uplink(file, "status-padded", boot + b"\xc1" * 20, first, 0, "status", EPOCH, 1, 0)
    morning = plain.pack(plain.environment(BOTH, 60, readings(BOTH, 20), EPOCH))
    walk = plain.pack(plain.motion(600, moves(20, 600, MORNING_S + plain.EPOCH_S), EPOCH + 1))
    _uplink(file, "environment", morning, first, 0, "environment", EPOCH, 3, 2)
    _uplink(file, "motion", walk, first, 0, "motion", EPOCH + 1, 255, 300)
    _uplink(file, "other-device", drive5, second, 0, "location", EPOCH, 0, 1)
    _uplink(file, "other-generation", drive5, second, 1, "location", EPOCH, 0, 70_000)
    _uplink(file, "edges", drive5, second, 65_535, "location", 131_071, 4_095, 2**31 - 1, first_epoch=131_000)
    _uplink(file, "one-byte", plain.pack(0), second, 2, "status", FIRST_EPOCH, 7, 0)
    room = 1024 - len(base["envelope"]) - 2  # the ciphertext's header grows by one byte above 255
    _uplink(file, "largest", drive5 + b"\xc1" * (room + 1), first, 0, "location", EPOCH, 2, 1)
    _refused_uplinks(file, base)
    return file


def _uplink(
    file: VectorFile,
    name: str,
    plaintext: bytes,
    device: str,
    generation: int,
    stream: str,
    epoch: int,
    counter: int,
    version: int,
    first_epoch: int = FIRST_EPOCH,
) -> Case:
    root, number, salt = secret(f"root-{device}-{generation}"), plain.STREAMS[stream], salt_of(name)
    spine = plain.spine(root, stream, epoch - first_epoch)
    day = plain.derive(spine, stream, "day")
    start = plain.derive(day, stream, "chain")
    link = plain.chain(start, stream, counter)
    key = plain.derive(link, stream, "seal")
    header = plain.pack([1, generation, number, epoch, counter, version])
    nonce, aad = plain.uplink_nonce(number, epoch, counter, salt), plain.bound(header, device)
    sealed = plain.ccm_seal(key, nonce, aad, plaintext, 8)
    envelope = b"\x93" + header + plain.pack(salt) + plain.pack(sealed)
    return file.valid(
        name,
        device=device,
        root=root,
        stream=stream,
        first_epoch=first_epoch,
        generation=generation,
        epoch=epoch,
        counter=counter,
        directive_version=version,
        salt=salt,
        plaintext=plaintext,
        spine=spine,
        day=day,
        chain_start=start,
        chain=link,
        key=key,
        header=header,
        nonce=nonce,
        aad=aad,
        sealed=sealed,
        envelope=envelope,
        digest=plain.digest8(envelope),
    )


def _refused_uplinks(file: VectorFile, base: Case) -> None:
    salt, sealed = base["salt"], base["sealed"]
    header = [1, base["generation"], 1, base["epoch"], base["counter"], base["directive_version"]]

    def add(
        name: str, kind: str, changed: str, envelope: bytes, device: str = base["device"], origin: str = "location"
    ) -> None:
        file.invalid(name, kind, origin, changed, device=device, key=base["key"], envelope=envelope)

    def with_header(index: int, value: Any) -> bytes:
        return plain.pack([[*header[:index], value, *header[index + 1 :]], salt, sealed])

    names = ("version", "generation", "stream", "epoch", "counter", "directive version")
    for index, value in ((1, 1), (2, 2), (3, EPOCH + 1), (4, 1), (5, 2)):
        add(f"relabelled-{names[index].replace(' ', '-')}", "seal", names[index], with_header(index, value))
    for index, value in (
        (0, 0),
        (0, 2),
        (1, 65_536),
        (1, -1),
        (2, 0),
        (2, 5),
        (3, 131_072),
        (3, -1),
        (4, 4_096),
        (4, -1),
        (5, 2**31),
        (5, -1),
    ):
        add(f"{names[index].replace(' ', '-')}-{value}", "range", names[index], with_header(index, value))
    for index, name in enumerate(names):
        add(f"{name.replace(' ', '-')}-is-bin", "shape", f"type of {name}", with_header(index, b"\x01"))
    add("moved-to-other-device", "seal", "device", base["envelope"], DEVICES[1])
    add("salt-flipped", "seal", "salt", plain.pack([header, bytes([salt[0] ^ 1]) + salt[1:], sealed]))
    add("ciphertext-flipped", "seal", "ciphertext", plain.pack([header, salt, bytes([sealed[0] ^ 1]) + sealed[1:]]))
    add("tag-flipped", "seal", "tag", plain.pack([header, salt, sealed[:-1] + bytes([sealed[-1] ^ 0x80])]))
    add("ciphertext-cut", "seal", "ciphertext", plain.pack([header, salt, sealed[1:]]))
    add("tag-of-16", "seal", "length of the tag", plain.pack([header, salt, _long_tag(base)]))
    add("salt-3", "shape", "salt", plain.pack([header, salt[:3], sealed]))
    add("salt-5", "shape", "salt", plain.pack([header, salt + b"\x00", sealed]))
    add("salt-is-text", "shape", "type of the salt", plain.pack([header, "salt", sealed]))
    add("no-plaintext", "shape", "ciphertext left out", plain.pack([header, salt, sealed[-8:]]))
    add("header-five", "shape", "directive version left out", plain.pack([header[:5], salt, sealed]))
    add("header-seven", "shape", "an entry added to the header", plain.pack([[*header, 0], salt, sealed]))
    add("header-is-bin", "shape", "type of the header", plain.pack([plain.pack(header), salt, sealed]))
    add("two-entries", "shape", "ciphertext left out", plain.pack([header, salt]))
    add("four-entries", "shape", "an entry added", plain.pack([header, salt, sealed, 0]))
    add("not-an-array", "shape", "the array", plain.pack(base["envelope"]))
    add("empty", "encoding", "everything left out", b"")
    add("cut", "encoding", "last byte left out", base["envelope"][:-1])
    add("trailing", "encoding", "a byte added", base["envelope"] + b"\x00")
    add("padded-outside", "encoding", "a padding byte added", base["envelope"] + b"\xc1")
    long_version = base["envelope"].replace(base["header"], base["header"][:1] + b"\xcc\x01" + base["header"][2:], 1)
    add("longer-form-in-header", "encoding", "form of the version", long_version)
    add(
        "longer-form-of-salt",
        "encoding",
        "form of the salt",
        base["envelope"].replace(b"\xc4\x04" + salt, b"\xc5\x00\x04" + salt, 1),
    )
    big = plain.ccm_seal(base["key"], base["nonce"], base["aad"], bytes(1025 - len(base["header"]) - 10 - 8), 8)
    add("too-large", "size", "one byte more", plain.pack([header, salt, big]), origin="largest")


def _long_tag(base: Case) -> bytes:
    return plain.ccm_seal(base["key"], base["nonce"], base["aad"], base["plaintext"], 16)


def downlink_file() -> VectorFile:
    """Verdicts, a directive and the time as sealed downlinks, and each field of them changed alone."""

    file = VectorFile("downlink", "4 and 7, downlinks", "`value` is the plaintext array; `key` opens the envelope")
    verdict = [0, 1, EPOCH, 3, bytes.fromhex("a1a2a3a4a5a6a7a8"), 0]
    base = _downlink(file, "verdict", [1, verdict])
    for code in (1, 2):
        _downlink(file, f"verdict-code-{code}", [1, [*verdict[:5], code]], number=code)
    _downlink(
        file,
        "verdicts-12",
        [1, *([g, 1 + g % 4, EPOCH + g, 4_095 - g, bytes([g] * 8), g % 3] for g in range(12))],
        number=5,
    )
    _downlink(file, "verdict-edges", [1, [65_535, 4, 131_071, 4_095, b"\xff" * 8, 2]], number=6)
    _downlink(file, "directive", [2, SOUND], number=7)
    _downlink(file, "directive-no-challenge", [2, [*SOUND[:17], b""]], number=8)
    _downlink(file, "directive-largest", [2, LARGEST], number=9)
    _downlink(file, "time", [3, 1_780_000_000, CHALLENGE], number=9)
    _downlink(file, "time-edge", [3, 2**32 - 1, CHALLENGE], number=10)
    _downlink(file, "healing", HEALING, number=11)
    _downlink(file, "healing-edge", [4, b"\xff" * 32, 131_071, 131_071], number=12)
    _downlink(file, "update", UPDATE, number=13)
    _downlink(file, "update-edge", [5, b"\xff" * 16, 1, 2**24 - 1], number=14)
    _downlink(file, "other-device", [1, verdict], device=DEVICES[1], generation=3, number=40)
    _refused_downlinks(file, base)
    _refused_values(file, verdict)
    return file


def _sealed_down(value: Any, device: str, generation: int, number: int, name: str) -> Case:
    root = secret(f"root-{device}-{generation}")
    start = plain.derive(root, "down", "chain")
    link = plain.chain(start, "down", number)
    key, nonce = plain.derive(link, "down", "seal"), secret("nonce-" + name)[:13]
    header = plain.pack([1, generation, 0, number])
    aad, plaintext = plain.bound(header, device), plain.pack(value)
    sealed = plain.ccm_seal(key, nonce, aad, plaintext, 16)
    return {
        "device": device,
        "root": root,
        "generation": generation,
        "number": number,
        "chain_start": start,
        "chain": link,
        "key": key,
        "nonce": nonce,
        "header": header,
        "aad": aad,
        "value": plain_value(value),
        "plaintext": plaintext,
        "sealed": sealed,
        "envelope": b"\x93" + header + plain.pack(nonce) + plain.pack(sealed),
    }


def _downlink(
    file: VectorFile, name: str, value: Any, device: str = DEVICES[0], generation: int = 0, number: int = 0
) -> Case:
    return file.valid(name, **_sealed_down(value, device, generation, number, name))


def _refused_downlinks(file: VectorFile, base: Case) -> None:
    nonce, sealed = base["nonce"], base["sealed"]
    header = [1, base["generation"], 0, base["number"]]

    def add(name: str, kind: str, changed: str, envelope: bytes, device: str = base["device"]) -> None:
        file.invalid(name, kind, "verdict", changed, device=device, key=base["key"], envelope=envelope)

    names = ("version", "generation", "stream", "number")
    for index, value, kind in (
        (0, 0, "range"),
        (0, 2, "range"),
        (1, 1, "seal"),
        (1, 65_536, "range"),
        (1, -1, "range"),
        (2, 1, "range"),
        (3, 1, "seal"),
        (3, -1, "range"),
    ):
        add(
            f"{names[index]}-{value}",
            kind,
            names[index],
            plain.pack([[*header[:index], value, *header[index + 1 :]], nonce, sealed]),
        )
    add("moved-to-other-device", "seal", "device", base["envelope"], DEVICES[1])
    add("nonce-flipped", "seal", "nonce", plain.pack([header, bytes([nonce[0] ^ 1]) + nonce[1:], sealed]))
    add("ciphertext-flipped", "seal", "ciphertext", plain.pack([header, nonce, bytes([sealed[0] ^ 1]) + sealed[1:]]))
    add("tag-flipped", "seal", "tag", plain.pack([header, nonce, sealed[:-1] + bytes([sealed[-1] ^ 1])]))
    short_tag = plain.ccm_seal(base["key"], nonce, base["aad"], base["plaintext"], 8)
    add("tag-of-8", "seal", "length of the tag", plain.pack([header, nonce, short_tag]))
    add("nonce-12", "shape", "nonce", plain.pack([header, nonce[:12], sealed]))
    add("nonce-14", "shape", "nonce", plain.pack([header, nonce + b"\x00", sealed]))
    add("no-plaintext", "shape", "ciphertext left out", plain.pack([header, nonce, sealed[-16:]]))
    add("header-three", "shape", "number left out", plain.pack([header[:3], nonce, sealed]))
    add("header-five", "shape", "an entry added to the header", plain.pack([[*header, 0], nonce, sealed]))
    add("two-entries", "shape", "ciphertext left out", plain.pack([header, nonce]))
    add("four-entries", "shape", "an entry added", plain.pack([header, nonce, sealed, 0]))
    add("cut", "encoding", "last byte left out", base["envelope"][:-1])
    add("trailing", "encoding", "a byte added", base["envelope"] + b"\x00")
    add("padded-outside", "encoding", "a padding byte added", base["envelope"] + b"\xc1")


def _refused_values(file: VectorFile, verdict: list[Any]) -> None:
    time_value = [3, 1_780_000_000, CHALLENGE]

    def add(name: str, kind: str, origin: str, changed: str, value: Any) -> None:
        case = _sealed_down(value, DEVICES[0], 0, 0, name)
        file.invalid(
            name,
            kind,
            origin,
            changed,
            device=case["device"],
            key=case["key"],
            envelope=case["envelope"],
            value=case["value"],
        )

    def one(index: int, wrong: Any) -> list[Any]:
        return [1, [*verdict[:index], wrong, *verdict[index + 1 :]]]

    add("kind-0", "range", "verdict", "kind", [0, verdict])
    add("kind-6", "range", "verdict", "kind", [6, verdict])
    add("kind-bin", "shape", "verdict", "type of the kind", [b"\x01", verdict])
    add("verdicts-none", "shape", "verdict", "the verdict left out", [1])
    add("verdicts-13", "shape", "verdicts-12", "a verdict added", [1, *([verdict] * 13)])
    add("verdict-five", "shape", "verdict", "code left out", [1, verdict[:5]])
    add("verdict-seven", "shape", "verdict", "an entry added", [1, [*verdict, 0]])
    add("verdict-generation", "range", "verdict", "generation", one(0, 65_536))
    add("verdict-stream-0", "range", "verdict", "stream", one(1, 0))
    add("verdict-stream-5", "range", "verdict", "stream", one(1, 5))
    add("verdict-epoch", "range", "verdict", "epoch", one(2, 131_072))
    add("verdict-counter", "range", "verdict", "counter", one(3, 4_096))
    add("verdict-digest-7", "shape", "verdict", "digest", one(4, bytes(7)))
    add("verdict-digest-9", "shape", "verdict", "digest", one(4, bytes(9)))
    add("verdict-code-3", "range", "verdict", "code", one(5, 3))
    add("healing-public-31", "shape", "healing", "public", [4, HEALING[1][:31], *HEALING[2:]])
    add("healing-public-33", "shape", "healing", "public", [4, HEALING[1] + b"\x00", *HEALING[2:]])
    add("healing-public-text", "shape", "healing", "public", [4, "0" * 32, *HEALING[2:]])
    add("healing-spine-epoch", "range", "healing", "spine_epoch", [*HEALING[:2], 131_072, HEALING[3]])
    add("healing-spine-negative", "range", "healing", "spine_epoch", [*HEALING[:2], -1, HEALING[3]])
    add("healing-first-epoch", "range", "healing", "first_epoch", [*HEALING[:3], 131_072])
    add("healing-first-bin", "shape", "healing", "first_epoch", [*HEALING[:3], b"\x05"])
    add("healing-three", "shape", "healing", "first_epoch left out", HEALING[:3])
    add("healing-five", "shape", "healing", "an entry added", [*HEALING, 0])
    add("update-id-15", "shape", "update", "release", [5, UPDATE[1][:15], *UPDATE[2:]])
    add("update-id-text", "shape", "update", "release", [5, "0" * 16, *UPDATE[2:]])
    add("update-chunks-0", "range", "update", "chunks", [*UPDATE[:2], 0, UPDATE[3]])
    add("update-bytes-0", "range", "update", "bytes", [*UPDATE[:3], 0])
    add("update-bytes-large", "range", "update", "bytes", [*UPDATE[:3], 2**24])
    add("update-three", "shape", "update", "bytes left out", UPDATE[:3])
    add("update-five", "shape", "update", "an entry added", [*UPDATE, 0])
    add("time-negative", "range", "time", "time", [3, -1, CHALLENGE])
    add("time-challenge-empty", "shape", "time", "challenge", [3, time_value[1], b""])
    add("time-challenge-9", "shape", "time", "challenge", [3, time_value[1], bytes(9)])
    add("time-two", "shape", "time", "challenge left out", time_value[:2])
    add("time-four", "shape", "time", "an entry added", [*time_value, 0])
    add("directive-missing", "shape", "directive", "the directive left out", [2])
    add("directive-is-int", "shape", "directive", "type of the directive", [2, 5])
    add("not-an-array", "shape", "verdict", "the array", 1)
