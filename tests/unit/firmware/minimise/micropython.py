"""Calls the real interpreter for a minimiser over a track; for tests and measurements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from firmware.wire.directive import Directive
from tests.unit.firmware import interpreter
from tests.unit.firmware.minimise import minimising_run
from tests.unit.firmware.minimise.leaving import SECRET, Entry, Fix


def run(folder: Path, fixes: Sequence[Fix], under: Directive) -> tuple[list[Entry], dict[str, int]]:
    """(entries, figures) of `minimising_run`."""
    file = folder / "given"
    head = json.dumps({"directive": under.to_wire()[:-1], "secret": SECRET.hex()})
    file.write_text("\n".join([head, *(",".join(map(str, fix)) for fix in fixes)]) + "\n")
    *lines, figures = interpreter.run(Path(minimising_run.__file__), str(interpreter.ROOT), str(file)).splitlines()
    return [tuple(map(int, line.split(","))) for line in lines], json.loads(figures)
