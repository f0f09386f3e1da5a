"""Battery: millivolts at rest to a level, by the chemistry's discharge curve."""

from firmware.const import const

# Open-circuit voltage at 0, 10, … 100 %, mV. Rounded from makers' discharge curves at a fiftieth of the capacity an hour
# and 20 °C; cells differ by some 5 %, and cold or load shows as less. For a policy, not for an invoice.
_LI_ION = const((3000, 3450, 3600, 3680, 3730, 3780, 3840, 3910, 3990, 4080, 4180))  # LiCoO2 or NMC, one cell
_LIFEPO4 = const((2500, 3000, 3200, 3220, 3250, 3260, 3270, 3300, 3320, 3350, 3400))  # one cell
_ALKALINE = const((2000, 2200, 2320, 2400, 2460, 2540, 2620, 2700, 2800, 2940, 3150))  # two cells
_CHEMISTRIES = const(("li-ion", "lifepo4", "alkaline"))
_CURVES = const((_LI_ION, _LIFEPO4, _ALKALINE))


def level(mv: int, chemistry: str = "li-ion") -> int:
    """Percent, 0 … 100, rounded down; -1 where nothing is measured (0 mV) or the chemistry is not known."""
    if chemistry not in _CHEMISTRIES or mv <= 0:
        return -1
    curve = _CURVES[_CHEMISTRIES.index(chemistry)]
    if mv <= curve[0]:
        return 0
    for step in range(10):
        if mv < curve[step + 1]:
            return step * 10 + (mv - curve[step]) * 10 // (curve[step + 1] - curve[step])
    return 100
