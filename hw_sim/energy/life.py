"""How long a battery would last at the mean current of a run, and what that is worth: its assumptions are part of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hw_sim.energy.battery import Battery

if TYPE_CHECKING:
    from hw_sim.picture.recording import Recording

DAY_H = 24.0


@dataclass(frozen=True)
class Life:
    """Days from full to empty, the mean current from the battery and what is lost by itself (µA), the charge that can be had."""

    battery: str
    celsius: float
    days: float
    board_ua: float
    battery_ua: float
    lost_ua: float
    usable_mah: float
    assumptions: tuple[str, ...]


def estimate(recording: Recording, battery: Battery, celsius: float = 20.0) -> Life:
    """The life on a full battery if the run went on for ever as it was; HwSimError for a temperature at which it does not work."""
    warmth = battery.at(celsius)
    mean = {part: mc * 1000 / recording.seconds for part, mc in recording.parts.items()} if recording.seconds else {}
    at_mv = battery.nominal_mv
    ua = battery.regulator.battery_ua(mean, at_mv)
    reach = _reach(battery, ua, celsius)
    usable_mah = battery.capacity.mah * warmth.capacity * reach
    lost_ua = battery.lost_ua(celsius)
    days = usable_mah * 1000 / (ua + lost_ua) / DAY_H
    return Life(
        battery.name,
        celsius,
        days,
        recording.average_ua,
        ua,
        lost_ua,
        usable_mah,
        _assumptions(battery, recording, reach),
    )


def _reach(battery: Battery, ua: float, celsius: float) -> float:
    """Share of the charge drawn when the voltage under this current falls below what the board needs (bisection)."""
    if battery.under_load_mv(1.0, ua, celsius) >= battery.least_mv:
        return 1.0
    if battery.under_load_mv(0.0, ua, celsius) < battery.least_mv:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        enough = battery.under_load_mv(middle, ua, celsius) >= battery.least_mv
        low, high = (middle, high) if enough else (low, middle)
    return low


def _assumptions(battery: Battery, recording: Recording, reach: float) -> tuple[str, ...]:
    regulator = battery.regulator
    kind = (
        f"a {regulator.kind} regulator of {regulator.efficiency:.0%}"
        if regulator.kind == "switching"
        else "a linear regulator, which passes the board's current on"
    )
    hours = recording.seconds / 3600
    return (
        f"the {hours:.1f} h of the run repeat for ever, with the same share of sleep and of contacts",
        f"{kind}, and {regulator.quiescent_ua:g} µA of its own ({regulator.basis}: {regulator.source})",
        f"{battery.capacity.mah:g} mAh at 20 °C, new ({battery.capacity.basis}: {battery.capacity.source})",
        f"{battery.self_discharge.percent_month:g} % a month goes by itself at 20 °C, twice as much each 10 K above it"
        f" ({battery.self_discharge.basis}: {battery.self_discharge.source})",
        f"empty below {battery.least_mv:g} mV at the mean current, with {1 - reach:.0%} of the charge left;"
        " a pulse near the end may end it sooner",
        "currents are typical ones of data sheets; no board was measured",
    )
