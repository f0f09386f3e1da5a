"""The log as a file: what an auditor takes away, and how it is checked on a machine that has nothing else of ours.

One leaf a line, as the tree has it: kind, time and a commitment, so the file says nothing of any person. Whoever is shown
entries as well (their own, say) checks that these are what the leaves commit to. Nothing here needs the database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cloud_sync.audit.checkpoint import Checkpoint, open_checkpoint
from cloud_sync.audit.events import event_of, leaf_bytes, unsalted
from cloud_sync.audit.merkle import EMPTY_ROOT, leaf_hash, node_hash
from cloud_sync.errors import AuditError
from cloud_sync.model import AuditEvent
from cloud_sync.stores import AuditStore

MOST_LEAF_BYTES = 512  # kind, time, commitment: a leaf has about 130
MOST_ENTRIES_BYTES = 1 << 28  # a person's entries of a lifetime


def leaves(store: AuditStore) -> Iterator[bytes]:
    """Every line of the published log, in order."""
    for index in range(store.leaf_count()):
        yield store.leaf(index) + b"\n"


def entries_json(store: AuditStore, subject: str) -> str:
    """A person's entries with what proves them, for `check_published`."""
    found = []
    for index, stored in store.audit_events(subject):
        event, salt = unsalted(stored)
        found.append({"index": index, "event": _asdict(event), "salt": salt.hex()})
    return json.dumps({"subject": subject, "entries": found}, indent=1)


def _asdict(event: AuditEvent) -> dict[str, Any]:
    detail = [list(pair) for pair in event.detail]
    return {"kind": event.kind, "at": event.at, "actor": event.actor, "subject": event.subject, "detail": detail}


@dataclass(frozen=True, slots=True)
class Published:
    """What was checked: a log of `size` entries that continues each of `checkpoints`; `entries` of them are shown in clear."""

    size: int
    checkpoints: tuple[Checkpoint, ...]
    entries: int = 0


@dataclass(slots=True)
class _Range:
    """The roots of the perfect subtrees that a tree of `size` leaves is made of: enough to go on, 32 bytes a bit of the size."""

    size: int = 0
    roots: list[tuple[int, bytes]] = field(default_factory=list)  # (height, hash), highest first

    def add(self, leaf: bytes) -> None:
        height, running = 0, leaf_hash(leaf)
        while self.roots and self.roots[-1][0] == height:
            running = node_hash(self.roots.pop()[1], running)
            height += 1
        self.roots.append((height, running))
        self.size += 1

    def root(self) -> bytes:
        """RFC 6962 section 2.1: the odd ends of the levels, folded from the right."""
        if not self.roots:
            return EMPTY_ROOT
        running = self.roots[-1][1]
        for _, left in self.roots[-2::-1]:
            running = node_hash(left, running)
        return running


def check_published(
    lines: Iterable[bytes], checkpoints: Sequence[str], public_key: str, entries: str | None = None
) -> Published:
    """Check a log offline against checkpoints that others kept; AuditError names what does not hold.

    1. Each checkpoint is signed by the log, and no two of one size differ [a fork: two logs shown to two people].
    2. The log at each checkpoint's size has its root [an entry edited, reordered, inserted or removed].
    3. It is as long as the longest of them [its end cut off].
    4. Each entry in clear is what the leaf at its place commits to [an entry that says something else].
    """
    signed = sorted({open_checkpoint(note, public_key) for note in checkpoints}, key=lambda each: each.size)
    if not signed:
        raise AuditError(
            "name a checkpoint that was kept elsewhere: without one a log that was rewritten looks like a true one"
        )
    for one, other in pairwise(signed):
        if one.size == other.size:
            raise AuditError(f"two checkpoints sign different logs of {one.size} entries: the log was forked")
    shown = _shown(entries)
    tree = _Range()
    due = list(signed)
    _meet(tree, due)
    for line in lines:
        leaf = line.removesuffix(b"\n")
        if not leaf or len(leaf) > MOST_LEAF_BYTES:
            raise AuditError(f"line {tree.size + 1} is no leaf of this log")
        if tree.size in shown and shown.pop(tree.size) != leaf:
            raise AuditError(f"entry {tree.size} is not what the log committed to")
        tree.add(leaf)
        _meet(tree, due)
    if due:
        raise AuditError(f"the log was truncated: {tree.size} entries of {due[-1].size} that were signed")
    if shown:
        raise AuditError(f"the log has {tree.size} entries: there is no entry {min(shown)}")
    return Published(tree.size, tuple(signed), 0 if entries is None else len(_shown(entries)))


def _meet(tree: _Range, due: list[Checkpoint]) -> None:
    if due and due[0].size == tree.size:
        checkpoint = due.pop(0)
        if tree.root() != checkpoint.root:
            raise AuditError(
                f"the first {tree.size} entries are not those that were signed: some were edited, reordered, inserted or removed"
            )


def _shown(text: str | None) -> dict[int, bytes]:
    """Which leaf each entry in clear must be."""
    if text is None:
        return {}
    if len(text) > MOST_ENTRIES_BYTES:
        raise AuditError("the entries are too long")
    try:
        found = json.loads(text)["entries"]
        shown = {
            _index(each["index"]): leaf_bytes(event_of(each["event"]), bytes.fromhex(each["salt"])) for each in found
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise AuditError("these are no entries of an audit log") from None
    if len(shown) != len(found):
        raise AuditError("an entry stands twice")
    return shown


def _index(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("an index is a count")
    return value
