"""The log as a file, checked offline: true ones hold, and every way of changing one is found and named."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync import cli
from cloud_sync.audit import AuditLog, check_published
from cloud_sync.audit.checkpoint import sign_checkpoint
from cloud_sync.audit.events import canonical
from cloud_sync.audit.merkle import leaf_hash, root_of
from cloud_sync.audit.published import entries_json, leaves
from cloud_sync.errors import AuditError
from tests.unit.cloud_sync.audit.memory_audit import MemoryAudit
from tests.unit.cloud_sync.audit.test_audit_log import KEY, OTHER, SIGNER, filled

Lines = list[bytes]


def noted(store: MemoryAudit, size: int) -> str:
    """The checkpoint of the first `size` entries."""
    return sign_checkpoint(SIGNER, size, root_of(store.leaf_hashes(0, size)))


def test_a_true_log_holds_against_all_its_checkpoints() -> None:
    """Of each size from nothing on, alone and together, in any order and twice."""
    _, store = filled(20)
    notes = [noted(store, size) for size in range(21)]
    for note in notes:
        assert check_published(leaves(store), [note], KEY).size == 20
    found = check_published(leaves(store), notes[::-1] + notes[:3], KEY)
    assert [checkpoint.size for checkpoint in found.checkpoints] == list(range(21))


@pytest.mark.parametrize("size", range(1, 34))
def test_roots_and_proofs_are_those_of_another_implementation(size: int) -> None:
    """pymerkle, an implementation of RFC 9162 that nobody here wrote, has the same root of each size."""
    pymerkle = pytest.importorskip("pymerkle")
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    _, store = filled(size)
    for line in leaves(store):
        tree.append_entry(line.removesuffix(b"\n"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for first in range(1, size + 1):
            assert root_of(store.leaf_hashes(0, first)) == tree.get_state(first)
        assert leaf_hash(store.leaf(size - 1)) == tree.get_leaf(size)


def _edited(lines: Lines) -> Lines:
    return [*lines[:3], lines[3].replace(b'"kind":"gate.allowed"', b'"kind":"gate.denied"'), *lines[4:]]


def _other(line: bytes) -> bytes:
    leaf = json.loads(line)
    leaf["commitment"] = leaf["commitment"][::-1]
    return canonical(leaf) + b"\n"


CHANGES: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "an entry edited": (_edited, "edited"),
    "an entry's commitment replaced": (lambda lines: [*lines[:3], _other(lines[3]), *lines[4:]], "edited"),
    "two entries swapped": (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], "reordered"),
    "an entry removed": (lambda lines: lines[:3] + lines[4:], "truncated|removed"),
    "an entry inserted": (lambda lines: [*lines[:3], lines[3], *lines[3:]], "inserted"),
    "the end cut": (lambda lines: lines[:-1], "truncated: 9 entries of 10"),
    "all cut": (lambda lines: [], "truncated: 0 entries of 10"),
    "an empty line": (lambda lines: [*lines[:3], b"\n", *lines[3:]], "line 4 is no leaf"),
    "a line that never ends": (lambda lines: [b"x" * 1000], "line 1 is no leaf"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_log_does_not_hold(name: str) -> None:
    """One change of a log that holds; what is wrong is named."""
    change, named = CHANGES[name]
    _, store = filled(10)
    lines, note = list(leaves(store)), noted(store, 10)
    assert check_published(lines, [note], KEY).size == 10
    changed = change(lines)
    assert changed != lines
    with pytest.raises(AuditError, match=named):
        check_published(changed, [note], KEY)


def test_a_fork_is_found_by_two_who_compare_their_checkpoints() -> None:
    """One size, two roots; and a checkpoint of one branch against the other's log."""
    _, one = filled(10)
    _, other = filled(10)  # the same events under other salts
    assert noted(one, 10) != noted(other, 10)
    with pytest.raises(AuditError, match="forked"):
        check_published(leaves(one), [noted(one, 10), noted(other, 10)], KEY)
    with pytest.raises(AuditError, match="signed"):
        check_published(leaves(one), [noted(one, 10), noted(other, 7)], KEY)


def test_a_checkpoint_of_somebody_else_or_none_is_no_proof() -> None:
    """Signed by another key of the same name; no checkpoint at all."""
    _, store = filled(5)
    with pytest.raises(AuditError, match="signature"):
        check_published(leaves(store), [sign_checkpoint(OTHER, 5, root_of(store.leaf_hashes()))], KEY)
    with pytest.raises(AuditError, match="kept elsewhere"):
        check_published(leaves(store), [], KEY)


def test_a_persons_entries_are_held_against_the_log() -> None:
    """Their own in clear are what it committed to; one word changed, one moved, one beyond the end, one twice: refused."""
    _, store = filled(10)
    note, mine = noted(store, 10), entries_json(store, "s-1")
    assert check_published(leaves(store), [note], KEY, mine).entries == 5
    value = json.loads(mine)
    for change, named in (
        (lambda entry: entry["event"].update(actor="s-1"), "committed"),
        (lambda entry: entry["event"].update(at=entry["event"]["at"] + 1), "committed"),
        (lambda entry: entry.update(index=entry["index"] + 1), "committed|twice"),
        (lambda entry: entry.update(index=99), "no entry 99"),
        (lambda entry: entry.update(index=value["entries"][0]["index"]), "twice"),
        (lambda entry: entry.update(salt="00" * 16), "committed"),
        (lambda entry: entry.pop("salt"), "no entries"),
    ):
        changed = json.loads(mine)
        change(changed["entries"][2])
        with pytest.raises(AuditError, match=named):
            check_published(leaves(store), [note], KEY, json.dumps(changed))


def test_the_file_says_nothing_of_anybody() -> None:
    """Neither who acted, nor on whom, nor for what; equal events look different."""
    _, store = filled(10)
    text = b"".join(leaves(store))
    assert not [word for word in (b"s-0", b"s-1", b"office", b"tracking", b"read") if word in text]
    assert len({json.loads(line)["commitment"] for line in text.splitlines()}) == 10


def test_an_erased_persons_log_still_holds() -> None:
    """Their entries are unlinkable, the tree is as it was, and there is nothing of theirs to show."""
    log, store = filled(10)
    note = noted(store, 10)
    log.forget(store, "s-1")
    assert check_published(leaves(store), [note], KEY, entries_json(store, "s-0")).entries == 5
    assert json.loads(entries_json(store, "s-1"))["entries"] == []


def test_by_command(tmp_path: Path) -> None:
    """Files alone: 0 when it holds, 2 with a sentence when it does not, 1 for what cannot be read."""
    log, store = filled(10)
    assert isinstance(log, AuditLog)
    (tmp_path / "log.leaves").write_bytes(b"".join(leaves(store)))
    (tmp_path / "mine.json").write_text(entries_json(store, "s-1"))
    for size in (4, 10):
        (tmp_path / f"{size}.checkpoint").write_text(noted(store, size))
    notes = [str(tmp_path / "4.checkpoint"), str(tmp_path / "10.checkpoint")]
    words = ["verify", str(tmp_path / "log.leaves"), *notes, "--key", KEY]
    run = CliRunner()
    told = run.invoke(cli.auditor, [*words, "--entries", str(tmp_path / "mine.json")])
    assert told.exit_code == 0 and "10 entries" in told.output and "5 entries in clear" in told.output
    asked = run.invoke(cli.auditor, [*words, "--json"])
    assert json.loads(asked.output) == {"holds": True, "entries": 10, "checkpoints": [4, 10], "shown": 0}
    (tmp_path / "log.leaves").write_bytes(b"".join(list(leaves(store))[:-1]))
    cut = run.invoke(cli.auditor, words)
    assert cut.exit_code == 2 and "truncated" in cut.output
    assert run.invoke(cli.auditor, ["verify", str(tmp_path / "no.leaves"), *notes, "--key", KEY]).exit_code == 1
    assert run.invoke(cli.auditor, ["verify", str(tmp_path / "log.leaves"), "no", "--key", KEY]).exit_code == 1
