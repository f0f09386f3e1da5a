"""X25519 (RFC 7748 section 5): the Montgomery ladder over Python's big integers.

Loaded when an offer of healing comes, and dropped from memory after it (`firmware.heal`).

Not constant-time: each of the 255 steps makes the same operations in the same order whatever the scalar's bit, and the bit
chooses places of a tuple, never a branch; but the time of an addition, a product or a reduction hangs on the length of its
numbers, and the collector runs when it will. It matters little here: a private key is drawn for one exchange, serves two
products and is forgotten, so nobody measures it twice; whoever could time it at the device's pins could read its flash;
and the secret alone opens nothing without the old spine.
"""

from firmware.const import const
from firmware.errors import SealError

_BYTES = const(32)
_P = 2**255 - 19
_A24 = const(121_665)  # (486662 − 2) / 4
BASE = b"\x09" + bytes(31)


def multiply(scalar, u, tick=None) -> bytes:
    """X25519(scalar, u): 32 bytes each. SealError for another length. `tick()` is called on the way, to feed a watchdog."""
    if len(scalar) != _BYTES or len(u) != _BYTES:
        raise SealError("X25519 takes 32 bytes and 32 bytes")
    k = int.from_bytes(scalar, "little") & (2**255 - 8) | 2**254  # decodeScalar25519
    x1 = (int.from_bytes(u, "little") & (2**255 - 1)) % _P  # the highest bit is no part of u
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        swap ^= bit
        x2, x3 = (x2, x3)[swap], (x3, x2)[swap]
        z2, z3 = (z2, z3)[swap], (z3, z2)[swap]
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2 + _P, x3 + z3, x3 - z3 + _P
        aa, bb, da, cb = a * a % _P, b * b % _P, d * a % _P, c * b % _P
        e = aa - bb + _P
        x3, z3 = da + cb, da - cb + _P
        x3, z3 = x3 * x3 % _P, x1 * (z3 * z3 % _P) % _P
        x2, z2 = aa * bb % _P, e * (aa + _A24 * e) % _P
        if tick:
            tick()
    x2, z2 = (x2, x3)[swap], (z2, z3)[swap]
    return (x2 * pow(z2, _P - 2, _P) % _P).to_bytes(_BYTES, "little")
