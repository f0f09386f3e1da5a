"""The board's answers to the requests of its program, one method for each number in `shims/_ops.py`."""

import errno
import json
import struct

from hw_sim.errors import DeviceError, NotSimulated
from hw_sim.interpreter.child import Request
from hw_sim.interpreter.services_net import HANDLERS, NONE, POLLIN, POLLOUT, on
from hw_sim.interpreter.services_pins import PinServices
from hw_sim.interpreter.shims import _ops
from hw_sim.interpreter.waits import Result, Wait, never
from hw_sim.silicon.flash import FlashError

BOOT_US = 350_000  # from reset to main.py, glenn20/upy-esp32-experiments


class Services(PinServices):
    """Serves the program of one board."""

    def handle(self, request: Request) -> Result | Wait:
        """The result, or what to wait for; DeviceError for an errno."""
        handler = HANDLERS.get(request.op)
        if handler is None:
            raise NotSimulated(f"request {request.op}")
        try:
            return handler(self, request)
        except FlashError as error:
            raise DeviceError(errno.EINVAL) from error

    def _events(self, poll_id: int, mask: int) -> int:
        if poll_id == _ops.STDIN_POLL:
            return self._console_events(mask)
        if poll_id >= _ops.UART_POLL:
            port = self._open_uart(poll_id - _ops.UART_POLL)
            return mask & (POLLIN * bool(port.received) | POLLOUT)
        return self._socket_events(poll_id, mask)

    # --- life of the program

    @on(_ops.BOOT)
    def _boot(self, request: Request) -> Result:
        self._board.spend(BOOT_US)
        return 0, json.dumps(self._board.plan()).encode()

    @on(_ops.SOURCE)
    def _source(self, request: Request) -> Result:
        return 0, self._board.job.source.encode() if self._board.job else b""

    @on(_ops.FILE)
    def _file(self, request: Request) -> Result:
        files = self._board.job.files if self._board.job else {}
        return 0, list(files.values())[request.a]

    @on(_ops.CRASH)
    def _crash(self, request: Request) -> Result:
        self._board.traceback = request.data.decode("utf-8", "replace")
        return NONE

    @on(_ops.MISSING)
    def _missing(self, request: Request) -> Result:
        raise NotSimulated(f"{request.data.decode('utf-8', 'replace')}: the simulator has nothing that stands for it")

    @on(_ops.HEAP)
    def _heap(self, request: Request) -> Result:
        self._board.note_heap(request.a, request.b)
        return NONE

    @on(_ops.RESET)
    def _reset(self, request: Request) -> Wait:
        if request.a != _ops.BOOT_LOADER:
            self._board.program_reset(request.a, request.b)
        elif self._board.boot_loader is None:
            raise NotSimulated("machine.bootloader: `sim shell --uf2-drive` gives a board with an RP2 one")
        else:
            self._board.boot_loader()
        return Wait(never, None)

    # --- time

    @on(_ops.SYNC)
    def _sync(self, request: Request) -> Result:
        return NONE

    @on(_ops.SLEEP)
    def _sleep(self, request: Request) -> Wait:
        return Wait(never, self._deadline(max(0, request.a)))

    @on(_ops.LIGHTSLEEP)
    def _lightsleep(self, request: Request) -> Wait:
        self._board.light_sleep()
        return Wait(never, self._deadline(request.a))

    @on(_ops.POLL)
    def _poll(self, request: Request) -> Wait:
        entries = list(enumerate(struct.iter_unpack("<HH", request.data)))

        def ready() -> Result | None:
            found = [(i, self._events(poll_id, mask)) for i, (poll_id, mask) in entries]
            hits = [struct.pack("<HH", i, events) for i, events in found if events]
            return (len(hits), b"".join(hits)) if hits else None

        return Wait(ready, self._deadline(request.a), polls=True)

    @on(_ops.RTC_GET)
    def _rtc_get(self, request: Request) -> Result:
        return self._board.rtc.us, b""

    @on(_ops.RTC_SET)
    def _rtc_set(self, request: Request) -> Result:
        self._board.rtc.us = request.a
        return NONE

    # --- the chip itself

    @on(_ops.RESET_CAUSE)
    def _reset_cause(self, request: Request) -> Result:
        return self._board.told_cause, b""

    @on(_ops.MACHINE)
    def _machine(self, request: Request) -> Result:
        return 0, self._board.description.machine.encode()

    @on(_ops.WDT_MOST)
    def _wdt_most(self, request: Request) -> Result:
        return self._board.description.watchdog_most_ms, b""

    @on(_ops.STORAGE)
    def _storage(self, request: Request) -> Result:
        storage = self._board.description.storage
        if storage is None:
            raise NotSimulated(f"rp2.Flash: {self._board.name} has no storage of its own")
        return (storage.size if request.a else storage.offset), b""

    @on(_ops.UNIQUE_ID)
    def _unique_id(self, request: Request) -> Result:
        return 0, self._board.unique_id

    @on(_ops.RANDOM)
    def _random(self, request: Request) -> Result:
        return 0, self._board.rng.randbytes(request.a)

    @on(_ops.WDT_START)
    def _wdt_start(self, request: Request) -> Result:
        self._board.watchdog.start(request.a)
        return NONE

    @on(_ops.WDT_FEED)
    def _wdt_feed(self, request: Request) -> Result:
        self._board.watchdog.feed()
        return NONE

    @on(_ops.RETAINED_GET)
    def _retained_get(self, request: Request) -> Result:
        return 0, self._board.retained

    @on(_ops.RETAINED_SET)
    def _retained_set(self, request: Request) -> Result:
        self._board.retained = request.data
        return NONE

    @on(_ops.WAKE_ON)
    def _wake_on(self, request: Request) -> Result:
        if request.a < 0:
            self._board.wake_on.clear()
        else:
            self._board.wake_on[request.a] = request.b
        return NONE

    # --- UART

    @on(_ops.UART_OPEN)
    def _uart_open(self, request: Request) -> Result:
        tx, rx, rxbuf = struct.unpack("<hhH", request.data)
        self._board.check_wires(request.a, tx, rx)
        self._uart(request.a).start(request.b, rxbuf)
        return NONE

    @on(_ops.UART_READ)
    def _uart_read(self, request: Request) -> Result:
        return 0, self._open_uart(request.a).read(request.b)

    @on(_ops.UART_WRITE)
    def _uart_write(self, request: Request) -> Result:
        self._open_uart(request.a).write(request.data)
        return len(request.data), b""

    @on(_ops.UART_ANY)
    def _uart_any(self, request: Request) -> Result:
        port = self._open_uart(request.a)
        return (port.unsent_us if request.b else len(port.received)), b""

    @on(_ops.UART_CLOSE)
    def _uart_close(self, request: Request) -> Result:
        self._uart(request.a).stop()
        return NONE

    # --- flash

    @on(_ops.FLASH_TABLE)
    def _flash_table(self, request: Request) -> Result:
        rows = [[p.type, p.subtype, p.offset, p.size, p.label, False] for p in self._board.partitions.values()]
        return 0, json.dumps(rows).encode()

    @on(_ops.FLASH_READ)
    def _flash_read(self, request: Request) -> Result:
        return 0, self._board.flash.read(request.a, request.b)

    @on(_ops.FLASH_PROGRAM)
    def _flash_program(self, request: Request) -> Result:
        self._board.spend_in_flash(self._board.flash.program(request.a, request.data))
        return NONE

    @on(_ops.FLASH_ERASE)
    def _flash_erase(self, request: Request) -> Result:
        self._board.spend_in_flash(self._board.flash.erase(request.a, request.b))
        return NONE
