"""The Merkle tree against a naive reading of RFC 6962, its published vectors, and ways of tampering with the log."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.audit import AuditLog, Ed25519Signer, Kind
from cloud_sync.audit.merkle import (
    EMPTY_ROOT,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from cloud_sync.errors import AuditError
from tests.unit.cloud_sync.audit.memory_audit import MemoryAudit
from tests.unit.cloud_sync.consent.memory_ledger import Clock

# Leaves and roots of the reference tests of certificate-transparency (Apache-2.0): merkletree/merkle_tree_test.cc.
CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# Audit paths and consistency proofs of the same tests: (leaf or old size, tree size) -> hashes.
CT_PATHS = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CT_CONSISTENCY = {
    (1, 1): [],
    (1, 8): CT_PATHS[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CT_HASHES = [leaf_hash(bytes.fromhex(leaf)) for leaf in CT_LEAVES]


def sha(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def k_of(n: int) -> int:
    """The largest power of two smaller than n, found by trying."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word, over the leaves themselves."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return sha(b"\x00" + leaves[0])
    k = k_of(len(leaves))
    return sha(b"\x01" + mth(leaves[:k]) + mth(leaves[k:]))


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of section 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = k_of(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.2, word for word."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = k_of(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def test_published_roots() -> None:
    """The roots of the reference tests, and the root of no leaves."""
    assert [root_of(CT_HASHES[:size]).hex() for size in range(1, 9)] == CT_ROOTS
    assert root_of([]) == EMPTY_ROOT == sha(b"")


def test_published_paths() -> None:
    """The audit paths and consistency proofs of the reference tests are made and verified."""
    for (index, size), hashes in CT_PATHS.items():
        assert [node.hex() for node in inclusion_path(index, CT_HASHES[:size])] == hashes
        verify_inclusion(
            index, size, CT_HASHES[index], [bytes.fromhex(h) for h in hashes], bytes.fromhex(CT_ROOTS[size - 1])
        )
    for (old, size), hashes in CT_CONSISTENCY.items():
        assert [node.hex() for node in consistency_path(old, CT_HASHES[:size])] == hashes
        roots = bytes.fromhex(CT_ROOTS[old - 1]), bytes.fromhex(CT_ROOTS[size - 1])
        verify_consistency(old, size, *roots, [bytes.fromhex(h) for h in hashes])


def test_all_small_trees_agree_with_the_naive_reading() -> None:
    """For every tree up to 33 leaves: root, every audit path and every consistency proof, made and verified."""
    leaves = [bytes([n]) * (n % 5) + b"x" for n in range(33)]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    roots = [mth(leaves[:size]) for size in range(34)]
    for size in range(1, 34):
        assert root_of(hashes[:size]) == roots[size]
        for index in range(size):
            proof = inclusion_path(index, hashes[:size])
            assert proof == path(index, leaves[:size])
            verify_inclusion(index, size, hashes[index], proof, roots[size])
        for old in range(1, size + 1):
            proof = consistency_path(old, hashes[:size])
            assert proof == subproof(old, leaves[:size], True)
            verify_consistency(old, size, roots[old], roots[size], proof)


@given(st.integers(2, 70), st.data())
@settings(max_examples=200, deadline=None)
def test_no_changed_proof_verifies(size: int, data: st.DataObject) -> None:
    """A valid proof with one thing changed (index, size, leaf, a bit of the path or root, length) is refused."""
    hashes = [leaf_hash(str(n).encode()) for n in range(size)]
    root = root_of(hashes)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_path(index, hashes)
    verify_inclusion(index, size, hashes[index], proof, root)
    bit = data.draw(st.integers(0, 255))
    where = data.draw(st.integers(0, len(proof) - 1))
    flipped = [flip(node, bit) if n == where else node for n, node in enumerate(proof)]
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))
    for changed in (
        (other, size, hashes[index], proof, root),
        (index, size, hashes[other], proof, root),
        (index, size, flip(hashes[index], bit), proof, root),
        (index, size, hashes[index], flipped, root),
        (index, size, hashes[index], proof, flip(root, bit)),
        (index, size, hashes[index], proof[:-1], root),
        (index, size, hashes[index], [*proof, root], root),
        (size, size, hashes[index], proof, root),
    ):
        with pytest.raises(AuditError):
            verify_inclusion(*changed)


def flip(node: bytes, bit: int) -> bytes:
    """A hash with one bit changed."""
    changed = bytearray(node)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(st.integers(2, 70), st.data())
@settings(max_examples=200, deadline=None)
def test_no_changed_consistency_proof_verifies(size: int, data: st.DataObject) -> None:
    """A fork at any leaf, a flipped bit or another length: the older log is not taken for a beginning of the newer."""
    leaves = [str(n).encode() for n in range(size)]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    old = data.draw(st.integers(1, size - 1))
    old_root, root, proof = root_of(hashes[:old]), root_of(hashes), consistency_path(old, hashes)
    verify_consistency(old, size, old_root, root, proof)
    forked = list(hashes)
    forked[data.draw(st.integers(0, old - 1))] = leaf_hash(b"forged")
    bit = data.draw(st.integers(0, 255))
    where = data.draw(st.integers(0, len(proof) - 1))
    flipped = [flip(node, bit) if n == where else node for n, node in enumerate(proof)]
    for changed in (
        (old, size, old_root, root_of(forked), consistency_path(old, forked)),
        (old, size, old_root, root, flipped),
        (old, size, flip(old_root, bit), root, proof),
        (old, size, old_root, flip(root, bit), proof),
        (old, size, old_root, root, proof[:-1]),
        (old, size, old_root, root, [*proof, root]),
        (size, old, root, old_root, proof),
        (0, size, EMPTY_ROOT, root, proof),
    ):
        with pytest.raises(AuditError):
            verify_consistency(*changed)


def test_forks_of_equal_size_are_told_apart() -> None:
    """Two logs of one size with different roots are a fork, and no proof makes them one."""
    one, other = root_of(CT_HASHES), root_of(CT_HASHES[::-1])
    verify_consistency(8, 8, one, one, [])
    for proof in ([], [one], consistency_path(4, CT_HASHES)):
        with pytest.raises(AuditError):
            verify_consistency(8, 8, one, other, proof)


SIGNER = Ed25519Signer("log", bytes(32))
ENTRIES = 12


def history() -> tuple[AuditLog, MemoryAudit, str]:
    """A log, its store, and a checkpoint that somebody outside has kept; two entries follow it."""
    store, clock = MemoryAudit(), Clock()
    source = random.Random(7)
    log = AuditLog(store, clock, SIGNER, random=source.randbytes)
    for n in range(ENTRIES):
        clock.time += 1
        log.record(Kind.GATE_ALLOWED, "office", f"s-{n % 3}", purpose="tracking", count=n)
    kept = log.checkpoint()
    for n in range(2):
        log.record(Kind.GATE_DENIED, "office", "s-0", reason="restricted", count=n)
    return log, store, kept


Tamper = Callable[[MemoryAudit, int], None]


def edit_event(store: MemoryAudit, n: int) -> None:
    """What people see is changed."""
    event, leaf, known = store.rows[n]
    store.rows[n] = (replace(event, actor="nobody"), leaf, known)


def edit_salt(store: MemoryAudit, n: int) -> None:
    """The salt is replaced, so that the commitment cannot be opened."""
    event, leaf, known = store.rows[n]
    detail = tuple((key, "00" * 16 if key == "salt" else value) for key, value in event.detail)
    store.rows[n] = (replace(event, detail=detail), leaf, known)


def drop_salt(store: MemoryAudit, n: int) -> None:
    """The salt is dropped and the rest is left, as if nobody had to check."""
    event, leaf, known = store.rows[n]
    store.rows[n] = (replace(event, detail=tuple(p for p in event.detail if p[0] != "salt")), leaf, known)


def edit_leaf(store: MemoryAudit, n: int) -> None:
    """The leaf is changed, its hash is not."""
    event, leaf, known = store.rows[n]
    store.rows[n] = (event, leaf.replace(b"gate.", b"fate."), known)


def edit_hash(store: MemoryAudit, n: int) -> None:
    """The stored hash is changed."""
    event, leaf, known = store.rows[n]
    store.rows[n] = (event, leaf, flip(known, n))


def rewrite(store: MemoryAudit, n: int) -> None:
    """Event, leaf and hash are replaced by ones that fit each other."""
    forger = MemoryAudit()
    AuditLog(forger, Clock(), SIGNER).record(Kind.GATE_ALLOWED, "somebody", "s-9", count=n)
    store.rows[n] = forger.rows[0]


def remove(store: MemoryAudit, n: int) -> None:
    """One entry is taken out."""
    del store.rows[n]


def truncate(store: MemoryAudit, n: int) -> None:
    """Everything from one entry on is taken off."""
    del store.rows[n:]


def swap(store: MemoryAudit, n: int) -> None:
    """An entry changes places with the next one."""
    store.rows[n], store.rows[n + 1] = store.rows[n + 1], store.rows[n]


def insert(store: MemoryAudit, n: int) -> None:
    """An entry is slipped in."""
    store.rows.insert(n, store.rows[-1])


def fork(store: MemoryAudit, n: int) -> None:
    """From one entry on, the log goes on differently, at the same length."""
    count = len(store.rows)
    del store.rows[n:]
    log = AuditLog(store, Clock(), SIGNER)
    while len(store.rows) < count:
        log.record(Kind.GATE_ALLOWED, "office", "s-1", count=1)


TAMPERINGS = (edit_event, edit_salt, drop_salt, edit_leaf, edit_hash, rewrite, remove, truncate, swap, insert, fork)


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda function: function.__name__)
def test_tampering_anywhere_is_detected(tamper: Tamper) -> None:
    """Each kind of tampering, at each entry that the kept checkpoint covers: detected every time."""
    log, _, kept = history()
    assert log.check(kept) == ENTRIES + 2
    detected = 0
    for n in range(ENTRIES):
        log, store, _ = history()
        tamper(store, n)
        with pytest.raises(AuditError):
            log.check(kept)
        detected += 1
    assert detected == ENTRIES


@pytest.mark.parametrize("tamper", [edit_event, edit_salt, drop_salt, edit_leaf, edit_hash], ids=lambda f: f.__name__)
def test_edits_are_detected_without_a_checkpoint(tamper: Tamper) -> None:
    """An entry that no longer fits its leaf, or a leaf its hash, is found in the log alone, wherever it stands."""
    for n in range(ENTRIES + 2):
        log, store, _ = history()
        tamper(store, n)
        with pytest.raises(AuditError, match=f"entry {n} was altered"):
            log.check()


def test_a_truncated_log_is_called_truncated() -> None:
    """Fewer entries than were signed is said to be what it is; as many as were signed is no truncation."""
    log, store, kept = history()
    truncate(store, ENTRIES)
    assert log.check(kept) == ENTRIES
    truncate(store, ENTRIES - 1)
    with pytest.raises(AuditError, match="truncated"):
        log.check(kept)


def test_two_tamperings_do_not_cancel_out() -> None:
    """Any two kinds at two places together are detected as well, unless the second exactly undoes the first."""
    log, untouched, kept = history()
    for one, other in itertools.product(TAMPERINGS, repeat=2):
        log, store, _ = history()
        one(store, 3)
        other(store, 1)
        assert store.rows != untouched.rows
        with pytest.raises(AuditError):
            log.check(kept)


def test_proofs_of_a_forked_log_do_not_fit_the_kept_checkpoint() -> None:
    """Whoever kept a checkpoint sees that the fork is no continuation of it."""
    log, store, kept = history()
    fork(store, 5)
    with pytest.raises(AuditError):
        log.check(kept)
    log.check()  # the forged log is sound in itself: only the checkpoint that somebody kept tells
