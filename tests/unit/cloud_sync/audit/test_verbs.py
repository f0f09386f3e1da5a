"""What was done, in thirteen words: every kind of entry about somebody's data has one, and nothing else has."""

from __future__ import annotations

import pytest

from cloud_sync.audit import Kind, Verb, verb_of
from cloud_sync.audit.verbs import named
from cloud_sync.errors import AuditError
from cloud_sync.model import Action, AuditEvent


def of(kind: Kind, **detail: str) -> Verb | None:
    """The verb of an entry of that kind."""
    return verb_of(AuditEvent(kind.value, 1.0, "a-1", "s-1", tuple(detail.items())))


def test_there_are_thirteen_and_each_is_said_by_some_entry() -> None:
    """From collecting to destroying."""
    said = {of(kind) for kind in Kind} | {of(Kind.GATE_ALLOWED, action=action.value) for action in Action}
    assert said - {None} == set(Verb)
    assert len(Verb) == 13


@pytest.mark.parametrize(
    ("action", "verb"),
    [
        (Action.READ, Verb.CONSULT),
        (Action.EXPORT, Verb.RETRIEVE),
        (Action.DISCLOSE, Verb.DISCLOSE),
        (Action.STATISTICS, Verb.COMBINE),
        (Action.MAIL, Verb.USE),
    ],
)
def test_what_is_allowed_has_the_verb_of_its_action_and_what_is_denied_has_none(action: Action, verb: Verb) -> None:
    """A refusal did nothing with anybody's data; nor did a start, or a login."""
    assert of(Kind.GATE_ALLOWED, action=action.value) is verb
    assert of(Kind.GATE_DENIED, action=action.value) is None
    assert [of(kind) for kind in (Kind.POLICY_LOADED, Kind.LOGIN_ALLOWED, Kind.CHECKPOINT_MADE)] == [None] * 3


@pytest.mark.parametrize("word", ["sell", "", "Erase", "consult "])
def test_a_word_that_is_none_of_them_is_rejected(word: str) -> None:
    """With the list of those that are."""
    assert named("erase") is Verb.ERASE
    with pytest.raises(AuditError, match="one of collect, record"):
        named(word)
