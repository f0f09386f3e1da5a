# What programs ask of `machine` now and then: loaded by the first one that does.
import _link
import _ops

IDLE, SLEEP, DEEPSLEEP = None, 2, 4
PIN_WAKE, EXT0_WAKE, EXT1_WAKE, TIMER_WAKE, TOUCHPAD_WAKE, ULP_WAKE = 2, 2, 3, 4, 5, 6
_LAZY = {
    "ADC": "_adc",
    "I2C": "_i2c",
    "SoftI2C": "_i2c",
    "PWM": "_pwm",
    "Timer": "_timer",
    "Signal": "_signal",
}
_ABSENT = (
    "SPI SoftSPI TouchPad I2S SDCard ADCBlock DAC Counter Encoder USBDevice CAN I2CTarget time_pulse_us "
    "mem8 mem16 mem32 dht_readinto wake_pins mem_backup sleep bootloader"
)


def find(name):
    if name in _LAZY:
        return getattr(__import__(_LAZY[name]), name)
    if name != "IDLE" and name in ("wake_reason", "bitstream") or name.endswith(("_WAKE", "SLEEP")):
        return globals()[name]
    return _link.absent("machine", name, _ABSENT)


def wake_reason():
    return _link.call(_ops.WAKE_REASON)


def bitstream(pin, encoding, timing, data):
    if encoding != 0:
        raise ValueError("encoding must be 0")
    _link.call(_ops.BITSTREAM, pin.id, data=data)


# --- of a pin


def pin_of(pin):
    # The number of a pin that is given as a Pin, a number or a name.
    if isinstance(pin, str):
        if pin.startswith("GP") and pin[2:].isdigit():
            return int(pin[2:])
        return _link.call(_ops.PIN_NAMED, data=pin.encode())
    return getattr(pin, "id", pin)


def attribute(obj, name):
    # Of an object of `machine`: what its class has no room for.
    kind = type(obj).__name__
    ways = {"Pin": _of_pin, "UART": _of_uart, "ADC": _of_adc, "RTC": _of_rtc}
    found = ways[kind](obj, name) if kind in ways else None
    return found or _link.absent("machine." + kind, name, _NAMES.get(kind, ""))


_NAMES = {
    "Pin": "board cpu alt af af_list names mapper dict debug gpio port name wake_reason",
    "UART": "sendbreak",
    "ADC": "block deinit CORE_TEMP VREF atten",
    "RTC": "alarm alarm_left alarm_cancel irq calibration deinit now cancel wakeup ALARM0",
}


_ALT = {
    "ALT": 3, "ALT_GPCK": 8, "ALT_I2C": 3, "ALT_PIO0": 6, "ALT_PIO1": 7, "ALT_PWM": 4, "ALT_SIO": 5, "ALT_SPI": 1,
    "ALT_UART": 2, "ALT_USB": 9,
}  # fmt: skip


def _of_pin(pin, name):
    if name in _ALT and pin.OUT == 1:  # of the RP2s, which have no room for them in the class
        return _ALT[name]
    if name == "irq":
        return lambda handler=None, trigger=None, **options: _irq_of(pin, handler, trigger, options)
    if name == "toggle":
        return lambda: _toggle(pin)
    if name in ("high", "low"):
        return lambda: pin.value(name == "high")
    if name in ("mode", "pull", "drive"):
        return lambda value=None: _setting(pin, name, value)
    return None


def _of_adc(adc, name):
    if name == "init":
        return lambda sample_ns=None, atten=None: atten is None or adc.atten(atten)
    if name == "width":
        return lambda bits: setattr(adc, "_bits", bits)
    if name == "read":
        return lambda: adc.read_u16() >> 16 - adc._bits
    return None


def _of_rtc(rtc, name):
    return rtc.datetime if name == "init" else None


def _irq_of(pin, handler, trigger, options):
    import _irq

    if trigger is None:
        trigger = pin.IRQ_RISING | pin.IRQ_FALLING
    return _irq.pin(pin, handler, trigger, **options)


def _toggle(pin):
    pin.value(1 - _link.call(_ops.PIN_GET, pin.id, 1))


def _setting(pin, name, value):
    if value is None:
        return getattr(pin, "_" + name)
    pin.init(**{name: value})
    return None


# --- of a UART


def _of_uart(obj, name):
    if name == "irq":
        import _irq

        return lambda handler=None, trigger=0, hard=False: _irq.of_uart(obj, handler, trigger, hard)
    if name == "flush":
        return lambda: _link.call(_ops.SLEEP, _link.call(_ops.UART_ANY, obj._id, 1))
    if name == "txdone":
        return lambda: not _link.call(_ops.UART_ANY, obj._id, 1)
    return None


# --- of the chip

_hz = 0


def freq(hz):
    global _hz
    slow = b"RP2" in _link.ask(_ops.MACHINE)
    if hz is None:
        return _hz or (125000000 if slow else 240000000)
    if not slow and hz not in (80000000, 160000000, 240000000):
        raise ValueError("frequency must be 80MHz, 160MHz or 240MHz")
    _hz = hz
    return None
