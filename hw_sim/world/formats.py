"""Which format a recorded drive has, told by its content: GPX, CSV, NMEA 0183 or UBX."""

from collections.abc import Mapping
from pathlib import Path

from hw_sim.errors import DriveError
from hw_sim.world import format_csv, format_gpx, format_nmea, format_ubx
from hw_sim.world.geo import Sample
from hw_sim.world.recording import Row, Tally, checked

SIZE_LIMIT_BYTES = 64 << 20  # a drive is read into memory whole
_BOM = b"\xef\xbb\xbf"


def read(path: Path, only: Mapping[str, str], *, tolerant: bool) -> tuple[list[Sample], Tally]:
    """The samples of a file and what became of its rows; DriveError says what is wrong and where."""
    try:
        if path.stat().st_size > SIZE_LIMIT_BYTES:
            raise DriveError(f"{path.name}: larger than {SIZE_LIMIT_BYTES >> 20} MiB; cut it into days")
        data = path.read_bytes()
    except OSError as error:
        raise DriveError(f"{path}: {error.strerror or error}; name a file that can be read") from error
    tally = Tally(kind(data, path.name))
    if only and tally.format != "CSV":
        raise DriveError(f"{path.name}: {', '.join(only)} chooses rows of a CSV file, and this is {tally.format}")
    return checked(_rows(data, path.name, tally, only), path.name, tally, tolerant=tolerant), tally


def kind(data: bytes, name: str) -> str:
    """`GPX`, `CSV`, `NMEA` or `UBX`; DriveError for none of them."""
    head = data[:4096].removeprefix(_BOM).lstrip()
    if not head:
        raise DriveError(f"{name}: is empty; record a drive first")
    if head.startswith((b"<", b"\xff\xfe<", b"\xfe\xff\x00<")):
        return "GPX"
    if format_ubx.holds_positions(data):
        return "UBX"
    if format_nmea.looks_so(data):
        return "NMEA"
    if b"," in head.split(b"\n", 1)[0] and b"\x00" not in head:
        return "CSV"
    raise DriveError(
        f"{name}: neither GPX (XML), CSV (a first line that names columns), NMEA ($..RMC) nor UBX with NAV-PVT; convert it"
    )


def _rows(data: bytes, name: str, tally: Tally, only: Mapping[str, str]) -> list[Row]:
    if tally.format == "GPX":
        return format_gpx.rows(data, name, tally)
    if tally.format == "UBX":
        return format_ubx.rows(data, tally)
    if tally.format == "NMEA":
        return format_nmea.rows(data, name, tally)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DriveError(f"{name}, byte {error.start}: is no UTF-8; save the file as UTF-8") from error
    return format_csv.rows(text, name, only)
