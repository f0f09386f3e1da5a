"""The board's answers to the requests of its program, one method for each number in `shims/_ops.py`."""

import errno
import json
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from hw_sim.child import Request
from hw_sim.errors import NotSimulated
from hw_sim.flash import FlashError
from hw_sim.net import Connection
from hw_sim.shims import _ops
from hw_sim.uart import UartPort
from hw_sim.waits import DeviceError, Result, Wait, never

if TYPE_CHECKING:
    from hw_sim.board import Board

POLLIN, POLLOUT, POLLERR, POLLHUP = 1, 4, 8, 16
SOCKETS_LIMIT = 16  # CONFIG_LWIP_MAX_SOCKETS of the ESP32 port
NONE: Result = (0, b"")
BOOT_US = 350_000  # from reset to main.py, glenn20/upy-esp32-experiments

Handler = Callable[["Services", Request], Result | Wait]
_HANDLERS: dict[int, Handler] = {}


def _on(op: int) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _HANDLERS[op] = handler
        return handler

    return register


class Services:
    """Serves the program of one board. A socket lives no longer than the program that opened it."""

    def __init__(self, board: "Board") -> None:
        self._board = board
        self._sockets: dict[int, Connection] = {}
        self._next_socket = 1

    def handle(self, request: Request) -> Result | Wait:
        """The result, or what to wait for; DeviceError for an errno."""
        handler = _HANDLERS.get(request.op)
        if handler is None:
            raise NotSimulated(f"request {request.op}")
        try:
            return handler(self, request)
        except FlashError as error:
            raise DeviceError(errno.EINVAL) from error

    def close_sockets(self, *, reset: bool) -> None:
        """The program is gone."""
        for connection in self._sockets.values():
            self._board.network.close(connection, reset=reset)
        self._sockets.clear()

    def _uart(self, number: int) -> UartPort:
        port = self._board.uarts.get(number)
        if port is None:
            raise NotSimulated(f"UART {number}: {self._board.name} has no chip there")
        return port

    def _open_uart(self, number: int) -> UartPort:
        port = self._uart(number)
        if not port.open:
            raise DeviceError(errno.EIO)
        return port

    def _socket(self, number: int) -> Connection:
        connection = self._sockets.get(number)
        if connection is None:
            raise DeviceError(errno.EBADF)
        return connection

    def _deadline(self, timeout_us: int) -> int | None:
        return None if timeout_us < 0 else self._board.world.clock.now_us + timeout_us

    def _events(self, poll_id: int, mask: int) -> int:
        if poll_id >= _ops.UART_POLL:
            port = self._open_uart(poll_id - _ops.UART_POLL)
            return mask & (POLLIN * bool(port.received) | POLLOUT)
        connection = self._sockets.get(poll_id)
        if connection is None:
            return POLLERR
        events = mask & (POLLIN * connection.readable | POLLOUT * connection.writable)
        return events | (POLLHUP * connection.ended) | ((POLLERR | POLLHUP) * bool(connection.error))

    # --- life of the program

    @_on(_ops.BOOT)
    def _boot(self, request: Request) -> Result:
        self._board.spend(BOOT_US)
        return 0, json.dumps(self._board.plan()).encode()

    @_on(_ops.SOURCE)
    def _source(self, request: Request) -> Result:
        return 0, self._board.job.source.encode() if self._board.job else b""

    @_on(_ops.FILE)
    def _file(self, request: Request) -> Result:
        files = self._board.job.files if self._board.job else {}
        return 0, list(files.values())[request.a]

    @_on(_ops.CRASH)
    def _crash(self, request: Request) -> Result:
        self._board.traceback = request.data.decode("utf-8", "replace")
        return NONE

    @_on(_ops.MISSING)
    def _missing(self, request: Request) -> Result:
        raise NotSimulated(f"{request.data.decode('utf-8', 'replace')}: the simulator has nothing that stands for it")

    @_on(_ops.HEAP)
    def _heap(self, request: Request) -> Result:
        self._board.note_heap(request.a, request.b)
        return NONE

    @_on(_ops.RESET)
    def _reset(self, request: Request) -> Wait:
        self._board.program_reset(request.a, request.b)
        return Wait(never, None)

    # --- time

    @_on(_ops.SYNC)
    def _sync(self, request: Request) -> Result:
        return NONE

    @_on(_ops.SLEEP)
    def _sleep(self, request: Request) -> Wait:
        return Wait(never, self._deadline(max(0, request.a)))

    @_on(_ops.LIGHTSLEEP)
    def _lightsleep(self, request: Request) -> Wait:
        self._board.light_sleep()
        return Wait(never, self._deadline(request.a))

    @_on(_ops.POLL)
    def _poll(self, request: Request) -> Wait:
        entries = list(enumerate(struct.iter_unpack("<HH", request.data)))

        def ready() -> Result | None:
            found = [(i, self._events(poll_id, mask)) for i, (poll_id, mask) in entries]
            hits = [struct.pack("<HH", i, events) for i, events in found if events]
            return (len(hits), b"".join(hits)) if hits else None

        return Wait(ready, self._deadline(request.a), polls=True)

    @_on(_ops.RTC_GET)
    def _rtc_get(self, request: Request) -> Result:
        return self._board.rtc_us, b""

    @_on(_ops.RTC_SET)
    def _rtc_set(self, request: Request) -> Result:
        self._board.rtc_us = request.a
        return NONE

    # --- the chip itself

    @_on(_ops.RESET_CAUSE)
    def _reset_cause(self, request: Request) -> Result:
        return self._board.reset_cause, b""

    @_on(_ops.UNIQUE_ID)
    def _unique_id(self, request: Request) -> Result:
        return 0, self._board.unique_id

    @_on(_ops.RANDOM)
    def _random(self, request: Request) -> Result:
        return 0, self._board.rng.randbytes(request.a)

    @_on(_ops.WDT_START)
    def _wdt_start(self, request: Request) -> Result:
        self._board.watchdog.start(request.a)
        return NONE

    @_on(_ops.WDT_FEED)
    def _wdt_feed(self, request: Request) -> Result:
        self._board.watchdog.feed()
        return NONE

    @_on(_ops.RETAINED_GET)
    def _retained_get(self, request: Request) -> Result:
        return 0, self._board.retained

    @_on(_ops.RETAINED_SET)
    def _retained_set(self, request: Request) -> Result:
        self._board.retained = request.data
        return NONE

    @_on(_ops.PIN_MODE)
    def _pin_mode(self, request: Request) -> Result:
        self._board.gpio.set_mode(request.a, request.b)
        return NONE

    @_on(_ops.PIN_GET)
    def _pin_get(self, request: Request) -> Result:
        return self._board.gpio.read(request.a), b""

    @_on(_ops.PIN_SET)
    def _pin_set(self, request: Request) -> Result:
        self._board.gpio.write(request.a, request.b)
        return NONE

    @_on(_ops.ADC_READ)
    def _adc_read(self, request: Request) -> Result:
        return self._board.adc_uv(request.a), b""

    # --- UART

    @_on(_ops.UART_OPEN)
    def _uart_open(self, request: Request) -> Result:
        tx, rx, rxbuf = struct.unpack("<hhH", request.data)
        self._board.check_wires(request.a, tx, rx)
        self._uart(request.a).start(request.b, rxbuf)
        return NONE

    @_on(_ops.UART_READ)
    def _uart_read(self, request: Request) -> Result:
        return 0, self._open_uart(request.a).read(request.b)

    @_on(_ops.UART_WRITE)
    def _uart_write(self, request: Request) -> Result:
        self._open_uart(request.a).write(request.data)
        return len(request.data), b""

    @_on(_ops.UART_ANY)
    def _uart_any(self, request: Request) -> Result:
        return len(self._open_uart(request.a).received), b""

    @_on(_ops.UART_CLOSE)
    def _uart_close(self, request: Request) -> Result:
        self._uart(request.a).stop()
        return NONE

    # --- flash

    @_on(_ops.FLASH_TABLE)
    def _flash_table(self, request: Request) -> Result:
        rows = [[p.type, p.subtype, p.offset, p.size, p.label, False] for p in self._board.partitions.values()]
        return 0, json.dumps(rows).encode()

    @_on(_ops.FLASH_READ)
    def _flash_read(self, request: Request) -> Result:
        return 0, self._board.flash.read(request.a, request.b)

    @_on(_ops.FLASH_PROGRAM)
    def _flash_program(self, request: Request) -> Result:
        self._board.spend(self._board.flash.program(request.a, request.data))
        return NONE

    @_on(_ops.FLASH_ERASE)
    def _flash_erase(self, request: Request) -> Result:
        self._board.spend(self._board.flash.erase(request.a, request.b))
        return NONE

    # --- radio and sockets

    @_on(_ops.WLAN_ACTIVE)
    def _wlan_active(self, request: Request) -> Result:
        if request.a >= 0:
            self._board.radio.set_active(bool(request.a))
        return int(self._board.radio.active), b""

    @_on(_ops.WLAN_CONNECT)
    def _wlan_connect(self, request: Request) -> Result:
        if not self._board.radio.active:
            raise DeviceError(0x3002)  # ESP_ERR_WIFI_NOT_STARTED
        ssid, _, key = request.data.decode("utf-8", "replace").partition("\0")
        self._board.radio.connect(ssid, key)
        return NONE

    @_on(_ops.WLAN_DISCONNECT)
    def _wlan_disconnect(self, request: Request) -> Result:
        self._board.radio.disconnect()
        return NONE

    @_on(_ops.WLAN_STATUS)
    def _wlan_status(self, request: Request) -> Result:
        return self._board.radio.status, b""

    @_on(_ops.WLAN_RSSI)
    def _wlan_rssi(self, request: Request) -> Result:
        return self._board.radio.rssi_dbm, b""

    @_on(_ops.RESOLVE)
    def _resolve(self, request: Request) -> Result:
        return 0, self._board.network.resolve(request.data.decode("utf-8", "replace")).encode()

    @_on(_ops.SOCKET)
    def _new_socket(self, request: Request) -> Result:
        if len(self._sockets) >= SOCKETS_LIMIT:
            raise DeviceError(errno.ENFILE)
        number = self._next_socket
        self._next_socket += 1
        self._sockets[number] = self._board.network.open()
        return number, b""

    @_on(_ops.CONNECT)
    def _connect(self, request: Request) -> Result | Wait:
        connection = self._socket(request.a)
        address, _, port = request.data.decode("ascii", "replace").rpartition(":")
        connection.connect(self._board.network.real_address(address, int(port)))
        if not request.b:
            return NONE  # in progress: poll tells

        def ready() -> Result | None:
            if connection.error:
                raise DeviceError(connection.error)
            return NONE if connection.connected else None

        return Wait(ready, self._deadline(request.b), (-errno.ETIMEDOUT, b""))

    @_on(_ops.SEND)
    def _send(self, request: Request) -> Wait:
        connection = self._socket(request.a)

        def ready() -> Result | None:
            sent = connection.send(request.data)
            return (sent, b"") if sent or not request.data else None

        expired = errno.ETIMEDOUT if request.b else errno.EAGAIN
        return Wait(ready, self._deadline(request.b), (-expired, b""), polls=True)

    @_on(_ops.RECV)
    def _recv(self, request: Request) -> Wait:
        connection = self._socket(request.a)
        size, timeout_us = request.b >> 40, (request.b & (1 << 40) - 1) - 1

        def ready() -> Result | None:
            if connection.received:
                data = bytes(connection.received[:size])
                del connection.received[:size]
                return len(data), data
            if connection.error:
                raise DeviceError(connection.error)
            if not connection.connected and not connection.ended:
                raise DeviceError(errno.ENOTCONN)
            return NONE if connection.ended else None

        expired = errno.ETIMEDOUT if timeout_us else errno.EAGAIN
        return Wait(ready, self._deadline(timeout_us), (-expired, b""), polls=True)

    @_on(_ops.CLOSE)
    def _close(self, request: Request) -> Result:
        connection = self._sockets.pop(request.a, None)
        if connection is not None:
            self._board.network.close(connection)
        return NONE
