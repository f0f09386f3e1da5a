"""What the plaintext of a downlink says (wire-format section 7)."""

from firmware.const import const
from firmware.errors import WireError
from firmware.wire.directive import Directive
from firmware.wire.envelope import check_header_number

VERDICTS, DIRECTIVE, TIME = 1, 2, 3
STORED, DROP, CLOSED = 0, 1, 2  # code of a verdict; each lets the envelope leave the spool
_MAX_VERDICTS = const(12)


def parse(value) -> tuple:
    """(kind, content): VERDICTS with a list of (generation, stream, epoch, counter, digest, code), DIRECTIVE with a
    Directive, TIME with (time_s, challenge). WireError, or DirectiveError from the directive.
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
    raise WireError("a downlink of another kind or length")


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
