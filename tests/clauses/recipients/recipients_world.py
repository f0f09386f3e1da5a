"""Records of people, and recipients that take what they get and show it: what tests of this area share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from cloud_sync.errors import Denied
from cloud_sync.model import Actor
from cloud_sync.model.access import Delivery
from cloud_sync.policy import Finding, lint
from cloud_sync.stores import Parcel
from tests.clauses.made import CLERK, DPO, LEAD, Made, World

#: What no office service may ever get (clause table, section 8, row 35).
SENSED: Final = frozenset(
    {"lat", "lon", "position", "temperature", "temp_c", "light", "lux", "motion", "cell", "rssi", "zone"}
)
#: Of somebody who does not exist; whatever a recipient is not listed for is a field too many.
PERSON: Final = {
    "name": "Kim Example",
    "surname": "Example",
    "address": "Testvej 1",
    "post": "Testvej 1",
    "phone": "+45 1234",
    "email": "kim@mail.example",
    "title": "planner",
    "work_area": "care",
    "customer_no": "K-7",
    "account_no": "A-7",
    "lat": 55.676098,
    "lon": 12.568337,
    "position": "55.676098,12.568337",
    "temperature": 21.5,
    "light": 300,
    "motion": 1,
    "cell": "238-1-7",
    "rssi": -70,
    "note": "private",
}
SIGNERS: Final = (LEAD, DPO)


@dataclass
class Outside:
    """A recipient: what it took, as parsed JSON."""

    taken: list[dict[str, Any]] = field(default_factory=list)
    host: str = "recipient.example"

    def deliver(self, parcel: Parcel) -> None:
        """Take it."""
        self.taken.append(json.loads(parcel.body))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Every row of data that it got."""
        return [row for part in self.taken for row in part.get("readings", [])]

    @property
    def fields(self) -> set[str]:
        """Every field that it got."""
        return {name for row in self.rows for name in row}


def reach(world: World, *names: str) -> dict[str, Outside]:
    """A sink for each of these, in the register or not."""
    found = {name: Outside() for name in names}
    world.cloud.sinks.update(found)
    return found


def put(world: World, category: str, subject: str = "u-1", **content: Any) -> str:
    """A record of the person, with more in it than any recipient is listed for."""
    return world.cloud.records.put(category, {subject: json.dumps({**PERSON, **content}).encode()})


def hand(
    world: World, record: str, recipient: str, purpose: str, *, subject: str = "u-1", actor: Actor = CLERK, **more: Any
) -> Delivery:
    """Hand the record over to the recipient, for a purpose."""
    return world.cloud.recipients.hand(
        record, actor=actor, purpose=purpose, subject=subject, recipient=recipient, **more
    )


def approve(
    world: World, record: str, recipient: str, purpose: str, reference: str, *, by: tuple[Actor, ...] = SIGNERS
) -> None:
    """The controller's own people sign for this record."""
    for each in by:
        world.cloud.approvals.approve(
            *(reference, recipient, "u-1"), purpose=purpose, start=0.0, end=world.now + 1, by=each, record=record
        )


def disclosed(world: World, recipient: str) -> list[dict[str, Any]]:
    """Details of the entries of the log that say that something was let out to a recipient."""
    return [entry for entry in world.logged("gate.allowed") if entry.get("recipient") == recipient]


@contextmanager
def nothing_leaves(world: World, reason: str, *outside: Outside, times: int = 1) -> Iterator[None]:
    """deny(reason): the denial is in the log, once or so many times, and nobody gets a byte."""
    before, denials = [len(each.taken) for each in outside], len(world.logged("gate.denied"))
    with pytest.raises(Denied) as denied:
        yield
    assert str(denied.value.reason) == reason
    assert [len(each.taken) for each in outside] == before
    assert [entry["reason"] for entry in world.logged("gate.denied")[denials:]] == [reason] * times


def findings(made: Made, profile: str, *changes: tuple[str, str]) -> list[Finding]:
    """What the lint finds in a profile with these changes."""
    return lint(made.text(profile, *changes))


def rule(category: str, purpose: str, fields: str, recipient: str, *, basis: str = "consent", more: str = "") -> str:
    """A further rule of records."""
    listed = ", ".join(f'"{name}"' for name in fields.split())
    return (
        f'\n[[rule]]\ncategory = "{category}"\nfields = [{listed}]\npurpose = ["{purpose}"]\nbasis = "{basis}"\n'
        f'retention = "P12M"\nclock = "record.created"\nafter = "delete"\nrecipients = ["{recipient}"]\nregion = "EEA"\n'
        f"visible_to_user = true\n{more}"
        f'\n[[roles.controller]]\nactions = ["disclose"]\npurposes = ["{purpose}"]\n'
        f'\n[[roles.data_subject]]\nactions = ["read", "export"]\npurposes = ["{purpose}"]\n'
    )


def outsider(name: str, kind: str, fields: str, *, region: str = "EEA", more: str = "") -> str:
    """A further recipient."""
    listed = ", ".join(f'"{each}"' for each in fields.split())
    bound = 'agreement = "DPA-7"\n' if kind == "processor" else ""
    return f'\n[[recipient]]\nid = "{name}"\nkind = "{kind}"\nregion = "{region}"\n{bound}{more}fields = [{listed}]\n'


#: A place in every profile at which tables may be added.
BEFORE_RULES: Final = "[[rule]]\n"


def added(*tables: str) -> tuple[str, str]:
    """A change that adds tables before the first rule."""
    return BEFORE_RULES, "".join(tables) + "\n" + BEFORE_RULES
