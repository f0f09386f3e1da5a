"""Make tests/conformance/vectors/*.json again, byte for byte; `--check` compares instead of writing.

    python -m tests.conformance.generate            write the files
    python -m tests.conformance.generate --check    exit 1 if a file on disk differs

Neither firmware nor cloud_sync is imported, so that a mistake of one side cannot hide in the vectors.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .make_directive import directive_file
from .make_encoding import columns_file, messagepack_file
from .make_enrolment import enrolment_file
from .make_healing import healing_file
from .make_invitation import answer_file, invitation_file
from .make_keys import ladder_file
from .make_links import downlink_file, uplink_file
from .make_readings import environment_file, motion_file
from .make_serial import serial_file
from .make_status import status_file
from .make_sums import aggregates_file, places_file
from .make_telemetry import cells_file, location_file

VECTORS = Path(__file__).parent / "vectors"
MAKERS = (
    messagepack_file,
    columns_file,
    cells_file,
    ladder_file,
    location_file,
    environment_file,
    motion_file,
    places_file,
    aggregates_file,
    status_file,
    uplink_file,
    downlink_file,
    directive_file,
    healing_file,
    invitation_file,
    enrolment_file,
    answer_file,
    serial_file,
)


def make_all() -> dict[str, str]:
    """File name to text, for every vector file."""
    files = [maker() for maker in MAKERS]
    return {f"{file.name}.json": file.text() for file in files}


def write(folder: Path) -> None:
    """Write every vector file into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in make_all().items():
        (folder / name).write_bytes(text.encode("utf-8"))


def differing(folder: Path) -> list[str]:
    """Names of files in `folder` that are missing, differ, or that nothing generates."""
    made = make_all()
    names = sorted(set(made) | {path.name for path in folder.glob("*.json")})
    return [name for name in names if _on_disk(folder / name) != made.get(name)]


def _on_disk(path: Path) -> str | None:
    return path.read_bytes().decode("utf-8") if path.exists() else None


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="make the conformance vectors of wire format 1")
    parser.add_argument("--check", action="store_true", help="compare with the files on disk instead of writing them")
    parser.add_argument("--folder", type=Path, default=VECTORS)
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.folder)
        return 0
    wrong = differing(options.folder)
    print("vectors differ: " + ", ".join(wrong) if wrong else f"{len(MAKERS)} vector files are the same")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
