"""Configuration of a u-blox M10: keys, layers, VALSET and VALGET.

Source: interface description UBXDOC-963802114-12815, chapter 4 (layers RAM and BBR, no flash on M10; size of a value
in bits 30 to 28 of its key; VALSET takes at most 64 items and is applied whole or not at all).
"""

import struct

RAM, BBR, FLASH = 1, 2, 4
ITEMS_LIMIT = 64
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}  # bytes by size field, section 4.2

RATE_MEAS = 0x30210001  # ms
RATE_NAV = 0x30210002
DYNMODEL = 0x20110021
BAUDRATE = 0x40520001
IN_UBX, IN_NMEA = 0x10730001, 0x10730002
OUT_UBX, OUT_NMEA = 0x10740001, 0x10740002
NAV_PVT = 0x20910007
GGA, GLL, GSA, GSV, RMC, VTG = 0x209100BB, 0x209100CA, 0x209100C0, 0x209100C5, 0x209100AC, 0x209100B1
OPERATEMODE = 0x20D00001

DEFAULTS = {
    RATE_MEAS: 1000,
    RATE_NAV: 1,
    0x20210003: 1,  # CFG-RATE-TIMEREF: GPS
    DYNMODEL: 0,  # portable
    BAUDRATE: 38400,
    IN_UBX: 1,
    IN_NMEA: 1,
    OUT_UBX: 1,
    OUT_NMEA: 1,
    NAV_PVT: 0,
    GGA: 1,
    GLL: 1,
    GSA: 1,
    GSV: 1,
    RMC: 1,
    VTG: 1,
    OPERATEMODE: 0,  # full power
}
DYNMODELS = {0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
BAUDRATES = {4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600}


class Config:
    """The values in force: defaults, over them BBR, over them RAM."""

    def __init__(self, baudrate: int = 38400) -> None:
        self._defaults = DEFAULTS | {BAUDRATE: baudrate}
        self._layers: dict[int, dict[int, int]] = {RAM: {}, BBR: {}}

    def __getitem__(self, key: int) -> int:
        for layer in (RAM, BBR):
            if key in self._layers[layer]:
                return self._layers[layer][key]
        return self._defaults[key]

    def forget(self, layers: int) -> None:
        """Clears layers, as lost power does."""
        for layer, values in self._layers.items():
            if layers & layer:
                values.clear()

    def valset(self, payload: bytes) -> bool:
        """UBX-CFG-VALSET without transaction; True to acknowledge, False to refuse and change nothing."""
        if len(payload) < 4 or payload[0] != 0:
            return False
        layers = payload[1]
        if layers & FLASH or not layers & (RAM | BBR):
            return False
        items = self._items(payload[4:])
        if items is None:
            return False
        for layer, values in self._layers.items():
            if layers & layer:
                values.update(items)
        return True

    def _items(self, data: bytes) -> dict[int, int] | None:
        items: dict[int, int] = {}
        while data:
            if len(data) < 4 or len(items) == ITEMS_LIMIT:
                return None
            (key,) = struct.unpack_from("<I", data)
            size = SIZES.get(key >> 28 & 7, 0)
            if key not in self._defaults or len(data) < 4 + size:
                return None
            value = int.from_bytes(data[4 : 4 + size], "little")
            if not _fits(key, value):
                return None
            items[key] = value
            data = data[4 + size :]
        return items

    def valget(self, payload: bytes) -> bytes | None:
        """Answer to UBX-CFG-VALGET: layer 0 RAM, 1 BBR, 7 defaults; None to refuse."""
        if len(payload) < 8 or payload[0] != 0 or payload[1] not in (0, 1, 7):
            return None
        out = bytearray((1, payload[1], *payload[2:4]))
        for (key,) in struct.iter_unpack("<I", payload[4 : len(payload) & ~3]):
            value = self._read(payload[1], key)
            if value is None:
                return None
            out += struct.pack("<I", key) + value.to_bytes(SIZES[key >> 28 & 7], "little")
        return bytes(out)

    def _read(self, layer: int, key: int) -> int | None:
        if key not in self._defaults:
            return None
        if layer == 0:
            return self[key]
        return self._layers[BBR].get(key) if layer == 1 else self._defaults[key]


def _fits(key: int, value: int) -> bool:
    if key == RATE_MEAS:
        return value >= 25  # the fastest measurement rate of the chip is 40 Hz
    if key == RATE_NAV:
        return 1 <= value <= 128
    if key == DYNMODEL:
        return value in DYNMODELS
    if key == BAUDRATE:
        return value in BAUDRATES
    return not (key >> 28 & 7 == 1 and value > 1)
