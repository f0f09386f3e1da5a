"""Charge a delivered fix and days on a battery for three uses of a tracker, from the simulator's ledger.

`python -m tests.benchmarks.profiles` prints them. Each is a made day that repeats: spans in which the device is moved and
shaken, stillness between them. The unmodified firmware runs it in virtual time against a real broker; a window is
simulated and the day, or the month, extrapolated from it: the van's is a quarter of a day with the same share of driving.
The currents, and how far each can be trusted, stand in hw_sim/energy/currents.py; the regulator's own loss is not in them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from hw_sim.chips.lis_events import Sense
from hw_sim.energy.meter import Report
from hw_sim.network.broker import Broker
from hw_sim.world.drive import Drive, Sample
from tests.unit.firmware.app.cellular import PSM, CellularRig
from tests.unit.firmware.app.conftest import START_S, Rigged

HOUR_S, DAY_S = 3600, 86_400
GNSS, MOTION, WAKE = 1, 8, 32
BATTERY_MAH, USABLE, SELF_DISCHARGE = 2000, 0.8, 0.02  # the last a month: of a lithium-ion cell at room temperature
STILL = (0.0, 0.0, 1000.0)
# What others report, each with its source; none of it is measured here.
ELSEWHERE = {
    "Thingy:91, LTE-M, 1350 mAh, a message an hour": "projected 358 days, measured 42 days to 16 % with the UART left on"
    " (boaks/zephyr-coaps-client)",
    "ESP32, wake, static address, MQTT": "774 ms, 108.6 mC at 5 V, that is 0.54 J; a file system mounted 350 ms and 23.6 mC"
    " more (glenn20/upy-esp32-experiments)",
    "LTE-M, nRF9160-DK, 200 B each way from PSM": "0.152 mWh at 5 V, that is 0.55 J (boaks/zephyr-coaps-client)",
    "u-blox M10": "about 12 mA acquiring, 50 µA asleep (Meshtastic firmware, issue 4061)",
    "ESP32-S3 deep sleep": "6.8 µA the chip (ESP-IDF), 8 µA a board (lucidar.me)",
    "rough budget: a fix in 10 minutes, hot starts, 2000 mAh at 80 %": "85 to 140 days with an upload each, some 220"
    " with six at once (estimate)",
}


@dataclass(frozen=True)
class Profile:
    """A use: what its directive says, and when in a window of `window_s` it is moved."""

    name: str
    window_s: int
    moved: tuple[tuple[int, int], ...]
    directive: dict[str, int] = field(default_factory=dict)


PROFILES = (
    Profile(
        "parcel: each 10 min of 4 h on the way, daily still",
        DAY_S,
        ((6 * HOUR_S, 8 * HOUR_S), (14 * HOUR_S, 16 * HOUR_S)),
        {
            "sensors": GNSS | WAKE,
            "interval": 600,
            "rest": DAY_S,
            "batch": 6,
            "batch_age": 2 * HOUR_S,
            "heartbeat": DAY_S,
        },
    ),
    Profile(
        "van: each 30 s of 8 h on the road",
        6 * HOUR_S,
        ((HOUR_S, 3 * HOUR_S),),
        {
            "sensors": GNSS | WAKE,
            "interval": 30,
            "rest": 6 * HOUR_S,
            "batch": 20,
            "batch_age": 900,
            "heartbeat": 6 * HOUR_S,
        },
    ),
    Profile(
        "bicycle: theft only, 20 min a day",
        DAY_S,
        ((20 * HOUR_S, 20 * HOUR_S + 1200),),
        {
            "sensors": GNSS | MOTION | WAKE,
            "interval": 60,
            "rest": DAY_S,
            "batch": 5,
            "batch_age": 300,
            "heartbeat": DAY_S,
        },
    ),
)
VAN = PROFILES[1]
OVER_LTE_M: tuple[tuple[str, dict[str, object]], ...] = (
    ("over LTE-M, in PSM between contacts", {"psm": PSM}),
    ("over LTE-M, off between contacts", {}),
)


def run(*, quick: bool = False) -> dict[str, object]:
    """Each profile's figures, the van's over LTE-M too; quick: without the van, whose window takes as long as the others'."""
    figures: dict[str, object] = {}
    with Broker.start() as broker:
        for profile in PROFILES[::2] if quick else PROFILES:
            figures[profile.name] = measure(profile, broker)
        for name, section in () if quick else OVER_LTE_M:
            figures[f"{VAN.name}, {name}"] = measure(VAN, broker, section)
    figures["elsewhere, not measured here"] = ELSEWHERE
    return figures


def measure(profile: Profile, broker: Broker, modem: dict[str, object] | None = None) -> dict[str, object]:
    """One profile over its window, from the moment at which it has its directive and rests; over a modem with these settings."""
    with Rigged(broker) if modem is None else CellularRig(broker, section=modem) as rigged:
        rigged.board.gnss.drive = _drive(profile)
        rigged.board.sensors["motion"].acceleration_mg = _shaken(profile)  # type: ignore[attr-defined]
        rigged.server.permit(1, **profile.directive)  # type: ignore[arg-type]
        rigged.run(HOUR_S // 4)
        mark, fixes, began = rigged.board.meter.mark(), len(rigged.server.fixes), time.perf_counter()
        rigged.run(profile.window_s)
        report = rigged.board.meter.since(mark)
        return _figures(report, len(rigged.server.fixes) - fixes, time.perf_counter() - began)


def _figures(report: Report, fixes: int, took_s: float) -> dict[str, object]:
    day_mah = report.average_ua / 1000 * 24
    lost_mah = BATTERY_MAH * SELF_DISCHARGE / 30
    largest = sorted(report.rows, key=lambda row: row.microcoulomb, reverse=True)[:4]
    return {
        "delivered fixes in the window": fixes,
        "charge a delivered fix, mC": round(report.millicoulomb / fixes, 1) if fixes else None,
        "average, µA": round(report.average_ua, 1),
        "charge a day, mAh": round(day_mah, 2),
        "days on 2000 mAh, 80 % usable, 2 % a month lost": round(BATTERY_MAH * USABLE / (day_mah + lost_mah)),
        "asleep, %": round(
            100 * sum(row.seconds for row in report.rows if row.state == "deep-sleep") / report.seconds, 2
        ),
        "most of it": ", ".join(f"{row.part} {row.state} {row.millicoulomb:.0f} mC" for row in largest),
        "real time, s": round(took_s, 1),
    }


def _moved_s(profile: Profile, at_s: float) -> float:
    """For how long it has been moved by then."""
    return sum(max(0.0, min(at_s, end) - begin) for begin, end in profile.moved)


class Shaken:
    """Shaken while it is moved, still between: as the accelerometer asks for it, by Unix time."""

    def __init__(self, profile: Profile) -> None:
        self._moved = profile.moved

    def __call__(self, unix_s: float) -> tuple[float, float, float]:
        """What is felt, in mg."""
        at_s = unix_s - START_S
        moved = any(begin <= at_s < end for begin, end in self._moved)
        return (500.0, 0.0, 1000.0) if moved and int(unix_s * 10) % 2 else STILL

    def steady_until_s(self, unix_s: float) -> float:
        """The next time at which it is moved; while it is, nobody can tell."""
        at_s = unix_s - START_S
        if any(begin <= at_s < end for begin, end in self._moved):
            return unix_s
        return START_S + min((begin for begin, _ in self._moved if begin > at_s), default=float("inf"))


def _shaken(profile: Profile) -> Sense:
    return Shaken(profile)


def _drive(profile: Profile) -> Drive:
    """The demo's track to and fro while it is moved, the same place while it is still."""
    track = Drive.demo().shifted(0)
    length_s = track.end_unix_s - track.start_unix_s
    samples = []
    for at_s in range(0, profile.window_s + HOUR_S, 10):
        laps, way = divmod(_moved_s(profile, at_s), length_s)
        there = track.at(track.start_unix_s + (way if laps % 2 == 0 else length_s - way))
        samples.append(Sample(START_S + at_s, there.lat_deg, there.lon_deg))
    return Drive(samples, profile.name)


def main() -> None:
    """Print the figures."""
    for name, rows in run().items():
        print(name)
        for key, value in rows.items() if isinstance(rows, dict) else ():
            print(f"  {key}: {value}")


if __name__ == "__main__":
    main()
