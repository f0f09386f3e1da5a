"""KeyStore: numbers that are never given out twice, days that are forgotten, and what retained memory may be trusted
with.
"""

from __future__ import annotations

import pytest

from firmware.errors import FlashError, SealError
from firmware.keystore import DOWN_AHEAD, LEAP, MAX_JUMP, KeyStore
from firmware.wire import ladder
from tests.unit.firmware.device import DAY_S, DEVICE, FIRST_EPOCH, NOW_S, ROOT, Device, Flash, Server, enrolled

STREAMS = (ladder.LOCATION, ladder.ENVIRONMENT, ladder.MOTION, ladder.STATUS)


def take(device: Device, stream: int = ladder.LOCATION) -> tuple[int, bytes]:
    """The next number and its key."""
    counter, key = device.keys.next_envelope(stream, device.keys.epoch)
    return counter, bytes(key)


def test_keys_are_those_of_the_ladder() -> None:
    """Every stream over several days and counters, against the ladder from the root."""
    device = enrolled()
    for epoch in (FIRST_EPOCH, FIRST_EPOCH + 1, FIRST_EPOCH + 5):
        device.keys.advance(epoch, epoch * DAY_S)
        for stream in STREAMS:
            for counter in range(2 * LEAP + 1):
                expected = ladder.seal_key(Server.chain(stream, epoch, counter), stream)
                assert take(device, stream) == (counter, expected)


def test_an_old_record_that_sticks_lets_the_device_start_and_repeats_no_number() -> None:
    """Its sector takes neither zeros nor an erase: the status tells of it at each start, and numbers go on."""
    device = enrolled()
    seen = [take(device)[0]]
    old = bytes(device.flash.keys.data[:4096])
    while device.keys._log._slot < 8:  # on to the other sector
        device.keys.raise_floor(NOW_S)
    device.flash.keys.data[:4096] = old
    device.flash.keys.stuck = {0}
    device.flash.keys.ioctl = lambda op, arg, do=device.flash.keys.ioctl: 0 if op == 6 else do(op, arg)
    for _ in range(3):
        device = Device(device.flash)
        device.keys.boot()
        assert device.keys.repaired
        seen.append(take(device)[0])
    assert seen == sorted(set(seen)) and seen[-1] <= 4 * LEAP


def test_what_is_not_enrolled_gives_no_key() -> None:
    """An empty log; after the enrolment it does."""
    device = Device(Flash())
    assert not device.keys.enrolled
    for act in (
        device.keys.boot,
        lambda: device.keys.next_envelope(1, 0),
        device.keys.export_retained,
        lambda: device.keys.advance(1, 0),
    ):
        with pytest.raises(SealError):
            act()
    device.enrol()
    assert (device.keys.device, device.keys.generation, device.keys.epoch, device.keys.floor_s) == (
        DEVICE,
        0,
        FIRST_EPOCH,
        NOW_S,
    )
    assert take(device)[0] == 0


def test_the_root_is_overwritten_and_nowhere_in_flash() -> None:
    """Whoever reads the flash on the first day gets no root [it derives every stream of the generation]."""
    root, flash = bytearray(ROOT), Flash()
    Device(flash).keys.enrol(DEVICE, root, 0, FIRST_EPOCH, NOW_S)
    assert root == bytes(32)
    assert ROOT not in flash.raw()
    assert not [stream for stream in STREAMS if ladder.spine(ROOT, stream) in flash.raw()]


def test_a_boot_skips_numbers_and_repeats_none() -> None:
    """A hundred boots, each of which uses one number: all differ, and the last is within the server's reach."""
    device = enrolled()
    seen = []
    for _ in range(100):
        device = Device(device.flash)
        device.keys.boot()
        seen.append(take(device, ladder.STATUS)[0])
    assert seen == sorted(set(seen))
    assert seen[-1] <= 100 * LEAP < ladder.COUNTERS
    assert device.keys.boots == 100


def test_starts_that_seal_nothing_spend_no_number() -> None:
    """A supply that breaks down at each start, six hundred times in a day: the next status still has a number."""
    device = enrolled()
    for _ in range(600):
        device = Device(device.flash)
        device.keys.boot()
    assert take(device, ladder.STATUS)[0] == 0 and device.keys.boots == 600


def test_the_chain_of_a_downlink_that_did_not_open_is_overwritten() -> None:
    """A forgery leaves its place of the chain in memory; the downlink with that number takes it away."""
    device, server = enrolled(), Server()
    forged = bytearray(server.down([3, NOW_S, bytes(8)]))
    forged[-1] ^= 1
    with pytest.raises(SealError):
        device.sealer.open(bytes(forged))
    chain = device.keys._probe[1]
    assert any(chain)
    assert device.sealer.open(server.down([3, NOW_S, bytes(8)], number=0)) == [3, NOW_S, bytes(8)]
    assert not any(chain)


def test_one_record_reserves_for_every_stream_in_use() -> None:
    """LEAP rounds over four streams cost one record, not four."""
    device = enrolled()
    for stream in STREAMS:
        take(device, stream)
    before = device.keys._log.sequence
    for _ in range(8 * LEAP):
        for stream in STREAMS:
            take(device, stream)
    assert device.keys._log.sequence - before <= 9


def test_a_spent_counter_stops_the_stream_until_the_next_epoch() -> None:
    """4096 numbers, then SealError, also after a boot; other streams and the next day go on."""
    device = enrolled()
    assert [take(device)[0] for _ in range(ladder.COUNTERS)] == list(range(ladder.COUNTERS))
    for again in (device, Device(device.flash)):
        assert again.keys.spent(ladder.LOCATION)
        with pytest.raises(SealError, match="spent"):
            take(again)
        assert take(again, ladder.STATUS)[0] % LEAP == 0
        assert not again.keys.spent(ladder.STATUS)
    again.keys.advance(FIRST_EPOCH + 1, NOW_S + DAY_S)
    assert take(again)[0] == 0


def test_another_epoch_is_refused() -> None:
    """A batch of yesterday or tomorrow finds no key."""
    device = enrolled()
    assert device.keys.next_envelope(1, FIRST_EPOCH)[0] == 0
    for epoch in (FIRST_EPOCH - 1, FIRST_EPOCH + 1):
        with pytest.raises(SealError):
            device.keys.next_envelope(1, epoch)


def test_epochs_go_forward_by_a_bounded_jump() -> None:
    """The same epoch is a no-op; a lower one, and one beyond the jump, change nothing."""
    device = enrolled()
    device.keys.advance(FIRST_EPOCH + 3, NOW_S)
    sequence = device.keys._log.sequence
    device.keys.advance(FIRST_EPOCH + 3, NOW_S)
    for epoch in (FIRST_EPOCH + 2, FIRST_EPOCH + 3 + MAX_JUMP + 1):
        with pytest.raises(SealError):
            device.keys.advance(epoch, NOW_S)
    assert (device.keys.epoch, device.keys._log.sequence) == (FIRST_EPOCH + 3, sequence)
    ticks: list[int] = []
    device.keys.advance(FIRST_EPOCH + 3 + MAX_JUMP, NOW_S, lambda: ticks.append(1))
    assert len(ticks) == 4 * (MAX_JUMP - 1)


def test_a_past_day_is_not_in_flash() -> None:
    """Neither yesterday's chain nor today's spine value, which derives it, survives the change of day."""
    device = enrolled()
    past = []
    for stream in STREAMS:
        spine = ladder.spine(ROOT, stream)
        tomorrow = ladder.next_spine(spine, stream)
        past += [
            spine,
            tomorrow,
            ladder.derive(spine, ladder.NAMES[stream], "day"),
            Server.chain(stream, FIRST_EPOCH, 0),
        ]
        take(device, stream)
    assert ladder.next_spine(ladder.spine(ROOT, 1), 1) in device.flash.raw()
    device.keys.advance(FIRST_EPOCH + 1, NOW_S + DAY_S)
    assert not [value for value in past if value in device.flash.raw()]
    assert ladder.next_spine(ladder.next_spine(ladder.spine(ROOT, 1), 1), 1) in device.flash.raw()


def test_used_chain_keys_are_not_in_flash() -> None:
    """The record is ahead of every number that was used."""
    device = enrolled()
    for _ in range(3 * LEAP + 2):
        counter, key = take(device)
        raw = device.flash.raw()
        assert Server.chain(1, FIRST_EPOCH, counter) not in raw
        assert key not in raw


def test_downlink_numbers_leap_ahead_over_a_boot() -> None:
    """An accepted number is refused for ever; after a boot the next one expected is at most LEAP beyond."""
    device, server = enrolled(), Server()
    first = server.down([3, NOW_S, bytes(8)])
    assert device.sealer.open(first) == [3, NOW_S, bytes(8)]
    assert device.keys.down_next == 1
    after = Device(device.flash)
    assert 1 < after.keys.down_next <= 1 + LEAP
    for again in (device, after):
        with pytest.raises(SealError):
            again.sealer.open(first)
    assert after.sealer.open(server.down([1], after.keys.down_next)) == [1]


def test_reach_of_downlink_numbers() -> None:
    """The furthest is accepted, one more is not, nor one that was passed over."""
    device, server = enrolled(), Server()
    with pytest.raises(SealError):
        device.keys.down_key(DOWN_AHEAD + 1)
    assert device.keys.down_next == 0
    assert device.sealer.open(server.down([1], DOWN_AHEAD)) == [1]
    with pytest.raises(SealError):
        device.keys.down_key(DOWN_AHEAD - 1)


def test_down_accept_needs_the_key_to_have_been_asked_for() -> None:
    """The number is what was opened last, not what a caller says."""
    device = enrolled()
    device.keys.down_key(2)
    with pytest.raises(SealError):
        device.keys.down_accept(3)
    device.keys.down_accept(2)
    with pytest.raises(SealError):
        device.keys.down_accept(2)


def test_counts_and_floor_go_with_the_record() -> None:
    """Boots, refused downlinks, dark seconds, directive and floor outlive a boot; the floor never falls."""
    device = enrolled()
    device.keys.boot()
    device.keys.note_refused()
    device.keys.set_directive_high(9)
    device.keys.set_directive_high(4)
    device.keys.count_dark(500)
    device.keys.count_dark(400)
    keys = KeyStore(device.flash.log())
    assert (keys.boots, keys.refused, keys.directive_high, keys.dark_s, keys.floor_s) == (1, 1, 9, 500, NOW_S)
    keys.raise_floor(NOW_S + 1_120)
    keys.raise_floor(NOW_S)
    keys = KeyStore(device.flash.log())
    assert (keys.dark_s, keys.floor_s) == (0, NOW_S + 1_000)


def test_flash_that_fails_gives_no_key() -> None:
    """Where nothing can be reserved nothing is sealed; once the flash is well again, the number comes."""
    device = enrolled()
    device.flash.keys.stuck.update((0, 1))
    with pytest.raises(FlashError):
        take(device)
    device.flash.keys.stuck.clear()
    assert take(device)[0] == 0


def test_no_key_in_the_text_of_an_error() -> None:
    """Errors name what happened, never a value."""
    device = enrolled()
    with pytest.raises(SealError) as caught:
        device.keys.down_key(99_999)
    assert not any(char.isdigit() for char in str(caught.value))


class Board:
    """Retained memory and the cause of the start."""

    def __init__(self, data: bytes, cause: int = 4) -> None:
        self.memory, self.cause = bytes(data), cause

    def retained(self) -> bytes:
        """What is in it."""
        return self.memory

    def retain(self, data: bytes) -> None:
        """Write it."""
        self.memory = bytes(data)

    def reset_cause(self) -> int:
        """4 is a deep sleep."""
        return self.cause


def asleep() -> tuple[Flash, bytes, list[int]]:
    """A device that went to deep sleep after five numbers and two downlinks: flash, retained memory, used numbers."""
    device, server = enrolled(), Server()
    used = [take(device)[0] for _ in range(5)]
    for _ in range(2):
        device.sealer.open(server.down([1]))
    return device.flash, device.keys.export_retained(), used


def test_a_wake_goes_on_exactly() -> None:
    """No number skipped, up or down, and the memory is overwritten."""
    flash, data, used = asleep()
    device, board = Device(flash), Board(data)
    sequence = device.keys._log.sequence
    assert device.keys.import_retained(board)
    assert board.memory == bytes(len(data))
    assert device.keys.down_next == 2
    assert take(device)[0] == used[-1] + 1
    assert device.keys._log.sequence == sequence


@pytest.mark.parametrize("cause", [0, 1, 2, 3, 5])
def test_only_a_deep_sleep_resumes(cause: int) -> None:
    """Any other start falls back on the record, and the memory is overwritten all the same."""
    flash, data, used = asleep()
    device, board = Device(flash), Board(data, cause)
    assert not device.keys.import_retained(board)
    assert board.memory == bytes(len(data))
    assert take(device)[0] > used[-1]


def test_retained_memory_is_used_once() -> None:
    """A reset after the wake finds nothing, and skips what the wake may have used."""
    flash, data, _ = asleep()
    board, device = Board(data), Device(flash)
    assert device.keys.import_retained(board)
    used = take(device)[0]
    board.cause = 3
    after = Device(flash)
    assert not after.keys.import_retained(board)
    assert take(after)[0] > used


def test_an_export_that_is_older_than_the_record_is_refused() -> None:
    """A wake that never read it, then a start that went on: the serial differs."""
    flash, data, _ = asleep()
    assert Device(flash).keys.import_retained(Board(data))
    Device(flash).keys.boot()
    assert not Device(flash).keys.import_retained(Board(data))


@pytest.mark.parametrize("at", [0, 4, 8, 50, -1])
def test_a_damaged_export_is_refused(at: int) -> None:
    """Brown-out leaves memory with flipped bits."""
    flash, data, _ = asleep()
    damaged = bytearray(data)
    damaged[at] ^= 0x20
    assert not Device(flash).keys.import_retained(Board(bytes(damaged)))
    assert not Device(flash).keys.import_retained(Board(data[:-1]))
    assert Device(flash).keys.import_retained(Board(data))


def test_memory_that_cannot_be_overwritten_is_not_trusted() -> None:
    """What stays readable could be used again by the next start."""
    flash, data, _ = asleep()

    class Sticky(Board):
        """Ignores the write."""

        def retain(self, data: bytes) -> None:
            """Nothing."""

    assert not Device(flash).keys.import_retained(Sticky(data))
    assert Device(flash).keys.import_retained(Board(data))


def test_after_the_export_the_store_is_frozen() -> None:
    """Numbers used after it would be used again by the wake."""
    device = enrolled()
    take(device)
    device.keys.export_retained()
    for act in (lambda: take(device), lambda: device.keys.down_key(0), device.keys.boot, device.keys.export_retained):
        with pytest.raises(SealError, match="frozen"):
            act()
