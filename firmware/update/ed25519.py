"""Verification of Ed25519 signatures (RFC 8032, section 5.1.7) over Python's big integers.

Loaded when a release is offered, and dropped after it. Nothing here is secret, so nothing needs constant time.
Cofactorless, and by the bytes of R: a signature is accepted here that OpenSSL accepts, and no other.
"""

from firmware.update.sha512 import sha512

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
_ROOT = 19681161376707505956807079304988542015446066515923890162744021073123829784752  # of −1
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960


def verify(key, message, signature, tick=None) -> bool:
    """True if `signature` (64 bytes) is one of `message` by the private key of `key` (32 bytes); False for anything else.

    `tick()` is called on the way, to feed a watchdog.
    """
    if len(key) != 32 or len(signature) != 64:
        return False
    # 1. S below the group's order [else each signature has a second form].
    s = int.from_bytes(signature[32:], "little")
    if s >= _L:
        return False
    # 2. The key is a point, in its only encoding, and not one of the eight of small order [such a key signs anything].
    a = _decode(key)
    if a is None or _is_small(a):
        return False
    k = int.from_bytes(sha512(signature[:32] + key + message, tick), "little") % _L
    # 3. R = S·B − k·A, compared as bytes [an R in another encoding is another signature].
    x, y = a[:2]
    return _encode(_twice(s, k, (_P - x, y), tick)) == bytes(signature[:32])


def _twice(s, k, a, tick):
    """s·B + k·a by one chain of doublings; the points in extended coordinates."""
    b = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)
    a = (a[0], a[1], 1, a[0] * a[1] % _P)
    points = (None, b, a, _add(a, b))
    r = (0, 1, 1, 0)
    for i in range(252, -1, -1):
        r = _double(r)
        which = (s >> i & 1) | (k >> i & 1) << 1
        if which:
            r = _add(r, points[which])
        if tick:
            tick()
    return r


def _add(p, q):
    # RFC 8032, section 5.1.4; complete: right for equal points and for the neutral one too.
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(p):
    x, y, z, _ = p
    a, b = x * x % _P, y * y % _P
    h = a + b
    e = h - (x + y) * (x + y) % _P
    g = a - b
    f = 2 * z * z % _P + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _encode(p):
    inverse = pow(p[2], _P - 2, _P)
    x, y = p[0] * inverse % _P, p[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(key):
    """(x, y) of an encoded point, or None (RFC 8032, section 5.1.3)."""
    y = int.from_bytes(key, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= _P:
        return None
    u, v = y * y - 1, _D * y * y + 1
    x = u * v**3 % _P * pow(u * v**7 % _P, (_P - 5) // 8, _P) % _P
    if (v * x * x - u) % _P:
        x = x * _ROOT % _P
        if (v * x * x - u) % _P:
            return None
    if not x and sign:
        return None
    return (_P - x if x & 1 != sign else x), y


def _is_small(point):
    p = (point[0], point[1], 1, point[0] * point[1] % _P)
    for _ in range(3):
        p = _double(p)
    return not p[0] % _P
