"""Drives as the sentences of a receiver, NMEA 0183: time, date and position of RMC, the height of the GGA of that time.

A sentence counts only with a right checksum (the exclusive or of what is between `$` and `*`). RMC with status V, or
without a position, says that there was no fix. Years of two digits are 1980 to 2079, as GPS began in 1980. Whatever is
between the sentences, comments of a logger say, is left out.
"""

import datetime as dt
import re
from functools import reduce
from operator import xor

from hw_sim.errors import DriveError
from hw_sim.world.geo import Sample
from hw_sim.world.recording import Row, Tally

_RMC, _GGA = "RMC", "GGA"
_SENTENCE = re.compile(rb"\$([A-Z0-9]{2,10},[^$*\r\n]*)\*([0-9A-Fa-f]{2})")
_TIME = re.compile(r"(\d\d)(\d\d)(\d\d(?:\.\d+)?)")
_DATE = re.compile(r"(\d\d)(\d\d)(\d\d)")
_ANGLE = re.compile(r"(\d{2,3})(\d\d(?:\.\d*)?)")
_FIRST_YEAR = 80


def looks_so(data: bytes) -> bool:
    """True if a line of the first ones is a sentence with a checksum."""
    return re.search(rb"(?m)^[$!][A-Z0-9]{2,10},[^\r\n]*\*[0-9A-Fa-f]{2}\r?$", data[:65_536]) is not None


def rows(data: bytes, name: str, tally: Tally) -> list[Row]:
    """The fixes; DriveError where no sentence brings a date."""
    epochs = _Epochs(tally)
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        begin = line.find(b"$")
        if begin < 0 or line.startswith(b"#"):
            continue
        last = number == len(lines)
        if last and b"*" not in line[begin:]:
            tally.unfinished += 1
            continue
        epochs.take(line[begin:], f"line {number}")
    if not epochs.dated and not tally.damaged:
        raise DriveError(f"{name}: no RMC sentence, and only they bring the date; let the receiver send RMC")
    return epochs.rows


class _Epochs:
    """Sentences in their order, made into rows."""

    def __init__(self, tally: Tally) -> None:
        self.rows: list[Row] = []
        self.dated = False  # some RMC was there, with a fix or without
        self._tally = tally
        self._height = ("", 0.0)  # (time of day as sent, metres) of the last GGA
        self._time = ""  # time of day of the last row

    def take(self, line: bytes, where: str) -> None:
        """One line from its `$` on."""
        found = _SENTENCE.match(line)
        if found is None or reduce(xor, found[1]) != int(found[2], 16):
            self._tally.damage(where)
            return
        fields = found[1].decode("latin-1").split(",")
        try:
            if fields[0][2:] == _RMC:
                self._rmc(fields, where)
            elif fields[0][2:] == _GGA:
                self._gga(fields)
        except (ValueError, IndexError, TypeError):
            self._tally.damage(where)

    def _gga(self, fields: list[str]) -> None:
        if fields[6] in ("", "0") or not fields[9]:
            return
        self._height = (fields[1], float(fields[9]))
        if self.rows and self._time == fields[1]:  # behind the RMC of its time
            sample, where = self.rows[-1]
            self.rows[-1] = Row(Sample(sample.t_s, sample.lat_deg, sample.lon_deg, self._height[1]), where)

    def _rmc(self, fields: list[str], where: str) -> None:
        self.dated = True
        if fields[2] != "A" or not fields[3] or not fields[9] or (len(fields) > 12 and fields[12] == "N"):
            self._tally.without_fix += 1
            return
        place = _degrees(fields[3], fields[4], "NS"), _degrees(fields[5], fields[6], "EW")
        self._time = fields[1]
        self.rows.append(Row(Sample(_unix_s(fields[9], fields[1]), *place, self._height[1]), where))


def _whole(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return found.groups()


def _unix_s(date: str, time: str) -> float:
    day, month, year = map(int, _whole(_DATE, date))
    hour, minute, seconds = _whole(_TIME, time)
    midnight = dt.datetime((1900 if year >= _FIRST_YEAR else 2000) + year, month, day, tzinfo=dt.UTC)
    if int(hour) > 23 or int(minute) > 59 or float(seconds) >= 61:  # 60: a leap second
        raise ValueError(time)
    return midnight.timestamp() + 3600 * int(hour) + 60 * int(minute) + float(seconds)


def _degrees(text: str, side: str, sides: str) -> float:
    degrees, minutes = _whole(_ANGLE, text)
    if side not in tuple(sides) or float(minutes) >= 60:
        raise ValueError(text)
    return (int(degrees) + float(minutes) / 60) * (1 if side == sides[0] else -1)
