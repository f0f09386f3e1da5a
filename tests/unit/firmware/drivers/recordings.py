"""Recorded receiver logs with the fixes that gpsd reported for them."""

from __future__ import annotations

import datetime as dt
import functools
import json
import tarfile
from pathlib import Path

DATA = Path(__file__).parents[3] / "data"


@functools.cache
def gpsd(protocol: str) -> dict[str, tuple[bytes, list[dict[str, float]]]]:
    """gpsd's logs of "nmea" or "ubx" by name: what the receiver said, and the reports as `reported` has them."""
    with tarfile.open(DATA / protocol / "gpsd.tar.xz") as archive:
        files = {Path(row.name).name: _content(archive, row) for row in archive.getmembers() if row.isfile()}
    strip = without_comments if protocol == "nmea" else bytes
    return {
        name.removesuffix(".log"): (strip(files[name]), _reports(files[name + ".chk"].decode("latin-1")))
        for name in sorted(files)
        if name.endswith(".log")
    }


def _content(archive: tarfile.TarFile, row: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(row)
    assert stream is not None
    return stream.read()


def without_comments(data: bytes) -> bytes:
    """A log without gpsd's comments."""
    return b"\n".join(line for line in data.split(b"\n") if not line.startswith(b"#"))


def nmea_bytes(path: Path) -> bytes:
    """The same of a file."""
    return without_comments(path.read_bytes())


def _reports(text: str) -> list[dict[str, float]]:
    """Reports of class TPV with a position and a time, `unix_s` added."""
    reports = []
    for line in text.splitlines():
        if line.startswith("{") and '"class":"TPV"' in line:
            report = json.loads(line)
            if "time" in report and "lat" in report:
                report["unix_s"] = dt.datetime.fromisoformat(report["time"].replace("Z", "+00:00")).timestamp()
                reports.append(report)
    return reports
