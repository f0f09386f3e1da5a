"""Rules: the directive in force and an unfinished purge, in one record of the region "rules"."""

from firmware.errors import FirmwareError
from firmware.wire import ladder
from firmware.wire.directive import Directive
from firmware.wire.msgpack import pack, unpack

PERSONAL = (ladder.LOCATION, ladder.ENVIRONMENT, ladder.MOTION)


class Rules:
    """Rules(log): log is a RecordLog over the region "rules", slot_bytes=512.

    Attributes: `directive` (Directive or None), `purge` (tuple of the stream numbers that are still to be wiped).
    """

    def __init__(self, log):
        self._log = log
        self.directive = None
        self.purge: tuple = ()
        body = log.load()
        if body is not None:
            self._take(body)

    def _take(self, body):
        try:
            wire, purge = unpack(body)
            self.directive = Directive(wire) if wire else None
            self.purge = tuple(purge)
        except (FirmwareError, TypeError, ValueError):
            # Of another release, then: nothing is permitted, and what it wanted purged nobody knows.
            self.directive, self.purge = None, PERSONAL

    def save(self, directive, purge=()):
        """Persist the directive (or None) and the streams that are to be purged, in one record (PROTOCOL rule 12).

        Then stop, drop the open batch, spool.purge() each stream, and call purged(). After a boot, `purge` says what is
        left to do.
        """
        wire = directive.to_wire() if directive else []
        self._log.store(pack([wire, list(purge)]))
        self.directive = directive
        self.purge = tuple(purge)

    def purged(self):
        """Clear the purge marks, after spool.purge() of every stream came back."""
        self.save(self.directive)
