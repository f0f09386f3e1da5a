"""Healing when one store is behind another: a restored database, a commit that failed, a broker that reorders, an erased day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud_sync.directive.state import RESTORE_JUMP
from cloud_sync.errors import StoreError
from cloud_sync.ingest.downlinks import MOST_AHEAD
from cloud_sync.model import EPOCH_SECONDS, StoredEnvelope, Stream
from tests.faults.healing_pair import Pair, header_of
from tests.unit.cloud_sync.service_world import GIVE
from tests.unit.cloud_sync.test_service_restore import back_up, restore

AGAIN_S = 700  # an offer is repeated after ten minutes
FAR = 2100  # downlink numbers: more than the server may go ahead of a device that has heard none


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A device that has healed once, and has come to a high downlink number."""
    pair = Pair(tmp_path)
    pair.contact()
    for number in (FAR // 2, FAR):
        pair.cloud._keys.skip_down(pair.name, number)
        pair.pass_s(20)
        pair.contact()
    assert pair.generation() == (1, 1) and pair.unit.keystore.down_next > FAR
    yield pair
    pair.close()


def hears_again(pair: Pair) -> bool:
    """Whether the next contact brings the device something that it can open, and empties its spool."""
    pair.pass_s(AGAIN_S)
    opened = pair.unit.session._opened
    pair.contact()
    return pair.unit.session._opened > opened and pair.in_step()


def heal(pair: Pair) -> None:
    """Another generation."""
    pair.cloud.heal(pair.name)
    pair.pass_s(AGAIN_S)
    pair.contact()


def failing(pair: Pair) -> Callable[[list[StoredEnvelope]], None]:
    """Stores no envelope of generation 2, as a disk that is full."""
    add = pair.cloud.database.add_envelopes

    def full(rows: list[StoredEnvelope]) -> None:
        if any(row.id.generation == 2 for row in rows):
            raise StoreError("disk full")
        add(rows)

    return full


def half_healed(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key store has begun generation 2, the database's commit failed, and the process goes on."""
    monkeypatch.setattr(pair.cloud.database, "add_envelopes", failing(pair))
    monkeypatch.setattr(pair, "restart_server", lambda: None)
    heal(pair)
    monkeypatch.undo()
    assert pair.generation() == (2, 1) and pair.cloud._keys.down(pair.name) == (2, 0)


def test_a_database_from_before_a_healing_is_brought_in_line(pair: Pair) -> None:
    """Restored, with a withdrawal lost: directive and jump are numbered on the chain of the generation in use."""
    copy = back_up(pair.setting)
    heal(pair)
    assert pair.generation() == (2, 2)
    pair.cloud.consent.withdraw("s-1", "tracking", GIVE)
    pair.cloud.close()
    restore(pair.setting, copy)
    pair.cloud = pair.setting.open()
    assert pair.generation() == (2, 2) and RESTORE_JUMP < pair.cloud._keys.down_next(pair.name) < MOST_AHEAD
    assert hears_again(pair)
    assert len(pair.cloud.audit.entries(kind="device.healed")) == 2


def test_a_consent_between_two_commits_is_numbered_in_the_new_generation(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first envelope of a generation failed at the database; a withdrawal follows before the device is back."""
    half_healed(pair, monkeypatch)
    sent = len(pair.setting.link.sent)
    pair.cloud.consent.withdraw("s-1", "tracking", GIVE)
    [(_, directive)] = pair.setting.link.sent[sent:]
    assert header_of(directive)[1::2] == [2, 0] and pair.generation() == (2, 2)
    assert hears_again(pair)


def test_a_start_finds_what_a_failed_commit_left(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, and the process ends."""
    half_healed(pair, monkeypatch)
    pair.restart_server()
    assert pair.generation() == (2, 2) and hears_again(pair)


def test_verdicts_keep_within_the_reach_of_the_new_generation(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the device reported of the old chain is no measure of the new one."""
    old = pair.unit.seal_fixes([pair.now])
    half_healed(pair, monkeypatch)
    pair.cloud._keys.skip_down(pair.name, MOST_AHEAD)
    assert [header_of(sealed)[1::2] for sealed in pair.up(old)] == [[2, MOST_AHEAD]]
    assert pair.up(old) == [] and pair.cloud._sealer.withheld == 1


def test_a_status_of_the_old_generation_that_comes_late_moves_no_number(pair: Pair) -> None:
    """Held back by the broker until a reading has begun the new one: stored, and the new chain stays where it is."""
    pair.cloud.heal(pair.name)
    pair.pass_s(AGAIN_S)
    unit = pair.unit
    for sealed in pair.up(unit.seal_status()):
        pair.down(sealed)
    unit.outbox.begin()
    while (entry := unit.outbox.next()) is not None:
        answer = bytes(entry.envelope)
    verdict = pair.up(answer)
    pair.pass_s(60)
    late = unit.seal_status()
    for sealed in verdict:
        pair.down(sealed)
    first = unit.seal_status(unit.reasons.pop(0))
    pair.up(unit.seal_fixes([pair.now]))
    assert pair.generation() == (2, 2) and header_of(late)[1] == 1
    number = pair.cloud._keys.down_next(pair.name)
    before = pair.stored(Stream.STATUS)
    pair.up(late)
    assert pair.stored(Stream.STATUS) == before + 1
    assert pair.cloud._keys.down_next(pair.name) == number + 1  # its verdict
    state = pair.cloud.database.directive_state(pair.name)
    assert state is not None and (state.reported_at[0], state.reported_down_next) == (1, 0)
    pair.up(first)
    assert hears_again(pair)


def test_nothing_leads_to_an_erased_day_after_a_healing(pair: Pair) -> None:
    """Today is erased, then the device heals: the new tips begin behind it, and it stays closed."""
    pair.unit.seal_fixes([pair.now])
    pair.contact()
    assert pair.cloud.erase(subject="s-1").envelopes == 1
    heal(pair)
    today = pair.now // EPOCH_SECONDS
    assert pair.generation() == (2, 2)
    assert {(tip.generation, tip.epoch) for tip in pair.cloud._store.tips()} == {(2, today + 1)}
    leaves = pair.cloud._store.leaves(pair.name, 0, 0, today + 1)
    assert {leaf.stream for leaf in leaves} == {Stream.STATUS}
    pair.unit.seal_fixes([pair.now])
    pair.contact()
    assert pair.stored() == 0 and pair.in_step()
