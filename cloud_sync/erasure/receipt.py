"""The receipt of an erasure: what went, what stays and why, when the last backup is gone, and where the proof lies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that an erasure leaves: how much of it, on which legal basis, why; `review_at` is when it is looked at again."""

    what: str
    count: int
    basis: str
    why: str
    review_at: float | None = None

    def sentence(self) -> str:
        """For the person."""
        looked = f"; looked at again on {day(self.review_at)}" if self.review_at is not None else ""
        return f"{self.what} ({self.count}): {self.why}; {self.basis}{looked}"


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What was erased, for the person and for the file: captures from `start` to before `end` (Unix seconds).

    `envelopes` were removed and nothing of them stays; `resealed` were written anew without what lay within; `leaves` is how
    many keys were destroyed or moved forward. `entry` is the index in the audit log whose proof (`audit.prove`) shows that it
    was done: its detail names the first tombstone. What the holds in `held` cover is there still, restricted, and goes once they
    are released. `backups_gone_at` is when the last backup has expired that could bring a destroyed key back (None: nothing was
    destroyed); `unreadable_at` is when nothing of it opens any more, also in backups that live longer. `kept` is what
    stays; `recipients` were told of the person before and have what they were told.
    """

    subject: str
    at: float
    start: int
    end: int
    devices: tuple[str, ...]
    tombstones: tuple[str, ...]
    envelopes: int
    resealed: int
    leaves: int
    entry: int
    held: tuple[str, ...] = ()
    whole: bool = False
    backups_gone_at: float | None = None
    kept: tuple[Kept, ...] = ()
    recipients: tuple[str, ...] = ()
    unreadable_at: float | None = None

    def text(self) -> str:
        """For the person: sentences, a line each; days are UTC."""
        return "\n".join([*self._gone(), *self._left(), self._proof()]) + "\n"

    def _gone(self) -> list[str]:
        what = (
            "everything" if self.whole else f"what was captured from {moment(self.start)} to before {moment(self.end)}"
        )
        lines = [
            f"Erased on {moment(self.at)}: {what} about {self.subject}.",
            f"{self.envelopes} sealed messages of {len(self.devices)} devices were removed and {self.leaves} keys destroyed;"
            f" {self.resealed} messages were written anew without what was erased.",
        ]
        if self.backups_gone_at is not None:
            lines.append(
                "Nobody can read it any more. Backups of before can be read until they expire, and bring nothing back into use:"
                f" the last one is gone on {day(self.backups_gone_at)}."
            )
            if self.unreadable_at is not None and self.unreadable_at < self.backups_gone_at:
                lines.append(
                    f"From {day(self.unreadable_at)} on none of them can be read: the last key has gone by then."
                )
        return lines

    def _left(self) -> list[str]:
        lines = []
        if self.held:
            lines.append(f"A legal hold keeps a part, which nobody uses, until it is released: {', '.join(self.held)}.")
        if self.kept:
            lines += ["What stays:", *(f"- {each.sentence()}" for each in self.kept)]
        if self.recipients:
            lines.append(
                f"These have copies of their own, which you can ask them to erase: {', '.join(self.recipients)}."
            )
        return lines

    def _proof(self) -> str:
        named = f", under tombstone {self.tombstones[0]}" if self.tombstones else ""
        return f"Proof: entry {self.entry} of the audit log{named}."


def day(at: float) -> str:
    """The UTC day of a Unix second."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def moment(at: float) -> str:
    """A Unix second in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
