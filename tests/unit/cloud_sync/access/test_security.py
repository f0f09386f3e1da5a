"""Controls, the watch, confirmations of processors, and jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.access import Controls, Makes
from cloud_sync.access.controls import BASELINE_1, Control, Threat
from cloud_sync.access.watch import Alarm
from cloud_sync.errors import ConfigError, Denied, StoreError
from cloud_sync.facade.trials import trials_of
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, ME, NOON, Depot

DAY = 86_400


def test_each_control_notices_what_it_is_about(depot: Depot) -> None:
    """All that are tried stand on a fresh installation; each of these breaks exactly one."""
    depot.feed()
    depot.cloud.sweep()
    tried = trials_of(depot.cloud)
    assert [name for name, trial in tried.items() if not trial()] == []
    assert set(tried) == {each.name for each in BASELINE_1 if not each.attested}
    (depot.directory / "kek").chmod(0o640)
    assert [name for name, trial in tried.items() if not trial()] == ["files_private"]
    (depot.directory / "kek").chmod(0o600)
    depot.clock.at += 3 * 3600
    assert [name for name, trial in tried.items() if not trial()] == ["sweep_runs"]
    depot.cloud.sweep()
    depot.cloud.gate.policy = replace(
        depot.cloud.policy, access=replace(depot.cloud.policy.access, staff_mfa="offered")
    )
    depot.cloud.policy = depot.cloud.gate.policy
    assert [name for name, trial in tried.items() if not trial()] == ["second_factor"]


def test_a_trial_that_fails_with_an_error_has_failed(depot: Depot) -> None:
    """And stands in the log as failed; a proof is a month old at most."""

    def broken() -> bool:
        raise StoreError("the store is away")

    trials = {each.name: (lambda: True) for each in BASELINE_1} | {"log_intact": broken}
    controls = Controls(depot.cloud.database, depot.cloud.policy, depot.clock, depot.cloud.audit, trials)
    assert controls.due
    assert [proof.control.name for proof in controls.test() if not proof.passed and proof.at] == ["log_intact"]
    assert not controls.due
    depot.clock.at += 30 * DAY
    assert [proof for proof in controls.proofs() if proof.fresh] == []
    assert all(names == [] for names in controls.threats().values())


@pytest.mark.parametrize("change", ['baseline = "baseline-9"', "min_controls = 21"])
def test_a_baseline_that_there_is_not_opens_nothing(tmp_path: Path, change: str) -> None:
    """Nor one that is too short for the policy."""
    with pytest.raises(ConfigError, match=r"security.baseline"):
        Depot(tmp_path, f"{SYNTHETIC}\n[security]\n{change}\n")


def test_only_what_cannot_be_tried_is_attested(depot: Depot) -> None:
    """A word about a control that is tried is refused."""
    with pytest.raises(ConfigError, match="no such control is attested"):
        depot.cloud.controls.attest("log_intact", by="lead-1")
    depot.cloud.controls.attest("restore_tried", by="lead-1")
    assert [proof.control.name for proof in depot.cloud.controls.proofs() if proof.passed] == ["restore_tried"]
    assert Control("a", "b", (Threat.LOSS,)).attested is False


def test_an_alarm_is_told_once_until_it_is_over(depot: Depot) -> None:
    """Also to whoever listens, and over a restart; an error of the product is a failure."""
    heard: list[Alarm] = []
    watch, state = depot.cloud.watch, {"well": True}

    def probe() -> bool:
        if not state["well"]:
            raise StoreError("away")
        return True

    watch.probes = {"door": probe}
    watch.tell(heard.append)
    assert watch.look() == []
    state["well"] = False
    for _ in range(3):
        depot.clock.at += 60
        watch.look()
    assert [alarm.probe for alarm in heard] == ["door"]
    assert watch.failing() == {"door": NOON + 60}
    state["well"] = True
    depot.clock.at += 60
    assert watch.look() == [] and watch.failing() == {}


def test_the_service_looks_while_it_runs(depot: Depot) -> None:
    """A thread of its own, which ends with the service; starting twice begins one."""
    depot.cloud.start()
    depot.cloud.start()
    assert depot.cloud._watching is not None and depot.cloud._watching.is_alive()
    depot.cloud.stop()
    assert depot.cloud._watching is None


def test_a_confirmation_that_nobody_owes_is_refused(depot: Depot) -> None:
    """Recipients that answer for themselves owe none; one that was escalated can still be confirmed."""
    confirmations = depot.cloud.confirmations
    assert confirmations.expect(7, ["nobody", "carrier"]) == confirmations.owed()
    owing = [each.recipient for each in confirmations.owed()]
    assert "nobody" not in owing
    with pytest.raises(ConfigError, match="owes no confirmation"):
        confirmations.confirm(8, "carrier", by="desk")


def test_a_job_on_what_a_device_senses_makes_no_profile(tmp_path: Path) -> None:
    """Also under a policy that makes profiles of records; as readings the same job is run."""
    depot = Depot(tmp_path, f"{SYNTHETIC}\n[automated]\nprofiling = true\n")
    depot.feed()
    job: dict[str, Any] = {"actor": CLERK, "purpose": "tracking", "category": "position", "subject": "s-1"}
    assert depot.cloud.jobs.run(lambda: 7, makes=Makes.READINGS, **job) == 7
    for makes in (Makes.DWELL_PLACES, Makes.SCORE):
        with pytest.raises(Denied) as denied:
            depot.cloud.jobs.run(lambda: 7, makes=makes, **job)
        assert str(denied.value.reason) == "no_profiling"
    with pytest.raises(Denied):
        depot.cloud.jobs.run(lambda: 7, makes=Makes.READINGS, **{**job, "purpose": "gossip"})
    letters = {**job, "category": "contact", "purpose": "service_change_notice", "actor": ME}
    depot.cloud.records.put("contact", {"s-1": b"ane@mail.example"})
    assert depot.cloud.jobs.run(lambda: 7, makes=Makes.CONTACTS, **letters) == 7
    depot.close()
