"""The board's answers about radio and sockets; a part of `hw_sim.interpreter.services`."""

import errno
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hw_sim.errors import DeviceError
from hw_sim.interpreter.child import Request
from hw_sim.interpreter.shims import _ops
from hw_sim.interpreter.waits import Result, Wait
from hw_sim.network.net import Connection

if TYPE_CHECKING:
    from hw_sim.board import Board

POLLIN, POLLOUT, POLLERR, POLLHUP = 1, 4, 8, 16
SOCKETS_LIMIT = 16  # CONFIG_LWIP_MAX_SOCKETS of the ESP32 port
SCAN_US = 2_100_000  # thirteen channels, 120 ms each at the most and what is around them (ESP-IDF, active scan)
NONE: Result = (0, b"")

Handler = Callable[[Any, Request], Result | Wait]
HANDLERS: dict[int, Handler] = {}


def on(op: int) -> Callable[[Handler], Handler]:
    """Makes a method the handler of a request number."""

    def register(handler: Handler) -> Handler:
        HANDLERS[op] = handler
        return handler

    return register


class NetServices:
    """Radio and sockets of one board. A socket lives no longer than the program that opened it."""

    def __init__(self, board: "Board") -> None:
        self._board = board
        self._sockets: dict[int, Connection] = {}
        self._next_socket = 1

    def close_sockets(self, *, reset: bool) -> None:
        """The program is gone."""
        for connection in self._sockets.values():
            self._board.network.close(connection, reset=reset)
        self._sockets.clear()

    def _socket(self, number: int) -> Connection:
        connection = self._sockets.get(number)
        if connection is None:
            raise DeviceError(errno.EBADF)
        return connection

    def _deadline(self, timeout_us: int) -> int | None:
        return None if timeout_us < 0 else self._board.world.clock.now_us + timeout_us

    def _socket_events(self, poll_id: int, mask: int) -> int:
        connection = self._sockets.get(poll_id)
        if connection is None:
            return POLLERR
        events = mask & (POLLIN * connection.readable | POLLOUT * connection.writable)
        return events | (POLLHUP * connection.ended) | ((POLLERR | POLLHUP) * bool(connection.error))

    @on(_ops.WLAN_ACTIVE)
    def _wlan_active(self, request: Request) -> Result:
        if request.a >= 0:
            self._board.radio.set_active(bool(request.a))
        return int(self._board.radio.active), b""

    @on(_ops.WLAN_CONNECT)
    def _wlan_connect(self, request: Request) -> Result:
        if not self._board.radio.active:
            raise DeviceError(0x3002)  # ESP_ERR_WIFI_NOT_STARTED
        ssid, _, key = request.data.decode("utf-8", "replace").partition("\0")
        self._board.radio.connect(ssid, key)
        return NONE

    @on(_ops.WLAN_DISCONNECT)
    def _wlan_disconnect(self, request: Request) -> Result:
        self._board.radio.disconnect()
        return NONE

    @on(_ops.WLAN_STATUS)
    def _wlan_status(self, request: Request) -> Result:
        return self._board.radio.status, b""

    @on(_ops.WLAN_RSSI)
    def _wlan_rssi(self, request: Request) -> Result:
        return self._board.radio.rssi_dbm, b""

    @on(_ops.WLAN_SCAN)
    def _wlan_scan(self, request: Request) -> Result:
        if request.a:
            return 0, self._board.radio.joined.encode()
        if not self._board.radio.active:
            raise DeviceError(0x3002)  # ESP_ERR_WIFI_NOT_STARTED
        self._board.spend(SCAN_US)
        radio, around = self._board.radio, self._board.network.wifi
        heard = (
            []
            if self._board.network.fault.down
            else [(name, radio.rssi_dbm, bool(key)) for name, key in around.items()]
        )
        return 0, json.dumps(heard).encode()

    @on(_ops.RESOLVE)
    def _resolve(self, request: Request) -> Wait:
        answer = self._board.network.lookup(request.data.decode("utf-8", "replace"))
        deadline_us = self._board.world.clock.now_us + answer.took_us

        def ready() -> Result | None:
            if self._board.world.clock.now_us < deadline_us:
                return None
            if answer.errno:
                raise DeviceError(answer.errno)
            return 0, answer.addresses.encode()

        return Wait(ready, deadline_us)

    @on(_ops.SOCKET)
    def _new_socket(self, request: Request) -> Result:
        if len(self._sockets) >= SOCKETS_LIMIT:
            raise DeviceError(errno.ENFILE)
        number = self._next_socket
        self._next_socket += 1
        self._sockets[number] = self._board.network.open()
        return number, b""

    @on(_ops.CONNECT)
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

    @on(_ops.SEND)
    def _send(self, request: Request) -> Wait:
        connection = self._socket(request.a)

        def ready() -> Result | None:
            sent = connection.send(request.data)
            return (sent, b"") if sent or not request.data else None

        expired = errno.ETIMEDOUT if request.b else errno.EAGAIN
        return Wait(ready, self._deadline(request.b), (-expired, b""), polls=True)

    @on(_ops.RECV)
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

    @on(_ops.CLOSE)
    def _close(self, request: Request) -> Result:
        connection = self._sockets.pop(request.a, None)
        if connection is not None:
            self._board.network.close(connection)
        return NONE
