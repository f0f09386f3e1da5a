"""Battery: below which voltage intervals are stretched, and below which nothing is sensed, for cells that the settings name."""

from firmware.const import const
from firmware.errors import WireError

# (stretched below, nothing sensed below) in mV: about a fifth and a tenth of what a cell holds (drivers/battery.py).
_CHEMISTRIES = const((("li-ion", 3600, 3400), ("lifepo4", 3200, 3000), ("alkaline", 2320, 2200)))


def levels_mv(chosen) -> tuple:
    """Of a chemistry, or of [low, empty] in mV itself; WireError for anything else."""
    for name, low, empty in _CHEMISTRIES:
        if chosen == name:
            return low, empty
    two = isinstance(chosen, list) and len(chosen) == 2 and all(isinstance(mv, int) for mv in chosen)
    if two and 0 < chosen[1] <= chosen[0]:
        return chosen[0], chosen[1]
    raise WireError("settings: battery")
