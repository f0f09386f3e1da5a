"""Sleep: into deep sleep, and the way back (docs/decisions/0010). Loaded for these two moments.

Only the accelerometer may stay on. What lies in RAM and is not in flash goes into retained memory: behind the key store's
part the tail, [integers of the clock, the app, each sensor, the open batches as their plaintexts], its length and its CRC.
The open batch is in the clear there as it was in RAM; the key store overwrites all of it at the next start.
"""

import json
import time
from binascii import crc32

from firmware.const import const
from firmware.errors import WireError
from firmware.version import VERSION
from firmware.wire import batch, msgpack, readings, report
from firmware.wire.ladder import LOCATION, MOTION

_MOST_MS = const(86_400_000)
_FOOT_BYTES = const(6)


def sleep(app, board, ms: int) -> None:
    """Sleep so long, nothing being due. Returns only if more is open than memory holds: it is sealed then."""
    app.clock.persist()
    try:
        tail = _tail(app)
        room = board.RETAINS_BYTES - len(tail) - 256  # the key store's part takes 193
    except WireError:
        room = -1
    if room < 0:  # more than memory holds: sealed now, and sent before it sleeps
        app.sensors.close()
        return
    motion = app.sensors.motion
    keep, wake = motion.watches, motion.wakes()
    board.led(False)
    data = app.keystore.export_retained() + tail
    board.retain(data)
    if board.retained() != data:
        board.reset()  # numbers are skipped, none is used twice
    app.feed()
    print("asleep", ms // 1000)
    board.deep_sleep_ms(ms, keep, wake)


def wake(app, data: bytes) -> bool:
    """Go on behind a sleep; `data` is what lay in retained memory, of which the key store has taken its part. False: the
    tail is not whole, so this is a start like any other.
    """
    foot = len(data) - _FOOT_BYTES
    begin = foot - int.from_bytes(data[foot : foot + 2], "big") if foot > 0 else -1
    if begin < 0 or crc32(data[begin:foot]) != int.from_bytes(data[foot + 2 :], "big"):
        return False
    kept = msgpack.unpack(data[begin:foot])
    if kept[0] != VERSION:  # another release fell asleep: its objects have other names
        return False
    asleep_ms = max(0, _rtc_ms() - (kept[1] * 1000 + kept[2]))
    app.clock.resume(kept[3], asleep_ms)
    _wake_app(app, kept[4], kept[5], asleep_ms)
    app.keeper.restore(kept[6], asleep_ms)
    _wake_sensors(app, kept, asleep_ms)
    return True


def _tail(app) -> bytes:
    sensors, rtc_ms, now_ms = app.sensors, _rtc_ms(), time.ticks_ms()
    directive = app.in_force.directive
    body = msgpack.pack(
        [
            VERSION,
            rtc_ms // 1000,
            rtc_ms % 1000,
            app.clock.keep(),
            app.supervisor.keep()
            + [
                time.ticks_diff(now_ms, app.reported_ms),
                app.pause_ms(),
                app.backoff.bound_ms,
                app.outbox.keep(),
                int(app.in_force.asking) + 2 * int(app.in_force.paused) + 4 * app.session.faults,
                directive.version if directive else 0,
            ],
            app.reasons,
            app.keeper.keep(),
            sensors.zones.keep(),
            [task.keep() for task in sensors.tasks],
            [_batch(builder) for builder in sensors.builders],
            json.dumps(_minimiser(app.in_force.minimiser)),
        ]
    )
    return body + len(body).to_bytes(2, "big") + crc32(body).to_bytes(4, "big")


def _wake_app(app, kept: list, reasons: list, asleep_ms: int) -> None:
    reported_ms, pause_ms, app.backoff.bound_ms, tail, flags = kept[2:7]
    app.supervisor.restore(kept[:2], asleep_ms)
    app.reported_ms = time.ticks_add(time.ticks_ms(), -min(reported_ms + asleep_ms, _MOST_MS))
    app.resume(max(0, pause_ms - asleep_ms))
    app.outbox.restore(tail)
    app.in_force.asking = app.in_force.asking or flags & 1 != 0
    app.in_force.paused = app.in_force.paused or flags & 2 != 0  # also where the settings could not be saved
    app.session.faults = flags >> 2
    app.reasons = reasons


def _wake_sensors(app, kept: list, asleep_ms: int) -> None:
    zones, tasks, batches, minimiser = kept[7:11]
    sensors, directive = app.sensors, app.in_force.directive
    for task, of_task in zip(sensors.tasks, tasks):  # noqa: B905 - MicroPython has no strict
        task.restore(of_task, asleep_ms)
    if directive is None or directive.version != kept[4][7]:
        return  # its record is gone: nothing is permitted, and nothing that was sensed may leave
    sensors.zones.restore(zones, sensors.motion.deliver, sensors.environment.deliver)
    for builder, of_builder in zip(sensors.builders, batches):  # noqa: B905 - MicroPython has no strict
        if of_builder:
            entries = _entries(builder.stream, directive, of_builder[3], of_builder[0])
            builder.restore(of_builder, entries, directive, asleep_ms)
    _resume_minimiser(app.in_force.minimiser, json.loads(minimiser))
    if app.clock.now_s() is None and not app.clock.lease_over() and not app.in_force.time_only():
        # Slept too long to know the time, and no receiver may tell it.
        app.report_soon(report.CHALLENGE_WANTED)


def _batch(builder) -> list:
    """The open batch; WireError unless it can be read back as it is."""
    kept = builder.keep()
    if kept and not builder.holds(_entries(builder.stream, builder.directive, kept[3], kept[0])):
        raise WireError("batch is not read back")
    return kept


def _entries(stream: int, directive, plaintext: bytes, epoch: int) -> list:
    """Entries of an open batch out of its plaintext."""
    if stream == LOCATION:
        if directive.places:
            from firmware.wire.places import unpack_places as unpack
        else:
            unpack = batch.unpack_location
    elif stream == MOTION:
        unpack = readings.unpack_motion
    elif directive.aggregate:
        from firmware.wire.aggregates import unpack_aggregates as unpack
    else:
        unpack = readings.unpack_environment
    found = unpack(plaintext, epoch)
    return list(found[-1] if isinstance(found, tuple) else found)


def _minimiser(minimiser) -> list:
    """What the minimiser remembers of entries that left, or wait: plain numbers, whatever its stages are."""
    if minimiser is None:
        return []
    thin, places = minimiser._thin, minimiser.places
    stages = [_state(stage) for stage in thin._stages] if thin else []
    return [minimiser._last_s, thin._before_s if thin else None, stages, _state(places) if places else {}]


def _state(stage) -> dict:
    return {name: value for name, value in stage.__dict__.items() if name != "_directive"}


def _resume_minimiser(minimiser, kept: list) -> None:
    if minimiser is None or not kept:
        return
    minimiser._last_s, before_s, stages, places = kept
    if minimiser._thin:
        minimiser._thin._before_s = before_s
        for stage, state in zip(minimiser._thin._stages, stages):  # noqa: B905 - MicroPython has no strict
            _resume_stage(stage, state)
    if minimiser.places:
        _resume_stage(minimiser.places, places)


def _resume_stage(stage, state: dict) -> None:
    for name, kept in state.items():
        value = _frozen(kept)
        setattr(stage, name, list(value) if isinstance(getattr(stage, name), list) else value)


def _frozen(value):
    """JSON knows lists only; what the stages keep are tuples."""
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


def _rtc_ms() -> int:
    """The clock that goes on in deep sleep."""
    return time.time_ns() // 1_000_000
