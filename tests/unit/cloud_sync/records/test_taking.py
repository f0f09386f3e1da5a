"""What is not taken as a record, and what remains of many: numbers of cards, contracts that are over, totals of an hour."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cloud_sync.errors import Denied
from cloud_sync.model import Actor, Reason
from cloud_sync.policy import lint
from cloud_sync.records.taking import has_card_number
from tests.unit.cloud_sync.policy.policy_world import TEXT, anew
from tests.unit.cloud_sync.policy.test_profiles_service import Profiled
from tests.unit.cloud_sync.records.records_world import DAY

HOUR = 3600
#: Numbers that networks publish for trying out: a right checksum, and no account behind it.
CARDS = ("4242424242424242", "5555555555554444", "378282246310005", "6011111111111117", "30569309025904")


@pytest.mark.parametrize("number", CARDS)
def test_a_number_of_a_card_is_known_however_it_is_written(number: str) -> None:
    """In one, in groups of four, among other text; with one digit changed it is none."""
    groups = [number[n : n + 4] for n in range(0, len(number), 4)]
    for text in (number, " ".join(groups), "-".join(groups), f'{{"card": "{number}", "n": 1}}'):
        assert has_card_number(text.encode()), text
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert not has_card_number(wrong.encode())


@pytest.mark.parametrize(
    "text",
    ["", "1768478400000", "+45 12 34 56 78", "42424242424", f"9{CARDS[0]}9", "tok_1N2b3C4d5E", "4242.4242.4242.4242"],
)
def test_what_is_no_number_of_a_card_is_kept(text: str) -> None:
    """Times in milliseconds, telephones, short and long numbers, tokens."""
    assert not has_card_number(text.encode())


@pytest.mark.parametrize(
    "around", ["{} 12/27", "{} 123", "26 {}", "card {} 12-27 123", "2347 {}", "+45 12 34 56 78 {} 999"]
)
def test_a_number_beside_a_card_hides_none(around: str) -> None:
    """The day on which it runs out, its code, a count before it: in one group, and in groups as cards have them."""
    for card in (CARDS[0], "4242 4242 4242 4242", "4242-4242-4242-4242", "3782 822463 10005"):
        assert has_card_number(around.format(card).encode()), card
        assert not has_card_number(around.format(f"{card[:-1]}{(int(card[-1]) + 1) % 10}").encode()), card


def test_bytes_of_a_picture_are_no_digits() -> None:
    """Nothing between the digits but a blank or a dash."""
    assert not has_card_number(bytes(range(256)) * 64)


def test_only_a_policy_that_says_so_refuses_them(tmp_path: Path) -> None:
    """MM refuses, CT has no such list; a denied record has no row and one entry in the log."""
    for name, refused in (("mm", True), ("ct", False)):
        folder = tmp_path / name
        folder.mkdir()
        with Profiled(folder, name).open() as cloud:
            if refused:
                with pytest.raises(Denied) as denied:
                    cloud.records.put("billing", {"s-1": CARDS[0].encode()})
                assert denied.value.reason is Reason.CONTENT_FORBIDDEN
                [entry] = cloud.audit.entries(kind="gate.denied")
                assert dict(entry.event.detail)["reason"] == "content_forbidden"
            else:
                cloud.records.put("billing", {"s-1": CARDS[0].encode()})
            assert len(cloud.records.of("s-1")) == (not refused)


def test_totals_of_an_hour_are_made_once_and_of_nobody(tmp_path: Path) -> None:
    """Twenty people in an hour: one total, at the first sweep that finds one of them over; the next sweep adds nothing."""
    setting = Profiled(tmp_path, "tt")
    with setting.open() as cloud:
        hour = setting.clock.at // HOUR * HOUR
        for n in range(20):
            cloud.records.put("flow_raw", {f"s-{n}": b"row"}, created_at=hour - HOUR + n * 120)
        cloud.records.put("flow_raw", {"s-0": b"late"}, created_at=hour - 1)
        setting.clock.at = hour - HOUR + 30 * DAY + 60  # the first is over, twenty are not
        for _ in range(2):
            cloud.sweep(clock_confirmed=True)
            assert len(cloud.records.of("nobody")) == 1
        assert sum(len(cloud.records.of(f"s-{n}")) for n in range(20)) == 20
        setting.clock.at += HOUR
        cloud.sweep(clock_confirmed=True)
        [total] = cloud.records.of("nobody", "flow_totals")
        assert not any(cloud.records.of(f"s-{n}") for n in range(20))
        ask = {"actor": Actor("nobody", "data_subject"), "purpose": "network_management", "subject": "nobody"}
        assert json.loads(cloud.records.read(total.record_id, **ask))["count"] == 21  # type: ignore[arg-type]


def test_an_hour_of_few_people_remains_as_nothing(tmp_path: Path) -> None:
    """Nineteen, one of them with two rows."""
    setting = Profiled(tmp_path, "tt")
    with setting.open() as cloud:
        for n in range(20):
            cloud.records.put("flow_raw", {f"s-{n % 19}": b"row"})
        setting.clock.at += 31 * DAY
        assert cloud.sweep(clock_confirmed=True).records == 20
        assert cloud.records.of("nobody") == []


RULES = """
[[rule]]
category = "flow"
fields = ["time"]
purpose = ["diagnosis"]
basis = "contract"
retention = "P30D"
clock = "record.created"
after = "aggregate"
into = "totals"
recipients = []
region = "EEA"
visible_to_user = true

[[rule]]
category = "totals"
fields = ["hour", "count"]
purpose = ["diagnosis"]
basis = "contract"
retention = "P12M"
clock = "record.created"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true
"""


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('into = "totals"\n', "", "after"),
        ('into = "totals"', 'into = "flow"', "into"),
        ('into = "totals"', 'into = "diary"', "into"),
        ('fields = ["hour", "count"]', 'fields = ["hour"]', "into"),
        ('after = "aggregate"', 'after = "delete"', "into"),
        ('after = "aggregate"\ninto = "totals"', 'after = "anonymise"', "after"),
    ],
)
def test_totals_have_a_category_that_can_hold_them(tmp_path: Path, old: str, new: str, key: str) -> None:
    """One change of a file without a gap."""
    path = tmp_path / "policy.toml"
    path.write_text(anew(TEXT + RULES), "utf-8")
    assert lint(path) == []
    assert old in RULES
    path.write_text(anew(TEXT + RULES.replace(old, new, 1)), "utf-8")
    assert [finding.key.rpartition(".")[2] for finding in lint(path)] == [key]
