"""What time brings: alarms before and at the due moment, in the log and the figures; the end of the cases' own term."""

from __future__ import annotations

from cloud_sync.web import metrics
from tests.unit.cloud_sync.rights.rights_world import DAY, DPO, T0, Bureau, at


def counts(bureau: Bureau) -> tuple[int, int]:
    """How many alarms and how many late cases are logged."""
    return len(bureau.logged("case.alarm")), len(bureau.logged("case.late"))


def test_each_alarm_is_raised_once_by_the_sweep(bureau: Bureau) -> None:
    """On its day, not the second before; and once more when the last day is over. Nothing that was written is in it."""
    case = bureau.one("access", content=b"Anna Hansen asks")
    for moment, raised in (
        (case.alarm_at - 1, (0, 0)),
        (case.alarm_at, (1, 0)),
        (case.due_at - 1, (1, 0)),
        (case.due_at, (1, 1)),
        (case.due_at + 9 * DAY, (1, 1)),
    ):
        bureau.clock.at = moment
        bureau.cloud.sweep(clock_confirmed=True)
        assert counts(bureau) == raised
    said = bureau.logged("case.late")[0]
    assert said == {
        "record": case.case_id,
        "category": "access",
        "channel": "portal",
        "review_at": int(case.due_at),
    }


def test_what_is_answered_raises_none(bureau: Bureau) -> None:
    """Nor does what is closed; whoever was decided and not told still waits."""
    answered, decided = (bureau.grant(bureau.one("question")) for _ in range(2))
    bureau.finish(answered)
    bureau.clock.at = decided.due_at
    assert bureau.cloud.rights.alarm() == 1
    assert [each["record"] for each in bureau.logged("case.late")] == [decided.case_id]


def test_a_clock_that_leapt_keeps_no_deadline_waiting(bureau: Bureau) -> None:
    """The sweep destroys nothing, and tells what is due."""
    case = bureau.one("access")
    bureau.cloud.sweep()
    bureau.clock.at = case.alarm_at
    assert bureau.cloud.sweep().halted and counts(bureau) == (1, 0)


def test_the_figures_count_cases_and_name_nobody(bureau: Bureau) -> None:
    """Waiting, past their alarm, past their due moment, as of the last sweep."""
    first = bureau.one("access")
    bureau.clock.at = T0 + 20 * DAY
    bureau.one("access")
    bureau.finish(bureau.grant(bureau.one("question")))
    for moment, expected in ((first.alarm_at, (2, 1, 0)), (first.due_at, (2, 1, 1))):
        bureau.clock.at = moment
        bureau.cloud.sweep(clock_confirmed=True)
        figures = bureau.cloud.figures()
        assert (figures.cases_waiting, figures.cases_alarming, figures.cases_late) == expected
    text = metrics.text(figures)
    assert "byleave_cases_late 1" in text and "s-1" not in text


def test_closed_cases_go_when_their_term_is_over(bureau: Bureau) -> None:
    """Three years after closing, as the policy has it for its log; open ones and those of later stay, whatever their age."""
    closed, waiting = bureau.grant(bureau.one("question")), bureau.one("access")
    bureau.finish(closed)
    for moment, there in ((at("2029-01-15T11:59"), 2), (at("2029-01-15T12:00"), 1)):
        bureau.clock.at = moment
        report = bureau.cloud.sweep(clock_confirmed=True)
        assert len(bureau.cloud.rights.of()) == there
    assert report.records == 1 and bureau.cloud.database.case_events(closed.case_id) == []
    assert bureau.cloud.database.case_events(waiting.case_id) != []


def test_a_hold_keeps_a_case_beyond_its_term(bureau: Bureau) -> None:
    """Until two people release it."""
    case = bureau.grant(bureau.one("question"))
    bureau.finish(case)
    hold = bureau.cloud.holds.place("CLAIM-7", by=DPO, review_at=T0 + 9 * DAY, subject="s-1")
    bureau.clock.at = at("2029-01-16T12:00")
    assert bureau.cloud.sweep(clock_confirmed=True).held >= 1 and bureau.cloud.rights.of("s-1")
    bureau.cloud.holds.release(hold.hold_id, by=DPO, approved_by="counsel-1")
    bureau.cloud.sweep(clock_confirmed=True)
    assert bureau.cloud.rights.of("s-1") == []
