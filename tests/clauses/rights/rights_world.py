"""What tests of people's rights share: somebody asks, logged in or by letter; the desk decides, does, answers; copies are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cloud_sync.disclosure import Kind
from cloud_sync.disclosure.export import Export
from cloud_sync.disclosure.forms import rows_of
from cloud_sync.errors import Denied
from cloud_sync.model import Actor
from cloud_sync.model.access import Delivery, DeliveryState
from cloud_sync.model.rights import Case
from cloud_sync.retention.civil import local_date, zone_of
from cloud_sync.rights import Opened
from cloud_sync.stores import Parcel
from tests.clauses.made import DPO, E1, HERE, U1, World
from tests.unit.cloud_sync.ingest.ingest_world import Tracker

DESK: Final = "desk-1"
LETTER: Final = b"what the person was told"


@dataclass
class Basket:
    """A sink that takes everything."""

    taken: list[Parcel] = field(default_factory=list)

    def deliver(self, parcel: Parcel) -> None:
        """Take it."""
        self.taken.append(parcel)


def me(subject: str) -> Actor:
    """A person who is logged in with a second factor."""
    return Actor(subject, "data_subject", mfa=True)


def ask(world: World, *rights: str, subject: str = "u-1", **more: Any) -> Opened:
    """One message of a person who is logged in, now, through the portal; keywords as `cloud.rights.open` has them."""
    values = {"received_at": world.now, "channel": "portal", "by": subject, "login": me(subject), **more}
    return world.cloud.rights.open(subject, *rights, **values)


def one(world: World, right: str, **more: Any) -> Case:
    """One case of such a message."""
    return ask(world, right, **more).cases[0]


def grant(world: World, case: Case) -> Case:
    """The desk decides for the person."""
    return world.cloud.rights.decide(case.case_id, "granted", by=DESK, reviewer=DPO.id)


def granted(world: World, right: str, **more: Any) -> Case:
    """A case of which that is decided."""
    return grant(world, one(world, right, **more))


def finish(world: World, case: Case) -> Case:
    """The person is answered, and the case is closed."""
    world.cloud.rights.answer(case.case_id, by=DESK, letter=LETTER)
    return world.cloud.rights.close(case.case_id, by=DESK)


def due(world: World, case: Case) -> str:
    """The last day on which an answer is in time, on the company's calendar."""
    return str(local_date(case.due_at - 1, zone_of(world.cloud.policy.country)))


def day(moment: float) -> str:
    """The day of a moment in UTC."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)).date().isoformat()


def copy(world: World, name: str = "copy", kind: Kind = Kind.ACCESS, actor: Actor = U1) -> Export:
    """A copy in a folder of that name."""
    return world.cloud.export(world.folder / name, "u-1", actor=actor, kind=kind)


def rows(made: Export, name: str) -> list[Any]:
    """The rows of a file of a copy; none where the file is not there."""
    path = Path(made.folder) / name
    return list(rows_of(path)) if path.exists() else []


def value(made: Export, name: str) -> Any:
    """What a file of a copy says that is no list of rows; it must be there."""
    assert (made.folder / name).exists(), name
    return json.loads((made.folder / name).read_text("utf-8"))


def told_before(world: World, *recipients: str, category: str = "position") -> None:
    """Something of U1 went to each of these some time ago."""
    for name in recipients:
        made = Delivery(f"d-{name}", name, "tracking", category, "u-1", "c-1", 0.0, 9.0, "", b"salt", world.now - 5)
        world.cloud.database.put_delivery(_done(made))


def _done(delivery: Delivery) -> Delivery:
    values = {name: getattr(delivery, name) for name in delivery.__slots__}
    return Delivery(**{**values, "state": DeliveryState.DONE, "parts": 1, "count": 1})


def bulk(world: World, tracker: Tracker, count: int) -> None:
    """So many fixes at F, a second apart until now, sixty to an envelope, of one UTC day; all are stored."""
    times = [int(world.now) - count + n for n in range(count)]
    pieces = [times[n : n + 60] for n in range(0, count, 60)]
    before = world.rows()
    world.take(tracker, *(tracker.fixes(piece, place=HERE) for piece in pieces))
    assert world.rows() == before + len(pieces)


def put(world: World, category: str, content: bytes = b"content", *, subject: str = "u-1", **more: Any) -> str:
    """A record of a person, made now; its id."""
    return str(world.cloud.records.put(category, {subject: content}, **more))


def helper(world: World, purpose: str, category: str, actor: Actor = E1) -> Actor:
    """A member of the staff whom an open ticket lets in for this."""
    world.cloud.staff.open_ticket("K-1", "u-1", by=DESK)
    world.cloud.staff.open(actor, "u-1", purposes=[purpose], categories=[category], by=actor, ticket="K-1")
    return actor


def attempt(read: Callable[[], object]) -> str:
    """Whether something is allowed: the reason against it, or nothing."""
    try:
        read()
    except Denied as denied:
        return str(denied.reason)
    return ""


def put_together(parcels: list[Parcel], folder: Path) -> Path:
    """The files of a handed over copy as its receiver has them, by nothing but the parts in the order of their numbers."""
    folder.mkdir()
    for body in sorted((json.loads(parcel.body) for parcel in parcels), key=lambda each: each["part"]):
        with (folder / body["file"]).open("a", encoding="utf-8", newline="") as file:
            file.write(body["text"])
    return folder
