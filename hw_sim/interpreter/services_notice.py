"""The board's answers about its Bluetooth; a part of `hw_sim.interpreter.services`."""

import errno

from hw_sim.errors import DeviceError
from hw_sim.interpreter.child import Request
from hw_sim.interpreter.services_net import NONE, NetServices, on
from hw_sim.interpreter.shims import _ops
from hw_sim.interpreter.waits import Result

DATA_LIMIT_BYTES = 31  # of a legacy advertisement (Bluetooth Core, Vol 6, Part B, 2.3)


class NoticeServices(NetServices):
    """`bluetooth.BLE` as a broadcaster."""

    @on(_ops.BLE_ACTIVE)
    def _ble_active(self, request: Request) -> Result:
        if request.a >= 0 and bool(request.a) != self._board.bluetooth.active:
            self._board.bluetooth.set_active(bool(request.a))
        return int(self._board.bluetooth.active), b""

    @on(_ops.BLE_ADDRESS)
    def _ble_address(self, request: Request) -> Result:
        self._need_ble()
        self._board.bluetooth.draw_address()
        return NONE

    @on(_ops.BLE_ADVERTISE)
    def _ble_advertise(self, request: Request) -> Result:
        self._need_ble()
        if request.a < 0:
            self._board.bluetooth.stop()
            return NONE
        data, response = request.data[: request.b >> 1], request.data[request.b >> 1 :]
        if max(len(data), len(response)) > DATA_LIMIT_BYTES:
            raise DeviceError(errno.EINVAL)
        self._board.bluetooth.advertise(request.a, bool(request.b & 1), data, response)
        return NONE

    def _need_ble(self) -> None:
        if not self._board.bluetooth.active:
            raise DeviceError(errno.ENODEV)
