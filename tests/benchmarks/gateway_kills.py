"""kill -9 of the gateway's core at random moments, then an exact count of what it had accepted."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.unit.agent.gateway.killed_gateway import campaign


def run(*, quick: bool = False) -> dict[str, object]:
    """The figures of a campaign; it fails where anything is lost, or twice in the spool."""
    with tempfile.TemporaryDirectory() as home:
        figures = campaign(Path(home) / "core", 10 if quick else 100)
    assert not figures["lost"] and not figures["twice in the spool"] and not figures["damaged files"], figures
    return {"campaign": figures}
