"""A modem's port: the UART of the serial link, PWRKEY and STATUS; loaded where the settings name a modem.

`PINS_MODEM` of the board: the pin that presses PWRKEY through a transistor (high: pressed), and the one that reads STATUS (1.8 V
at the modem, so both pass a level shifter). The modem's supply is the battery itself: it has a key of its own, and a switch
before it would cost the registration that PSM keeps.
"""

import machine
import network

from firmware.const import const

_BAUDRATE = const(115_200)  # at which the modem listens by itself


class Port:
    """What `firmware.drivers.sim7080g` and `firmware.link.cellular` need of a board."""

    def __init__(self, board):
        key, status = board.PINS_MODEM
        self._key = machine.Pin(key, machine.Pin.OUT, value=0)
        self._status = machine.Pin(status, machine.Pin.IN)
        self.uart = board.uart_link(_BAUDRATE)

    def key(self, pressed: bool) -> None:
        """PWRKEY."""
        self._key.value(1 if pressed else 0)

    def awake(self) -> bool:
        """STATUS: high while the modem runs, low while it is off or in PSM."""
        return self._status.value() == 1

    def ppp(self):
        """PPP over the UART (network.PPP as of MicroPython 1.26)."""
        return network.PPP(self.uart)
