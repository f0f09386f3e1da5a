"""Periods, the compiled policy, the comparison of two policies, the archive and the `policy` commands."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync import cli
from cloud_sync.errors import ConfigError, PolicyError
from cloud_sync.model import Action, LocationField, Precision, Sensor, Stream
from cloud_sync.policy import Period, PolicyArchive, load_policy, widened
from cloud_sync.policy.compiling import compile_policy
from cloud_sync.policy.schema import PolicyFile

DEMO = Path("cloud_sync/policy/profiles/demo.toml")
TEXT = DEMO.read_text(encoding="utf-8")


def utc(text: str) -> float:
    """Unix seconds of an ISO time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("P1M", "2025-01-31T10:00:00", "2025-02-28T10:00:00"),
        ("P1M", "2024-01-31T10:00:00", "2024-02-29T10:00:00"),
        ("P30D", "2025-01-31T10:00:00", "2025-03-02T10:00:00"),
        ("P28D", "2026-01-15T00:00:00", "2026-02-12T00:00:00"),
        ("P12M", "2024-02-29T00:00:00", "2025-02-28T00:00:00"),
        ("P1Y", "2023-02-28T00:00:00", "2024-02-28T00:00:00"),
        ("P90D", "2026-03-01T00:00:00", "2026-05-30T00:00:00"),
        ("P2W", "2026-03-20T00:00:00", "2026-04-03T00:00:00"),
        ("PT1H30M5S", "2026-03-29T00:30:00", "2026-03-29T02:00:05"),
        ("P0D", "2026-03-29T00:30:00", "2026-03-29T00:30:00"),
    ],
)
def test_terms_end_by_the_calendar(text: str, start: str, end: str) -> None:
    """Months are calendar months that end at the month's last day; days and hours are exact."""
    assert Period.parse(text).end(utc(start)) == utc(end)


def test_a_fraction_of_a_second_is_kept() -> None:
    """A term that starts within a second ends within one."""
    assert Period.parse("P1D").end(1000.25) == 1000.25 + 86_400


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1", "1D", "P1DT", "P-1D", "P1.5D", "PT1D", "P1H", "p1d", "P١D", "P200Y"]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    """Neither open nor malformed nor endless terms are read."""
    assert Period.parse("P1D").days == 1
    with pytest.raises(ValueError, match=r"period|hundred"):
        Period.parse(text)


def test_bounds_of_a_period_hold_from_any_day() -> None:
    """Whatever the start, a term lasts between its shortest and its longest."""
    for text in ("P1M", "P2M", "P7M", "P12M", "P1Y", "P13M", "P3Y", "P90D"):
        period = Period.parse(text)
        for day in range(0, 1500, 7):
            start = utc("2023-01-01T00:00:00") + day * 86_400
            assert period.shortest_s <= period.end(start) - start <= period.longest_s


def test_the_demo_policy_compiles_to_what_it_says() -> None:
    """Rules, roles, precision, terms and device settings of the file are in the compiled policy."""
    policy = load_policy(DEMO)
    position = policy.rule("position", "tracking")
    assert position is not None
    assert (position.stream, position.sensors, position.precision) == (
        Stream.LOCATION,
        Sensor.GNSS,
        Precision.CELL_100M,
    )
    assert position.side_fields == LocationField(0)
    assert policy.rule("position", "marketing") is None
    assert "marketing" in policy.purposes
    assert policy.granted_roles(Action.READ, "tracking") == {"data_subject", "controller"}
    assert policy.device.interval_s == 10
    assert policy.recipients["roadside_assistance"].fields == {
        ("position", "time"),
        ("position", "lat"),
        ("position", "lon"),
    }


def test_the_cap_binds_even_where_the_lint_was_passed_over() -> None:
    """A rule finer than `location.precision` compiles to the cap, although the lint would have refused the file."""
    raw = tomllib.loads(TEXT.replace('precision = "cell_100m"\nretention', 'precision = "exact"\nretention'))
    position = compile_policy(PolicyFile.model_validate(raw), "0" * 64).rule("position", "tracking")
    assert position is not None
    assert position.precision is Precision.CELL_100M


def test_a_compiled_policy_cannot_be_changed() -> None:
    """Neither its attributes nor its registers can be written."""
    policy = load_policy(DEMO)
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.rules[0].precision = Precision.EXACT  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.precision = Precision.EXACT  # type: ignore[misc]
    with pytest.raises(TypeError):
        policy.recipients["me"] = policy.recipients["roadside_assistance"]  # type: ignore[index]


def variant(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """The demo policy with changes, as a file."""
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "variant.toml"
    path.write_text(text)
    return path


# what changes for a person who consented to `tracking`: (changes, what is found)
WIDENINGS = {
    "a comment": ([("# The policy of", "# A policy of")], []),
    "longer retention": ([('retention = "P90D"', 'retention = "P91D"')], ["retention of position"]),
    "longer by months": ([('retention = "P90D"', 'retention = "P3M"')], ["retention of position"]),
    "shorter retention": ([('retention = "P90D"', 'retention = "P60D"')], []),
    "the same in months": ([('"P12M"', '"P1Y"')], []),
    "another reader": (
        [('actions = ["disclose"]\n', 'actions = ["disclose", "export"]\n')],
        ["role controller may export"],
    ),
    "another recipient field": ([('"position.lon"]', '"position.lon", "position.quality"]')], None),
    "a longer wait on the device": ([('spool_age = "P30D"', 'spool_age = "P31D"')], ["spool age 2678400 s"]),
    "a shorter wait on the device": ([('spool_age = "P30D"', 'spool_age = "P29D"')], []),
    "a batch that closes sooner": ([('batch_age = "PT10M"', 'batch_age = "PT9M"')], []),
    "more often": ([('"PT10S"', '"PT5S"')], ["interval 5 s"]),
    "less often": ([('"PT10S"', '"PT50S"')], []),
    "another sensor": ([('sensors = ["gnss"]', 'sensors = ["gnss", "cell"]')], ["sensors of position"]),
    "no recipient": (
        [
            ('["roadside_assistance"]', "[]"),
            ('fields = ["position.time", "position.lat", "position.lon"]', "fields = []"),
        ],
        [],
    ),
}
WIDENINGS["another recipient field"] = (
    WIDENINGS["another recipient field"][0],
    ["recipient roadside_assistance of position"],
)


@pytest.mark.parametrize("name", WIDENINGS)
def test_what_a_newer_policy_takes_beyond_the_older_one(tmp_path: Path, name: str) -> None:
    """Widenings of what a consent opens are named, all else is none."""
    changes, expected = WIDENINGS[name]
    new = load_policy(variant(tmp_path, *changes))
    assert widened(load_policy(DEMO), new, "tracking") == expected
    assert widened(new, new, "tracking") == []


def test_a_rule_of_another_purpose_does_not_touch_a_consent(tmp_path: Path) -> None:
    """A longer term for motion concerns the consent to motion alone."""
    motion = TEXT.index('category = "motion"')
    path = tmp_path / "variant.toml"
    path.write_text(TEXT[:motion] + TEXT[motion:].replace('"P90D"', '"P12M"', 1))
    new = load_policy(path)
    assert widened(load_policy(DEMO), new, "tracking") == []
    assert widened(load_policy(DEMO), new, "theft_alarm") == ["retention of motion"]


def test_the_archive_finds_policies_of_the_past(tmp_path: Path) -> None:
    """A kept policy is found by its hash by another archive over the directory; an altered copy is not."""
    archive = PolicyArchive(tmp_path / "archive")
    kept = archive.keep(DEMO)
    assert PolicyArchive(tmp_path / "archive").by_hash(kept.hash) == kept
    assert archive.by_hash("0" * 64) is None
    assert archive.by_hash("../demo") is None
    copy = tmp_path / "archive" / f"{kept.hash}.toml"
    copy.write_text(TEXT.replace("P90D", "P60D"))
    assert PolicyArchive(tmp_path / "archive").by_hash(kept.hash) is None


def test_the_archive_refuses_gaps_and_bad_places(tmp_path: Path) -> None:
    """A policy with a gap is not kept, and a place that is no directory is a ConfigError."""
    archive = PolicyArchive(tmp_path / "archive")
    with pytest.raises(PolicyError):
        archive.keep(variant(tmp_path, ('basis = "consent"\nprecision', "precision")))
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError):
        PolicyArchive(tmp_path / "file" / "archive")


RUNNER = CliRunner()


def test_check_answers_by_its_exit_code(tmp_path: Path) -> None:
    """`policy check` ends with 0 without a finding and with 2 otherwise, and names file, line and key."""
    assert RUNNER.invoke(cli.policy, ["check", str(DEMO)]).exit_code == 0
    path = variant(tmp_path, ('retention = "P90D"\n', ""))
    result = RUNNER.invoke(cli.policy, ["check", str(path)])
    assert result.exit_code == 2
    assert f"{path}:" in result.output
    assert "rule[0].retention" in result.output


def test_check_as_json(tmp_path: Path) -> None:
    """`policy check --json` prints every finding as an object."""
    path = variant(tmp_path, ('retention = "P90D"\n', ""))
    result = RUNNER.invoke(cli.policy, ["check", str(path), "--json"])
    findings = json.loads(result.stdout)["findings"]
    assert result.exit_code == 2
    assert [(f["key"], f["file"]) for f in findings] == [("rule[0].retention", str(path))]
    assert set(findings[0]) == {"file", "line", "key", "message", "fix"}


def test_show_prints_what_is_permitted(tmp_path: Path) -> None:
    """`policy show` lists categories and roles; as JSON it has every rule and the file's hash; a gap ends with 2."""
    assert "cell_100m" in RUNNER.invoke(cli.policy, ["show", str(DEMO)]).stdout
    shown = json.loads(RUNNER.invoke(cli.policy, ["show", str(DEMO), "--json"]).stdout)
    assert shown["hash"] == load_policy(DEMO).hash
    assert [rule["category"] for rule in shown["rules"]][:2] == ["position", "environment"]
    assert {"role": "staff", "action": "read", "purpose": "marketing"} in shown["grants"]
    path = variant(tmp_path, ('retention = "P90D"\n', ""))
    assert RUNNER.invoke(cli.policy, ["show", str(path)]).exit_code == 2
