"""Run the measurements, print one table each, and write build/bench.json."""

from __future__ import annotations

import importlib
import json
import platform
import sys
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

# Name of the module, and what it measures. Each has `run(quick: bool) -> dict[str, object]`.
MEASUREMENTS = {
    "bytes_per_fix": "bytes of PUBLISH packets a fix on recorded drives, beside the peers' figures",
    "wire_bytes": "bytes of an envelope and of each further reading, by stream: what the notice's volumes are made of",
    "firmware_size": "size of the firmware as .mpy",
    "minimisers": "fixes kept and greatest error beside Ramer-Douglas-Peucker, time and heap under MicroPython",
    "seals": "seals a second under MicroPython",
    "update": "a release over the air: time, bytes, flash erases, charge",
    "flashing": "a release by cable, in real time: whole, again, another; beside mpremote cp; cables pulled",
    "device": "virtual seconds a real second, heap after each virtual hour",
    "speed": "virtual seconds a second of the processor: asleep, parcel, van, a board that never rests",
    "endurance": "free heap over 72 virtual hours of every sensor, with an outage, midnights and new directives",
    "activity": "still or moving: labelled recordings of an accelerometer, told apart by driver and task",
    "charge": "charge of the demo's drive by part and state, flash erases an envelope",
    "profiles": "charge a delivered fix and days on 2000 mAh: parcel, van, bicycle",
    "boards": "real interpreters at once: processor and memory of each, and how many a machine carries",
    "gate": "decisions of the gate a second",
    "export": "the copy of a person's year: access, portability in all forms, handed over",
    "read": "a person's year of 100,000 fixes, read back",
    "sweep": "a sweep, by what expires and by what is kept; an envelope that steps down",
    "erasure": "a person of 10^6 and 10^7 fixes: until nothing opens, until every row is gone",
    "ingest": "durable ingest over a bare paho subscriber that discards",
    "latency": "from publishing to the commit, at a steady rate",
    "guard": "ingest with all questions asked over none, where each envelope is another person's",
    "flood": "one device sends as fast as it can, ten others at their own pace",
    "gateway_throughput": "the whole gateway with 32 full lines: share of a core, lines served, memory; with TLS too",
    "gateway_small_machine": "32 full lines on a tenth of a core with 64 MB, a slow card and a clock of 1970",
    "gateway_core": "the gateway's core under 32 full lines: processor's time an envelope, share of a core",
    "gateway_week": "memory of the gateway's core over a virtual week of 32 ports, a day without the broker in it",
    "gateway_kills": "random kill -9 of the gateway's core, then an exact count",
    "gateway_full_disk": "the same on a disk of 4 MiB that it fills, and others fill and leave (as root)",
    "enrolment": "an enrolment by invitation in real time; cut at each byte and each operation of flash",
    "kills": "random kill -9 of a server under load, then an exact count (--times: how many)",
    "gateway_loss": "kill -9 of a gateway and pulled cables under load, then an exact count (--times: how many of each)",
}


def main(
    only: list[str] = typer.Argument(None, help="Measurements to run; all if none is named."),  # noqa: B008 - typer's way
    quick: bool = typer.Option(False, help="Fewer rounds, for a first look."),
    times: int = typer.Option(None, min=1, help="How many, for `kills` and `gateway_loss` alone."),
    out: Path = typer.Option(Path("build/bench.json"), help="Where the figures go, as JSON."),  # noqa: B008
) -> None:
    """Measure, print and save. Figures of different machines do not compare; ratios within a run do."""
    chosen = list(only or MEASUREMENTS)
    unknown = [name for name in chosen if name not in MEASUREMENTS]
    if unknown:
        sys.exit(f"no such measurement: {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(out.read_text()) if out.is_file() else {}
    console = Console()
    for name in chosen:
        console.rule(f"{name}: {MEASUREMENTS[name]}")
        more = {"times": times} if times and name in ("kills", "gateway_loss") else {}
        figures = importlib.import_module(f"tests.benchmarks.{name}").run(quick=quick, **more)
        kept[name] = figures
        console.print(_table(figures))
    kept["machine"] = {"python": platform.python_version(), "machine": platform.machine(), "quick": quick}
    out.write_text(json.dumps(kept, indent=2) + "\n")
    console.print(f"written: {out}")


def _table(figures: dict[str, object]) -> Table:
    """One row a figure; nested figures one level deep, joined by a dot."""
    table = Table(show_header=False)
    for key, value in figures.items():
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for sub, shown in rows:
            table.add_row(f"{key}.{sub}".rstrip("."), f"{shown:.2f}" if isinstance(shown, float) else str(shown))
    return table


if __name__ == "__main__":
    typer.run(main)
