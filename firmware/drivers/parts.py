"""Which chip senses what: a board's parts by name, each with its driver, which is loaded only where it is named."""

from firmware.const import const
from firmware.errors import DriverError

_NAMES = const(("temperature", "light", "motion", "receiver"))
# The first unless others are named. A receiver is "switched" on and off, or sent to "standby" where it has no switch.
_FITTED = const((("tmp117", "sht4x"), ("veml7700", "bh1750"), ("lis2dh12", "lis3dh"), ("switched", "standby")))


def check(parts) -> None:
    """DriverError unless `parts` is a dict of what is sensed, or the receiver, to a part that has a driver."""
    if not isinstance(parts, dict):
        raise DriverError("parts")
    for name in parts:
        if name not in _NAMES or parts[name] not in _FITTED[_NAMES.index(name)]:
            raise DriverError("no driver for this part")


def _part(board, name: str, parts) -> str:
    fitted = _FITTED[_NAMES.index(name)]
    part = (parts or {}).get(name) or getattr(board, "PARTS", {}).get(name, fitted[0])
    if part not in fitted:
        raise DriverError("no driver for this part")
    return part


def receiver(board, protocol: str, parts=None):
    """The driver of the receiver; `protocol` is "ubx" or "nmea", the rest as in `driver`."""
    if _part(board, "receiver", parts) == "standby":
        from firmware.drivers.standby import StandbyGnss

        return StandbyGnss(board, protocol)
    from firmware.drivers.gnss import Gnss

    return Gnss(board, protocol)


def driver(board, name: str, parts=None):
    """The driver of what senses "temperature", "light" or "motion".

    `parts` (of the settings) goes before `board.PARTS`, and this before the parts of the reference board. A driver is
    imported only if it is fitted: each costs a kilobyte of heap.
    """
    part = _part(board, name, parts)
    if part == "sht4x":
        from firmware.drivers.sht4x import Sht4x

        return Sht4x(board)
    if part == "tmp117":
        from firmware.drivers.tmp117 import Tmp117

        return Tmp117(board)
    if part == "bh1750":
        from firmware.drivers.bh1750 import Bh1750

        return Bh1750(board)
    if part == "veml7700":
        from firmware.drivers.veml7700 import Veml7700

        return Veml7700(board)
    from firmware.drivers.lis2dh12 import Lis2dh12  # an LIS3DH has the same registers, identity and thresholds

    return Lis2dh12(board)
