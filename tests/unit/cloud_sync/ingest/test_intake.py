"""The way in beside the devices': values cut or refused, and what is bad input rather than a denial."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.ingest.intake import MOST_VALUE_CHARACTERS, Intake
from cloud_sync.ingest.values import address, area, coarse, country, family, platform
from cloud_sync.model import AuditEvent, Reason
from cloud_sync.policy import load_policy
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock

PROFILES = Path(__file__).parents[4] / "cloud_sync" / "policy" / "profiles"


class Desk:
    """An intake over lists."""

    def __init__(self, profile: str | Path = "ct", *agreed: str) -> None:
        self.events: list[AuditEvent] = []
        self.kept: list[tuple[str, dict[str, Any]]] = []
        self.gave: list[tuple[str, str]] = []
        self.objected: set[str] = set()
        self.intake = Intake(
            policy=load_policy(PROFILES / f"{profile}.toml" if isinstance(profile, str) else profile),
            put=self.put,
            consented=lambda subject, purpose, at: purpose in agreed,
            provided=lambda subject, who: self.gave.append((subject, who)),
            audit=self,
            clock=FakeClock(),
            closed=lambda subject: self.objected,
        )

    def append(self, event: AuditEvent) -> int:
        """The log's."""
        self.events.append(event)
        return len(self.events)

    def put(self, category: str, content: Mapping[str, bytes], **known: Any) -> str:
        """The records'."""
        self.kept.append((category, json.loads(content["s-1"])))
        return f"r-{len(self.kept)}"

    def take(self, category: str = "account", fields: Mapping[str, str] | None = None, **asked: Any) -> str:
        """A sound record, unless something of it is named."""
        return self.intake.take(category, fields or {"name": "Kim"}, **{"subject": "s-1", "source": "app", **asked})


def test_what_is_declared_is_kept_with_where_it_came_from() -> None:
    """A flat object: the fields, and beside them source and provider; free text is marked."""
    desk = Desk()
    desk.take("support_case", {"note": "a visit", "time": "12"}, provided_by="company")
    said = {"note": "a visit", "time": "12", "_source": "app", "_provided_by": "company", "_may_be_sensitive": ["note"]}
    assert desk.kept == [("support_case", said)] and not desk.events


def test_who_else_gave_something_is_told_to_the_notices() -> None:
    """The person is to hear of it (Art. 14); what they gave themselves, or staff noted, is nothing new; a refusal tells nothing."""
    desk = Desk()
    for who in ("person", "company", "employer-1"):
        desk.take(provided_by=who)
    with pytest.raises(Denied):
        desk.take(source="bought", provided_by="broker-1")
    assert desk.gave == [("s-1", "employer-1")]
    assert [content["_provided_by"] for _, content in desk.kept] == ["person", "company", "employer-1"]


DENIALS: list[tuple[dict[str, Any], Reason]] = [
    ({"source": "partner_feed"}, Reason.SOURCE_UNDECLARED),
    ({"source": ""}, Reason.SOURCE_UNDECLARED),
    ({"category": "diary"}, Reason.CATEGORY_UNKNOWN),
    ({"category": "temperature", "fields": {"temperature": "215"}}, Reason.CATEGORY_UNKNOWN),  # a device's
    ({"fields": {"name": "Kim", "birthday": "1.1."}}, Reason.CATEGORY_UNKNOWN),
    ({"fields": {"name": "Kim", "_source": "app"}}, Reason.CATEGORY_UNKNOWN),  # no field has the name of a mark
    ({"fields": {"n\u0430me": "Kim"}}, Reason.CATEGORY_UNKNOWN),  # a Cyrillic letter in it
    ({"category": "cell_info", "fields": {"cell": "1"}}, Reason.CONSENT_MISSING),
    ({"category": "metadata", "fields": {"ip_prefix": "localhost"}}, Reason.PRECISION_TOO_FINE),
]


@pytest.mark.parametrize(("change", "reason"), DENIALS, ids=lambda value: str(value)[:40])
def test_each_change_of_a_sound_record_has_its_reason(change: dict[str, Any], reason: Reason) -> None:
    """One thing changed, one reason, nothing kept, and one entry that repeats nothing of what was not declared."""
    desk = Desk()
    assert desk.take() == "r-1"
    with pytest.raises(Denied) as denied:
        desk.take(**change)
    assert denied.value.reason is reason and len(desk.kept) == 1
    (event,) = desk.events
    detail = dict(event.detail)
    assert (event.kind, detail["reason"], detail["count"]) == (Kind.INGEST_REFUSED.value, reason.value, 1)
    assert detail["channel"] in ("app", "undeclared") and "diary" not in detail.values()


def test_a_consent_opens_the_way() -> None:
    """The same record, with the person's yes."""
    assert Desk("ct", "coverage_fallback").take("cell_info", {"cell": "1"}) == "r-1"


def test_what_a_person_has_objected_to_takes_nothing_more() -> None:
    """As long as a rule has a purpose left it is open; a law's stays open, and a yes does not outweigh a later objection."""
    desk, fraud = Desk("cg", "site_analysis"), {"name": "Kim", "case": "CASE-7"}
    known = {"source": "support"}
    desk.objected = {"fraud_prevention", "credit_check", "payment", "invoicing", "legal_reporting"}
    assert desk.take("risk", fraud, **known) and desk.take("transactions", {"price": "9"}, **known)
    assert desk.take("web_metadata", {"action": "login"}, **known)
    desk.objected |= {"eligibility", "site_analysis"}
    for category, fields in (("risk", fraud), ("web_metadata", {"action": "login"})):
        with pytest.raises(Denied) as denied:
            desk.take(category, fields, **known)
        assert denied.value.reason is Reason.RESTRICTED
    assert desk.take("transactions", {"price": "9"}, **known) == "r-4" and len(desk.events) == 2


def test_a_position_comes_in_exactly_only_where_the_policy_has_exact_ones() -> None:
    """The place that a customer draws does; a coordinate in any other category is no field of it."""
    desk = Desk()
    desk.take("geofence", {"label": "yard", "lat": "55.676", "lon": "12.568", "radius": "200"})
    with pytest.raises(Denied):
        desk.take("account", {"lat": "55.676"})
    assert desk.kept[0][1]["_may_be_sensitive"] == ["label"]


def test_an_exact_position_needs_the_ground_of_the_rule_that_has_exact_ones(tmp_path: Path) -> None:
    """Exact with the person's yes, coarse by contract: without the yes the coarse rule's ground takes no exact position."""
    text = (PROFILES / "ct.toml").read_text("utf-8")
    begin = text.index('[[rule]]\ncategory = "geofence"')
    rule = text[begin : text.index("\n\n", begin) + 2]
    yes = rule.replace('purpose = ["geofence_alert"]', 'purpose = ["coverage_fallback"]').replace(
        '"contract"', '"consent"'
    )
    coarse_too = rule.replace('precision = "exact"', 'precision = "cell_10km"')
    assert yes != rule != coarse_too
    path = tmp_path / "ct.toml"
    path.write_text(text.replace(rule, yes + coarse_too), "utf-8")
    place = {"label": "yard", "lat": "55.676", "lon": "12.568", "radius": "200"}
    assert (
        Desk(path, "coverage_fallback").take("geofence", place)
        == Desk(path).take("geofence", {"label": "yard"})
        == "r-1"
    )
    with pytest.raises(Denied) as denied:
        Desk(path).take("geofence", place)
    assert denied.value.reason is Reason.CONSENT_MISSING


NO_RECORDS: dict[str, dict[str, Any]] = {
    "who": {"provided_by": "my neighbour"},
    "slash": {"provided_by": "employer/1"},
    "nobody": {"provided_by": None},
    "long": {"fields": {"name": "x" * (MOST_VALUE_CHARACTERS + 1)}},
    "nested": {"fields": {"name": {"lat": "55.676", "diary": "all of it"}}},
    "list": {"fields": {"name": ["Kim", "Kim's child"]}},
    "number": {"fields": {"name": 7}},
    "half a character": {"fields": {"name": "Kim \ud800"}},
    "name of a field": {"fields": {"name": "Kim", 1: "x"}},
    "no fields": {"fields": ["name"]},
    "subject": {"subject": 3},
    "source": {"source": None},
}


@pytest.mark.parametrize("asked", NO_RECORDS.values(), ids=NO_RECORDS)
def test_what_is_no_record_is_a_sentence(asked: dict[str, Any]) -> None:
    """Bad input of the integrator's own is no denial, is not logged as one, and what was to be kept stands in no sentence."""
    desk = Desk()
    with pytest.raises(ConfigError) as refused:
        desk.take(**asked)
    assert "Kim" not in str(refused.value) and refused.value.__context__ is None
    with pytest.raises(ConfigError):
        desk.intake.take("account", {}, subject="s-1", source="app")
    assert not desk.events and not desk.kept


def test_a_denial_repeats_no_value() -> None:
    """A table whose first line is no heading has values for names: the sentence has those alone that a field could have."""
    with pytest.raises(Denied) as denied:
        Desk().take(fields={"Anna Example": "x", "anna@person.example": "y", "birthday": "z"})
    assert str(denied.value).endswith("no field birthday")
    with pytest.raises(Denied, match="no field of a name"):
        Desk().take(fields={"Anna Example": "x"})


def test_values_are_cut_as_promised() -> None:
    """Networks, families; what is coarse already stays."""
    assert address("203.0.113.77") == address("203.0.113.0/24") == "203.0.113.0/24"
    assert address("203.0.0.0/16") == "203.0.0.0/16" and address("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert (
        address("2002:cb00:714d::1") == address("2002:cb00:714d::/48") == "2002:cb00:7100::/40"
    )  # 203.0.113.77 within
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36 Edg/120.0"
    assert (family(agent), platform(agent)) == ("Edge", "Windows")
    assert (family("curl/8"), platform("toaster")) == ("other", "other")
    assert (area("RO-B"), area("cell_10km/444/-26"), country("DK")) == ("RO-B", "cell_10km/444/-26", "DK")
    assert coarse("country", "from", "DK") == "DK" and coarse("relation", "from", "2026-01-15") == "2026-01-15"
    assert area("cell_10km/-900/-1800") and area("cell_10km/899/1799")
    finer = [(area, f"cell_10km/{rest}") for rest in ("4443/2610", "900/0", "-901/0", "0/1800", "0/-1801")]  # of 1 km
    others = ((area, "44.4,26.1"), (area, "cell_1km/4443/2610"), (country, "DK-84"), (country, "dk"))
    for check, fine in (*finer, *others):
        with pytest.raises(Denied):
            check(fine)
