"""What each right does, once it is granted: the copy, the erasure, the restriction, the rectification.

Each act is the installation's own, behind its gate and in its log; the case says that it was done, and what came of it. A
withdrawal of consent is none of these: it acts at once, without a case.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from cloud_sync.audit import Kind
from cloud_sync.erasure.receipt import ErasureReceipt
from cloud_sync.errors import ConfigError
from cloud_sync.model import Actor
from cloud_sync.model.keeping import Ground, Restriction
from cloud_sync.model.rights import Case, CaseState, Identity, Outcome, RefusalCode, Right
from cloud_sync.rights.cases import CaseBook
from cloud_sync.rights.partly import PartErasure
from cloud_sync.rights.rules import at, word

PIECE_BYTES: Final = 1 << 20
TOLD: Final = "told "  # an event by which a recipient knows of a rectification
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
#: What has to be answered before a person's data is destroyed.
NEEDS_DATA: Final = frozenset({Right.ACCESS, Right.PORTABILITY, Right.RECTIFICATION, Right.HUMAN_REVIEW})


class Restricting(Protocol):
    """The restrictions of all persons."""

    def restrict(
        self,
        subject: str,
        ground: Ground | str,
        *,
        by: str,
        reference: str = "",
        review_at: float | None = None,
        purpose: str = "",
    ) -> Restriction: ...
    def lift(self, restriction_id: str, *, by: str, told: bool) -> Restriction: ...
    def in_force(self, subject: str | None = None) -> list[Restriction]: ...


@dataclass(frozen=True, slots=True)
class Acts:
    """What the installation can do for a person; `export` writes (folder, subject, actor, portable, withheld).

    `erase_partly` leaves what the contract needs; `hand_over` sends (subject, actor, case, receiver's keywords), `rewrite` replaces
    (record, subject, content), `assurance` is the proof of the security measures. `purposes` are those of the policy: an
    objection is
    against one of them, or against all.
    """

    export: Callable[[str | Path, str, Actor, bool, Mapping[str, str]], Any]
    erase: Callable[[str, str], ErasureReceipt]
    erase_partly: Callable[[str, str], PartErasure]
    hand_over: Callable[..., Any]
    rewrite: Callable[[str, str, bytes], object]
    assurance: Callable[[], dict[str, Any]]
    restrictions: Restricting
    purposes: Collection[str] = ()


class Carry:
    """Carries out what was granted."""

    def __init__(self, book: CaseBook, acts: Acts) -> None:
        self._book = book
        self._acts = acts

    # What may not wait for a decision, and what ends with the answer

    def begin(self, case: Case) -> None:
        """Whose person is known to ask: an objection and a restriction hold from now on, until they are decided and beyond.

        An objection to a purpose of the policy stops that purpose; one to what the policy does not know stops all [a word that is
        spelled otherwise].
        """
        if case.right is Right.OBJECTION:
            self._restrict(case, Ground.OBJECTION, case.purpose if case.purpose in self._acts.purposes else "")
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

    def copy(self, case_id: str, folder: str | Path, *, actor: Actor, withhold: Mapping[str, str] | None = None) -> Any:
        """Access or portability: write the person's copy into a new folder, as `actor` may; the export itself.

        A case that was granted in part says what it withholds: categories, each with the law that excepts it.
        The case has the number of files and the SHA-256 over them. `Denied` as the export has it.
        """
        case = self._granted(case_id, Right.ACCESS, Right.PORTABILITY)
        _check_withheld(case, withhold)
        made = self._acts.export(folder, case.subject, actor, case.right is Right.PORTABILITY, withhold or {})
        count, digest = _files(Path(folder))
        self._carried(case_id, by=actor.id, detail=f"files {count} withheld {len(made.withheld)}", digest=digest)
        return made

    def hand_over(
        self,
        case_id: str,
        *,
        receiver: str,
        region: str,
        sink: Any,
        actor: Actor,
        withhold: Mapping[str, str] | None = None,
    ) -> Any:
        """Portability: send the copy to the company that the person names (`disclosure.handover`); what it took.

        `withhold` as in `copy`.
        The case has the receiver, the number of rows and the SHA-256. A receiver outside the EEA is in `warnings`, not refused.
        """
        case = self._granted(case_id, Right.PORTABILITY)
        _check_withheld(case, withhold)
        made = self._acts.hand_over(
            case.subject,
            receiver=receiver,
            region=region,
            sink=sink,
            actor=actor,
            reference=case.case_id,
            withhold=withhold,
        )
        self._carried(case_id, by=actor.id, detail=f"to {receiver} {region} rows {made.rows}", digest=made.sha256)
        return made

    def assure(self, case_id: str, *, by: str) -> bytes:
        """Proof of the security measures: controls with their newest results, and the processors; JSON for the customer."""
        self._granted(case_id, Right.ASSURANCE)
        proof = json.dumps(self._acts.assurance(), indent=2, sort_keys=True).encode()
        self._carried(case_id, by=by, detail=f"bytes {len(proof)}", digest=hashlib.sha256(proof).hexdigest())
        return proof

    def erase(self, case_id: str, *, by: str, confirmed: bool = False) -> ErasureReceipt | PartErasure:
        """Erasure: everything that nothing keeps; the receipt says what stays, why, and when that is looked at again.

        Granted in part for the contract's sake it leaves what rests on that (`partly`).
        ConfigError while another case of the person needs the data, and where the same message, or one received since, asks for a
        restriction, unless `confirmed`: the person has said again that they want the data gone.
        """
        case = self._granted(case_id, Right.ERASURE)
        others = [each for each in self._book.database.cases(case.subject) if each.case_id != case_id]
        before = [each for each in others if each.pending and each.right in NEEDS_DATA]
        if before:
            named = ", ".join(f"{each.right.value} ({each.case_id})" for each in before)
            raise ConfigError(f"answer first what needs the data: {named}")
        if any(_keeps(each, case) for each in others) and not confirmed:
            raise ConfigError(
                "the person asks to keep the data restricted as well: ask them which, then erase as confirmed"
            )
        if (case.outcome, case.reason) == (Outcome.PARTLY, RefusalCode.CONTRACT):
            part = self._acts.erase_partly(case.subject, by)
            text = json.dumps([part.records, part.readings, [astuple(each) for each in part.kept]])
            digest = hashlib.sha256(text.encode()).hexdigest()
            self._carried(case_id, by=by, detail=f"kept {len(part.kept)} contract", digest=digest)
            return part
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

    def rectify(
        self, case_id: str, *, by: str, correction: bytes, original: str = "", record: str = ""
    ) -> tuple[str, ...]:
        """Rectification: the correction is sealed with the case, and replaces the person's part of a `record` that is named; past
        recipients who are to be told.

        What a sensor measured is not written over: `original` is the SHA-256, in hex, of the value as it came, and the correction
        stands beside it as an annotation. ConfigError for no correction, and for what is no such hash.
        """
        case = self._granted(case_id, Right.RECTIFICATION)
        if not correction or (original and not _SHA256.fullmatch(original)):
            raise ConfigError("a rectification has a correction, and of a measured value its SHA-256 in hex")
        if record:
            self._acts.rewrite(record, case.subject, correction)
        detail = f"original {original}" if original else f"record {record}" if record else ""
        self._carried(case_id, by=by, detail=detail, content=correction)
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

    def _restrict(self, case: Case, ground: Ground, purpose: str = "") -> Restriction:
        return self._acts.restrictions.restrict(
            case.subject, ground, by=case.subject, reference=case.case_id, review_at=case.due_at, purpose=purpose
        )


def _keeps(other: Case, erasure: Case) -> bool:
    """Whether the person asked to keep what they want erased, with it or since: not who is unknown, nor who was refused."""
    contrary = other.right is Right.RESTRICTION and other.identity is not Identity.NONE
    asked = other.message == erasure.message or other.received_at >= erasure.received_at
    return contrary and asked and other.outcome != Outcome.REFUSED


def _check_withheld(case: Case, withhold: Mapping[str, str] | None) -> None:
    if withhold and case.outcome != Outcome.PARTLY:
        raise ConfigError("what was granted is not withheld: decide partly, with the reason, or hand out everything")


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
