"""Vectors of healing, sections 3 and 7: healing.json."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from . import plain
from .make_keys import secret
from .vectorfile import Case, VectorFile, plain_value

BEGAN = 20_590  # first epoch of the old generation
UPLINKS = list(plain.STREAMS)[1:]
# Points whose product with any key is zero (RFC 7748 section 6.1): orders 1, 2, 4 and 8, and one that is not reduced.
SMALL = {
    "zero": bytes(32),
    "one": b"\x01" + bytes(31),
    "order-8": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "minus-one": (2**255 - 20).to_bytes(32, "little"),
    "p": (2**255 - 19).to_bytes(32, "little"),
}


def healing_file() -> VectorFile:
    """The whole exchange: offer, answer, and the ladders of the next generation; then keys that fix the secret."""
    file = VectorFile(
        "healing",
        "3 and 7, healing",
        "from the old root and both ephemeral keys to the first keys of the next generation",
    )
    base = _exchange(file, "same-day", epoch=20_600, spine_epoch=20_601, number=3)
    _exchange(file, "first-day", epoch=BEGAN, spine_epoch=BEGAN + 1, number=0)
    _exchange(file, "device-three-days-behind", epoch=20_600, spine_epoch=20_604, number=70_000)
    _exchange(file, "later-generation", epoch=20_600, spine_epoch=20_602, number=2**32 - 1, generation=65_534)
    for on in range(1, 6):
        _exchange(file, f"day-{on}", epoch=BEGAN + on, spine_epoch=BEGAN + 2 * on, number=on, generation=on)
    _exchange(file, "highest-bit-of-the-key-set", epoch=20_600, spine_epoch=20_601, number=3, high=True)
    for name, point in SMALL.items():
        file.invalid(
            f"server-public-{name}",
            "zero",
            "same-day",
            "the server's public key",
            device_private=base["device_private"],
            server_public=point,
        )
    return file


def _exchange(
    file: VectorFile, name: str, *, epoch: int, spine_epoch: int, number: int, generation: int = 0, high: bool = False
) -> Case:
    root = secret("root-healing-" + name)
    device, server = (
        X25519PrivateKey.from_private_bytes(secret(f"x25519-{side}-{name}")) for side in ("device", "server")
    )
    server_public = server.public_key().public_bytes_raw()
    if high:  # masked by who receives it (RFC 7748 section 5)
        server_public = server_public[:31] + bytes([server_public[31] | 0x80])
    shared = device.exchange(X25519PublicKey.from_public_bytes(server_public))
    spines = {stream: plain.spine(root, stream, spine_epoch - BEGAN) for stream in UPLINKS}
    first = {stream: plain.heal(spines[stream], shared, stream) for stream in UPLINKS}
    down = plain.heal(spines["status"], shared, "down")
    device_public = device.public_key().public_bytes_raw()
    return file.valid(
        name,
        root=root,
        began=BEGAN,
        generation=generation,
        epoch=epoch,
        spine_epoch=spine_epoch,
        number=number,
        device_private=device.private_bytes_raw(),
        device_public=device_public,
        server_private=server.private_bytes_raw(),
        server_public=server_public,
        shared=shared,
        offer=plain_value([4, server_public, spine_epoch, epoch]),
        answer=plain.pack([16, number, device_public]),
        old_spines=[spines[stream].hex() for stream in UPLINKS],
        new_spines=[first[stream].hex() for stream in UPLINKS],
        new_down=down,
        first_keys=[_first_key(first[stream], stream).hex() for stream in UPLINKS],
        first_down_key=plain.derive(down, "down", "seal"),
    )


def _first_key(spine: bytes, stream: str) -> bytes:
    """K(g+1, n₀, 0)."""
    start = plain.derive(plain.derive(spine, stream, "day"), stream, "chain")
    return plain.derive(start, stream, "seal")
