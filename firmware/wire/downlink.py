"""What the plaintext of a downlink says (wire-format section 7)."""

from firmware.const import const
from firmware.errors import WireError
from firmware.wire.directive import Directive
from firmware.wire.envelope import check_header_number
from firmware.wire.ladder import MAX_EPOCH

VERDICTS, DIRECTIVE, TIME, HEALING, UPDATE = 1, 2, 3, 4, 5
STORED, DROP, CLOSED = 0, 1, 2  # code of a verdict; each lets the envelope leave the spool
_MAX_VERDICTS = const(12)
_MAX_RELEASE_BYTES = const(0xFF_FFFF)  # beyond any board's flash; what fits its slot the board knows


def parse(value) -> tuple:
    """(kind, content): VERDICTS with a list of (generation, stream, epoch, counter, digest, code), DIRECTIVE with a
    Directive, TIME with (time_s, challenge), HEALING with (public, spine_epoch, first_epoch), UPDATE with (release id,
    chunks, bytes). WireError, or DirectiveError from the directive.
    """
    if not isinstance(value, list) or len(value) < 2:
        raise WireError("not a downlink")
    kind = value[0]
    if kind == VERDICTS:
        if len(value) > 1 + _MAX_VERDICTS:
            raise WireError("too many verdicts")
        return kind, [_verdict(entry) for entry in value[1:]]
    if kind == DIRECTIVE and len(value) == 2:
        return kind, Directive(value[1])
    if kind == TIME and len(value) == 3:
        _, time_s, challenge = value
        if not isinstance(time_s, int) or time_s < 0 or not isinstance(challenge, bytes) or len(challenge) != 8:
            raise WireError("time out of range, or no challenge")
        return kind, (time_s, challenge)
    if kind == HEALING and len(value) == 4:
        _, public, *epochs = value
        if not isinstance(public, bytes) or len(public) != 32:
            raise WireError("a public key has 32 bytes")
        for epoch in epochs:
            if not isinstance(epoch, int) or not 0 <= epoch <= MAX_EPOCH:
                raise WireError("epoch out of range")
        return kind, (public, epochs[0], epochs[1])
    if kind == UPDATE and len(value) == 4:
        return kind, _release(value[1:])
    raise WireError("a downlink of another kind or length")


def _release(offer):
    release, *sizes = offer
    if not isinstance(release, bytes) or len(release) != 16:
        raise WireError("id of a release has 16 bytes")
    for number in sizes:
        if not isinstance(number, int) or not 1 <= number <= _MAX_RELEASE_BYTES:
            raise WireError("size of a release out of range")
    return release, sizes[0], sizes[1]


def _verdict(entry):
    if not isinstance(entry, list) or len(entry) != 6:
        raise WireError("a verdict has six parts")
    check_header_number(entry[:4])
    digest, code = entry[4:]
    if not isinstance(digest, bytes) or len(digest) != 8:
        raise WireError("digest must have 8 bytes")
    if not isinstance(code, int) or not STORED <= code <= CLOSED:
        raise WireError("verdict of an unknown code")
    return tuple(entry)
