"""Parameters with the names and defaults of the clause table, provisions compiled from them, and the reference of all keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cloud_sync.model import Precision
from cloud_sync.policy import Period, Step, load_policy
from cloud_sync.policy.reference import general, key_of, keys, markdown, unused
from tests.unit.cloud_sync.policy.policy_world import DEMO, TEXT, changed, loaded, rich

PERIODS = {
    "assurance.response": "P30D",
    "assurance.warn": "P25D",
    "security.evidence_max_age": "P30D",
    "access.grant_ttl": "PT60M",
    "recipients.review_max": "P365D",
    "purpose.max_open": "P12M",
    "portal.export_ready": "PT60S",
    "support.recording.max": "P30D",
    "children.pending_ttl": "P7D",
    "children.safeguards.retention_max": "P30D",
    "cookies.max_age": "P12M",
    "monitor.interval": "PT60S",
    "monitor.gap_alarm": "PT5M",
    "breach.authority_deadline": "PT72H",
    "breach.processor_to_controller": "PT24H",
    "breach.subject_target": "PT72H",
    "notice.banner": "P30D",
    "children.report.restrict": "PT1H",
    "children.report.erase": "P7D",
    "identity.document.after_decision": "PT24H",
    "patch.critical": "P7D",
    "identity.document.hard_max": "P30D",
    "patch.other": "P30D",
    "recipients.answer": "P30D",
    "quality.stale_after": "P12M",
    "quality.confirm_window": "P30D",
    "rights.erasure.execute_max": "P7D",
}
NUMBERS = {
    "security.min_controls": 20,
    "notice.service_mail.max_per_30d": 4,
    "anonymise.relink_max": 0,
    "anonymise.relink_sample": 1000,
    "portal.availability_target": 0.995,
    "portal.max_steps": 2,
    "recipients.authority.approvals": 2,
    "directory.objection_days": 45,
    "identity.document.masks": 4,
    "rights.alarm_at": 0.75,
}
FLAGS = {
    "access.ticket_required": True,
    "consent.allow_preticked": False,
    "purpose.required": True,
    "anonymise.destroy_keys": True,
    "support.recording.enabled": False,
    "rights.refusal.reason_required": True,
    "support.recording.refusal_keeps_service": True,
    "recipients.authority.legal_ref_required": True,
    "recipients.affiliates.enabled": False,
    "directory.enabled": False,
    "cookies.renew_on_visit": False,
    "basis.legal_ref_required": True,
    "firmware.signed": True,
    "firmware.rollback_protection": True,
    "recipients.publish_list": True,
    "children.safeguards.marketing": False,
    "children.safeguards.profiling": False,
}
WORDS = {
    "notice.service_mail.exempt": ("safety", "legal", "security"),
    "consent.notice_required": ("purpose", "data", "recipient", "duration", "withdrawal"),
    "consent.evidence_required": ("actor", "purpose", "text_version", "time", "channel", "affirmative_act"),
    "recipients.kinds": ("order", "it_operation", "hosting", "sms_gateway", "support", "bank"),
    "notice.significant": ("purpose", "basis", "recipient", "region", "retention_up"),
    "cookies.allowed": ("technical", "functional"),
    "portability.bases": ("consent", "contract"),
    "portability.origin": ("given", "observed"),
}
TEXTS = {
    "security.baseline": "baseline-1",
    "collection.unknown_field": "reject",
    "cookies.analytics": "consent",
    "access.staff_mfa": "required",
    "access.user_mfa": "offered",
    "breach.subject_if": "high",
    "directory.calendar": "RO",
    "directory.first_day": "next_working_day",
    "children.verification": "self_declared+parent_second_channel",
    "children.safeguards.location": "cell_1km",
}


def test_defaults_are_those_of_the_clause_table() -> None:
    """Section 4 of the clauses, name by name, where a file is silent."""
    parameters = load_policy(DEMO).parameters
    assert {key: parameters.period(key).text for key in PERIODS} == PERIODS
    assert {key: parameters.number(key) for key in NUMBERS} == NUMBERS
    assert {key: parameters.flag(key) for key in FLAGS} == FLAGS
    assert {key: parameters.words(key) for key in WORDS} == WORDS
    assert {key: parameters[key] for key in TEXTS} == TEXTS


def test_a_parameter_is_asked_for_as_what_it_is() -> None:
    """A period is no number, a yes no number, a text no list; what there is not raises KeyError."""
    parameters = load_policy(DEMO).parameters
    for ask, key in (
        (parameters.period, "rights.alarm_at"),
        (parameters.number, "access.ticket_required"),
        (parameters.number, "notice.banner"),
        (parameters.flag, "rights.alarm_at"),
        (parameters.words, "security.baseline"),
        (parameters.period, "rights.moon"),
    ):
        with pytest.raises(KeyError):
            ask(key)


def test_what_the_file_says_takes_the_place_of_a_default(tmp_path: Path) -> None:
    """A stated parameter is the file's, all others keep their defaults."""
    text = changed("[retention]", '[breach]\nsubject_target = "PT48H"\n\n[retention]')
    parameters = loaded(tmp_path, text).parameters
    assert parameters.period("breach.subject_target") == Period.parse("PT48H")
    assert parameters.period("breach.authority_deadline") == Period.parse("PT72H")


def test_without_their_tables_nothing_is_opened(tmp_path: Path) -> None:
    """No staff, no statistics, ages of sixteen, a child's position no finer than a kilometre."""
    policy = loaded(tmp_path, changed('[access]\nroles = ["staff", "support"]\n', ""))
    assert policy.access.roles == frozenset()
    assert (policy.access.ticket_required, policy.access.staff_mfa) == (True, "required")
    assert policy.stats is None
    assert policy.children.floor("tracking", "DK") == policy.children.floor("x", "FR") == 16
    assert policy.children.safeguards.precision is Precision.CELL_1KM


def test_the_floor_is_the_higher_of_promise_and_law(tmp_path: Path) -> None:
    """By purpose and by country, and for those that nobody named."""
    children = loaded(tmp_path, rich()).children
    floors = {
        (purpose, country): children.floor(purpose, country)
        for purpose in ("tracking", "diagnosis")
        for country in ("DK", "NL", "FR")
    }
    assert floors == {
        **{("tracking", country): 17 for country in ("DK", "NL", "FR")},
        ("diagnosis", "DK"): 15,
        ("diagnosis", "NL"): 16,
        ("diagnosis", "FR"): 16,
    }


def test_provisions_reach_the_compiled_policy(tmp_path: Path) -> None:
    """Statistics, steps, transfers, roles of the company, words: as the file has them."""
    policy = loaded(tmp_path, rich())
    assert policy.stats is not None
    assert (policy.stats.k_min, policy.stats.grid_km, policy.stats.release_delay.text) == (25, 20, "P45D")
    assert policy.stats.inputs == {"position.time", "position.lat", "position.lon"}
    dispatch = policy.rule("position", "dispatch")
    assert dispatch is not None
    assert dispatch.steps == (
        Step(Precision.CELL_10KM, Period.parse("P6M")),
        Step(Precision.REGION, Period.parse("P12M")),
    )
    assert (dispatch.last_term.text, dispatch.role.value, dispatch.instruction) == ("P12M", "processor", "I-1")
    mailer = policy.recipients["mailer"]
    assert mailer.beyond is not None
    assert (mailer.beyond.mechanism, mailer.beyond.assessment) == ("scc", "TIA-3")
    assert (mailer.beyond.due - mailer.beyond.reviewed).days == 300
    assert policy.recipients["host"].beyond is None
    assert (policy.region_allowed("DK"), policy.region_allowed("US")) == (True, False)
    assert policy.texts["da"].recipient["host"] == "Vores vært"
    assert policy.controller is not None
    assert policy.controller.name == "Demo Tracking"


def test_a_reading_is_held_as_long_as_its_stages_say(tmp_path: Path) -> None:
    """At a precision, the last term of a stage that is at least so fine; never finer than the rule."""
    rule = loaded(tmp_path, rich()).rule("position", "dispatch")
    assert rule is not None
    held = {precision.name.lower(): rule.held(precision).text for precision in Precision}
    assert held == {
        "exact": "P0D",
        "cell_100m": "P0D",
        "cell_1km": "P30D",
        "cell_10km": "P6M",
        "region": "P12M",
        "country": "P12M",
        "none": "P12M",
    }


@pytest.mark.parametrize(
    ("one", "other", "longer"),
    [
        ("P30D", "P1M", True),
        ("P28D", "P1M", False),
        ("P1M", "P28D", True),
        ("P59D", "P2M", False),
        ("P60D", "P2M", True),
        ("P365D", "P1Y", False),
        ("P366D", "P1Y", True),
        ("P12M", "P1Y", False),
        ("P1Y", "P365D", True),
        ("P48M", "P1461D", False),
        ("P1461D", "P48M", True),  # around 2100, which is no leap year
        ("PT73H", "P3D", True),
        ("P0D", "P0D", False),
    ],
)
def test_which_of_two_terms_may_end_later(one: str, other: str, *, longer: bool) -> None:
    """From some day of the calendar, whichever that is."""
    assert Period.parse(one).may_outlast(Period.parse(other)) is longer


SOURCES = {path: path.read_text("utf-8") for path in Path("cloud_sync").rglob("*.py")}


@pytest.mark.parametrize("name", [key.name for key in keys().values() if ":" in key.by])
def test_what_carries_a_key_out_is_there(name: str) -> None:
    """The module that the reference names exists, and has the words by which it reads the key."""
    module, _, words = keys()[name].by.partition(": ")
    assert words in SOURCES[Path("cloud_sync") / module]


@pytest.mark.parametrize("name", [key.name for key in unused()])
def test_what_nothing_carries_out_is_read_nowhere(name: str) -> None:
    """A parameter that some module asks for by its name is no promise on paper: the reference must say so."""
    asked = re.compile(rf"""["']{re.escape(name)}["']""")
    outside = (text for path, text in SOURCES.items() if path.parts[1] not in ("policy", "report"))
    assert not any(asked.search(text) for text in outside)


def test_every_key_is_carried_out_or_listed() -> None:
    """A key says who reads it, or is among those that nothing carries out."""
    listed = {key.name for key in unused()}
    for key in keys().values():
        assert (key.name in listed) == (not key.by)
        assert key.by in ("", "lint", "report") or re.fullmatch(r"[\w/]+\.py: .+", key.by)
    assert {"portal.availability_target", "portal.max_steps"} <= listed  # of a page, which the product has not


def test_paths_of_a_file_find_their_keys() -> None:
    """Numbers, languages, roles, classes and categories are taken out of a path."""
    assert general(("rule", 2, "step", 1, "precision")) == "rule[].step[].precision"
    assert general(("text", "da", "purpose")) == "text.<language>.purpose"
    assert general(("roles", "staff", 0, "actions")) == "roles.<role>[].actions"
    assert general(("recipients", "business", "list")) == "recipients.<class>.list"
    assert general(("retention", "billing", "max")) == "retention.<category>.max"
    assert general(("retention", "sweep")) == "retention.sweep"
    assert key_of(("rule", 0, "nothing")) is None


def test_every_clause_of_the_table_has_its_key() -> None:
    """V-01 to V-46: each is the source of a key."""
    said = " ".join(key.clause for key in keys().values())
    assert [n for n in range(1, 47) if f"V-{n:02}" not in said] == []


def test_the_reference_is_made_of_the_schema() -> None:
    """docs/policy.md has the tables that schema and words make, and no others."""
    page = Path("docs/policy.md").read_text("utf-8")
    begin, end = "<!-- keys: begin -->\n", "<!-- keys: end -->"
    assert page[page.index(begin) + len(begin) : page.index(end)].strip() == markdown().strip()


def test_the_demo_policy_states_no_key_that_there_is_not() -> None:
    """Every key of the demo's file is one of the reference, so that the page explains it."""
    for match in re.finditer(r"^# ?(\w+) = ", TEXT, re.MULTILINE):
        assert any(key.name.endswith(f".{match[1]}") for key in keys().values()), match[1]
