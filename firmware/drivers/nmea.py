"""NMEA 0183 sentences RMC, GGA, GNS and GSA of a GNSS receiver, and the fix that those of one epoch make together.

A sentence counts whole or not at all: a checksum alone lets corrupted ones through (TinyGPSPlus #87), so syntax and
ranges are checked too, and one field out of place discards it. Pure: no input or output.
"""

from firmware.const import const
from firmware.drivers.civil import unix_s
from firmware.errors import DriverError

# NMEA 0183 section 5.3: 82 characters from `$` to line feed. Receivers set to high precision send a few more, so the
# buffer is a little longer; it bounds what noise without a line end can take.
MAX_SENTENCE_BYTES = 100
_TALKERS = const((b"GP", b"GN", b"GL", b"GA", b"GB", b"BD"))
# Accuracy from dilution: one standard deviation of the range error of a single-frequency receiver, about 5 m. NMEA has
# no accuracy field but in GST, which few receivers send.
_RANGE_ERROR_MM = const(5000)
_KNOT_UM_S = const(514444)  # micrometres per second in a knot
# RMC and GGA of one epoch tell one position, but each rounds it in its own way and may filter it: 13 m apart is the most in
# 56 recorded logs. Farther apart, one of them was damaged in a way that its checksum does not tell.
_APART_E7 = const(10000)  # 111 m
_TURN_E7 = const(3600000000)
_MAX_PDOP_E2 = const(1000)  # as of drivers/ubx.py


class Lines:
    """Sentences between `$` and line end out of a byte stream: a new `$` drops an unfinished one."""

    def __init__(self):
        self._buffer = bytearray()
        self._inside = False
        self.errors = 0

    def reset(self) -> None:
        """Forget what is half received."""
        self._buffer = bytearray()
        self._inside = False

    def feed(self, data: bytes) -> list:
        """Take bytes of any length; return the whole lines, `$` first, line end removed."""
        lines = []
        for byte in data:
            if byte == 0x24:  # $
                self._drop()
                self._inside = True
                self._buffer.append(byte)
            elif not self._inside:
                pass
            elif byte in (10, 13):
                lines.append(bytes(self._buffer))
                self._buffer = bytearray()
                self._inside = False
            elif byte < 32 or byte > 126 or len(self._buffer) >= MAX_SENTENCE_BYTES:
                self._drop()
            else:
                self._buffer.append(byte)
        return lines

    def _drop(self) -> None:
        if self._inside:
            self.errors += 1
            self.reset()


def fields_of(line: bytes) -> list:
    """Fields of a sentence whose checksum holds, the address (such as b"GPRMC") first; DriverError otherwise."""
    if len(line) < 9 or line[0] != 0x24 or line[-3] != 0x2A:
        raise DriverError("not a sentence")
    check = 0
    for byte in line[1:-3]:
        check ^= byte
    if _hex(line[-2]) << 4 | _hex(line[-1]) != check:
        raise DriverError("wrong checksum")
    return line[1:-3].split(b",")


def parse(line: bytes) -> "tuple | None":
    """One sentence as (kind, ...); None for one that is none of ours; DriverError for one that is damaged.

    ("RMC", time_ms, date, lat_e7, lon_e7, speed_mm_s, course_e5), ("GGA", time_ms, lat_e7, lon_e7, satellites,
    dilution_e2), ("GSA", mode, pdop_e2). `time_ms` is of the day, `date` (year, month, day); -1 and None stand for unknown;
    no position is None in lat_e7.
    """
    fields = fields_of(line)
    address = fields[0]
    if len(address) != 5 or address[:2] not in _TALKERS:
        return None
    reader = _READERS.get(address[2:])
    return reader(fields) if reader else None


def _rmc(f: list) -> tuple:
    """Recommended minimum: time, status, position, knots, course, date[, variation, its side[, mode[, status]]]."""
    if not 10 <= len(f) <= 14 or f[2] not in (b"A", b"V"):
        raise DriverError("RMC form")
    mode = f[12] if len(f) > 12 else b"A"
    if mode not in (b"", b"A", b"D", b"E", b"F", b"M", b"N", b"P", b"R", b"S"):
        raise DriverError("RMC mode")
    lat_e7, lon_e7 = _position(f[3:7])
    speed = _decimal(f[7], 3, 2000000)  # a thousandth of a knot; 2,000 kn is beyond what receivers may report
    course = _decimal(f[8], 5, 36000000)
    time_ms, date = _time_ms(f[1]), _date(f[9])
    # Estimated, manual and simulated positions are no satellite fix.
    if f[2] == b"V" or mode in (b"E", b"M", b"N", b"S"):
        lat_e7 = lon_e7 = None
    speed_mm_s = -1 if speed < 0 else (speed * _KNOT_UM_S + 500000) // 1000000
    return ("RMC", time_ms, date, lat_e7, lon_e7, speed_mm_s, course % 36000000 if course >= 0 else -1)


def _gga(f: list) -> tuple:
    """Fix data: time, position, quality, satellites, dilution, altitude, M, separation, M, age, station."""
    if len(f) != 15 or len(f[6]) != 1 or not 0x30 <= f[6][0] <= 0x38:
        raise DriverError("GGA form")
    lat_e7, lon_e7 = _position(f[2:6])
    satellites, dilution = _decimal(f[7], 0, 99), _decimal(f[8], 2, 9999)
    # 0 none, 6 estimated, 7 manual, 8 simulated: no satellite fix.
    if f[6] in (b"0", b"6", b"7", b"8"):
        lat_e7 = lon_e7 = None
    return ("GGA", _time_ms(f[1]), lat_e7, lon_e7, satellites, dilution)


def _gns(f: list) -> tuple:
    """Fix data of several systems, in place of GGA: time, position, mode letters, satellites, dilution, …"""
    if not 13 <= len(f) <= 14 or not f[6]:
        raise DriverError("GNS form")
    lat_e7, lon_e7 = _position(f[2:6])
    good = False
    for letter in f[6]:
        if letter not in b"ADEFMNPRS":
            raise DriverError("GNS mode")
        good = good or letter in b"ADFPR"
    satellites, dilution = _decimal(f[7], 0, 99), _decimal(f[8], 2, 9999)
    if not good:
        lat_e7 = lon_e7 = None
    return ("GGA", _time_ms(f[1]), lat_e7, lon_e7, satellites, dilution)


def _gsa(f: list) -> tuple:
    """Dimension of the fix, after the choice of mode: 1 none, 2 two, 3 three; dilution of the position behind the satellites."""
    # Twelve satellites; some receivers leave room for twenty-four. Behind the dilutions there may be a system number.
    if len(f) not in (18, 19, 30, 31) or f[1] not in (b"A", b"M") or f[2] not in (b"1", b"2", b"3"):
        raise DriverError("GSA form")
    return ("GSA", f[2][0] - 0x30, _decimal(f[15 if len(f) < 30 else 27], 2, 99999))


_READERS = {b"RMC": _rmc, b"GGA": _gga, b"GNS": _gns, b"GSA": _gsa}


class Epochs:
    """Puts the sentences of one epoch together: RMC brings date, speed and course, GGA or GNS quality and satellites.

    `feed` returns fix tuples. A fix is complete when both have come with the same time of day, and both must have the
    same opinion of whether there is a position, and where. The dimension is that of the latest GSA, which receivers send behind
    the others, so it may be one epoch old; a dilution above 10 leaves of the fix its time. `errors` counts discarded sentences.
    """

    def __init__(self):
        self._lines = Lines()
        self._damaged = 0
        self._dimension = 3
        self._rmc = None
        self._gga = None

    @property
    def errors(self) -> int:
        """Sentences discarded so far: cut short, damaged or out of range."""
        return self._damaged + self._lines.errors

    def reset(self) -> None:
        """Forget what is half received."""
        self._lines.reset()
        self._rmc = self._gga = None
        self._dimension = 3

    def feed(self, data: bytes) -> list:
        """Take bytes of any length; return the fixes that they complete."""
        fixes = []
        for line in self._lines.feed(data):
            try:
                sentence = parse(line)
            except DriverError:
                self._damaged += 1
                continue
            if sentence is not None and self._take(sentence):
                fixes.append(self._fix())
        return fixes

    def _take(self, sentence: tuple) -> bool:
        """Keep a sentence; True if the epoch is now complete."""
        if sentence[0] == "GSA":
            self._dimension = sentence[1] if sentence[2] <= _MAX_PDOP_E2 else 0
            return False
        if sentence[0] == "RMC":
            self._rmc = sentence
        else:
            self._gga = sentence
        return self._rmc is not None and self._gga is not None and self._rmc[1] == self._gga[1]

    def _fix(self) -> tuple:
        _, time_ms, date, lat_e7, lon_e7, speed_mm_s, course_e5 = self._rmc
        _, _, gga_lat, gga_lon, satellites, dilution = self._gga
        self._rmc = self._gga = None
        dimension = self._dimension
        if lat_e7 is None or gga_lat is None or dimension == 1 or _apart(lat_e7 - gga_lat, lon_e7 - gga_lon):
            return (-1, -1, -1, -1, -1, -1, 1, satellites)
        time_s = -1
        if date is not None and time_ms >= 0:
            # Two digits of a year: this century. 80 to 99 would be years before the product, so no time at all.
            second = time_ms // 1000
            time_s = unix_s(date) + second if date[0] < 2080 else -1
        if not dimension:  # satellites enough for the time, and not for the place
            return (time_s, -1, -1, -1, -1, -1, 1, satellites)
        accuracy = -1 if dilution < 0 else dilution * _RANGE_ERROR_MM // 100
        return (time_s, lat_e7, lon_e7, accuracy, speed_mm_s, course_e5, dimension, satellites)


def _apart(lat_e7: int, lon_e7: int) -> bool:
    """Two positions that differ by so much are not one."""
    return abs(lat_e7) > _APART_E7 or _APART_E7 < abs(lon_e7) < _TURN_E7 - _APART_E7


def _hex(byte: int) -> int:
    if 0x30 <= byte <= 0x39:
        return byte - 0x30
    if 0x41 <= byte <= 0x46 or 0x61 <= byte <= 0x66:
        return (byte & 0xDF) - 0x37
    raise DriverError("not a hexadecimal digit")


def _decimal(text: bytes, places: int, high: int) -> int:
    """Unsigned decimal scaled by 10**places, further places cut off; -1 for an empty field."""
    if not text:
        return -1
    whole, dot, fraction = text.partition(b".")
    if not whole.isdigit() or len(whole) > 6 or len(fraction) > 10 or (dot and fraction and not fraction.isdigit()):
        raise DriverError("not a decimal")
    value = int(whole + (fraction + b"0000000000")[:places])
    if value > high:
        raise DriverError("out of range")
    return value


def _time_ms(text: bytes) -> int:
    """hhmmss[.sss] as milliseconds of the day; -1 for an empty field. A leap second counts as the one behind it."""
    if not text:
        return -1
    if len(text) < 6 or (len(text) > 6 and text[6] != 0x2E):
        raise DriverError("time form")
    hour, minute = _decimal(text[:2], 0, 23), _decimal(text[2:4], 0, 59)
    return (hour * 60 + minute) * 60000 + _decimal(text[4:], 3, 60999)


def _date(text: bytes) -> "tuple | None":
    """ddmmyy as (year, month, day); None for an empty field."""
    if not text:
        return None
    if len(text) != 6 or not text.isdigit():
        raise DriverError("date form")
    date = (2000 + int(text[4:]), int(text[2:4]), int(text[:2]))
    if unix_s(date) < 0:
        raise DriverError("no such day")
    return date


def _position(f: list) -> tuple:
    """(lat_e7, lon_e7) of ddmm.mmmm, N|S, dddmm.mmmm, E|W; (None, None) if all four are empty."""
    if not (f[0] or f[1] or f[2] or f[3]):
        return (None, None)
    return (_angle(f[0], 2, 90, f[1], (b"N", b"S")), _angle(f[2], 3, 180, f[3], (b"E", b"W")))


def _angle(text: bytes, digits: int, limit: int, side: bytes, sides: tuple) -> int:
    if side not in sides or len(text) < digits + 2 or (len(text) > digits + 2 and text[digits + 2] != 0x2E):
        raise DriverError("angle form")
    minutes_e7 = _decimal(text[digits:], 7, 599999999)
    value = _decimal(text[:digits], 0, limit) * 10000000 + (minutes_e7 + 30) // 60
    if value > limit * 10000000:
        raise DriverError("angle out of range")
    return value if side == sides[0] else -value
