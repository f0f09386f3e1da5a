"""Keeper: once a second what is due by time: the day, the button and the LED, battery, heartbeat, spool, and sleep."""

import asyncio
import gc
import time

from firmware import update
from firmware.const import const
from firmware.presence import Presence
from firmware.wire import report
from firmware.wire.directive import MAX_SPOOL_AGE_S

_KEEP_MS = const(1_000)  # also how finely the button is looked at
_TURN_MS = const(50)  # awake between two light sleeps: whoever has become due has its turn
_LATE_MS = const(100)  # by so much a turn may be late: the receiver is awaited 250 ms early (drivers/gnss.py)
_HOLD_TICKS = const(2)  # looks in a row that make a press a hold
_MINUTE_MS = const(60_000)
_HOUR_MS = const(3_600_000)
# Without a directive there is nothing to send but the question for one: 288 contacts a day cost under 1 % of 2000 mAh.
_DEFAULT_HEARTBEAT_S = const(300)
# Until it was heard for the first time a device asks again after an eighth of the time since its start: whoever admits it waits so
# long. From 40 minutes on that is the heartbeat above. 20 contacts more than with that: 3 mAh of 2000 by Wi-Fi, 8 by LTE-M, once.
_FIRST_HEARTBEAT_S = const(30)
_EIGHTH = const(3)  # a shift
_LEVELS_MV = const((3600, 3400))  # of lithium-ion: about a fifth and a tenth of what it holds (drivers/battery.py)
_HYSTERESIS_MV = const(100)
_STRETCHED = const(4)


class Keeper:
    """`app` is what it keeps; `sleeps`: it sends the device to deep sleep when nothing is due.

    `stretch`: times that the battery stretches all intervals, 0 when it bears reports only.
    """

    def __init__(self, app, board, sleeps: bool):
        self._app = app
        self._board = board
        self._sleeps = sleeps
        self._moved = app.supervisor.watch("keeper", 30_000)
        self.stretch = 1
        self.presence = Presence(app, board, sleeps)
        if not app.safe:
            app.sensors.sampler.presence = self.presence
        self._levels = _LEVELS_MV
        if "battery" in app.settings:
            from firmware import battery  # for other cells than the reference board's

            self._levels = battery.levels_mv(app.settings["battery"])
        self._sealed = 0  # envelopes announced to the link
        self._seen = 0  # faults reported
        self._doubted = False  # the question to the server is asked
        self._held = 0
        self._turn_ms = None  # ticks at the end of the last turn, None behind a nap
        self._minute_ms = self._hour_ms = time.ticks_ms()
        self._pace()

    async def run(self) -> None:
        """For ever."""
        while True:
            self._moved()
            self._look_at_button()
            self._app.on_time()
            self._app.sensors.tick()
            self.presence.tick()
            self._tell_link()
            self._each_minute()
            self._sleep()
            await self._rest()

    async def _rest(self) -> None:
        """A second, in light sleep as far as nobody is waited for."""
        if not self._sleeps or not hasattr(self._board, "nap_ms"):
            await asyncio.sleep_ms(_KEEP_MS)
            return
        from firmware import doze  # where it is used

        end_ms = time.ticks_add(time.ticks_ms(), _KEEP_MS)
        while True:
            await self._turn(4 * _TURN_MS if self._app.in_contact() else _TURN_MS)
            left_ms = time.ticks_diff(end_ms, time.ticks_ms())
            if left_ms <= 0:
                return
            ms = doze.nap_ms(self._app, self._board, left_ms)
            if ms and self._app.clock.nap_ms(ms):
                self._board.nap_ms(ms)
                self._turn_ms = None  # no line was heard, so nothing waits

    async def _turn(self, ms: int) -> None:
        """Let the others work; one of them may have held the program [`getaddrinfo` waits 7 s for a resolver that is dead].

        Counted from the end of the turn before: what the keeper itself does in between holds it too.
        """
        if self._turn_ms is None:
            self._turn_ms = time.ticks_ms()  # type: ignore[assignment]  # None before
        due_ms = time.ticks_add(self._turn_ms, ms)
        await asyncio.sleep_ms(ms)
        self._turn_ms = time.ticks_ms()  # type: ignore[assignment]  # None before
        if time.ticks_diff(self._turn_ms, due_ms) > _LATE_MS:
            self._app.sensors.sampler.held()

    def keep(self) -> list:
        """Integers for `restore` behind a deep sleep."""
        now_ms = time.ticks_ms()
        ages = [time.ticks_diff(now_ms, at) for at in (self._minute_ms, self._hour_ms)]
        return [self._seen, int(self._doubted), self.stretch] + ages + self.presence.keep()

    def restore(self, kept: list, asleep_ms: int) -> None:
        """Go on behind it."""
        self._seen, doubted, self.stretch, minute_ms, hour_ms = kept[:5]
        self.presence.restore(kept[5:], asleep_ms)
        self._doubted = doubted != 0
        now_ms = time.ticks_ms()
        self._minute_ms = time.ticks_add(now_ms, -min(minute_ms + asleep_ms, _MINUTE_MS))
        self._hour_ms = time.ticks_add(now_ms, -min(hour_ms + asleep_ms, _HOUR_MS))
        self._pace()

    def idle_ms(self) -> int:
        """How long nothing is due by time."""
        now_ms = time.ticks_ms()
        idle_ms = self._heartbeat_ms() - time.ticks_diff(now_ms, self._app.reported_ms)
        if self._app.spool.count():  # some of it may grow too old
            idle_ms = min(idle_ms, _HOUR_MS - time.ticks_diff(now_ms, self._hour_ms))
        return max(0, idle_ms)

    def _each_minute(self) -> None:
        now_ms = time.ticks_ms()
        if time.ticks_diff(now_ms, self._minute_ms) >= _MINUTE_MS:
            self._minute_ms = now_ms
            self._app.clock.persist()
            self._pace()
            self._supervise()
            gc.collect()
            if update.overdue(self._app.supervisor.uptime_s()):
                self._app.restart()
        if time.ticks_diff(now_ms, self._hour_ms) >= _HOUR_MS:
            self._hour_ms = now_ms
            self._expire()

    def _pace(self) -> None:
        """What the battery bears; not measured while the radio draws from it."""
        if not self._app.in_contact():
            self._judge(self._board.battery_mv())
            self._app.sensors.pace(self.stretch)

    def _judge(self, mv: int) -> None:
        """Set `stretch`; 0 mV is not measured and changes nothing, and what a rest or a warm room gives back is no charge."""
        low, empty = self._levels
        if mv <= 0:
            return
        if mv < empty or (not self.stretch and mv < empty + _HYSTERESIS_MV):
            self.stretch = 0
        elif mv < low or (self.stretch != 1 and mv < low + _HYSTERESIS_MV):
            self.stretch = _STRETCHED
        else:
            self.stretch = 1

    def _sleep(self) -> None:
        if not self._sleeps or self._held or self.presence.moves():
            return
        from firmware import doze  # where it is used

        ms = doze.idle_ms(self._app, self._board)
        if ms:
            from firmware import sleep

            sleep.sleep(self._app, self._board, ms)
            forget("sleep")

    def _supervise(self) -> None:
        """An hour without a crash forgets those before; safe mode ends."""
        app = self._app
        if not app.starts or app.supervisor.uptime_s() * 1000 < _HOUR_MS:
            return
        from firmware import crash  # where there was one

        if not app.safe:
            app.starts = 0
        elif crash.is_over(app.supervisor.uptime_s(), app.heard()):
            app.starts = crash.SAFE_STARTS - 1  # one crash more, and it is back here
        else:
            forget("crash")
            return
        crash.note(self._board, app.settings, app.crash, app.starts)
        forget("crash")
        if app.safe:
            self._board.reset()

    def _tell_link(self) -> None:
        """New envelopes, new faults, a question to the server, the heartbeat."""
        app = self._app
        if app.sensors.sealed != self._sealed:
            self._sealed = app.sensors.sealed
            app.kick()
        faults = app.faults_of_sensing()
        if faults & ~self._seen:
            app.report_soon(report.FAULT)
        self._seen = faults
        wants = app.clock.wants_confirmation
        if wants and not self._doubted:
            app.report_soon(report.CHALLENGE_WANTED)
        self._doubted = wants
        if time.ticks_diff(time.ticks_ms(), app.reported_ms) >= self._heartbeat_ms():
            app.reported_ms = time.ticks_ms()
            asks = app.in_force.asking or wants or app.clock.now_s() is None
            app.report_soon(report.CHALLENGE_WANTED if asks else report.HEARTBEAT)

    def _heartbeat_ms(self) -> int:
        app = self._app
        directive = app.in_force.directive
        if directive:
            return 1000 * directive.heartbeat
        if app.keystore.generation or app.heard():  # it was admitted: the first contact heals
            return 1000 * _DEFAULT_HEARTBEAT_S
        since_s = time.ticks_diff(time.ticks_ms(), app.reported_ms) // 1000
        reported_s = app.supervisor.uptime_s() - since_s
        return 1000 * min(max(_FIRST_HEARTBEAT_S, reported_s >> _EIGHTH), _DEFAULT_HEARTBEAT_S)

    def _expire(self) -> None:
        """What waits longer than the directive allows is wiped."""
        directive = self._app.in_force.directive
        age_s = directive.spool_age if directive else MAX_SPOOL_AGE_S
        # By the ticks too: after lease end nobody tells the time, and what waits must still end.
        self._app.spool.expire(max(0, self._app.clock.counted_s() - age_s), self._app.feed)

    def _look_at_button(self) -> None:
        """Pressed: somebody is here. Held: sensing stops until it is held again, also across a restart."""
        self._held = self._held + 1 if self._board.button() else 0
        if self._held == 1:
            self.presence.meet(True)
        if self._held != _HOLD_TICKS:
            return
        app = self._app
        paused = not app.in_force.paused
        app.in_force.paused = paused
        app.sensors.stop(())
        app.settings["paused"] = paused
        try:
            self._board.save_settings(app.settings)
        except OSError:  # a restart would forget it, so none may come of it
            print("settings: not saved")
        app.report_soon(report.STOPPED_AT_DEVICE if paused else report.HEARTBEAT)


def forget(name: str) -> None:
    """Drop a module that is needed at two moments only: what it takes in memory is a buffer of the link."""
    import sys

    import firmware

    sys.modules.pop("firmware." + name, None)
    if hasattr(firmware, name):
        delattr(firmware, name)
