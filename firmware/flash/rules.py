"""Rules: the directive in force and an unfinished purge, in one record of the region "rules"."""

from firmware.errors import FirmwareError
from firmware.wire import ladder
from firmware.wire.directive import GNSS, LIGHT, MOTION, TEMPERATURE, Directive
from firmware.wire.msgpack import pack, unpack

PERSONAL = (ladder.LOCATION, ladder.ENVIRONMENT, ladder.MOTION)
_ANY = GNSS | TEMPERATURE | LIGHT | MOTION


def permitted(directive) -> int:
    """Bits of the sensors that a directive permits."""
    return sum(sensor for sensor in (GNSS, TEMPERATURE, LIGHT, MOTION) if directive.permits(sensor))


class Rules:
    """Rules(log): log is a RecordLog over the region "rules", slot_bytes=512.

    Attributes: `directive` (Directive or None), `purge` (tuple of the stream numbers that are still to be wiped), `had`
    (bits of the sensors whose readings may wait in the spool; it outlives a directive that an unanswered one ended).
    """

    def __init__(self, log):
        self._log = log
        self.directive = None
        self.purge: tuple = ()
        self.had = _ANY  # without a record nobody knows
        body = log.load()
        if body is not None:
            self._take(body)

    def _take(self, body):
        try:
            wire, purge, had = unpack(body)
            self.directive = Directive(wire) if wire else None
            self.purge, self.had = tuple(purge), int(had)
        except (FirmwareError, TypeError, ValueError):
            # Of another release, then: nothing is permitted, and what it wanted purged nobody knows.
            self.directive, self.purge, self.had = None, PERSONAL, _ANY

    def save(self, directive, purge=(), ended=None):
        """Persist the directive and the streams that are to be purged, in one record (PROTOCOL rule 12). A directive says
        which sensors' readings may wait from now on; without one, `ended` does: of what waited it takes the rest away.

        Then stop, drop the open batch, spool.purge() each stream, and call purged(). After a boot, `purge` says what is
        left to do.
        """
        had = permitted(directive) if directive else self.had & (permitted(ended) if ended else _ANY)
        wire = directive.to_wire() if directive else []
        self._log.store(pack([wire, list(purge), had]))
        self.directive, self.purge, self.had = directive, tuple(purge), had

    def purged(self):
        """Clear the purge marks, after spool.purge() of every stream came back."""
        self.save(self.directive)
