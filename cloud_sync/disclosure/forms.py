"""Other forms of a file of a portability copy: CSV for any program, GPX and GeoJSON for maps; a reading a row, as JSON has them.

Each is made from the JSON file, line by line, once that is whole: all forms have the same rows, and memory holds one. Text in CSV
that a spreadsheet would take for a formula has an apostrophe before it; JSON has every value as it is.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final, TextIO
from xml.sax.saxutils import escape

from cloud_sync.disclosure.files import Folder

POSITIONS: Final = "location"  # the one source that a map can show
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def other_forms(folder: Folder, name: str, about: str, columns: Collection[str]) -> list[tuple[str, int]]:
    """Write the other forms of the JSON array `name`, of a source or category; their (name, rows)."""
    made = [(_csv(folder, name, columns))]
    if about == POSITIONS:
        made += [_geojson(folder, name), _gpx(folder, name)]
    return made


def rows_of(path: Path) -> Iterator[Any]:
    """The elements of a JSON array that `Folder.array` wrote, one after the other."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            text = line.strip().removesuffix(",")
            if text not in ("[", "]", "[]"):
                yield json.loads(text)


def _csv(folder: Folder, name: str, columns: Collection[str]) -> tuple[str, int]:
    target, count = _named(name, "csv"), 0
    with folder.file(target) as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        for row in rows_of(folder.path / name):
            writer.writerow({key: _cell(value) for key, value in row.items()})
            count += 1
    return target, count


def _geojson(folder: Folder, name: str) -> tuple[str, int]:
    target, count = _named(name, "geojson"), 0
    with folder.file(target) as file:
        file.write('{"type":"FeatureCollection","features":[')
        for row in rows_of(folder.path / name):
            properties = {key: value for key, value in row.items() if key not in ("lat", "lon")}
            point = {"type": "Point", "coordinates": [row["lon"], row["lat"]]}
            feature = {"type": "Feature", "geometry": point, "properties": properties}
            file.write((",\n" if count else "\n") + json.dumps(feature, ensure_ascii=False))
            count += 1
        file.write("\n]}\n")
    return target, count


def _gpx(folder: Folder, name: str) -> tuple[str, int]:
    """GPX 1.1: one track, a point a fix; accuracy and precision have no element there and stand in the other forms."""
    target, count = _named(name, "gpx"), 0
    with folder.file(target) as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<gpx version="1.1" creator="byleave" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>\n')
        for row in rows_of(folder.path / name):
            _point(file, row)
            count += 1
        file.write("</trkseg></trk></gpx>\n")
    return target, count


def _point(file: TextIO, row: dict[str, Any]) -> None:
    when = f"<time>{escape(str(row['time']))}</time>" if "time" in row else ""
    file.write(f'<trkpt lat="{float(row["lat"])}" lon="{float(row["lon"])}">{when}</trkpt>\n')


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _named(name: str, ending: str) -> str:
    return f"{name.removesuffix('.json')}.{ending}"
