"""App: composition of the firmware, its tasks, and the order in which a start brings them up."""

import asyncio
import gc
import time

from firmware.clock import Challenge, Clock
from firmware.const import const
from firmware.errors import FirmwareError, FlashError, LinkError, SealError, WireError
from firmware.flash.recordlog import RecordLog
from firmware.flash.rules import Rules
from firmware.flash.spool import Spool
from firmware.keystore import KeyStore
from firmware.link.backoff import Backoff
from firmware.link.outbox import Outbox
from firmware.link.session import Session
from firmware.rules import InForce
from firmware.sealer import Sealer
from firmware.sensing.sensors import Sensors, unpower
from firmware.settings import check
from firmware.supervisor import WATCHDOG_MS, Supervisor
from firmware.wire import report
from firmware.wire.batch import EPOCH_S, SLACK_S
from firmware.wire.directive import MAX_SPOOL_AGE_S
from firmware.wire.ladder import LOCATION, STATUS

_VERSION = const("0.1.0")
SLOT_BYTES = 512  # of the records of keys and rules
# Without a directive there is nothing to send but the question for one: 288 contacts a day cost under 1 % of 2000 mAh.
_DEFAULT_HEARTBEAT_S = const(300)
_KEEP_MS = const(1_000)  # also how finely the button is looked at
_HOLD_TICKS = const(2)  # looks in a row that make a press a hold
_MINUTE_MS = const(60_000)
_HOUR_MS = const(3_600_000)
_DUE_MS = const(30_000)
_SPOOL_FULL_BYTES = const(2_048)  # room for two envelopes: the next ones reclaim what still waits


class App:
    """One device. Construction brings up flash, purge, keys and clock; `run` the radio and the tasks."""

    def __init__(self, board):
        self._board = board
        self.settings = board.settings()
        # 1. Record logs: keys first. Without keys nothing starts, not even the watchdog, so that enrolment can go on.
        self.keystore = KeyStore(RecordLog(board.region("keys"), SLOT_BYTES))
        if not self.keystore.enrolled:
            raise FirmwareError("not enrolled")
        check(self.settings)
        self._watchdog = board.watchdog(WATCHDOG_MS)
        self.feed = self._watchdog.feed
        if not self.keystore.import_retained(board):
            self.keystore.boot()
        self.spool = Spool(board.region("spool"))
        # 2. Clock and challenge, then the directive; an interrupted purge ends before the radio starts (PROTOCOL 12).
        self.challenge = Challenge(board.random)
        self.clock = Clock(time.ticks_ms, self.keystore, self.challenge)
        self.sealer = Sealer(self.keystore, self.spool, board.random)
        rules = Rules(RecordLog(board.region("rules"), SLOT_BYTES))
        self.in_force = InForce(rules, self.keystore, self.clock, self.challenge, self.spool)
        self._compose(board)
        self.in_force.paused = bool(self.settings.get("paused"))
        self.in_force.resume(self.feed)

    def _compose(self, board) -> None:
        """The tasks' objects, and what they tell each other."""
        self.supervisor = Supervisor(time.ticks_ms, time.ticks_diff)
        self.sensors = Sensors(
            board, self.settings, self.sealer, self.keystore, self.clock, self.in_force, self.supervisor, self.on_time
        )
        self.in_force.stop_sensing = self.sensors.stop
        self.moved = self.supervisor.watch("link", 180_000)  # connect 30 s, subscribe 18 s, send a window 36 s
        self._keeper_moved = self.supervisor.watch("keeper", 30_000)
        self._outbox = Outbox(self.spool)
        self._session = Session(self, board, self._outbox)
        self.reasons = [report.BOOT]
        self._link_event: "asyncio.Event" = None
        self._last_report_ms = time.ticks_ms()
        self._seen = [0, 0, False]  # envelopes announced to the link, faults and doubt reported
        self._held = 0

    async def run(self) -> None:
        """Start the radio's and the other tasks; never returns."""
        self._link_event = asyncio.Event()
        running = [self._link(), self._keeper()] + [sensor.run() for sensor in self.sensors.tasks]
        tasks = [asyncio.create_task(task) for task in running]
        try:
            await self.supervisor.run(self._watchdog)
        finally:
            for task in tasks:
                task.cancel()

    # What a session asks of its node.

    def report_soon(self, reason: int) -> None:
        """Queue a status with this reason; each reason waits once."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        self._kick()

    def on_time(self) -> None:
        """The clock may have moved: change the day before anything more is sealed."""
        if not self.clock.day_is_over():
            return
        self.sensors.close()
        now_s = self.clock.now_s()
        if now_s is not None:  # the lease may have ended meanwhile, and with it the receiver's word
            self.keystore.advance(now_s // EPOCH_S, now_s, self.feed)

    def seal_status(self, reason: int) -> None:
        """Seal and spool one status; a spent counter or broken flash leaves it out, the contact goes on."""
        self.on_time()
        self._last_report_ms = time.ticks_ms()
        time_s = self._told_s()
        try:
            self.sealer.seal(
                STATUS, self._status(reason, time_s), self.in_force.version, time_s or self.keystore.floor_s
            )
        except (SealError, WireError, FlashError) as error:
            print("status:", error)

    def _told_s(self):
        """The time as a status may tell it, or None: a clock outside the epoch of the keys has none for the server."""
        time_s = self.clock.now_s()
        if time_s is None or not -SLACK_S <= time_s - self.keystore.epoch * EPOCH_S < EPOCH_S + SLACK_S:
            return None
        return time_s

    def faults(self) -> int:
        """Fault bits of `status`."""
        bits = self.sensors.faults
        if self.spool.bytes_free() < _SPOOL_FULL_BYTES:
            bits |= report.FAULT_SPOOL_FULL
        if any(self.keystore.spent(stream) for stream in range(LOCATION, STATUS + 1)):
            bits |= report.FAULT_COUNTER_SPENT
        if self.keystore.repaired:
            bits |= report.FAULT_KEYS_REPAIRED
        if self._told_s() is None:
            bits |= report.FAULT_TIME_UNTRUSTED
        return bits

    def _status(self, reason: int, time_s) -> bytes:
        gc.collect()
        return report.pack_status(
            reason,
            time_s,
            self.keystore.epoch,
            self.supervisor.uptime_s(),
            self.in_force.version,
            self.keystore.down_next,
            self.challenge.value,
            self.keystore.boots,
            self._board.reset_cause(),
            self._board.battery_mv(),
            self.spool.count(),
            self.spool.lost,
            self.keystore.refused,
            self.faults(),
            gc.mem_free(),
            _VERSION,
        )

    def _kick(self) -> None:
        if self._link_event is not None:
            self._link_event.set()
        self._session.wake()

    # Tasks.

    async def _link(self) -> None:
        """Contacts, when there is something to say; after a failure the next waits longer."""
        backoff = Backoff(self._board.random)
        stay = self.settings.get("link") == "always"
        while True:
            await self._until_due(stay)
            verdicts = self._session.verdicts
            pause_ms = Backoff.LEAST_MS
            try:
                await self._session.run(stay)
                backoff.reset()
            except LinkError as error:
                print("link:", error)
                if self._session.verdicts != verdicts:
                    backoff.reset()
                pause_ms = backoff.next_ms()
            gc.collect()
            await self._pause(pause_ms)

    async def _until_due(self, stay: bool) -> None:
        while not (stay or self.reasons or self._outbox.has_new()):
            self._link_event.clear()
            try:
                await asyncio.wait_for_ms(self._link_event.wait(), _DUE_MS)
            except asyncio.TimeoutError:
                pass
            self.moved()

    async def _pause(self, pause_ms: int) -> None:
        while pause_ms > 0:
            self.moved()
            step_ms = min(pause_ms, _DUE_MS)
            await asyncio.sleep_ms(step_ms)
            pause_ms -= step_ms

    async def _keeper(self) -> None:
        """Once a second: what is due by time, the button and the LED."""
        minute_ms = hour_ms = time.ticks_ms()
        while True:
            self._keeper_moved()
            self._look_at_button()
            self.on_time()
            self.sensors.tick()
            self._tell_link()
            now_ms = time.ticks_ms()
            if time.ticks_diff(now_ms, minute_ms) >= _MINUTE_MS:
                minute_ms = now_ms
                self.clock.persist()
                gc.collect()
            if time.ticks_diff(now_ms, hour_ms) >= _HOUR_MS:
                hour_ms = now_ms
                self._expire()
            await asyncio.sleep_ms(_KEEP_MS)

    def _tell_link(self) -> None:
        """New envelopes, new faults, a question to the server, the heartbeat."""
        sealed = self.sensors.sealed
        if sealed != self._seen[0]:
            self._seen[0] = sealed
            self._kick()
        faults = self.sensors.faults
        if faults & ~self._seen[1]:
            self.report_soon(report.FAULT)
        self._seen[1] = faults
        if self.clock.wants_confirmation and not self._seen[2]:
            self.report_soon(report.CHALLENGE_WANTED)
        self._seen[2] = self.clock.wants_confirmation
        directive = self.in_force.directive
        heartbeat_s = directive.heartbeat if directive else _DEFAULT_HEARTBEAT_S
        if time.ticks_diff(time.ticks_ms(), self._last_report_ms) >= heartbeat_s * 1000:
            self._last_report_ms = time.ticks_ms()
            asks = self.in_force.asking or self.clock.wants_confirmation or self.clock.now_s() is None
            self.report_soon(report.CHALLENGE_WANTED if asks else report.HEARTBEAT)

    def _expire(self) -> None:
        """What waits longer than the directive allows is wiped."""
        directive = self.in_force.directive
        age_s = directive.spool_age if directive else MAX_SPOOL_AGE_S
        # By the ticks too: after lease end nobody tells the time, and what waits must still end.
        self.spool.expire(max(0, self.clock.counted_s() - age_s), self.feed)

    def _look_at_button(self) -> None:
        """Held: sensing stops until it is held again, also across a restart."""
        self._held = self._held + 1 if self._board.button() else 0
        if self._held != _HOLD_TICKS:
            return
        paused = not self.in_force.paused
        self.in_force.paused = paused
        self.sensors.stop(())
        self.settings["paused"] = paused
        try:
            self._board.save_settings(self.settings)
        except OSError:  # a restart would forget it, so none may come of it
            print("settings: not saved")
        self.report_soon(report.STOPPED_AT_DEVICE if paused else report.HEARTBEAT)


def main() -> None:
    """Run the active board's app; returns only if the device is not enrolled, so that its console can be used."""
    from firmware import boards

    try:
        board = boards.active()
        app = App(board)
    except FirmwareError as error:
        print("not started:", error)
        return
    try:
        asyncio.run(app.run())
    finally:
        unpower(board)  # stopped at the console: nobody watches the leave any more
