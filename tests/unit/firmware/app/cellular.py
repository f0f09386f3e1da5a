"""A board whose only link is an LTE-M modem: the rig of this folder, without an access point."""

from __future__ import annotations

from typing import Any

from hw_sim.chips.sim7080g import Sim7080g
from hw_sim.network.broker import Broker
from hw_sim.silicon.description import ModemWiring
from tests.unit.firmware.app.conftest import Rigged

WIRING = ModemWiring(uart=2, tx=12, rx=13, key_pin=41, status_pin=42)  # as firmware/boards/esp32s3.py has it
PSM = [86_400, 2]  # s: it shows itself to the network once a day, and rests as soon as its connection is released


class CellularRig(Rigged):
    """`modem` is the chip; `section` what its settings have beside chip and access point."""

    modem: Sim7080g

    def __init__(self, broker: Broker, *, section: dict[str, Any] | None = None, **settings: Any) -> None:
        modem = {"chip": "sim7080g", "apn": "iot.example", **(section or {})}
        super().__init__(broker, wifi=None, modem=modem, **settings)

    def fit(self) -> None:
        """The modem; and no access point is in reach."""
        self.net.wifi.clear()
        self.modem = self.board.attach_modem(WIRING)
