"""What each right does, once it is granted: the copy, the erasure, the restriction, the rectification.

Each act is the installation's own, behind its gate and in its log; the case says that it was done, and what came of it. A
withdrawal of consent is none of these: it acts at once, without a case.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from cloud_sync.audit import Kind
from cloud_sync.erasure.receipt import ErasureReceipt
from cloud_sync.errors import ConfigError
from cloud_sync.model import Actor
from cloud_sync.model.keeping import Ground, Restriction
from cloud_sync.model.rights import Case, CaseState, Outcome, Right
from cloud_sync.rights.cases import CaseBook
from cloud_sync.rights.rules import at, word

PIECE_BYTES: Final = 1 << 20
TOLD: Final = "told "  # an event by which a recipient knows of a rectification
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
#: What has to be answered before a person's data is destroyed.
NEEDS_DATA: Final = frozenset({Right.ACCESS, Right.PORTABILITY, Right.RECTIFICATION, Right.HUMAN_REVIEW})


class Restricting(Protocol):
    """The restrictions of all persons."""

    def restrict(
        self, subject: str, ground: Ground | str, *, by: str, reference: str = "", review_at: float | None = None
    ) -> Restriction: ...
    def lift(self, restriction_id: str, *, by: str, told: bool) -> Restriction: ...
    def in_force(self, subject: str | None = None) -> list[Restriction]: ...


@dataclass(frozen=True, slots=True)
class Acts:
    """What the installation can do for a person; `export` writes (folder, subject, actor, portable)."""

    export: Callable[[str | Path, str, Actor, bool], Any]
    erase: Callable[[str, str], ErasureReceipt]
    restrictions: Restricting


class Carry:
    """Carries out what was granted."""

    def __init__(self, book: CaseBook, acts: Acts) -> None:
        self._book = book
        self._acts = acts

    # What may not wait for a decision, and what ends with the answer

    def begin(self, case: Case) -> None:
        """Whose person is known to ask: an objection and a restriction hold from now on, until they are decided and beyond."""
        if case.right is Right.OBJECTION:
            self._restrict(case, Ground.OBJECTION)
        elif case.right is Right.RESTRICTION:
            self._restrict(case, Ground.ACCURACY_CONTESTED)

    def end(self, case: Case) -> None:
        """The person has been told: what was refused holds no longer (GDPR Art. 18(3): told before)."""
        if case.outcome != Outcome.REFUSED or case.state not in (CaseState.ANSWERED, CaseState.CLOSED):
            return
        for each in self._acts.restrictions.in_force(case.subject):
            if each.reference == case.case_id:
                self._acts.restrictions.lift(each.restriction_id, by=case.reviewer, told=True)

    # Acts

    def copy(self, case_id: str, folder: str | Path, *, actor: Actor) -> Any:
        """Access or portability: write the person's copy into a new folder, as `actor` may; the export itself.

        The case has the number of files and the SHA-256 over them. `Denied` as the export has it.
        """
        case = self._granted(case_id, Right.ACCESS, Right.PORTABILITY)
        made = self._acts.export(folder, case.subject, actor, case.right is Right.PORTABILITY)
        count, digest = _files(Path(folder))
        self._carried(case_id, by=actor.id, detail=f"files {count} withheld {len(made.withheld)}", digest=digest)
        return made

    def erase(self, case_id: str, *, by: str, confirmed: bool = False) -> ErasureReceipt:
        """Erasure: everything that nothing keeps; the receipt says what stays, why, and when that is looked at again.

        ConfigError while another case of the person needs the data, and where the same message asks for a restriction, unless
        `confirmed`: the person has said again that they want the data gone.
        """
        case = self._granted(case_id, Right.ERASURE)
        others = [each for each in self._book.database.cases(case.subject) if each.case_id != case_id]
        before = [each for each in others if each.pending and each.right in NEEDS_DATA]
        if before:
            named = ", ".join(f"{each.right.value} ({each.case_id})" for each in before)
            raise ConfigError(f"answer first what needs the data: {named}")
        both = any(each.right is Right.RESTRICTION and each.message == case.message for each in others)
        if both and not confirmed:
            raise ConfigError(
                "the same message asks to keep the data restricted: ask the person, then erase as confirmed"
            )
        receipt = self._acts.erase(case.subject, by)
        said = {"entry": receipt.entry, "held": receipt.held, "tombstones": receipt.tombstones}
        kept = [[each.what, each.count, each.why, each.review_at] for each in receipt.kept]
        digest = hashlib.sha256(json.dumps([said, kept], sort_keys=True).encode()).hexdigest()
        self._carried(case_id, by=by, detail=f"kept {len(receipt.kept)} held {len(receipt.held)}", digest=digest)
        return receipt

    def restrict(self, case_id: str, *, by: str) -> Restriction:
        """Restriction: it holds since the person was identified; from here on it is granted, and has no end of its own."""
        case = self._granted(case_id, Right.RESTRICTION)
        made = self._restrict(case, Ground.ACCURACY_CONTESTED)
        self._carried(case_id, by=by, detail=made.restriction_id)
        return made

    def rectify(self, case_id: str, *, by: str, correction: bytes, original: str = "") -> tuple[str, ...]:
        """Rectification: the correction is sealed with the case; past recipients who are to be told.

        What a sensor measured is not written over: `original` is the SHA-256, in hex, of the value as it came, and the correction
        stands beside it as an annotation. ConfigError for no correction, and for what is no such hash.
        """
        case = self._granted(case_id, Right.RECTIFICATION)
        if not correction or (original and not _SHA256.fullmatch(original)):
            raise ConfigError("a rectification has a correction, and of a measured value its SHA-256 in hex")
        self._carried(case_id, by=by, detail=f"original {original}" if original else "", content=correction)
        return self.recipients(case)

    def told(self, case_id: str, recipient: str, *, by: str) -> list[str]:
        """A past recipient was told of the rectification (GDPR Art. 19); who is still to be told."""
        word(recipient)
        self._book.step(
            case_id, Kind.CASE_CARRIED, lambda case: at(case, CaseState.DECIDED), by=by, detail=f"{TOLD}{recipient}"
        )
        return self.untold(self._book.get(case_id))

    def untold(self, case: Case) -> list[str]:
        """Past recipients who do not know of a granted rectification."""
        if case.right is not Right.RECTIFICATION or case.carried_at is None:
            return []
        events = self._book.database.case_events(case.case_id)
        known = {event.detail.removeprefix(TOLD) for event in events if event.detail.startswith(TOLD)}
        return [each for each in self.recipients(case) if each not in known]

    def recipients(self, case: Case) -> tuple[str, ...]:
        """To whom anything of the person went, in order of their names."""
        return tuple(sorted({each.recipient for each in self._book.database.deliveries(case.subject)}))

    # Parts

    def _granted(self, case_id: str, *rights: Right) -> Case:
        case = at(self._book.get(case_id), CaseState.DECIDED)
        if case.right not in rights or case.outcome == Outcome.REFUSED:
            raise ConfigError(
                f"this case is about {case.right.value}, {case.outcome}: nothing of that kind is to be done"
            )
        return case

    def _carried(self, case_id: str, *, by: str, detail: str = "", digest: str = "", content: bytes = b"") -> None:
        now = self._book.clock.now()
        self._book.step(
            case_id,
            Kind.CASE_CARRIED,
            lambda case: replace(at(case, CaseState.DECIDED), carried_at=now),
            by=by,
            detail=detail,
            digest=digest,
            content=content,
        )

    def _restrict(self, case: Case, ground: Ground) -> Restriction:
        return self._acts.restrictions.restrict(
            case.subject, ground, by=case.subject, reference=case.case_id, review_at=case.due_at
        )


def _files(folder: Path) -> tuple[int, str]:
    """How many files there are, and the SHA-256 over their names and contents, in order."""
    total, paths = hashlib.sha256(), sorted(path for path in folder.rglob("*") if path.is_file())
    for path in paths:
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            each = hashlib.sha256()
            while piece := file.read(PIECE_BYTES):
                each.update(piece)
        total.update(each.digest())
    return len(paths), total.hexdigest()
