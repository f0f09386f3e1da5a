"""The audit log: typed events, checkpoints in C2SP form, offline proofs, and entries made unlinkable."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud_sync import cli
from cloud_sync.audit import AuditLog, Ed25519Signer, Kind, Proof, open_checkpoint, verify, verify_consistency
from cloud_sync.audit.checkpoint import open_note, sign_checkpoint
from cloud_sync.audit.merkle import leaf_hash, root_of
from cloud_sync.errors import AuditError
from cloud_sync.model import AuditEvent
from tests.unit.cloud_sync.audit.memory_audit import MemoryAudit
from tests.unit.cloud_sync.consent.memory_ledger import Clock

SIGNER = Ed25519Signer("byleave.example/log", bytes(range(32)))
OTHER = Ed25519Signer("byleave.example/log", bytes(32))
KEY = SIGNER.public_key

# The example of the package golang.org/x/mod/sumdb/note, from which C2SP signed-note took its format.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
GO_SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"


def filled(entries: int = 7) -> tuple[AuditLog, MemoryAudit]:
    """A log with some reads of two people in it."""
    store = MemoryAudit()
    clock = Clock()
    log = AuditLog(store, clock, SIGNER)
    for n in range(entries):
        clock.time += 1.25
        log.record(Kind.GATE_ALLOWED, "office", f"s-{n % 2}", purpose="tracking", action="read", count=n)
    return log, store


def test_a_note_of_the_reference_implementation_opens() -> None:
    """The published example of the Go package verifies, and its key signs the same bytes."""
    text = open_note(GO_NOTE, GO_KEY)
    assert text.startswith("If you think cryptography")
    signer = Ed25519Signer("PeterNeumann", base64.b64decode(GO_SEED)[1:])
    assert signer.public_key == GO_KEY
    signature = base64.b64encode(bytes.fromhex("c74f20a3") + signer.sign(text.encode())).decode()
    assert GO_NOTE.endswith(f"— PeterNeumann {signature}\n")


def test_a_checkpoint_has_the_published_form() -> None:
    """Origin, size, root in base64, an empty line and one signature line."""
    log, store = filled()
    lines = log.checkpoint().split("\n")
    assert lines[:2] == ["byleave.example/log", "7"]
    assert base64.b64decode(lines[2]) == root_of(store.leaf_hashes())
    assert lines[3] == ""
    assert lines[4].startswith("— byleave.example/log ")
    assert lines[5:] == [""]


def test_signatures_of_witnesses_are_passed_over() -> None:
    """A line of another key does not disturb, before or after ours."""
    log, _ = filled()
    note = log.checkpoint()
    witness = sign_checkpoint(Ed25519Signer("witness", bytes([7]) * 32), 7, bytes(32)).split("\n")[4]
    head, ours = note.rsplit("\n\n", 1)
    for signed in (f"{head}\n\n{witness}\n{ours}", f"{head}\n\n{ours}{witness}\n"):
        assert open_checkpoint(signed, KEY).size == 7


def change_size(note: str) -> str:
    """Another size under the same signature."""
    return note.replace("\n7\n", "\n6\n", 1)


BAD_NOTES = {
    "another size": change_size,
    "another origin": lambda note: note.replace("byleave", "somebody", 1),
    "another root": lambda note: note.replace("\n7\n", "\n7\nA", 1),
    "signed by another": lambda note: sign_checkpoint(OTHER, 7, open_checkpoint(note, KEY).root),
    "no signature": lambda note: note.split("\n\n")[0] + "\n",
    "a broken signature": lambda note: note[:-6] + ("A" if note[-6] != "A" else "B") + note[-5:],
    "a signature cut short": lambda note: note[:-10] + "=\n",
    "no last newline": lambda note: note[:-1],
    "text that follows": lambda note: note + "more\n",
    "too long": lambda note: "x" * 70_000 + note,
    "empty": lambda _: "",
    "no text for machines": lambda note: "\ud800" + note,
}


@pytest.mark.parametrize("name", BAD_NOTES)
def test_an_altered_checkpoint_does_not_open(name: str) -> None:
    """One change of a valid checkpoint, and it is refused with AuditError and no other exception."""
    log, _ = filled()
    note = log.checkpoint()
    assert open_checkpoint(note, KEY).size == 7
    with pytest.raises(AuditError):
        open_checkpoint(BAD_NOTES[name](note), KEY)


@pytest.mark.parametrize(
    "key", ["", "x", KEY[:-2], KEY.replace("+", "-"), KEY.replace("byleave", "Byleave"), "a+b+c", "ü+1+2"]
)
def test_a_damaged_verifier_key_is_refused(key: str) -> None:
    """A key whose parts do not fit each other verifies nothing."""
    log, _ = filled()
    with pytest.raises(AuditError):
        open_checkpoint(log.checkpoint(), key)


def test_every_entry_is_proved_offline() -> None:
    """Proof, checkpoint and key suffice, also after a way through JSON; the event is part of what is proved."""
    log, store = filled(9)
    note = log.checkpoint()
    for index in range(9):
        proof = Proof.from_json(log.prove(index).to_json())
        assert verify(proof, note, KEY).size == 9
        assert proof.event is not None
        assert dict(proof.event.detail)["count"] == index
    early = log.prove(2, size=4)
    assert verify(early, sign_checkpoint(SIGNER, 4, root_of(store.leaf_hashes()[:4])), KEY).size == 4


def test_a_leaf_tells_kind_and_time_and_nothing_else() -> None:
    """Actor, subject and detail stand in the leaf only as a commitment, which the salt opens."""
    log, store = filled(1)
    leaf = json.loads(store.leaf(0))
    assert set(leaf) == {"v", "kind", "at_ms", "commitment"}
    proof = log.prove(0)
    hidden = b'{"actor":"office","detail":[["action","read"],["count",0],["purpose","tracking"]],"subject":"s-0"}'
    assert leaf["commitment"] == hmac.new(proof.salt, hidden, hashlib.sha256).hexdigest()
    assert leaf["at_ms"] == 1_800_000_001_250


def test_equal_events_have_different_leaves() -> None:
    """Each entry has a salt of its own, so that nobody can count a person's entries in the leaves."""
    store = MemoryAudit()
    log = AuditLog(store, Clock(), SIGNER)
    for _ in range(20):
        log.record(Kind.GATE_ALLOWED, "office", "s-1")
    assert len({row[1] for row in store.rows}) == 20


def test_a_person_is_forgotten_and_the_log_still_verifies() -> None:
    """After erasure nothing beside or in the leaves names the person; all other entries and all proofs hold."""
    log, store = filled()
    note = log.checkpoint()
    assert log.forget(store, "s-1") == 3
    assert log.check(note) == 7
    text = repr(store.rows)
    assert "s-0" in text
    assert "s-1" not in text
    proof = log.prove(1)
    assert (proof.event, proof.salt) == (None, b"")
    assert verify(proof, note, KEY).size == 7
    assert [entry.linked for entry in log.entries()] == [True, False] * 3 + [True]
    assert log.entries(subject="s-1") == []


BAD_PROOFS: dict[str, Any] = {
    "another index": lambda p: replace(p, index=p.index + 1),
    "an index beyond": lambda p: replace(p, index=p.size),
    "a negative index": lambda p: replace(p, index=-1),
    "another size": lambda p: replace(p, size=p.size - 1),
    "another leaf": lambda p: replace(p, leaf=p.leaf + b" "),
    "a path cut": lambda p: replace(p, path=p.path[:-1]),
    "a path extended": lambda p: replace(p, path=(*p.path, bytes(32))),
    "a path of short hashes": lambda p: replace(p, path=(p.path[0][:31], *p.path[1:])),
    "a path without end": lambda p: replace(p, path=(bytes(32),) * 65),
    "another salt": lambda p: replace(p, salt=bytes(16)),
    "no salt": lambda p: replace(p, salt=b""),
    "another subject": lambda p: replace(p, event=replace(p.event, subject="s-9")),
    "another actor": lambda p: replace(p, event=replace(p.event, actor="nobody")),
    "another kind": lambda p: replace(p, event=replace(p.event, kind=Kind.GATE_DENIED.value)),
    "another time": lambda p: replace(p, event=replace(p.event, at=p.event.at + 1)),
    "another detail": lambda p: replace(p, event=replace(p.event, detail=p.event.detail[:-1])),
}


@pytest.mark.parametrize("name", BAD_PROOFS)
def test_an_altered_proof_does_not_hold(name: str) -> None:
    """One change of a proof that holds, and it is refused with AuditError."""
    log, _ = filled()
    note, proof = log.checkpoint(), log.prove(2)
    verify(proof, note, KEY)
    with pytest.raises(AuditError):
        verify(BAD_PROOFS[name](proof), note, KEY)


BAD_JSON = ["", "[]", "null", "{}", '{"index": 0}', "[" * 100_000, "x" * 70_000]


@pytest.mark.parametrize("text", BAD_JSON, ids=lambda text: text[:10] + str(len(text)))
def test_what_is_no_proof_is_an_audit_error(text: str) -> None:
    """Hostile proof files end in AuditError."""
    with pytest.raises(AuditError):
        Proof.from_json(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("index", "0"),
        ("index", True),
        ("size", 1.5),
        ("path", ["zz"]),
        ("salt", 5),
        ("leaf", None),
        ("event", {"kind": "x"}),
    ],
)
def test_a_proof_with_one_wrong_part_is_an_audit_error(key: str, value: object) -> None:
    """One part of a valid proof file replaced by another type: AuditError."""
    log, _ = filled()
    parts = json.loads(log.prove(2).to_json())
    Proof.from_json(json.dumps(parts))
    with pytest.raises(AuditError):
        Proof.from_json(json.dumps({**parts, key: value}))


BAD_EVENTS: dict[str, dict[str, Any]] = {
    "an unknown kind": {"kind": "gate.opened"},
    "an unknown key": {"detail": (("note", "x"),)},
    "a repeated key": {"detail": (("count", 1), ("count", 2))},
    "free text": {"detail": (("reason", "because I say so"),)},
    "a coordinate": {"detail": (("count", 55.676),)},
    "a long word": {"detail": (("reason", "x" * 65),)},
    "a truth value": {"detail": (("count", True),)},
    "a huge count": {"detail": (("count", 2**53),)},
    "a name": {"subject": "Søren Sørensen"},
    "an address": {"actor": "me@example.org"},
    "no time": {"at": float("nan")},
    "time without end": {"at": float("inf")},
}


@pytest.mark.parametrize("name", BAD_EVENTS)
def test_only_typed_events_are_logged(name: str) -> None:
    """One unfit part, and nothing is appended."""
    store = MemoryAudit()
    log = AuditLog(store, Clock(), SIGNER)
    event = AuditEvent(Kind.GATE_DENIED.value, 1.0, "office", "s-1", (("reason", "restricted"),))
    log.append(event)
    with pytest.raises(AuditError):
        log.append(replace(event, **BAD_EVENTS[name]))
    assert store.leaf_count() == 1


def test_a_later_log_continues_an_earlier_one() -> None:
    """The proof of consistency between two checkpoints of one log holds, and not between logs of different content."""
    log, store = filled(5)
    old = open_checkpoint(log.checkpoint(), KEY)
    for _ in range(6):
        log.record(Kind.RETENTION_SWEPT, "service", count=1)
    new = open_checkpoint(log.checkpoint(), KEY)
    verify_consistency(old.size, new.size, old.root, new.root, log.prove_consistency(old.size))
    store.rows[1] = (store.rows[1][0], b"{}", leaf_hash(b"{}"))
    forged = root_of(store.leaf_hashes())
    with pytest.raises(AuditError):
        verify_consistency(old.size, new.size, old.root, forged, log.prove_consistency(old.size))


def test_signers_refuse_unfit_names_and_keys() -> None:
    """Names that a note cannot carry and keys of another length are refused."""
    for name, seed in (("a b", bytes(32)), ("a+b", bytes(32)), ("", bytes(32)), ("a", bytes(31))):
        with pytest.raises(AuditError):
            Ed25519Signer(name, seed)
    assert Ed25519Signer.generate("a").public_key != Ed25519Signer.generate("a").public_key
    assert Ed25519Signer("a", SIGNER.seed).seed == SIGNER.seed


def test_the_command_verifies_a_proof(tmp_path: Path) -> None:
    """`sync audit verify-proof` ends with 0 for a proof that holds and with 2 for one that does not, or is missing."""
    log, _ = filled()
    proof, note = tmp_path / "proof.json", tmp_path / "checkpoint.txt"
    proof.write_text(log.prove(3).to_json())
    note.write_text(log.checkpoint())
    arguments = ["audit", "verify-proof", str(proof), str(note), "--key", KEY]
    runner = CliRunner()
    assert runner.invoke(cli.sync, arguments).stdout.startswith("holds: entry 3 of 7")
    printed = json.loads(runner.invoke(cli.sync, [*arguments, "--json"]).stdout)
    assert printed == {"index": 3, "size": 7, "log": "byleave.example/log", "kind": "gate.allowed"}
    proof.write_text(log.prove(3).to_json().replace("s-1", "s-0"))
    assert runner.invoke(cli.sync, arguments).exit_code == 2
    proof.unlink()
    assert runner.invoke(cli.sync, arguments).exit_code == 2
