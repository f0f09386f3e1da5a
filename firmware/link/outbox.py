"""Outbox: which spooled envelope is sent next, and which a verdict releases."""

from firmware.wire import envelope

# Sent and without a verdict, each about 100 bytes of RAM. Beyond it sending waits for verdicts, which come 12 at once.
MAX_UNJUDGED = 48


class Outbox:
    """Order of sending over a spool that may hold entries which never get a verdict.

    What is new goes first; then, from where the last contact stopped, what was sent before and is still there. So no
    entry is sent twice in a contact, and none at the head of the spool holds up those behind it.
    """

    def __init__(self, spool):
        self._spool = spool
        self._tail = None  # highest position ever sent
        self._old_until = None  # second round: positions up to here, sent in earlier contacts
        self._old = None  # how far the second round has come
        self._sent = {}  # (generation, stream, epoch, counter) -> (position, digest)

    def keep(self) -> int:
        """How far sending has come, for `restore` behind a deep sleep; positions are stable."""
        return -1 if self._tail is None else self._tail

    def restore(self, tail: int) -> None:
        """Go on there: what was sent and has no verdict is not new."""
        self._tail = self._old_until = None if tail < 0 else tail

    def begin(self) -> None:
        """A new contact: what the last one sent and saw no verdict for is due again."""
        self._sent = {}
        if self._old is None or self._old_until is None or self._old >= self._old_until:
            self._old = None  # the last round is over: begin the next at the oldest entry
        self._old_until = self._tail

    def unjudged(self) -> int:
        """Envelopes of this contact that wait for their verdict."""
        return len(self._sent)

    def forget(self) -> None:
        """Wait no longer for the verdicts of what was sent; a later contact sends it again."""
        self._sent = {}

    def has_new(self) -> bool:
        """True if the spool holds an entry that was never sent since boot."""
        for _ in self._spool.pending(self._tail, 1):
            return True
        return False

    def next(self):
        """The next entry to send in this contact, or None."""
        if len(self._sent) >= MAX_UNJUDGED:
            return None
        for entry in self._spool.pending(self._tail, 1):
            self._tail = entry.position
            return self._note(entry)
        if self._old_until is not None:
            for entry in self._spool.pending(self._old, 1):
                if entry.position > self._old_until:
                    break
                self._old = entry.position
                return self._note(entry)
            self._old = self._old_until
            self._old_until = None
        return None

    def judge(self, generation: int, stream: int, epoch: int, counter: int, digest: bytes) -> bool:
        """Release the entry that a verdict names by number and digest; False if none of this contact matches both."""
        number = (generation, stream, epoch, counter)
        position, ours = self._sent.get(number, (None, b""))
        # The digest must match too [two envelopes under one number after a rollback: the verdict is for one of them].
        if position is None or ours != digest:
            return False
        del self._sent[number]
        return self._spool.release(position)

    def _note(self, entry):
        number = envelope.peek_uplink(entry.envelope)[:4]
        self._sent[number] = (entry.position, envelope.digest8(entry.envelope))
        return entry
