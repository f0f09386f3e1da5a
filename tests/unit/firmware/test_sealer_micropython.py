"""The sealing half of the firmware under the real interpreter and the heap of the device."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware.wire import batch, msgpack
from tests.unit.firmware import interpreter, sealing_run
from tests.unit.firmware.device import FIRST_EPOCH, NOW_S, Server, number_of
from tests.unit.firmware.test_enrol import SOUND

SEALS = 200
LEAST_FREE_BYTES = 64 * 1024  # of 192 KiB, for drivers, link and application


@pytest.mark.micropython
def test_a_device_seals_within_its_heap(tmp_path: Path) -> None:
    """Enrol, open a downlink, 200 batches of 20 fixes, a sleep and a wake; the server opens what came out."""
    given = tmp_path / "given"
    given.write_text(f"{msgpack.pack(SOUND).hex()} {Server().down([3, NOW_S, bytes(8)]).hex()}")
    printed = interpreter.run(Path(sealing_run.__file__), str(interpreter.ROOT), str(given), str(SEALS))
    figures = json.loads(printed)
    print({name: value for name, value in figures.items() if name not in ("first", "last")})
    assert figures["opened"] == [3, NOW_S]
    first, last = bytes.fromhex(figures["first"]), bytes.fromhex(figures["last"])
    precision, entries = batch.unpack_location(Server().open(first), FIRST_EPOCH)
    assert (precision, len(entries), entries[19][0]) == (0, 20, NOW_S + 190)
    assert Server().open(last) == b"\x90"
    assert (number_of(first)[3], number_of(last)[3]) == (0, SEALS)
    assert figures["free_bytes"] > LEAST_FREE_BYTES
    assert figures["seals_per_s"] > 100
