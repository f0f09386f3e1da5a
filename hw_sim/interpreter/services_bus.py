"""The board's answers about I2C; a part of `hw_sim.interpreter.services`."""

import errno
import struct

from hw_sim.interpreter.child import Request
from hw_sim.interpreter.services_cell import CellServices
from hw_sim.interpreter.services_net import NONE, on
from hw_sim.interpreter.shims import _ops
from hw_sim.interpreter.waits import Result
from hw_sim.silicon.i2c import Controller

TRANSFER_LIMIT_BYTES = 0xFFFF  # a request for more would be a wild length; the heap of a board has no room for it


class BusServices(CellServices):
    """I2C of one board. A port is a bus with a speed; the same settings give the same port, so that there are few."""

    def _port(self, request: Request) -> Controller:
        return self._board.controllers[request.a]

    @on(_ops.BUS_OPEN)
    def _i2c_open(self, request: Request) -> Result:
        scl, sda, timeout_us = struct.unpack("<hhI", request.data)
        bus = self._board.i2c_bus(request.a, scl=scl, sda=sda)
        soft = request.a < 0
        hard_rp2 = not soft and self._board.description.port == "rp2"
        refused = errno.EIO if hard_rp2 else errno.ENODEV
        controller = Controller(bus, soft, max(1, request.b), timeout_us, refused)
        controllers = self._board.controllers
        if controller not in controllers:
            controllers.append(controller)
        controller.open()
        return controllers.index(controller), b""

    @on(_ops.BUS_WRITE)
    def _i2c_write(self, request: Request) -> Result:
        return self._port(request).write(request.b >> 1, request.data, stop=bool(request.b & 1)), b""

    @on(_ops.BUS_READ)
    def _i2c_read(self, request: Request) -> Result:
        n, address = request.b >> 16, request.b >> 1 & 0x7FFF
        return 0, self._port(request).read(address, min(n, TRANSFER_LIMIT_BYTES), stop=bool(request.b & 1))

    @on(_ops.BUS_READ_MEM)
    def _i2c_read_mem(self, request: Request) -> Result:
        n, address = request.b >> 16, request.b & 0xFFFF
        return 0, self._port(request).read_mem(address, request.data, min(n, TRANSFER_LIMIT_BYTES))

    @on(_ops.BUS_START)
    def _i2c_start(self, request: Request) -> Result:
        port = self._port(request)
        port.bus.start(port)
        return NONE

    @on(_ops.BUS_STOP)
    def _i2c_stop(self, request: Request) -> Result:
        port = self._port(request)
        port.bus.stop(port)
        return NONE

    @on(_ops.BUS_RAW_WRITE)
    def _i2c_raw_write(self, request: Request) -> Result:
        return self._port(request).write_raw(request.data), b""

    @on(_ops.BUS_RAW_READ)
    def _i2c_raw_read(self, request: Request) -> Result:
        return 0, self._port(request).read_raw(min(request.b, TRANSFER_LIMIT_BYTES))
