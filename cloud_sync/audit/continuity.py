"""What a checkpoint of before a restore still proves: a log that was put back from a backup, told from one that was tampered with.

Both are shorter than the checkpoint says, and grow over its end. So whenever a checkpoint is signed, the proof is kept, where no
restore turns it back, that the log of each newer backup is a beginning of the log that was signed (RFC 9162 section 2.1.4). After a
restore the log that is there must fit that proof up to the backup, by hashes that nobody can choose; and the restore must have been
seen at a start.

Nothing is hidden by it: what is lost stays named, by number, and the answer is never that the log holds. Whoever puts an honest
backup in place to lose entries gets exactly that said of them. Whoever changes one entry from before it gets no proof to fit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, NamedTuple

from cloud_sync.audit.checkpoint import Checkpoint
from cloud_sync.audit.events import Kind
from cloud_sync.audit.merkle import consistency_paths, root_of, verify_consistency
from cloud_sync.errors import AuditError
from cloud_sync.stores import AuditStore, Clock, WitnessStore

BACKED_UP, SIGNED, RESTORED = "log-backup/", "log-signed/", "log-restored/"
MOST_BACKUPS: Final = 8  # the newest: older ones are restored where these are lost as well; five kilobytes a checkpoint
MICRO: Final = 1_000_000
HEAD: Final = "audit"  # of the witness: how many entries there were, and the last one's hash


class Restored(NamedTuple):
    """A restore that explains why a log does not continue a checkpoint: `kept` entries are those that were signed."""

    kept: int
    signed: int
    lost: int  # entries that there had been at least, up to the restore
    at: float
    entry: int | None  # of the log that says so; None where it is not logged


class Continuity:
    """What is kept of backups, checkpoints and restores of one log."""

    def __init__(self, store: AuditStore, witness: WitnessStore, clock: Clock) -> None:
        self._store = store
        self._witness = witness
        self._clock = clock

    def backed_up(self, entries: int) -> None:
        """A backup holds the first `entries` of the log."""
        self._witness.set_witness(f"{BACKED_UP}{entries}", round(self._clock.now() * MICRO), b"")

    def signed(self, hashes: Sequence[bytes]) -> None:
        """A checkpoint of these leaf hashes is given out."""
        if hashes:  # a restore is seen by it [a log that goes back behind what was signed]
            self._witness.raise_witness(HEAD, len(hashes), hashes[-1])
        sizes = [size for size in self._backups() if 0 < size < len(hashes)]
        if sizes:
            paths = consistency_paths(sizes, hashes)
            mark = json.dumps({str(size): [node.hex() for node in path] for size, path in paths.items()})
            self._witness.set_witness(f"{SIGNED}{len(hashes)}", len(sizes), mark.encode())

    def restored(self, lost: int) -> None:
        """At a start, before anything is appended: the log misses so many entries that were seen."""
        now, kept = self._clock.now(), self._store.leaf_count()
        self._witness.set_witness(f"{RESTORED}{round(now * MICRO)}", kept + 1, json.dumps([lost, now]).encode())

    def explain(self, signed: Checkpoint) -> Restored | None:
        """The restore that took what the checkpoint signs; None where none that was seen fits, by its proof.

        1. A restore was seen that kept fewer entries than were signed [a log that was merely cut].
        2. What is there of that backup is a beginning of what was signed [an entry from before it that was edited].
        """
        _, mark = self._witness.witness(f"{SIGNED}{signed.size}") or (0, b"")
        paths = json.loads(mark) if mark else {}
        for name, kept in sorted(self._witness.witnesses(RESTORED).items(), reverse=True):
            size, said = kept - 1, self._witness.witness(name)
            if said is None or size >= signed.size or str(size) not in paths:  # 1.
                continue
            if self._fits(size, signed, [bytes.fromhex(node) for node in paths[str(size)]]):  # 2.
                lost, at = json.loads(said[1])
                return Restored(size, signed.size, lost, at, self._logged(size))
        return None

    def _fits(self, size: int, signed: Checkpoint, path: list[bytes]) -> bool:
        hashes = self._store.leaf_hashes(0, size)
        if len(hashes) != size:
            return False
        try:
            verify_consistency(size, signed.size, root_of(hashes), signed.root, path)
        except AuditError:
            return False
        return True

    def _logged(self, size: int) -> int | None:
        entries = (index for index, _ in self._store.audit_events(kind=Kind.RESTORE_REPLAYED.value))
        return next((index for index in entries if index >= size), None)

    def _backups(self) -> list[int]:
        made = self._witness.witnesses(BACKED_UP)
        newest = sorted(made, key=lambda name: made[name], reverse=True)[:MOST_BACKUPS]
        return sorted(int(name.removeprefix(BACKED_UP)) for name in newest)
