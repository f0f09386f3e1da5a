"""What every implementation promises whoever keeps an answer: another mark as soon as it may be another one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from cloud_sync.model import BoundKind, ConsentBound, ConsentRecord
from cloud_sync.model.consent import StandingMark
from cloud_sync.model.keeping import Restriction
from cloud_sync.storage import changes
from cloud_sync.storage.changes import MOST_RESTRICTED
from cloud_sync.stores import Database
from tests.unit.cloud_sync.storage.test_database_contract import CONSENT

JOINED = ConsentBound("b-1", BoundKind.JOINED, 3.0, "h-1", "portal", "set_switch", subject="s-1", group="depot")
RESTRICTION = Restriction("r-1", "s-1", "objection", "CASE-1", 1.0, "c-1", None)


def consent(record: str) -> ConsentRecord:
    """An answer."""
    return replace(CONSENT, record_id=record)


def marked(database: Database) -> StandingMark:
    """The mark, which there is."""
    mark = database.standing_mark()
    assert mark is not None
    return mark


def test_the_mark_changes_with_answers_bounds_and_restrictions(database: Database) -> None:
    """Each of them by itself is another mark than before; and asked twice it is the same."""
    steps = (
        lambda: database.append_consent(consent("c-1")),
        lambda: database.append_bound(JOINED),
        lambda: database.put_restriction(RESTRICTION),
        lambda: database.put_restriction(replace(RESTRICTION, lifted_at=2.0, lifted_by="c-1")),
        lambda: database.put_restriction(replace(RESTRICTION, restriction_id="r-2")),
    )
    seen = [marked(database)]
    for step in steps:
        step()
        seen.append(marked(database))
        assert marked(database) == seen[-1]
    assert all(before != after for before, after in pairwise(seen))


def test_who_answered_since(database: Database) -> None:
    """Those who did, once each; nobody where nothing was added, and nothing of a mark of another ledger."""
    before = marked(database)
    for n, subject in enumerate(("s-1", "s-2", "s-1")):
        database.append_consent(replace(consent(f"c-{n}"), pii_principal_id=subject))
    assert sorted(database.answered_since(before) or ()) == ["s-1", "s-2"]
    assert database.answered_since(marked(database)) == []
    assert database.answered_since(marked(database)._replace(answer="c-9")) is None
    assert database.answered_since(marked(database)._replace(answers=99)) is None


def test_too_many_answers_are_nobodys_names(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many people as are named at once are; with one more everything is to be asked anew."""
    monkeypatch.setattr(changes, "MOST_ANSWERED", 3)
    before = marked(database)
    for n in range(3):
        database.append_consent(replace(consent(f"c-{n}"), pii_principal_id=f"s-{n}"))
    assert sorted(database.answered_since(before) or ()) == ["s-0", "s-1", "s-2"]
    database.append_consent(replace(consent("c-3"), pii_principal_id="s-3"))
    assert database.answered_since(before) is None


def test_an_answer_that_was_undone_leaves_no_mark(database: Database) -> None:
    """Its place in the ledger is given again, to another record: another mark."""
    with pytest.raises(ZeroDivisionError), database.transaction():
        database.append_consent(consent("c-1"))
        undone = marked(database)
        raise ZeroDivisionError
    database.append_consent(consent("c-2"))
    assert marked(database) != undone and database.answered_since(undone) is None


def test_too_many_restrictions_are_no_mark(database: Database) -> None:
    """More than anybody reads at the beginning of each batch: nothing is kept then."""
    with database.transaction():
        for n in range(MOST_RESTRICTED):
            database.put_restriction(replace(RESTRICTION, restriction_id=f"r-{n}"))
    assert len(marked(database).restrictions) == MOST_RESTRICTED
    database.put_restriction(replace(RESTRICTION, restriction_id="one more"))
    assert database.standing_mark() is None
