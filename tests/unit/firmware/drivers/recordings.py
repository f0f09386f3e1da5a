"""Recorded receiver logs with the fixes that gpsd reported for them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

DATA = Path(__file__).parents[3] / "data"


def nmea_bytes(path: Path) -> bytes:
    """A log without gpsd's comments."""
    return b"\n".join(line for line in path.read_bytes().split(b"\n") if not line.startswith(b"#"))


def reported(path: Path) -> list[dict[str, float]]:
    """Reports of class TPV with a position and a time, `unix_s` added."""
    reports = []
    for line in path.with_name(path.name + ".chk").read_text("latin-1").splitlines():
        if line.startswith("{") and '"class":"TPV"' in line:
            report = json.loads(line)
            if "time" in report and "lat" in report:
                report["unix_s"] = dt.datetime.fromisoformat(report["time"].replace("Z", "+00:00")).timestamp()
                reports.append(report)
    return reports


def agrees(fix: tuple[int, ...], report: dict[str, float]) -> bool:
    """The report is of the same second and place: 2e-7 degrees, 2 mm/s where gpsd reports a speed."""
    return (
        abs(report["unix_s"] - fix[0]) <= 1.0
        and abs(report["lat"] * 1e7 - fix[1]) < 2
        and abs(report["lon"] * 1e7 - fix[2]) < 2
        and abs(report.get("speed", fix[4] / 1000) * 1000 - fix[4]) <= 2
    )
