"""`sync limits`: zones and quiet hours by command, told to the devices, seen in the log."""

from __future__ import annotations

import json

import pytest

from cloud_sync.model import Directive
from tests.unit.cloud_sync.cli.cli_world import PROOF, Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock

HOME = "55.67,12.57"  # on the edge of two cells
CELLS = [[5566, 628], [5567, 628]]
BY = ("--by", "s-1", *PROOF)


def test_zones_and_hours_are_set_shown_and_cleared(depot: Installation) -> None:
    """What the commands say is what the device is told at its next status."""
    tracker = depot.enrol()
    depot.give()
    quiet = ("--quiet", "22:00-06:00", "--zone", "Europe/Copenhagen")
    done = depot.ask("limits", "set", "s-1", "--around", HOME, *quiet, *BY)
    assert (done["zones"], done["hours_utc_minutes"], done["revision"]) == (CELLS, [[0, 300], [1200, 1440]], 1)
    values = depot.feed(tracker, tracker.status())
    [directive] = [value for value in values if isinstance(value, Directive)]
    assert [list(zone) for zone in directive.zones] == CELLS
    assert directive.hours == ((0, 300), (1200, 1440))
    shown = depot.do("limits", "show", "s-1", "--actor", "dpo-1").stdout
    assert "cell 5566, 628" in shown and "20:00 to 24:00 UTC" in shown
    cleared = depot.do("limits", "clear", "s-1", *BY).stdout
    assert "0 zones, 0 windows" in cleared
    assert depot.ask("limits", "show", "s-1")["zones"] == []
    log = depot.ask("audit", "list", "--subject", "s-1")
    kinds = [(entry["kind"], entry["actor"]) for entry in log if entry["kind"].startswith("limits")]
    assert kinds == [("limits.set", "s-1"), ("limits.read", "dpo-1"), ("limits.cleared", "s-1"), ("limits.read", "s-1")]
    assert "5566" not in json.dumps(log)


def test_a_set_prints_no_place(depot: Installation) -> None:
    """A terminal may be a log; only `show` and --json tell cells."""
    out = depot.do("limits", "set", "s-1", "--around", HOME, *BY).output
    assert "s-1: 2 zones, 0 windows of quiet hours" in out
    assert "556" not in out and "55.6" not in out


def test_what_is_not_named_stays(depot: Installation) -> None:
    """Hours added later leave the zone, several places are joined."""
    depot.do("limits", "set", "s-1", "--around", HOME, "--around", "55.6751,12.5901", "--radius", "100", *BY)
    done = depot.ask("limits", "set", "s-1", "--quiet", "01:00-02:00", *BY)
    assert (done["zones"], done["hours_utc_minutes"]) == ([[5566, 628], [5567, 628], [5567, 629]], [[60, 120]])


REFUSED = {
    "nothing": ((), "nothing to set"),
    "a place by name": (("--around", "Copenhagen"), "degrees"),
    "one number": (("--around", "55.67"), "degrees"),
    "a place off the globe": (("--around", "155.67,12.57"), "latitude"),
    "a radius too large": (("--around", HOME, "--radius", "9000"), "16 cells"),
    "hours without an end": (("--quiet", "22:00"), "22:00-06:00"),
    "hours in words": (("--quiet", "ten-six"), "time of day"),
    "a zone that is none": (("--quiet", "22:00-06:00", "--zone", "Copenhagen"), "time zone"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_ends_with_a_sentence(name: str, depot: Installation) -> None:
    """Exit code 1, and nothing is set; a place and hours as in the example are."""
    words, says = REFUSED[name]
    assert says in depot.do("limits", "set", "s-1", *words, *BY, code=1).output
    assert depot.ask("limits", "show", "s-1")["revision"] == 0
    assert depot.ask("limits", "set", "s-1", "--around", HOME, "--quiet", "22:00-06:00", *BY)["revision"] == 1


def test_others_do_not_clear(depot: Installation) -> None:
    """The sentence says whom to ask."""
    depot.do("limits", "set", "s-1", "--around", HOME, *BY)
    refused = depot.do("limits", "clear", "s-1", "--by", "fleet-7", *PROOF, code=1)
    assert "ask the person" in refused.output


def test_settings_without_content_are_no_settings(depot: Installation) -> None:
    """A board that nobody told a network is found out before it is enrolled."""
    depot.settings.write_text("{}")
    words = ("--settings", str(depot.settings), "--out", str(depot.directory / "x"))
    assert "board" in depot.do("enrol", "s-1", *words, code=1).output


def test_limits_of_somebody_without_a_device_are_erased(depot: Installation, clock: FakeClock) -> None:
    """Like anybody's, by the command that erases a person; and nothing at all of somebody unknown."""
    assert "nothing to erase" in depot.do("erase", "s-1", "--yes", code=1).stderr
    depot.do("limits", "set", "s-1", "--around", HOME, *BY)
    clock.at += 60
    receipt = depot.ask("erase", "s-1", "--yes")
    assert (receipt["subject"], receipt["devices"], receipt["tombstones"]) == ("s-1", [], [])
    assert depot.ask("audit", "list", "--subject", "s-1") == []
    shown = depot.ask("limits", "show", "s-1")
    assert (shown["zones"], shown["hours_utc_minutes"]) == ([], [])
