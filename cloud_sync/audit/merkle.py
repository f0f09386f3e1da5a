"""Merkle tree hashing and proofs of RFC 6962 section 2.1, with the verification of RFC 9162 section 2.1.

Hashes are SHA-256, 32 bytes. A leaf and a node are hashed with different prefixes [a node passed off as a leaf]. All
functions work on lists of leaf hashes; a tree of a million leaves takes about a second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from cloud_sync.errors import AuditError

HASH_BYTES: Final = 32
#: Hash of the tree without leaves [RFC 6962 section 2.1].
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
#: A proof in a tree of 2**64 leaves; longer ones are no proofs.
MOST_PATH: Final = 64


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf's bytes."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Root of the tree over leaf hashes, level by level: an odd node at the end of a level moves up as it is."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        paired = [node_hash(level[n], level[n + 1]) for n in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_path(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """The audit path PATH(index, hashes), leaf side first; AuditError when there is no such leaf."""
    if not 0 <= index < len(hashes):
        raise AuditError(f"there is no entry {index} in a log of {len(hashes)}")
    path: list[bytes] = []
    first, last = 0, len(hashes)
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            path.append(root_of(hashes[middle:last]))
            last = middle
        else:
            path.append(root_of(hashes[first:middle]))
            first = middle
    return path[::-1]


def consistency_path(old_size: int, hashes: Sequence[bytes]) -> list[bytes]:
    """PROOF(old_size, hashes): that the tree of the first `old_size` leaves is a beginning of this one."""
    return consistency_paths([old_size], hashes)[old_size]


def consistency_paths(old_sizes: Sequence[int], hashes: Sequence[bytes]) -> dict[int, list[bytes]]:
    """The same for several beginnings; what they share is computed once."""
    root = _Roots(hashes).root
    return {size: _consistency(size, len(hashes), root) for size in old_sizes}


def _consistency(old_size: int, size: int, root: Callable[[int, int], bytes]) -> list[bytes]:
    if not 0 < old_size <= size:
        raise AuditError(f"a log of {size} entries has no beginning of {old_size}")
    path: list[bytes] = []
    first, last, whole = 0, size, True
    while old_size != last:
        middle = first + _split(last - first)
        if old_size <= middle:
            path.append(root(middle, last))
            last = middle
        else:
            path.append(root(first, middle))
            first, whole = middle, False
    return ([] if whole else [root(first, last)]) + path[::-1]


class _Roots:
    """Roots of parts of a tree, the large ones remembered."""

    _SMALL = 1024  # leaves: below it a root is a millisecond, and remembering all would take more than the tree

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self._hashes = hashes
        self._known: dict[tuple[int, int], bytes] = {}

    def root(self, first: int, last: int) -> bytes:
        """Of the leaves from `first` to before `last`."""
        if last - first <= self._SMALL:
            return root_of(self._hashes[first:last])
        if (first, last) not in self._known:
            middle = first + _split(last - first)
            self._known[first, last] = node_hash(self.root(first, middle), self.root(middle, last))
        return self._known[first, last]


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Raise AuditError unless `leaf` (a leaf hash) is entry `index` of the tree of `size` with this root.

    RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size:
        raise AuditError(f"there is no entry {index} in a log of {size}")
    _check_hashes(path, leaf, root)
    fn, sn, running = index, size - 1, leaf
    for sibling in path:
        if sn == 0:
            raise AuditError("the proof is longer than the tree is high")
        if fn & 1 or fn == sn:
            running = node_hash(sibling, running)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            running = node_hash(running, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise AuditError("the proof is shorter than the tree is high")
    if running != root:
        raise AuditError(f"entry {index} is not in the log that this checkpoint signs")


def verify_consistency(old_size: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> None:
    """Raise AuditError unless the tree of `old_size` is a beginning of the tree of `size`: nothing edited or removed.

    RFC 9162 section 2.1.4.2.
    """
    _check_hashes(path, old_root, root)
    if not 0 < old_size <= size:
        raise AuditError(f"a log of {size} entries has no beginning of {old_size}: it was truncated")
    if old_size == size:
        if path or old_root != root:
            raise AuditError("two logs of one size differ: one of them is a fork")
        return
    nodes = ([old_root] if old_size & (old_size - 1) == 0 else []) + list(path)
    if not path:
        raise AuditError("the proof of consistency is empty")
    fn, sn = old_size - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old_running = running = nodes[0]
    for node in nodes[1:]:
        if sn == 0:
            raise AuditError("the proof is longer than the tree is high")
        if fn & 1 or fn == sn:
            old_running, running = node_hash(node, old_running), node_hash(node, running)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            running = node_hash(running, node)
        fn, sn = fn >> 1, sn >> 1
    if old_running != old_root or running != root or sn != 0:
        raise AuditError("the older log is no beginning of this one: entries were edited, reordered or removed")


def _check_hashes(path: Sequence[bytes], *hashes: bytes) -> None:
    if len(path) > MOST_PATH or any(len(node) != HASH_BYTES for node in (*path, *hashes)):
        raise AuditError("a proof has at most 64 hashes of 32 bytes each")
