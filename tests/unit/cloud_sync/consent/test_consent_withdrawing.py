"""Withdrawing is as easy as giving and holds at once; a changed policy resets what it touches and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cloud_sync.cli import sync
from cloud_sync.consent import ConsentLedger
from cloud_sync.consent.notice import WITHDRAWAL_STEPS
from cloud_sync.directive import DirectiveDesk
from cloud_sync.errors import ConsentError
from cloud_sync.facade.consents import Consents
from cloud_sync.model import ConsentState, Reason, Sensor
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.consent.consent_world import TEXT, Place, by, enrolled, reads, senses

T = "tracking"


# As easy


def required(function: Callable[..., Any]) -> int:
    """How many inputs a call cannot do without."""
    parameters = inspect.signature(function).parameters.values()
    return sum(p.default is inspect.Parameter.empty and p.name != "self" for p in parameters)


@pytest.mark.parametrize("owner", [Consents, ConsentLedger])
def test_withdrawing_takes_no_more_inputs_than_giving(owner: type) -> None:
    """The API: subject, purpose and proof, for both; one call, as the notice says."""
    assert required(owner.withdraw) <= required(owner.give)
    assert required(owner.withdraw) == 3
    assert WITHDRAWAL_STEPS == 1


def test_the_commands_take_as_many_words() -> None:
    """The command line: as many required arguments and options, and none that giving does not have."""
    commands = typer.main.get_command(sync).commands["consent"].commands  # type: ignore[attr-defined] - a group of click
    need = {name: {p.name for p in commands[name].params if p.required} for name in ("give", "withdraw")}
    assert need["withdraw"] == need["give"] == {"subject", "purpose", "by", "channel", "act", "language"}
    every = {name: {p.name for p in commands[name].params} for name in ("give", "withdraw")}
    assert every["withdraw"] < every["give"]


# At once


def test_the_gate_is_closed_before_withdraw_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CT-16: when the caller hears of it, and when the link gets the directive, the gate has said no; no time has passed."""
    place = Place(tmp_path)
    with place.open() as cloud:
        tracker = enrolled(cloud)
        cloud.consent.give("s-1", T, by("s-1"))
        cloud.handle([(tracker.topic, tracker.status())])
        began, seen = place.clock.now(), []

        def send(device: str, sealed: bytes) -> None:
            seen.append((device, bool(reads(cloud)), tracker.open(sealed).sensors))

        monkeypatch.setattr(cloud.link, "send", send)
        assert reads(cloud)
        cloud.consent.withdraw("s-1", T, by("s-1"))
        assert seen == [(tracker.name, False, Sensor(0))]
        assert reads(cloud).reason is Reason.CONSENT_MISSING
        assert place.clock.now() - began < cloud.policy.consent.gate_latency_s


@pytest.mark.parametrize("step", ["refuse", "withdraw"])
def test_of_two_answers_at_one_instant_the_later_holds(tmp_path: Path, step: str) -> None:
    """A no closes within the instant; a yes after it, in the same instant, opens from then on and nothing from before."""
    with Place(tmp_path).open() as cloud:
        enrolled(cloud)
        if step == "withdraw":
            cloud.consent.give("s-1", T, by("s-1"))
        getattr(cloud.consent, step)("s-1", T, by("s-1"))
        assert not reads(cloud)
        cloud.consent.give("s-1", T, by("s-1"))
        now = cloud.clock.now()
        assert reads(cloud, captured_at=now)
        assert not reads(cloud, captured_at=now - 1)


# One transaction


def test_a_crash_between_ledger_and_directive_leaves_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk fails while the answer is recorded: no record, no entry of the log, no directive; then the answer succeeds."""
    place = Place(tmp_path)
    with place.open() as cloud:
        tracker = enrolled(cloud)
        cloud.consent.give("s-1", T, by("s-1"))
        cloud.handle([(tracker.topic, tracker.status())])
        before = state(cloud, tracker.name)

        def fails(self: DirectiveDesk, *_: Any) -> Sequence[Any]:
            raise RuntimeError("the power goes")

        with monkeypatch.context() as patch:
            patch.setattr(DirectiveDesk, "settle", fails)
            for act in (
                lambda: cloud.consent.withdraw("s-1", T, by("s-1")),
                lambda: cloud.consent.give("s-1", T, by("s-1")),
            ):
                with pytest.raises(RuntimeError):
                    act()
                assert state(cloud, tracker.name) == before
        place.link.sent.clear()
        cloud.consent.withdraw("s-1", T, by("s-1"))
        assert len(place.link.sent) == 1


def state(cloud: CloudSync, device: str) -> tuple[Any, ...]:
    """What an answer changes."""
    return cloud.ledger.records("s-1"), cloud.audit.entries(), cloud.database.directive_state(device)


# A policy that changes

WIDER = ('retention = "P90D"\nclock = "captured"\nafter = "delete"\nrecipients = ["roadside', "P91D")


def test_a_changed_purpose_is_asked_anew_and_the_others_stay(tmp_path: Path) -> None:
    """Section 8 row 37: tracking takes a day more; its consent ends, the alarm's holds, and each names the notice it answered."""
    place = Place(tmp_path)
    with place.open() as cloud:
        enrolled(cloud)
        for purpose in (T, "theft_alarm"):
            cloud.consent.give("s-1", purpose, by("s-1"))
        assert senses(cloud)[0] == Sensor.GNSS | Sensor.MOTION
    changed = TEXT.replace(WIDER[0], WIDER[0].replace("P90D", WIDER[1]), 1)
    assert changed != TEXT
    place.write(changed)
    with place.open() as cloud:
        standing = {p: cloud.ledger.state_at("s-1", p, cloud.clock.now()).state for p in (T, "theft_alarm")}
        assert standing == {T: None, "theft_alarm": ConsentState.GIVEN}
        assert senses(cloud)[0] == Sensor.MOTION
        assert not reads(cloud)
        assert reads(cloud, purpose="theft_alarm")
        assert [(r.event_state.value, r.channel) for r in cloud.ledger.records("s-1", T)] == [
            ("given", "app"),
            ("expired", "policy_change"),
        ]
        assert {record.privacy_notice for record in cloud.ledger.records("s-1")} == {"demo-1"}
        cloud.consent.request("s-1", T, by("c-1", act="shown_notice"))
        cloud.consent.give("s-1", T, by("s-1"))
        assert reads(cloud)


def test_another_notice_is_another_question_for_all(tmp_path: Path) -> None:
    """The company's own lever: a new version of the notice asks everybody anew, and old answers name the old one."""
    place = Place(tmp_path)
    with place.open() as cloud:
        cloud.consent.give("s-1", T, by("s-1"))
    place.write(TEXT.replace('version = "demo-1"', 'version = "demo-2"', 1))
    with place.open() as cloud:
        assert cloud.ledger.state_at("s-1", T, cloud.clock.now()).state is None
        with pytest.raises(ConsentError, match="not in force"):
            cloud.consent.give("s-1", T, by("s-1"))
        cloud.consent.give("s-1", T, by("s-1", notice="demo-2"))
        notices = [record["event"][0]["privacy_notice"] for record in cloud.consent.history("s-1")]
        assert notices == ["demo-1", "demo-2"]


# Time


def test_a_consent_of_a_leap_day_lasts_to_the_end_of_february(tmp_path: Path) -> None:
    """Given on 29 February 2028 for 24 months: until 28 February 2030 at the same second, and no second longer."""
    place = Place(tmp_path)
    place.clock.at = 1_835_431_200.0  # 2028-02-29T10:00:00Z
    with place.open() as cloud:
        enrolled(cloud)
        given = cloud.consent.give("s-1", T, by("s-1"))
        assert given.validity_until == 1_898_503_200.0  # 2030-02-28T10:00:00Z
        place.clock.at = given.validity_until - 1
        assert reads(cloud)
        place.clock.at += 1
        assert not reads(cloud)


@pytest.mark.parametrize("begins", [1_774_745_999.0, 1_792_889_999.0], ids=["into summer time", "out of it"])
def test_summer_time_changes_no_term(tmp_path: Path, begins: float) -> None:
    """A second before Denmark changes its clocks: the cool-down of ninety days is ninety times 86,400 seconds."""
    place = Place(tmp_path)
    place.clock.at = begins
    with place.open() as cloud:
        cloud.consent.request("s-1", T, by("c-1", act="shown_notice"))
        cloud.consent.later("s-1", T, by("s-1"))
        place.clock.at = begins + 90 * 86_400 - 1
        with pytest.raises(ConsentError, match="not before"):
            cloud.consent.request("s-1", T, by("c-1", act="shown_notice"))
        place.clock.at += 1
        cloud.consent.request("s-1", T, by("c-1", act="shown_notice"))
