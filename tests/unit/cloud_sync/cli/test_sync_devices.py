"""`sync heal` and `sync hand-over`: an offer that waits for the next contact, and a device that becomes another person's."""

from __future__ import annotations

from cloud_sync.model import HealOffer
from tests.unit.cloud_sync.cli.cli_world import Installation


def test_a_device_is_offered_new_keys_at_its_next_contact(depot: Installation) -> None:
    """After the offer that follows an enrolment none comes for ten minutes, unless somebody asks."""
    tracker = depot.enrol()

    def offers() -> int:
        return [type(value) for value in depot.feed(tracker, tracker.status())].count(HealOffer)

    assert (offers(), offers()) == (1, 0)
    assert depot.ask("heal", tracker.name) == {"device": tracker.name, "healing": "wished"}
    assert (offers(), offers()) == (1, 0)
    assert "generation" in depot.do("heal", tracker.name).stdout


def test_another_person_takes_the_device(depot: Installation) -> None:
    """Its old pseudonym is revoked and stays the first person's; the file is the second's; neither can be healed or handed on
    when it is not in use."""
    tracker = depot.enrol()
    out = depot.directory / "second.enrolment"
    words = ("hand-over", tracker.name, "s-2", "--settings", str(depot.settings), "--out", str(out))
    said = depot.ask(*words)
    assert out.stat().st_mode & 0o077 == 0
    rows = {row["device"]: row for row in depot.ask("devices")}
    assert rows[tracker.name]["revoked_at"] and rows[tracker.name]["subject"] == "s-1"
    assert rows[said["device"]]["subject"] == "s-2" and rows[said["device"]]["revoked_at"] is None
    again = (*words[:-1], str(out.with_name("third.enrolment")))
    for refused in (again, ("heal", tracker.name), ("heal", "a" * 16)):
        assert "in use" in depot.do(*refused, code=1).output
    assert not out.with_name("third.enrolment").exists()
