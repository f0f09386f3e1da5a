# Interrupts: what calls the program back. The simulator says when; loaded by the first program that asks for one.
import sys

import _link
import _ops

pins, timers, uarts = {}, [], {}  # pins and UARTs by number: (object, handler); timers by their place


class PinIrq:
    def __init__(self, id, trigger):
        self._id, self._trigger = id, trigger
        self._flags = 0

    def flags(self):
        return self._flags

    def trigger(self, trigger=None):
        was = self._trigger
        if trigger is not None:
            self._trigger = trigger
            _arm(self._id, trigger)
        return was


_way = {}  # edges by the port's own numbers


def _arm(id, trigger):
    edges = 0
    for bit, edge in _way.items():
        if trigger & bit:
            edges |= edge
            trigger ^= bit
    if trigger:
        _link.missing("machine.Pin.irq of a level")
    _link.call(_ops.PIN_IRQ, id, edges)


def pin(obj, handler, trigger, priority=1, wake=None, hard=False):
    if wake is not None:
        _link.missing("machine.Pin.irq(wake=)")
    if not _way:
        _way[obj.IRQ_RISING], _way[obj.IRQ_FALLING] = 1, 2
    irq = PinIrq(obj.id, trigger)
    pins[obj.id] = obj, handler, irq
    _arm(obj.id, trigger if handler else 0)
    return irq


def of_uart(obj, handler, trigger, hard=False):
    known = obj.IRQ_RX | obj.IRQ_RXIDLE
    if trigger & ~known:
        _link.missing("machine.UART.irq of another trigger than IRQ_RX and IRQ_RXIDLE")
    flags = (1 if trigger & obj.IRQ_RX else 0) | (2 if trigger & obj.IRQ_RXIDLE else 0)
    uarts[obj._id] = irq = UartIrq(obj, handler, trigger)
    _link.call(_ops.UART_IRQ, obj._id, flags if handler else 0)
    return irq


class UartIrq:
    def __init__(self, obj, handler, trigger):
        self.obj, self.handler = obj, handler
        self._trigger, self._flags = trigger, 0

    def flags(self):
        return self._flags

    def trigger(self, trigger=None):
        if trigger is not None:
            _link.missing("machine.UART.irq().trigger(value)")
        return self._trigger


def serve(what):
    kind, id, flags = what & 255, what >> 8 & 0xFFFF, what >> 24
    try:
        if kind == _ops.PIN:
            obj, handler, irq = pins[id]
            irq._flags = irq._trigger
            handler(obj)
        elif kind == _ops.SERIAL:
            irq = uarts[id]
            obj = irq.obj
            irq._flags = (obj.IRQ_RX if flags & 1 else 0) | (obj.IRQ_RXIDLE if flags & 2 else 0)
            irq.handler(obj)
        else:
            timer = timers[id]
            timer.callback(timer)
    except Exception as error:  # noqa: BLE001 - as the chip does it: it is shown, and the program goes on
        print("Uncaught exception in an interrupt's handler")
        sys.print_exception(error)
