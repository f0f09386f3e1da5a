"""Group `sync audit`: the tamper-evident log, its checkpoints, and proofs of single entries."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.audit import Access, Entry, Proof, Restored, accesses, open_checkpoint, verify
from cloud_sync.audit.published import entries_json, leaves
from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    FINDINGS,
    AsJson,
    ConfigFile,
    Group,
    Subject,
    console,
    fail,
    identifier,
    iso,
    print_json,
    say,
)
from cloud_sync.cli.files import read_text, write_new
from cloud_sync.cli.session import Session, opened
from cloud_sync.disclosure.silence import unspoken
from cloud_sync.errors import AuditError, CloudSyncError

audit = typer.Typer(cls=Group, no_args_is_help=True)

CHECKPOINT_SUFFIX = ".checkpoint"


@audit.callback()
def _audit() -> None:
    """The tamper-evident log: who did what for which purpose, and what was refused.

    Example: byleave sync audit list --subject s-1
    """


@audit.command("list")
def list_entries(
    subject: Annotated[str | None, typer.Option(help="Only entries about this person.", callback=identifier)] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind, for instance gate.denied.")] = None,
    verb: Annotated[
        str | None, typer.Option(help="Only what was done so: collect, consult, disclose, erase, …")
    ] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest so many.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List entries, oldest first: what was done, when, by whom, about whom.

    Example: byleave sync audit list --subject s-1 --last 20
    """
    with opened(config) as session:
        entries = session.cloud.audit.entries(subject, kind, verb=verb)
    rows = [_row(entry) for entry in entries[-last if last else 0 :]]
    if as_json:
        print_json(rows)
        return
    table = Table("entry", "time", "kind", "by", "about", "detail")
    for row in rows:
        detail = " ".join(f"{name}={value}" for name, value in row["detail"].items())
        by, about = (row["actor"] or "-", row["subject"] or "-") if row["linked"] else ("(erased)", "(erased)")
        table.add_row(str(row["entry"]), row["time"], row["kind"], by, about, detail)
    console().print(table)


@audit.command()
def who(subject: Subject, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Tell who used a person's data, or tried to: when, in which role, for what, which data, and with which answer.

    Example: byleave sync audit who s-1
    """
    with opened(config) as session:
        hidden = unspoken(session.cloud.database, subject, session.cloud.clock.now())
        found = [each for each in accesses(session.cloud.audit, subject) if each.recipient not in hidden]
    if as_json:
        print_json([_access(each) for each in found])
        return
    table = Table("time", "by", "role", "purpose", "what", "captured", "count", "answer", "entry")
    for each in found:
        row = _access(each)
        span = f"{row['first']} to {row['last']}" if row["first"] else "-"
        what = f"{each.action} {each.category}" + (f" for {each.recipient}" if each.recipient else "")
        by = each.actor + (f" ({each.ticket})" if each.ticket else "")
        answer = "allowed" if each.allowed else each.reason
        table.add_row(row["time"], by, each.role, each.purpose, what, span, str(each.count), answer, str(each.entry))
    console().print(table)


def _access(access: Access) -> dict[str, Any]:
    row = asdict(access)
    for name in ("first", "last"):
        row[name] = iso(row[name]) if row[name] is not None else None
    return {"time": iso(row.pop("at")), **row}


@audit.command()
def export(
    out: Annotated[Path, typer.Option(metavar="FILE", help="A new file.")],
    subject: Annotated[
        str | None, typer.Option(help="This person's entries in clear (mode 0600), not the log.", callback=identifier)
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write the whole log for an auditor: kinds, times and commitments, nothing of any person. `byleave audit verify` checks it.

    Example: byleave sync audit export --out log.leaves
    """
    with opened(config) as session:
        store = session.cloud.database
        with store.transaction():  # one moment of the log
            size = store.leaf_count()
            if subject is None:
                write_new(out, lambda: b"".join(leaves(store)), mode=0o644)
            else:
                write_new(out, entries_json(store, subject).encode())
        key = session.cloud.audit.public_key
    say(
        as_json,
        {"file": str(out), "entries": size, "key": key},
        f"wrote {out}; check it anywhere: byleave audit verify LOG CHECKPOINT --key {shlex.quote(key)}",
    )


@audit.command()
def checkpoint(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it here instead; a new file.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Sign the log as it is now. Give the checkpoint to somebody else: it is what makes a cut or a rewrite visible.

    Example: byleave sync audit checkpoint --out 2026-03-14.checkpoint
    """
    with opened(config) as session:
        note, key = session.cloud.audit.checkpoint(), session.cloud.audit.public_key
        if out is not None:
            write_new(out, note.encode(), mode=0o644)
    if as_json:
        print_json({"checkpoint": note, "key": key, "file": str(out) if out else None})
    elif out is None:
        typer.echo(note, nl=False)
    else:
        typer.echo(f"wrote {out}; to check it later: byleave sync audit check --against {shlex.quote(str(out))}")


@audit.command()
def key(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Print the verifier key of the log. It is public: whoever shall check proofs needs it.

    Example: byleave sync audit key > log.key
    """
    with opened(config) as session:
        public = session.cloud.audit.public_key
    say(as_json, {"key": public}, public)


@audit.command()
def prove(
    index: Annotated[int, typer.Argument(min=0, help="Number of the entry, as `audit list` tells it.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Proof to write (JSON); its checkpoint goes beside it.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write the proof that one entry is in the log and what it says, and the checkpoint that it is for.

    Give both to the person: anybody can check them offline. The proof names the person, so it is written with mode 0600.

    Example: byleave sync audit prove 12 --out entry-12.json
    """
    beside = out.with_suffix(CHECKPOINT_SUFFIX)
    with opened(config) as session:
        log = session.cloud.audit
        # In one transaction: the service may append meanwhile, and a proof holds for one size of the log.
        with session.cloud.database.transaction():
            _known(index, session.cloud.database.leaf_count())
            proof, note = log.prove(index), log.checkpoint()
        write_new(beside, note.encode(), mode=0o644)
        write_new(out, proof.to_json().encode())
        public = log.public_key
    if as_json:
        print_json({"entry": index, "proof": str(out), "checkpoint": str(beside), "key": public})
        return
    typer.echo(f"wrote {out} and {beside}; to check them, anywhere:")
    command = ("byleave", "sync", "audit", "verify-proof", str(out), str(beside), "--key", public)
    typer.echo(shlex.join(command))


def _known(index: int, size: int) -> None:
    if index >= size:
        raise AuditError(f"the log has {size} entries, numbered from 0: there is no entry {index}")


@audit.command()
def check(
    against: Annotated[
        Path | None, typer.Option(metavar="CHECKPOINT", help="A checkpoint that was kept elsewhere.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Recompute the whole log, and hold it against a checkpoint of earlier. Exit code 2 at the first thing that does not fit.

    A log that was put back from a backup does not hold either; where the backup's part is proven to be what was signed, it says so.

    Without a checkpoint that somebody else kept, a log that was rewritten throughout cannot be told from a true one.

    Example: byleave sync audit check --against 2026-03-14.checkpoint
    """
    with opened(config) as session:
        note = None if against is None else read_text(against, "a checkpoint that `audit checkpoint` wrote")
        # In one transaction: an entry that the service appends meanwhile would look like one too many.
        with session.cloud.database.transaction():
            try:
                size = session.cloud.audit.check(note)
            except AuditError as error:
                lost = None if note is None else _restored(session, note)
                told = {"holds": False, "why": str(error), "restored": lost._asdict() if lost else None}
                _report(as_json, told, f"does not hold: {_lost(lost) if lost else error}")
                raise typer.Exit(FINDINGS) from None
    found = {"holds": True, "entries": size, "against": str(against) if against else None}
    beside = f", and continues {against}" if against else "; no checkpoint was given to hold it against"
    _report(as_json, found, f"holds: {size} entries fit their tree{beside}")


def _restored(session: Session, note: str) -> Restored | None:
    """The restore that explains it, where the log fits its own tree and the note is of this log."""
    try:
        session.cloud.audit.check()
        return session.cloud.continuity.explain(open_checkpoint(note, session.cloud.audit.public_key))
    except AuditError:
        return None


def _lost(found: Restored) -> str:
    logged = f"entry {found.entry} records it" if found.entry is not None else "no entry records it"
    return (
        f"entries {found.kept} to {found.signed - 1} of {found.signed} that were signed are lost with a restore, which was seen"
        f" {iso(found.at)}; {logged}. The {found.kept} before them are proven to be those that were signed. {found.lost} entries"
        " were lost in all: ask who restored, from what, and why"
    )


def _report(as_json: bool, found: dict[str, Any], line: str) -> None:
    if as_json:
        print_json(found)
    else:
        typer.echo(line, err=not found["holds"])


def _row(entry: Entry) -> dict[str, Any]:
    event = entry.event
    return {
        "entry": entry.index,
        "time": iso(event.at),
        "kind": event.kind,
        "actor": event.actor,
        "subject": event.subject,
        "detail": dict(event.detail),
        "linked": entry.linked,
    }


@audit.command("verify-proof")
def verify_proof(
    proof: Annotated[Path, typer.Argument(help="A proof of one entry (JSON).")],
    checkpoint: Annotated[Path, typer.Argument(help="The signed checkpoint that it is for.")],
    key: Annotated[str, typer.Option("--key", help="The verifier key of the log: name, key id and base64.")],
    as_json: AsJson = False,
) -> None:
    """Check offline that an entry is in the audit log, and what it says. Exit code 2 when it does not hold.

    Example: byleave sync audit verify-proof entry.json entry.checkpoint --key "$(cat log.key)"
    """
    try:
        read = Proof.from_json(proof.read_text(encoding="utf-8"))
        signed = verify(read, checkpoint.read_text(encoding="utf-8"), key)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot be read: {error}", FINDINGS)
    except CloudSyncError as error:
        fail(f"does not hold: {error}", FINDINGS)
    kind = read.event.kind if read.event else "unlinkable"
    if as_json:
        typer.echo(json.dumps({"index": read.index, "size": signed.size, "log": signed.origin, "kind": kind}))
    else:
        typer.echo(f"holds: entry {read.index} of {signed.size} in {signed.origin} is {kind}")
