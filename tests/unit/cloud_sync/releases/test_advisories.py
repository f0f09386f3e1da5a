"""Files of known faults: what they may say, and from when one is overdue."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError
from cloud_sync.policy import load_policy
from cloud_sync.releases.advisories import overdue, read_advisories

POLICY = Path(__file__).parents[4] / "cloud_sync" / "policy" / "profiles" / "demo.toml"
SOUND = '[[advisory]]\nid = "CVE-2026-0001"\nseverity = "critical"\npublished = 2026-01-08\nmended = 2026-01-14\n'


def late(path: Path, text: str, day: datetime) -> int:
    """How many of a file are overdue on that day."""
    path.write_text(text, "utf-8")
    return len(overdue(load_policy(POLICY), read_advisories(path), day.timestamp()))


def test_a_fault_is_overdue_until_it_is_mended(tmp_path: Path) -> None:
    """Seven days from the publication, to the day, and until the build that mends it, however late that is."""
    path, year = tmp_path / "a.toml", datetime(2027, 1, 1, tzinfo=UTC)
    unmended = SOUND.replace("mended = 2026-01-14\n", "")
    assert late(path, unmended, datetime(2026, 1, 14, 23, 59, tzinfo=UTC)) == 0
    assert late(path, unmended, datetime(2026, 1, 15, tzinfo=UTC)) == late(path, unmended, year) == 1
    assert late(path, SOUND, year) == 0
    planned = SOUND.replace("01-14", "02-14")  # a day to come mends nothing
    assert late(path, planned, datetime(2026, 2, 13, tzinfo=UTC)) == 1
    assert late(path, planned, datetime(2026, 2, 14, tzinfo=UTC)) == late(path, planned, year) == 0


def test_a_day_at_the_end_of_the_calendar_is_not_overdue(tmp_path: Path) -> None:
    """It is to be published; a term from there has no end that a calendar knows."""
    text = SOUND.replace("mended = 2026-01-14\n", "").replace("2026-01-08", "9999-12-31")
    assert late(tmp_path / "a.toml", text, datetime(2027, 1, 1, tzinfo=UTC)) == 0


@pytest.mark.parametrize(
    "text",
    [
        SOUND.replace("critical", "dire"),
        SOUND + "colour = 1\n",
        SOUND.replace("2026-01-08", '"soon"'),
        "x = [",
        "x = " + 10_000 * "[",
    ],
    ids=["severity", "key", "day", "no TOML", "deep"],
)
def test_a_file_that_is_wrong_is_refused_with_a_sentence(tmp_path: Path, text: str) -> None:
    """Another severity, an unknown key, a day that is none, no TOML, a list in a list in a list."""
    path = tmp_path / "a.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError):
        read_advisories(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_advisories(tmp_path / "none.toml")
