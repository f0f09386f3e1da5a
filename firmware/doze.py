"""Doze: for how long a device that can sleep deeply has nothing to do (docs/decisions/0010)."""

from firmware import update
from firmware.const import const
from firmware.wire.batch import EPOCH_S
from firmware.wire.ladder import LOCATION, MOTION

# A wake costs some 40 mC, which is 1.2 s of waiting; below this so little is won that the wear of starting is not.
LEAST_MS = 10_000
_MOST_MS = const(86_400_000)
_REACHED_S = const(120)  # awake behind a start that is no wake, so that who has just plugged it in gets a prompt
_LEAST_NAP_MS = const(100)  # entering light sleep and leaving it takes 1 to 2 ms (ESP-IDF)
_DEEP_SLEEP = const(4)  # reset cause of wire-format section 5, `status`
_FETCHING_MS = const(900_000)  # how soon a release that is being fetched is asked for again
_TRIAL = const(2)  # of update.state: it ends by an acknowledgement or by time, awake
_MOTION_BIT = const(8)  # of `sensors`


def idle_ms(app, board) -> int:
    """How long nothing will be due; 0 while anything is going on."""
    if _busy(app, board):
        return 0
    ms = min(_MOST_MS, app.keeper.idle_ms())
    if app.has_to_say():
        ms = min(ms, app.pause_ms())
    if app.fetch:
        ms = min(ms, _FETCHING_MS)
    for task in app.sensors.tasks:
        if task.powered or task.wanted() or not task.idle_ms():
            ms = min(ms, task.idle_ms())
    for builder in app.sensors.builders:
        ms = min(ms, builder.idle_ms())
    return min(ms, _change_ms(app)) if ms >= LEAST_MS else 0


def nap_ms(app, board, ms: int) -> int:
    """How much of so many ms it may sleep lightly: nothing can come that would be lost. RAM and pins stay, the radio and the
    lines hear nothing.
    """
    if _busy(app, board) or app.keeper.presence.faults or app.sensors.environment.powered:
        return 0
    ms = min(ms, app.sensors.sampler.nap_ms())
    return ms if ms >= _LEAST_NAP_MS else 0


def _busy(app, board) -> bool:
    """True while somebody may want it, or it a server."""
    if app.in_contact() or board.button() or update.state == _TRIAL:
        return True
    return board.reset_cause() != _DEEP_SLEEP and app.supervisor.uptime_s() < _REACHED_S


def _change_ms(app) -> int:
    """How long what is permitted stays as it is: to the lease's end, to the next begin or end of quiet hours, and where
    the day matters to midnight: also for motion, of which late in the day nothing may be told any more.
    """
    directive, now_s = app.in_force.directive, app.clock.now_s()
    if directive is None or now_s is None:
        # What an hour would permit nobody knows; the lease ends by the seconds counted.
        left_s = app.clock.lease_until_s - app.clock.counted_s()
        return left_s * 1000 if left_s > 0 else _MOST_MS
    second = now_s % EPOCH_S
    ends = [directive.lease_until - now_s] if directive.lease_until > now_s else []
    for hours in directive.hours:
        ends += [(minute * 60 - second - 1) % EPOCH_S + 1 for minute in hours]
    spent = any(app.keystore.spent(stream) for stream in range(LOCATION, MOTION + 1))
    if spent or directive.permits(_MOTION_BIT) or any(len(builder) for builder in app.sensors.builders):
        ends.append(EPOCH_S - second)
    return min(ends) * 1000 if ends else _MOST_MS
