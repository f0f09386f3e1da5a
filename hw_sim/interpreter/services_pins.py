"""The board's answers about pins, their interrupts and timers; a part of `hw_sim.interpreter.services`."""

import errno

from hw_sim.errors import DeviceError, NotSimulated
from hw_sim.interpreter.child import Request
from hw_sim.interpreter.services_console import ConsoleServices
from hw_sim.interpreter.services_net import NONE, on
from hw_sim.interpreter.shims import _ops
from hw_sim.interpreter.waits import Result
from hw_sim.silicon.pins import OTHER_CHIP, PINS, READ_ONLY
from hw_sim.silicon.uart import UartPort


class PinServices(ConsoleServices):
    """Pins, ADC, PWM and what calls back."""

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

    @on(_ops.IRQ_HOLD)
    def _irq_hold(self, request: Request) -> Result:
        interrupts = self._board.interrupts
        was, interrupts.held = interrupts.held, bool(request.a)
        return int(was), b""

    @on(_ops.PIN_KNOWN)
    def _pin_known(self, request: Request) -> Result:
        description = self._board.description
        chip, others = description.known_chip, {row.pin for row in description.output if row.pin >= OTHER_CHIP}
        if chip not in PINS or request.a in others:
            return 0, b""
        if request.a not in PINS[chip]:
            return 1, b""
        return 2 if request.b and request.a in READ_ONLY[chip] else 0, b""

    @on(_ops.PIN_HOLD)
    def _pin_hold(self, request: Request) -> Result:
        self._board.gpio.hold(request.a, bool(request.b))
        return NONE

    @on(_ops.PIN_MODE)
    def _pin_mode(self, request: Request) -> Result:
        self._board.gpio.set_mode(request.a, request.b)
        return NONE

    @on(_ops.PIN_GET)
    def _pin_get(self, request: Request) -> Result:
        gpio = self._board.gpio
        return gpio.latch(request.a) if request.b else gpio.read(request.a), b""

    @on(_ops.PIN_SET)
    def _pin_set(self, request: Request) -> Result:
        self._board.gpio.write(request.a, request.b)
        return NONE

    @on(_ops.PIN_NAMED)
    def _pin_named(self, request: Request) -> Result:
        name = request.data.decode("utf-8", "replace")
        pin = self._board.description.pin_named(name)
        if pin is None:
            raise NotSimulated(f'machine.Pin("{name}"): {self._board.name} names no pin so')
        return pin, b""

    @on(_ops.PIN_IRQ)
    def _pin_irq(self, request: Request) -> Result:
        self._board.interrupts.arm_pin(request.a, request.b)
        return NONE

    @on(_ops.UART_IRQ)
    def _uart_irq(self, request: Request) -> Result:
        self._open_uart(request.a)
        self._board.interrupts.arm_uart(request.a, request.b)
        return NONE

    @on(_ops.TIMER)
    def _timer(self, request: Request) -> Result:
        self._board.interrupts.arm_timer(request.a, request.b)
        return NONE

    @on(_ops.ADC_READ)
    def _adc_read(self, request: Request) -> Result:
        return self._board.adc_uv(request.a), b""

    @on(_ops.PWM)
    def _pwm(self, request: Request) -> Result:
        self._board.wave(request.a, request.b >> 17, request.b & 0x1FFFF)
        return NONE

    @on(_ops.BITSTREAM)
    def _bitstream(self, request: Request) -> Result:
        self._board.shift_out(request.a, request.data)
        return NONE

    @on(_ops.WAKE_REASON)
    def _wake_reason(self, request: Request) -> Result:
        return self._board.wake_reason, b""
