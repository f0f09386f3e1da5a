"""Releases as the controller makes them: image, chain of chunks, signature, and the file that is carried to the server."""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.errors import ConfigError, SealBroken, WireFormatError
from cloud_sync.releases import signing
from cloud_sync.releases.image import read_folder
from cloud_sync.wire import codec
from cloud_sync.wire import release as wire

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
IMAGE = bytes(3000) + hashlib.shake_256(b"noise").digest(3001)
RELEASE = signing.make("esp32s3", "1.0", 2, IMAGE, KEY)


def folder(at: Path, **about: object) -> Path:
    """What `byleave agent release` makes."""
    at.mkdir(parents=True, exist_ok=True)
    (at / "firmware.romfs").write_bytes(IMAGE)
    image = {"name": "firmware.romfs", "bytes": len(IMAGE), "sha256": hashlib.sha256(IMAGE).hexdigest()}
    said = {"form": 1, "board": "esp32s3", "version": "1.0", "security": 2, "image": image, **about}
    (at / "release.json").write_text(json.dumps(said))
    return at


def test_chunks_lead_from_one_to_the_next() -> None:
    """Each is named by the one before, the first by the manifest; together they are the image, by any inflater."""
    following, out = RELEASE.manifest.first, b""
    assert len(RELEASE.messages) == 1 + RELEASE.manifest.chunks == 7
    for message in RELEASE.messages[1:]:
        assert hashlib.sha256(message).digest()[:16] == following
        assert len(message) <= 16 + 1024
        following, block = message[:16], message[16:]
        size = min(1024, len(IMAGE) - len(out))
        out += block if len(block) == size else zlib.decompress(block, -10)
    assert following == bytes(16)
    assert out == IMAGE
    assert RELEASE.manifest.digest == hashlib.sha256(IMAGE).digest()


def test_a_release_opens_with_its_key_alone() -> None:
    """By its own key it is read, by another it is refused; one bit of its file is found out."""
    data = RELEASE.pack()
    assert signing.unpack(data, KEY.public_key()) == RELEASE
    with pytest.raises(SealBroken):
        signing.unpack(data, Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())
    for at in range(30, len(data), 97):
        damaged = bytearray(data)
        damaged[at] ^= 1
        with pytest.raises((ConfigError, SealBroken, WireFormatError)):
            signing.unpack(bytes(damaged), KEY.public_key())
    for cut in (data[:-1], data[: -len(RELEASE.messages[-1]) - 2], data[5:], b""):
        with pytest.raises(ConfigError):
            signing.unpack(cut, KEY.public_key())


def test_the_image_that_was_made_is_signed(tmp_path: Path) -> None:
    """As it lies there, with what release.json says of it."""
    assert read_folder(folder(tmp_path)) == ("esp32s3", "1.0", 2, IMAGE)
    assert signing.sign_folder(tmp_path, KEY) == signing.make("esp32s3", "1.0", 2, IMAGE, KEY)


def test_a_folder_that_was_changed_is_not_signed(tmp_path: Path) -> None:
    """An image that is another, one that is missing, one outside, and a description that is none."""
    at = folder(tmp_path / "sound")
    assert read_folder(at)
    (at / "firmware.romfs").write_bytes(IMAGE[:-1] + b"q")
    with pytest.raises(ConfigError, match=r"not what release\.json says"):
        read_folder(at)
    (at / "firmware.romfs").unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_folder(at)
    (tmp_path / "secret").write_bytes(b"s")
    outside = {"name": "../secret", "bytes": 1, "sha256": hashlib.sha256(b"s").hexdigest()}
    with pytest.raises(ConfigError, match="outside"):
        read_folder(folder(tmp_path / "outside", image=outside))
    for about in ({"image": {}}, {"image": []}, {"security": "x"}, {"image": {"name": "firmware.romfs"}}):
        with pytest.raises(ConfigError):
            read_folder(folder(tmp_path / "odd", **about))
    with pytest.raises(ConfigError):
        read_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "value"),
    [("board", ""), ("board", "b" * 17), ("version", ""), ("version", "1" * 17), ("security", -1), ("security", 65536)],
)
def test_what_no_device_takes_is_not_signed(name: str, value: object) -> None:
    """The bounds of a manifest."""
    sound = {"board": "esp32s3", "version": "1.0", "security": 2}
    assert signing.make(**sound, image=IMAGE, key=KEY)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="cannot be signed"):
        signing.make(**{**sound, name: value}, image=IMAGE, key=KEY)  # type: ignore[arg-type]


def test_a_manifest_is_strict() -> None:
    """One field too many, one of another type, another version, one too long."""
    body = codec.unpack(codec.unpack(RELEASE.messages[0])[0])
    assert wire.open_signed(RELEASE.messages[0], None) == RELEASE.manifest
    wrong = ([*body, 0], body[:-1], [2, *body[1:]], [*body[:5], body[5][:15], body[6]], [*body[:6], bytes(31)])
    for value in wrong:
        packed = codec.pack(value)
        with pytest.raises(WireFormatError):
            wire.open_signed(codec.pack([packed, KEY.sign(wire.DOMAIN + packed)]), KEY.public_key())
    with pytest.raises(WireFormatError):
        wire.open_signed(bytes(201), None)


def test_keys_are_files_of_one_line() -> None:
    """What `new_key` makes `read_key` reads; nothing else is a key."""
    private, public = signing.new_key()
    assert signing.public_hex(signing.read_key(private)) == public
    for wrong in (b"", b"00", private[:-3], private + b"00", b"\xff" * 64):
        with pytest.raises(ConfigError):
            signing.read_key(wrong)
