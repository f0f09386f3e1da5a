"""What hangs on the pins of a board: receiver, I2C buses with their chips, button, LED, battery."""

from collections.abc import Callable

from hw_sim.chips.base import I2cChip, UartChip
from hw_sim.chips.bh1750 import Bh1750
from hw_sim.chips.lis2dh12 import Lis2dh12
from hw_sim.chips.lis3dh import Lis3dh
from hw_sim.chips.sht4x import Sht4x
from hw_sim.chips.sim7080g import Sim7080g
from hw_sim.chips.tmp117 import Tmp117
from hw_sim.chips.ublox_m10 import UbloxM10
from hw_sim.chips.veml7700 import Veml7700
from hw_sim.energy.metering import BoardMeter
from hw_sim.errors import HwSimError, NotSimulated
from hw_sim.network.net import Network
from hw_sim.network.ppp import PppLink
from hw_sim.silicon.description import Description, I2cChipWiring, I2cWiring, ModemWiring
from hw_sim.silicon.gpio import Gpio
from hw_sim.silicon.i2c import Controller, I2cBus
from hw_sim.silicon.notice import Bluetooth, Buzzer
from hw_sim.silicon.uart import RP2_FIFO_BYTES, UartPort
from hw_sim.world.clock import World

CHIPS: dict[str, Callable[[World, int], I2cChip]] = {
    "tmp117": Tmp117,
    "sht4x": Sht4x,
    "veml7700": Veml7700,
    "bh1750": Bh1750,
    "lis2dh12": Lis2dh12,
    "lis3dh": Lis3dh,
}


class Wired:
    """The chips of a board and the pins between them.

    `sensors` has the chips on I2C by what they sense, or by the name that the description gives them; `buses` in the
    order of the description.
    """

    meter: BoardMeter
    network: Network

    def __init__(self, description: Description, world: World) -> None:
        self.name = description.name
        self.description, self.world = description, world
        self.gpio = Gpio(description.name)
        self.battery_mv = description.battery.millivolts
        self.buses: list[I2cBus] = []
        self.controllers: list[Controller] = []
        self.sensors: dict[str, I2cChip] = {}
        self._always_on: list[I2cChip] = []
        self.modem: Sim7080g | None = None
        self.ppp: PppLink | None = None
        self.buzzer = Buzzer(world.clock, description.buzzer.pin if description.buzzer else None)
        self.bluetooth = Bluetooth(world.clock, world.random("bluetooth"))
        self._wire_gnss()
        for wiring in description.i2c:
            self._wire_bus(wiring)
        self.release_button()

    def _wire_gnss(self) -> None:
        gnss = self.description.gnss
        if gnss.chip != "ublox_m10":
            raise NotSimulated(f"chip {gnss.chip} of board {self.name}")
        self.gnss = UbloxM10(self.world, baudrate=gnss.baudrate)
        self._fifo_bytes = RP2_FIFO_BYTES if self.description.port == "rp2" else 0
        self._attached: set[tuple[int, int, int]] = set()
        self.uarts = {gnss.uart: UartPort(self.world.clock, self.gnss, self.world.random("uart"), self._fifo_bytes)}
        if gnss.power_pin is not None:
            self._feed(gnss.power_pin, self.gnss.power)
        if gnss.extint_pin is not None:
            self._feed(gnss.extint_pin, self.gnss.extint)

    def _wire_bus(self, wiring: I2cWiring) -> None:
        supply = wiring.pull_up_pin
        bus = I2cBus(self.world.clock, wiring.sda, wiring.scl, lambda: supply is None or self.gpio.output(supply) == 1)
        for row in wiring.chip:
            bus.attach(self._wire_chip(row))
        self.buses.append(bus)

    def _wire_chip(self, row: I2cChipWiring) -> I2cChip:
        if row.chip not in CHIPS:
            raise NotSimulated(f"chip {row.chip} of board {self.name}")
        chip = CHIPS[row.chip](self.world, row.address)
        name = row.name or chip.senses
        if name in self.sensors:
            raise HwSimError(f"board {self.name} has two chips {name}: give one of them a name of its own")
        self.sensors[name] = chip
        if row.power_pin is None:
            self._always_on.append(chip)
        else:
            self._feed(row.power_pin, chip.power)
        for number, pin in ((1, row.int1), (2, row.int2)):
            if pin is not None:
                self._wire_interrupt(chip, number, pin)
        return chip

    def _wire_interrupt(self, chip: I2cChip, number: int, pin: int) -> None:
        if not isinstance(chip, Lis2dh12):
            raise NotSimulated(f"interrupt pin {number} of {type(chip).__name__} on board {self.name}")
        self.gpio.inputs[pin] = 0
        chip.on_interrupt[number] = lambda level: self.gpio.inputs.update({pin: level})

    def _feed(self, pin: int, power: Callable[[bool], None]) -> None:
        """A load switch on this pin feeds one more chip."""
        before = self.gpio.on_output.get(pin)

        def switch(level: int) -> None:
            if before is not None:
                before(level)
            power(bool(level))

        self.gpio.on_output[pin] = switch

    def feed_board(self, on: bool) -> None:
        """The board's own supply comes or goes, for chips without a load switch and for what the receiver keeps."""
        self.gnss.backup_power(on and self.description.gnss.backup)
        if self.description.gnss.power_pin is None:
            self.gnss.power(on)
        for chip in self._always_on:
            chip.power(on)
        if self.modem is not None:
            self.modem.power(on)

    def attach_modem(self, wiring: ModemWiring) -> Sim7080g:
        """Puts a modem on a board whose description has none; before it gets power."""
        if wiring.chip != "sim7080g":
            raise NotSimulated(f"chip {wiring.chip} of board {self.name}")
        modem = self.modem = Sim7080g(self.world)
        self.attach_uart(wiring.uart, wiring.tx, wiring.rx, modem)
        self.gpio.on_output[wiring.key_pin] = lambda level: modem.key(bool(level))
        self.gpio.inputs[wiring.status_pin] = 0
        modem.on_status = lambda awake: self.gpio.inputs.update({wiring.status_pin: int(awake)})
        modem.load = self.meter.part("modem")
        self.ppp = PppLink(self.world, self.network, modem)
        return modem

    def program_gone(self) -> None:
        """The program has ended, and with it its end of PPP."""
        if self.ppp is not None:
            self.ppp.gone()

    # --- parts that the program sees

    def i2c_bus(self, number: int, *, scl: int, sda: int) -> I2cBus:
        """The bus on these pins; NotSimulated if no chip is there. A negative number is a controller in software."""
        for wiring, bus in zip(self.description.i2c, self.buses, strict=True):
            if (wiring.scl, wiring.sda) == (scl, sda) and (number < 0 or wiring.id in (None, number)):
                return bus
        there = [
            f"{', '.join(c.chip for c in w.chip)} on scl {w.scl}, sda {w.sda}"
            + (f" of I2C {w.id}" if w.id is not None else "")
            for w in self.description.i2c
        ]
        kind = "SoftI2C" if number < 0 else f"I2C {number}"
        raise NotSimulated(f"{kind} on scl {scl}, sda {sda}: {self.name} has {'; '.join(there) or 'no I2C chips'}")

    def adc_uv(self, pin: int) -> int:
        """Voltage at an ADC pin, in µV."""
        battery = self.description.battery
        if pin != battery.adc_pin:
            raise NotSimulated(f"ADC on pin {pin}: {self.name} has nothing to measure there")
        return round(self.battery_mv * 1000 / battery.divider)

    def attach_uart(self, uart: int, tx: int, rx: int, chip: UartChip) -> None:
        """Put something with a supply of its own on a free UART: a gateway, say."""
        self.uarts[uart] = UartPort(self.world.clock, chip, self.world.random(f"uart/{uart}"), self._fifo_bytes)
        self._attached.add((uart, tx, rx))

    def check_wires(self, uart: int, tx: int, rx: int) -> None:
        """NotSimulated if a UART is opened on pins where no chip is."""
        gnss = self.description.gnss
        if (uart, tx, rx) in self._attached:
            return
        if uart != gnss.uart or tx not in (-1, gnss.tx) or rx not in (-1, gnss.rx):
            wired = f"UART {gnss.uart} on tx {gnss.tx}, rx {gnss.rx}"
            raise NotSimulated(f"UART {uart} on tx {tx}, rx {rx}: {self.name} has its receiver at {wired}")

    def press_button(self) -> None:
        """Holds the button down."""
        self.gpio.inputs[self.description.button.pin] = self.description.button.pressed

    def release_button(self) -> None:
        """Lets the button go."""
        self.gpio.inputs[self.description.button.pin] = 1 - self.description.button.pressed

    @property
    def led(self) -> bool:
        """The LED is lit."""
        return bool(self.gpio.output(self.description.led.pin))
