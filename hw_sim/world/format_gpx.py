"""Drives as GPX 1.0 and 1.1: track points with a time, of all tracks and segments.

Way points, routes, and track points without a time are left out. The parser is expat itself, which knows the line of
each point.
"""

from collections.abc import Mapping
from typing import NoReturn
from xml.parsers import expat

from hw_sim.errors import DriveError
from hw_sim.world.format_csv import unix_s
from hw_sim.world.geo import Sample
from hw_sim.world.recording import Row, Tally


def rows(data: bytes, name: str, tally: Tally) -> list[Row]:
    """The timed track points; DriveError with the line for XML that is broken or cut off, or no GPX at all."""
    track = _Track(name, tally)
    try:
        track.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DriveError(
            f"{name}, line {error.lineno}: {expat.ErrorString(error.code)}; "
            "the file is damaged or was cut off: copy it whole, or close its elements"
        ) from error
    return track.rows


class _Track:
    """Expat's events, made into rows."""

    def __init__(self, name: str, tally: Tally) -> None:
        self.rows: list[Row] = []
        self._name, self._tally = name, tally
        self._root = ""
        self._point: dict[str, str] | None = None  # of the track point that is open: its attributes, ele and time
        self._point_line = 0
        self._inside: list[str] = []  # open elements below the track point
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *declared: object) -> NoReturn:
        # [entity expansion can fill the memory]
        raise DriveError(f"{self._name}: declares XML entities or a document type; a GPX file needs none: take it out")

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if not self._root:
            self._root = tag
            if tag != "gpx":
                raise DriveError(f"{self._name}: is XML, but its root is <{tag}> and not <gpx>; export it as GPX")
        if self._point is not None:
            self._inside.append(tag)
        elif tag == "trkpt":
            self._point, self._point_line = dict(attributes), self.parser.CurrentLineNumber

    def _text(self, text: str) -> None:
        if self._point is not None and self._inside in (["time"], ["ele"]):
            self._point[self._inside[0]] = self._point.get(self._inside[0], "") + text

    def _end(self, tag: str) -> None:
        if self._inside:
            self._inside.pop()
        elif self._point is not None:
            point, self._point = self._point, None
            if not point.get("time"):
                self._tally.without_fix += 1
            else:
                self.rows.append(self._row(point))

    def _row(self, point: Mapping[str, str]) -> Row:
        where = f"line {self._point_line}"
        try:
            place = float(point["lat"]), float(point["lon"]), float(point.get("ele") or 0.0)
            return Row(Sample(unix_s(point["time"]), *place), where)
        except KeyError as error:
            raise DriveError(
                f"{self._name}, {where}: a track point without {error}; mend or take out that point"
            ) from error
        except (ValueError, OverflowError) as error:
            raise DriveError(f"{self._name}, {where}: {error}; mend or take out that point") from error
