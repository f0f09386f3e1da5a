"""What comes in beside the devices heeds what the person has closed, in an installation as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.errors import Denied
from cloud_sync.model import Reason
from tests.clauses.made import World


def test_after_an_objection_nothing_is_taken_for_that_purpose(tmp_path: Path) -> None:
    """Points for loyalty are kept before it, and refused behind it; other purposes go on."""
    world = World(tmp_path, "cg")
    world.tracker("u-1")
    asked = {"subject": "u-1", "source": "app"}
    world.cloud.intake.take("loyalty", {"points": "10"}, **asked)
    world.cloud.restrictions.restrict("u-1", "objection", by="u-1", purpose="loyalty")
    with pytest.raises(Denied) as denied:
        world.cloud.intake.take("loyalty", {"points": "20"}, **asked)
    assert denied.value.reason is Reason.RESTRICTED
    assert len(world.cloud.records.of("u-1", "loyalty")) == 1
    world.close()
