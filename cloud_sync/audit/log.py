"""The audit log: events appended to a Merkle tree, proofs of single entries, and the check of the whole.

Beside each leaf the store keeps the event and its salt, so that people can see their entries. Leaves are for good; what
is beside them goes when the person is erased (`forget`), and the leaf no longer says whom it was about.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from cloud_sync.audit.checkpoint import Checkpoint, Signer, open_checkpoint, sign_checkpoint
from cloud_sync.audit.events import (
    SALT_BYTES,
    at_ms,
    event_of,
    leaf_bytes,
    salted,
    unsalted,
)
from cloud_sync.audit.merkle import (
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_of,
    verify_inclusion,
)
from cloud_sync.audit.verbs import named, verb_of
from cloud_sync.errors import AuditError
from cloud_sync.model import AuditEvent
from cloud_sync.stores import AuditStore, Clock

#: A proof is a page of JSON; longer files are none.
MOST_PROOF_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as people see it. `linked` is False once its subject has been erased."""

    index: int
    event: AuditEvent
    linked: bool


class Forgetting(Protocol):
    """A store that can drop what it keeps beside the leaves."""

    def forget_subject(self, subject: str, until: float) -> int:
        """Replace stored events of the subject, up to that Unix second, by `events.forgotten(event)`; how many."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That one entry is in a log of `size` entries. With `event` and `salt` it also proves what the entry says."""

    index: int
    size: int
    leaf: bytes
    path: tuple[bytes, ...]
    event: AuditEvent | None = None
    salt: bytes = b""

    def to_json(self) -> str:
        """The proof as text, for a file or a letter."""
        event = asdict(self.event) if self.event else None
        path = [node.hex() for node in self.path]
        value = {"index": self.index, "size": self.size, "leaf": self.leaf.decode(), "path": path, "event": event}
        return json.dumps({**value, "salt": self.salt.hex()}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Proof:
        """Read a proof; AuditError when it is none."""
        if len(text) > MOST_PROOF_BYTES:
            raise AuditError("the proof is too long")
        try:
            value: dict[str, Any] = json.loads(text)
            path = tuple(bytes.fromhex(node) for node in value["path"])
            event = event_of(value["event"]) if value["event"] else None
            leaf, salt = value["leaf"].encode(), bytes.fromhex(value["salt"])
            return cls(_count(value["index"]), _count(value["size"]), leaf, path, event, salt)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise AuditError("this is no proof of an audit entry") from None


def _count(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("a count is an integer")
    return value


def verify(proof: Proof, checkpoint: str, public_key: str) -> Checkpoint:
    """Check a proof offline against a checkpoint and the log's verifier key; AuditError unless everything holds.

    1. The checkpoint is signed by the log [a checkpoint of the liar's own].
    2. The proof is about the tree that it signs [a proof for another moment].
    3. The leaf is in that tree at that place [an entry that was never logged].
    4. The event is what the leaf commits to [an entry that says something else].
    """
    signed = open_checkpoint(checkpoint, public_key)
    if proof.size != signed.size:
        raise AuditError(f"the proof is for a log of {proof.size} entries, the checkpoint for one of {signed.size}")
    verify_inclusion(proof.index, proof.size, leaf_hash(proof.leaf), proof.path, signed.root)
    if proof.event is not None and leaf_bytes(proof.event, proof.salt) != proof.leaf:
        raise AuditError("the event is not what the log committed to")
    return signed


class AuditLog:
    """The log over one store. Appending inside a transaction of that store makes it part of what it tells about."""

    def __init__(
        self,
        store: AuditStore,
        clock: Clock,
        signer: Signer,
        *,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._signer = signer
        self._random = random
        self._hears: Callable[[AuditEvent], None] | None = None
        self._signed: Callable[[Sequence[bytes]], None] | None = None

    def heard_by(self, hears: Callable[[AuditEvent], None]) -> None:
        """Tell `hears` of each event from now on, once it is in the log."""
        self._hears = hears

    def witnessed_by(self, signed: Callable[[Sequence[bytes]], None]) -> None:
        """Tell `signed` the leaf hashes of each checkpoint from now on, before it is given out."""
        self._signed = signed

    def append(self, event: AuditEvent) -> int:
        """Log an event; its index. AuditError for an unknown kind or key, or for free text."""
        salt = self._random(SALT_BYTES)
        leaf = leaf_bytes(event, salt)
        index = self._store.append_leaf(salted(event, salt), leaf, leaf_hash(leaf))
        if self._hears is not None:
            self._hears(event)
        return index

    def record(self, kind: str, actor: str, subject: str = "", **detail: str | int) -> int:
        """Log an event that happens now; its index."""
        return self.append(AuditEvent(str(kind), self._clock.now(), actor, subject, tuple(sorted(detail.items()))))

    def entries(self, subject: str | None = None, kind: str | None = None, *, verb: str | None = None) -> list[Entry]:
        """Entries in order, of one subject, of one kind, of one of the thirteen verbs, or of several of these."""
        wanted = named(verb) if verb is not None else None
        found: list[Entry] = []
        for index, stored in self._store.audit_events(subject, kind):
            event, salt = unsalted(stored)
            if wanted is None or verb_of(event) is wanted:
                found.append(Entry(index, event, bool(salt)))
        return found

    def checkpoint(self) -> str:
        """A signed checkpoint of the log as it is now: keep it outside, it is what makes truncation visible."""
        hashes = self._store.leaf_hashes()
        if self._signed is not None:
            self._signed(hashes)
        return sign_checkpoint(self._signer, len(hashes), root_of(hashes))

    @property
    def public_key(self) -> str:
        """The verifier key of the log."""
        return self._signer.public_key

    def prove(self, index: int, size: int | None = None) -> Proof:
        """A proof that entry `index` is in the log of the first `size` entries (all of them without `size`)."""
        hashes = self._store.leaf_hashes()
        if size is not None and not 0 < size <= len(hashes):
            raise AuditError(f"the log has {len(hashes)} entries, not {size}")
        hashes = hashes[:size]
        path = tuple(inclusion_path(index, hashes))
        stored = dict(self._store.audit_events()).get(index)
        event, salt = unsalted(stored) if stored else (None, b"")
        return Proof(index, len(hashes), self._store.leaf(index), path, event if salt else None, salt)

    def prove_consistency(self, old_size: int) -> list[bytes]:
        """Proof that the log of the first `old_size` entries is a beginning of the log as it is now."""
        return consistency_path(old_size, self._store.leaf_hashes())

    def check(self, checkpoint: str | None = None) -> int:
        """Recompute the whole log; the number of entries. AuditError at the first thing that does not fit.

        1. Each stored hash is that of its leaf [a leaf edited].
        2. Each event beside a leaf is what the leaf commits to, or was forgotten [an event edited, moved or swapped].
        3. The log continues the checkpoint that was kept outside [truncated, reordered, forked, rewritten throughout].
        """
        hashes = self._store.leaf_hashes()
        for index, known in enumerate(hashes):
            if leaf_hash(self._store.leaf(index)) != known:
                raise AuditError(f"entry {index} was altered: its hash does not fit")
        events = dict(self._store.audit_events())
        if sorted(events) != list(range(len(hashes))):
            raise AuditError("entries and leaves of the log differ in number")
        for index, stored in events.items():
            _check_beside(index, stored, self._store.leaf(index))
        if checkpoint is not None:
            self._continues(open_checkpoint(checkpoint, self.public_key), hashes)
        return len(hashes)

    def _continues(self, signed: Checkpoint, hashes: list[bytes]) -> None:
        if signed.size > len(hashes):
            raise AuditError(f"the log was truncated: {len(hashes)} entries of {signed.size} that were signed")
        if root_of(hashes[: signed.size]) != signed.root:
            raise AuditError("the log is not the one that was signed: entries were edited, reordered or replaced")

    def forget(self, store: Forgetting, subject: str) -> int:
        """Make every entry of a subject unlinkable: salt, actor, subject and detail go, the leaves stay; how many."""
        return store.forget_subject(subject, math.inf)


def _check_beside(index: int, stored: AuditEvent, leaf: bytes) -> None:
    """The stored event fits the leaf; of a forgotten one only kind and time are left to compare."""
    event, salt = unsalted(stored)
    if salt and leaf_bytes(event, salt) == leaf:
        return
    try:
        said = json.loads(leaf)
    except ValueError:
        raise AuditError(f"entry {index} is no leaf of this log") from None
    bare = not (event.actor or event.subject or event.detail or salt)
    if not bare or said["kind"] != event.kind or said["at_ms"] != at_ms(event):
        raise AuditError(f"entry {index} was altered: it is not what the log committed to")
