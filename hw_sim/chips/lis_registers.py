"""Registers of the LIS2DH12: addresses, what the data sheet DocID025056 and AN5005 say of them, and what they ask for."""

from collections.abc import Sequence

from hw_sim.chips.lis_events import AND_EVENTS, Rule, Settings, follow
from hw_sim.errors import NotSimulated

WHO_AM_I, CTRL_REG0 = 0x0F, 0x1E
CTRL_REG1, CTRL_REG2, CTRL_REG3, CTRL_REG4, CTRL_REG5, CTRL_REG6, REFERENCE, STATUS, OUT_X_L = range(0x20, 0x29)
FIFO_CTRL, INT1_CFG, INT1_SRC, INT2_CFG, INT2_SRC = 0x2E, 0x30, 0x31, 0x34, 0x35
OUT_Z_H = 0x2D
WRITABLE = {0x1E, 0x1F, *range(0x20, 0x27), 0x2E, 0x30, 0x32, 0x33, 0x34, 0x36, 0x37, 0x38, *range(0x3A, 0x40)}
RESETS = {CTRL_REG0: 0x10, CTRL_REG1: 0x07}
UNSIMULATED = {  # bits of a register, and what they ask for
    0x1F: (0xC0, "TEMP_CFG_REG: the temperature sensor"),
    0x21: (0x04, "CTRL_REG2: the filter of the click function"),
    0x22: (0x8E, "CTRL_REG3: click or FIFO on INT1"),
    0x23: (0x47, "CTRL_REG4: big-endian data, self-test or 3-wire SPI"),
    0x24: (0x45, "CTRL_REG5: FIFO or 4D"),
    0x25: (0x98, "CTRL_REG6: click, boot or activity on INT2"),
    0x2E: (0xC0, "FIFO_CTRL_REG: the FIFO"),
    0x30: (0x40, "INT1_CFG: 6D"),
    0x34: (0x40, "INT2_CFG: 6D"),
    0x38: (0x3F, "CLICK_CFG: click"),
    0x3E: (0x7F, "ACT_THS: activity"),
}
IDENTITY = 0x33
RATES_HZ = (0.0, 1.0, 10.0, 25.0, 50.0, 100.0, 200.0, 400.0, 1620.0, 1344.0)
LOW_POWER_FASTEST_HZ = 5376.0  # ODR code 9 with LPen
# Current by ODR code: data sheet, "current consumption of operating modes"
LOW_POWER_UA = (0.5, 2.0, 3.0, 4.0, 6.0, 10.0, 18.0, 36.0, 100.0, 185.0)
NORMAL_UA = (0.5, 2.0, 4.0, 6.0, 11.0, 20.0, 38.0, 73.0, 185.0, 185.0)
LOW_POWER, NORMAL, HIGH_RESOLUTION = "low power", "normal", "high resolution"
DIGIT_MG = {LOW_POWER: (16, 32, 64, 192), NORMAL: (4, 8, 16, 48), HIGH_RESOLUTION: (1, 2, 4, 12)}
BITS = {LOW_POWER: 8, NORMAL: 10, HIGH_RESOLUTION: 12}
THRESHOLD_MG = (16, 32, 62, 186)


def check_write(register: int, value: int) -> None:
    """NotSimulated if a write asks for what is not here, or goes where the data sheet forbids it (section 8)."""
    if register not in WRITABLE:
        raise NotSimulated(f"lis2dh12: a write to register 0x{register:02X}, which the data sheet forbids")
    bits, what = UNSIMULATED.get(register, (0, ""))
    if value & bits:
        raise NotSimulated(f"lis2dh12: {what}")
    if register == CTRL_REG2 and value >> 6 == 1:
        raise NotSimulated("lis2dh12: CTRL_REG2 with HPM = 01, a reference as filter")


def mode_of(registers: Sequence[int]) -> str:
    """Low power, normal or high resolution , by LPen and HR."""
    low, high = registers[CTRL_REG1] & 0x08, registers[CTRL_REG4] & 0x08
    if low and high:
        raise NotSimulated("lis2dh12: LPen and HR together, which the data sheet does not allow")
    return LOW_POWER if low else HIGH_RESOLUTION if high else NORMAL


def rate_hz_of(registers: Sequence[int]) -> float:
    """Samples a second; 0 in power-down."""
    code, mode = registers[CTRL_REG1] >> 4, mode_of(registers)
    if code >= len(RATES_HZ) or (code == 8 and mode != LOW_POWER):
        raise NotSimulated(f"lis2dh12: ODR code {code} in {mode} mode, which the data sheet does not name")
    return LOW_POWER_FASTEST_HZ if code == 9 and mode == LOW_POWER else RATES_HZ[code]


def current_ua_of(registers: Sequence[int]) -> float:
    """What it draws, in µA."""
    return (LOW_POWER_UA if mode_of(registers) == LOW_POWER else NORMAL_UA)[registers[CTRL_REG1] >> 4]


def settings_of(registers: Sequence[int]) -> Settings:
    """Filter and generators as the registers ask for them."""
    ctrl2, ctrl5 = registers[CTRL_REG2], registers[CTRL_REG5]
    first = _rule(registers, INT1_CFG, bool(ctrl2 & 0x01), bool(ctrl5 & 0x08))
    second = _rule(registers, INT2_CFG, bool(ctrl2 & 0x02), bool(ctrl5 & 0x02))
    return Settings(
        (first, second), follow=follow(ctrl2 >> 4 & 3) if ctrl2 & 0x0B else 0.0, reset_by_event=ctrl2 >> 6 == 3
    )


def _rule(registers: Sequence[int], config: int, filtered: bool, latched: bool) -> Rule:
    threshold_mg = (registers[config + 2] & 0x7F) * THRESHOLD_MG[registers[CTRL_REG4] >> 4 & 3]
    events, duration = registers[config] & 0x3F & _enabled_axes(registers), registers[config + 3] & 0x7F
    return Rule(events, bool(registers[config] & AND_EVENTS), threshold_mg, duration, filtered, latched)


def _enabled_axes(registers: Sequence[int]) -> int:
    """Event bits of the axes that CTRL_REG1 switches on."""
    axes = registers[CTRL_REG1]
    return 0x03 * (axes & 1) | 0x0C * (axes >> 1 & 1) | 0x30 * (axes >> 2 & 1)


def output_word(registers: Sequence[int], axis: int, mg: float) -> int:
    """An axis as it stands in OUT: two's complement, left-justified, saturated; 0 for an axis that is off."""
    if not registers[CTRL_REG1] >> axis & 1:
        return 0
    mode = mode_of(registers)
    bits = BITS[mode]
    digits = round(mg / DIGIT_MG[mode][registers[CTRL_REG4] >> 4 & 3])
    limit = 1 << bits - 1
    return max(-limit, min(limit - 1, digits)) << 16 - bits & 0xFFFF
