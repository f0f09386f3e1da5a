"""kill -9 at random moments: what a device was told to be accepted is there, once."""

from __future__ import annotations

from pathlib import Path

from tests.unit.agent.gateway.killed_gateway import campaign


def test_a_killed_gateway_has_lost_nothing_that_it_accepted(tmp_path: Path) -> None:
    """Five kills in the middle of takes, commits, publishes and deletions (`python -m tests.benchmarks gateway_kills`: 100)."""
    found = campaign(tmp_path, 5)
    assert found["accepted"] > 100 and found["published"] > 100
    assert (found["lost"], found["twice in the spool"], found["damaged files"]) == (0, 0, 0)
