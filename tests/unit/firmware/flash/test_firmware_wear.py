"""What a working day costs the flash."""

from __future__ import annotations

from firmware.flash.rules import Rules
from firmware.wire import batch
from tests.unit.firmware.device import DAY_S, FIRST_EPOCH, NOW_S, Device, Flash, Server, enrolled
from tests.unit.firmware.test_minimise import directive

HOURS = 30
MOST_ERASES = 0.1  # an envelope, ladder and marks included


def drive(start_s: int, epoch: int) -> bytes:
    """Twenty fixes at ten seconds with the jitter of a real road."""
    jitter = [(start_s // 10 + i) * 2_654_435_761 % 97 - 48 for i in range(20)]
    rows = [
        (start_s + 10 * i, 5_567_610 + 70 * i + jitter[i], 1_256_834 + 110 * i - jitter[-i], 3 + i % 2)
        for i in range(20)
    ]
    return batch.pack_location(0, rows, epoch)


def hour(device: Device, server: Server, start_s: int) -> int:
    """18 batches of 20 fixes, a status, two downlinks with their verdicts, the floor; number of envelopes."""
    device.keys.raise_floor(start_s)
    entries = [device.sealer.seal(4, bytes(60), 1, start_s)]
    for number in range(18):
        entries.append(device.sealer.seal(1, drive(start_s + 200 * number, device.keys.epoch), 1, start_s))
        if number % 9 == 8:
            device.sealer.open(server.down([1]))
            for entry in entries[-9:]:
                device.spool.release(entry.position)
    return len(entries)


def test_erases_an_envelope() -> None:
    """Thirty hours of driving with a fix every ten seconds: at most one erase for ten envelopes, over all regions."""
    flash = Flash(spool_sectors=16)
    device, server, sealed = enrolled(flash), Server(), 0
    Rules(flash.log("rules")).save(directive())
    device.keys.boot()
    for region in (flash.keys, flash.spool, flash.rules):
        region.erases = [0] * region.sectors
    for number in range(HOURS):
        now_s = NOW_S + 3600 * number
        if now_s // DAY_S > device.keys.epoch:
            device.keys.advance(now_s // DAY_S, now_s)
        sealed += hour(device, server, now_s)
    erases = sum(sum(region.erases) for region in (flash.keys, flash.spool, flash.rules))
    print(
        f"{erases} erases for {sealed} envelopes: {erases / sealed:.3f} each;"
        f" keys {sum(flash.keys.erases)}, spool {sum(flash.spool.erases)}"
    )
    assert device.keys.epoch == FIRST_EPOCH + 1
    assert sealed == 19 * HOURS
    assert 0 < erases / sealed <= MOST_ERASES
