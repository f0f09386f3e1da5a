"""`sync upkeep`: what there is to do, as text and as JSON."""

from __future__ import annotations

from cloud_sync.model import EPOCH_SECONDS
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock


def test_what_there_is_to_do_is_listed(depot: Installation, clock: FakeClock) -> None:
    """Nothing of a new device; after ninety days its keys, in words that name the command that heals."""
    device = depot.enrol().topic.split("/")[2]
    assert depot.ask("upkeep") == {"surplus": [], "aged_keys": [], "early_consents": []}
    clock.at += 90 * EPOCH_SECONDS
    [key] = depot.ask("upkeep")["aged_keys"]
    assert (key["device"], key["generation"]) == (device, 0)
    said = depot.do("upkeep").stdout
    assert f"byleave sync heal {device}" in said and "0 fields, 1 devices, 0 consents" in said
