"""What hangs on the pins of a board: receiver, I2C buses with their chips, button, LED, battery."""

from collections.abc import Callable

from hw_sim.chips import catalogue
from hw_sim.chips.base import I2cChip, UartChip
from hw_sim.chips.sim7080g import Sim7080g
from hw_sim.chips.ublox_m10 import UbloxM10
from hw_sim.energy.metering import BoardMeter
from hw_sim.errors import HwSimError, NotSimulated
from hw_sim.network.net import Network
from hw_sim.network.ppp import PppLink
from hw_sim.silicon.description import Description, GnssWiring, I2cChipWiring, I2cWiring, ModemWiring, UartWiring
from hw_sim.silicon.gpio import Gpio
from hw_sim.silicon.i2c import Controller, I2cBus
from hw_sim.silicon.notice import Bluetooth, Buzzer
from hw_sim.silicon.uart import RP2_FIFO_BYTES, UartPort
from hw_sim.world.clock import World

BOOTSEL_PIN = -1  # the button of an RP2 board, which is at no GPIO
MAINS_MV = 3_300  # of a board without a battery


class Wired:
    """The chips of a board and the pins between them.

    `sensors` has the chips on I2C by what they sense, or by the name that the description gives them, `devices` those on UARTs
    likewise; `buses` in the order of the description. `pixels` is what was last shifted out by pin, `waves` the square wave of
    a pin in Hz and its share of 65536, `adc_mv` the voltages that the description names.
    """

    meter: BoardMeter
    network: Network

    def __init__(self, description: Description, world: World) -> None:
        self.name = description.name
        self.description, self.world = description, world
        self.gpio = Gpio(description.name)
        self.battery_mv = description.battery.millivolts if description.battery else MAINS_MV
        self.adc_mv = {row.name: row.millivolts for row in description.adc}
        self.pixels: dict[int, bytes] = {}
        self.waves: dict[int, tuple[int, int]] = {}
        self.buses: list[I2cBus] = []
        self.controllers: list[Controller] = []
        self.sensors: dict[str, I2cChip] = {}
        self.devices: dict[str, UartChip] = {}
        self.uarts: dict[int, UartPort] = {}
        self._always_on: list[I2cChip | UartChip] = []
        self.modem: Sim7080g | None = None
        self.ppp: PppLink | None = None
        self.buzzer = Buzzer(world.clock, description.buzzer.pin if description.buzzer else None)
        self.bluetooth = Bluetooth(world.clock, world.random("bluetooth"))
        self._fifo_bytes = RP2_FIFO_BYTES if description.port == "rp2" else 0
        self._attached: dict[int, tuple[int, int]] = {}
        self._gnss = self._wire_gnss(description.gnss) if description.gnss else None
        for wiring in description.i2c:
            self._wire_bus(wiring)
        for row in description.uart:
            self._wire_uart(row)
        self._wire_pins()

    @property
    def gnss(self) -> UbloxM10:
        """The receiver; HwSimError for a board without one."""
        if self._gnss is None:
            raise HwSimError(f"board {self.name} has no receiver: its description has no table [gnss]")
        return self._gnss

    @property
    def has_gnss(self) -> bool:
        """There is a receiver."""
        return self._gnss is not None

    def _wire_gnss(self, row: GnssWiring) -> UbloxM10:
        if row.chip != "ublox_m10":
            raise NotSimulated(
                f"gnss.chip = {row.chip} of board {self.name}: here is ublox_m10; put another one in [[uart]]"
            )
        gnss = UbloxM10(self.world, baudrate=row.baudrate)
        self.uarts[row.uart] = UartPort(self.world.clock, gnss, self.world.random("uart"), self._fifo_bytes)
        self._attached[row.uart] = row.tx, row.rx
        if row.power_pin is not None:
            self._feed(row.power_pin, gnss.power)
        if row.extint_pin is not None:
            self._feed(row.extint_pin, gnss.extint)
        return gnss

    def _wire_uart(self, row: UartWiring) -> None:
        factory = catalogue.uart_chip(row.chip, self.description.folder)
        chip = catalogue.made(f"chip {row.chip} of board {self.name}", factory, self.world, **row.options)
        name = row.name or row.chip.partition(":")[2] or row.chip
        if name in self.devices:
            raise HwSimError(f"board {self.name} has two chips {name} on UARTs: give one of them a name of its own")
        self.devices[name] = chip
        self.attach_uart(row.uart, row.tx, row.rx, chip)
        if row.power_pin is None:
            self._always_on.append(chip)
        else:
            self._feed(row.power_pin, chip.power)

    def _wire_pins(self) -> None:
        for row in self.description.input:
            self.switch(row.name, row.on)
        if self.description.port == "rp2":
            self.gpio.inputs[BOOTSEL_PIN] = 0
        if self.description.button is not None:
            self.release_button()

    def _wire_bus(self, wiring: I2cWiring) -> None:
        supply = wiring.pull_up_pin
        bus = I2cBus(self.world.clock, wiring.sda, wiring.scl, lambda: supply is None or self.gpio.output(supply) == 1)
        for row in wiring.chip:
            bus.attach(self._wire_chip(row))
        self.buses.append(bus)

    def _wire_chip(self, row: I2cChipWiring) -> I2cChip:
        factory = catalogue.i2c_chip(row.chip, self.description.folder)
        chip: I2cChip = catalogue.made(
            f"chip {row.chip} of board {self.name}", factory, self.world, row.address, **row.options
        )
        name = row.name or chip.senses or row.chip.partition(":")[2]
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
        if number not in chip.interrupt_levels:
            raise NotSimulated(f"interrupt pin {number} of {type(chip).__name__} on board {self.name}")
        self.gpio.inputs[pin] = chip.interrupt_levels[number]
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
        gnss = self.description.gnss
        if gnss is not None:
            self.gnss.backup_power(on and gnss.backup)
            if gnss.power_pin is None:
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
        if battery is not None and pin == battery.adc_pin:
            return round(self.meter.terminal_mv * 1000 / battery.divider)
        named = {row.pin: row.name for row in self.description.adc}
        if pin not in named:
            raise NotSimulated(f"ADC on pin {pin}: {self.name} has nothing to measure there")
        return self.adc_mv[named[pin]] * 1000

    def attach_uart(self, uart: int, tx: int, rx: int, chip: UartChip) -> None:
        """Put something with a supply of its own on a free UART: a gateway, say."""
        self.uarts[uart] = UartPort(self.world.clock, chip, self.world.random(f"uart/{uart}"), self._fifo_bytes)
        self._attached[uart] = tx, rx

    def check_wires(self, uart: int, tx: int, rx: int) -> None:
        """NotSimulated if a UART is opened on pins where no chip is."""
        wired = self._attached.get(uart)
        if wired is None or tx not in (-1, wired[0]) or rx not in (-1, wired[1]):
            there = [f"UART {number} on tx {pins[0]}, rx {pins[1]}" for number, pins in self._attached.items()]
            raise NotSimulated(
                f"UART {uart} on tx {tx}, rx {rx}: {self.name} has {'; '.join(there) or 'no chip on a UART'}"
            )

    def wave(self, pin: int, hz: int, share: int) -> None:
        """A square wave on a pin, high for `share` of 65536; NotSimulated where nothing hears it."""
        if self.description.buzzer is not None and pin == self.description.buzzer.pin:
            self.buzzer.drive(pin, hz if 0 < share < 65536 else 0)
            return
        self._need_output("machine.PWM", pin)
        self.waves[pin] = hz, share
        hear = self.gpio.on_output.get(pin)
        if hear is not None:
            hear(int(share > 0))

    def shift_out(self, pin: int, data: bytes) -> None:
        """Bytes for a strip of pixels."""
        self._need_output("machine.bitstream", pin)
        self.pixels[pin] = data

    def _need_output(self, what: str, pin: int) -> None:
        outputs = {row.pin: row.name for row in self.description.output}
        outputs |= {row.pin: name for name, row in (("LED", self.description.led),) if row is not None}
        if pin not in outputs:
            there = ", ".join(f"{name} on {number}" for number, name in outputs.items())
            raise NotSimulated(f"{what} on pin {pin}: nothing is there; {self.name} has {there or 'no outputs'}")

    def switch(self, name: str, on: bool) -> None:
        """Turns an input of the description on or off."""
        rows = {row.name: row for row in self.description.input}
        if name not in rows:
            raise HwSimError(f"board {self.name} has no input {name}; there are {', '.join(rows) or 'none'}")
        self.gpio.inputs[rows[name].pin] = rows[name].active if on else 1 - rows[name].active

    def driven(self, name: str) -> int | None:
        """Level that the program drives at an output of the description; None while it floats."""
        rows = {row.name: row.pin for row in self.description.output}
        if name not in rows:
            raise HwSimError(f"board {self.name} has no output {name}; there are {', '.join(rows) or 'none'}")
        return self.gpio.output(rows[name])

    def press_button(self) -> None:
        """Holds the button down."""
        button = self.description.button
        if button is None:
            raise HwSimError(f"board {self.name} has no button: its description has no table [button]")
        self.gpio.inputs[button.pin] = button.pressed

    def release_button(self) -> None:
        """Lets the button go."""
        button = self.description.button
        if button is None:
            raise HwSimError(f"board {self.name} has no button: its description has no table [button]")
        self.gpio.inputs[button.pin] = 1 - button.pressed

    @property
    def led(self) -> bool:
        """The LED is lit."""
        return self.description.led is not None and bool(self.gpio.output(self.description.led.pin))
