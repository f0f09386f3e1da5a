"""App: composition of the firmware, its tasks, and the order in which a start brings them up."""

import asyncio
import gc
import time

from firmware import update
from firmware.clock import Challenge, Clock
from firmware.const import const
from firmware.errors import FirmwareError, FlashError, LinkError, SealError, WireError
from firmware.flash.recordlog import RecordLog
from firmware.flash.rules import Rules
from firmware.flash.spool import Spool
from firmware.keeper import Keeper, forget
from firmware.keystore import KeyStore
from firmware.link.backoff import Backoff
from firmware.link.outbox import Outbox
from firmware.link.session import Session
from firmware.rules import InForce
from firmware.sealer import Sealer
from firmware.settings import check
from firmware.supervisor import WATCHDOG_MS, Supervisor, unpower
from firmware.version import SECURITY, VERSION
from firmware.wire import report
from firmware.wire.batch import EPOCH_S, SLACK_S
from firmware.wire.ladder import LOCATION, STATUS

SLOT_BYTES = 512  # of the records of keys and rules
_DUE_MS = const(30_000)
_SPOOL_FULL_BYTES = const(2_048)  # room for two envelopes: the next ones reclaim what still waits
_WATCHDOG = const(3)  # reset cause
_FAULT_BATTERY_LOW = const(4096)


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
        self.crash, self.starts, self.safe = "", 0, False
        if "crash" in self.settings or board.reset_cause() == _WATCHDOG:
            from firmware import crash  # where there was one

            self.crash, self.starts, self.safe = crash.look_back(board, self.settings)
            forget("crash")
        tail = board.retained()  # of a deep sleep; the key store overwrites it there
        woken = self.keystore.import_retained(board)
        if not woken:
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
        # 3. Behind a deep sleep go on where it was; else nothing has power before somebody permits it.
        if not (woken and self._wake(board, tail)):
            unpower(board)
        print("started", VERSION)

    def _sleeps(self, board) -> bool:
        """True for a device that sleeps deeply when nothing is due."""
        settings = self.settings
        if self.safe or settings.get("link") == "always" or settings.get("sleep", "deep") != "deep":
            return False
        return getattr(board, "RETAINS_BYTES", 0) > 0

    def _wake(self, board, tail: bytes) -> bool:
        from firmware import sleep

        try:
            return sleep.wake(self, tail)
        finally:
            forget("sleep")

    def _compose(self, board) -> None:
        """The tasks' objects, and what they tell each other."""
        self.supervisor = Supervisor(time.ticks_ms, time.ticks_diff)
        self.sensors = self._sensors(board)
        self.in_force.stop_sensing = self.sensors.stop
        # A kept address, a dead resolver, three more and TLS take 104 s, a subscription 18 s, a window of envelopes 36 s.
        self.moved = self.supervisor.watch("link", 180_000)
        self.outbox = Outbox(self.spool)
        self.session = Session(self, board, self.outbox)
        self.backoff = Backoff(board.random)
        self.reasons = [report.BOOT]
        self.fetch = update.resume(self, board)
        self._link_event: "asyncio.Event" = None
        self.reported_ms = time.ticks_ms()
        self._contact = False
        self._pause_ms = 0  # before the next contact, from _paused_ms on
        self._paused_ms = self.reported_ms
        self.keeper = Keeper(self, board, self._sleeps(board))

    def _sensors(self, board):
        if self.safe:
            from firmware.crash import NoSensors

            return NoSensors(board)
        from firmware.sensing.sensors import Sensors  # not in safe mode: it may be what crashed

        return Sensors(
            board,
            self.settings,
            self.sealer,
            self.keystore,
            self.clock,
            self.in_force,
            self.supervisor,
            self.on_time,
            dozes=self._sleeps(board),
        )

    async def run(self) -> str:
        """Start the radio's and the other tasks; returns what one of them died of."""
        self._link_event = asyncio.Event()
        running = [sensor.run() for sensor in self.sensors.tasks] + [self._link(), self.keeper.run()]
        tasks = [asyncio.create_task(self.supervisor.guard(task)) for task in running]
        try:
            return await self.supervisor.run(self._watchdog)
        finally:
            for task in tasks:
                task.cancel()

    # What a session asks of its node.

    def report_soon(self, reason: int) -> None:
        """Queue a status with this reason; each reason waits once."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        self.kick()

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
        self.reported_ms = time.ticks_ms()
        time_s = self._told_s()
        try:
            entry = self.sealer.seal(
                STATUS, self._status(reason, time_s), self.in_force.version, time_s or self.keystore.floor_s
            )
            update.sealed(entry.envelope)
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
        bits = self.faults_of_sensing()
        if self.spool.bytes_free() < _SPOOL_FULL_BYTES:
            bits |= report.FAULT_SPOOL_FULL
        if any(self.keystore.spent(stream) for stream in range(LOCATION, STATUS + 1)):
            bits |= report.FAULT_COUNTER_SPENT
        if self.keystore.repaired:
            bits |= report.FAULT_KEYS_REPAIRED
        if self._told_s() is None:
            bits |= report.FAULT_TIME_UNTRUSTED
        return bits | self.session.faults

    def faults_of_sensing(self) -> int:
        """Those that are told as soon as they come."""
        keeper = self.keeper
        return self.sensors.faults | keeper.presence.faults | (0 if keeper.stretch == 1 else _FAULT_BATTERY_LOW)

    def _status(self, reason: int, time_s) -> bytes:
        return report.pack_status(reason, time_s, self.keystore.epoch, *self.say(reason))

    def say(self, reason: int) -> tuple:
        """Print what a status has to whoever sits at the console, and return its fields from the uptime on.

        None of it is about a person; the challenge and its number are the server's alone.
        """
        gc.collect()
        rest = (
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
            VERSION,
            self.crash,
            SECURITY,
            update.state,
        )
        print("status", reason, rest[:2] + rest[4:])
        return rest

    def kick(self) -> None:
        """The link has something to say."""
        if self._link_event is not None:
            self._link_event.set()
        self.session.wake()

    def in_contact(self) -> bool:
        """True while a contact runs."""
        return self._contact

    def heard(self) -> bool:
        """True once the server has answered since the start."""
        return self.session.verdicts > 0

    def has_to_say(self) -> bool:
        """True if a contact is wanted."""
        if self.reasons or self.outbox.has_new():
            return True
        return bool(self.fetch) and self.fetch.wants(time.ticks_ms())

    def pause_ms(self) -> int:
        """How long the next contact has to wait behind the last."""
        return max(0, self._pause_ms - time.ticks_diff(time.ticks_ms(), self._paused_ms))

    def resume(self, pause_ms: int) -> None:
        """Before `run`: begin with what was left of such a pause."""
        self._pause_ms, self._paused_ms = pause_ms, time.ticks_ms()

    # Tasks.

    async def _link(self) -> None:
        """Contacts, when there is something to say; after a failure the next waits longer."""
        backoff = self.backoff
        stay = self.settings.get("link") == "always"
        await self._pause(self.pause_ms())
        while True:
            await self._until_due(stay)
            verdicts = self.session.verdicts
            pause_ms = Backoff.LEAST_MS
            self._contact = True
            try:
                await self.session.run(stay)
                backoff.reset()
            except LinkError as error:
                print("link:", error)
                if self.session.verdicts != verdicts:
                    backoff.reset()
                pause_ms = backoff.next_ms()
            self._contact = False
            if self.fetch and self.fetch.complete:
                self.restart()
            gc.collect()
            await self._pause(pause_ms)

    async def _until_due(self, stay: bool) -> None:
        while not (stay or self.has_to_say()):
            self._link_event.clear()
            try:
                await asyncio.wait_for_ms(self._link_event.wait(), _DUE_MS)
            except asyncio.TimeoutError:
                pass
            self.moved()

    def restart(self) -> None:
        """Into another release; what is open is sealed first."""
        self.sensors.close()
        self._board.reset()

    async def _pause(self, pause_ms: int) -> None:
        self.resume(pause_ms)
        while pause_ms > 0:
            self.moved()
            step_ms = min(pause_ms, _DUE_MS)
            await asyncio.sleep_ms(step_ms)
            pause_ms -= step_ms


def main() -> None:
    """Run the active board's app; a task that dies restarts the device. Returns only if the device is not enrolled, or at
    Ctrl-C, so that its console can be used.
    """
    from firmware import boards

    board = None
    try:
        board = boards.active()
        died = _run(board)
    except FirmwareError as error:
        print("not started:", error)
        return
    finally:
        if board is not None:
            unpower(board)  # nobody watches the leave any more
            board.ended()
    gc.collect()  # the app is gone: it may be memory that lacked
    try:
        from firmware import crash

        crash.restart(board, died)
    finally:
        board.reset()


def _at_work(app) -> str:
    """What it died of. Ctrl-C at the console ends it with a last word: what only a program at work knows of itself."""
    try:
        return asyncio.run(app.run())
    except KeyboardInterrupt as asked:
        try:
            app.say(0)
        finally:  # whatever becomes of it [what lacked memory would be a crash, and start the board again]
            raise asked


def _run(board) -> str:
    """What the app died of; FirmwareError if it cannot begin."""
    try:
        return _at_work(App(board))
    except FirmwareError:
        raise
    except Exception as error:
        try:
            from firmware import crash

            return crash.text_of(error)
        except MemoryError:
            return type(error).__name__
