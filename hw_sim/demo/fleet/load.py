"""`byleave sim fleet` from beginning to end: enrol, serve, load, wait, count, and say what it cost."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud_sync.config import Config
from cloud_sync.errors import CloudSyncError
from hw_sim.demo.fleet import installation
from hw_sim.errors import HwSimError
from hw_sim.fleet.plan import Plan
from hw_sim.fleet.run import Fleet
from hw_sim.fleet.tally import Tally
from hw_sim.network.broker import Broker
from hw_sim.world.days import Days
from hw_sim.world.drive import Drive

TOWN = 50  # synthetic lives that the devices of a fleet share, each begun at another moment


@dataclass(frozen=True)
class Ask:
    """What beside the plan: share of devices without consent, fixes an envelope, real boards, whose broker and installation.

    Without `broker` one is started, without `config` an installation of its own is made and served.
    """

    denied: float = 0.0
    fixes: int = 6
    real: int = 0
    broker: tuple[str, int] | None = None
    config: Path | None = None
    drives: Sequence[Drive] = ()


@dataclass
class Result:
    """Figures of a run, and whether every envelope is accounted for."""

    exact: bool
    figures: dict[str, Any] = field(default_factory=dict)


def run(plan: Plan, ask: Ask, say: Callable[[str], None] = lambda line: None) -> Result:
    """A whole run; HwSimError where it cannot be."""
    try:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="byleave-fleet-")))
            return _run(plan, ask, folder, say, stack)
    except CloudSyncError as error:
        raise HwSimError(str(error)) from error


def _run(plan: Plan, ask: Ask, folder: Path, say: Callable[[str], None], stack: contextlib.ExitStack) -> Result:
    own = ask.config is None
    address = ask.broker or _own_broker(own, stack)
    file = ask.config or installation.make(folder / "server", address, fixes=ask.fixes)
    config = Config.from_toml(file)
    address = ask.broker or installation.address_of(config)
    drives = list(ask.drives) or lives(plan.seed)
    began, cpu = time.monotonic(), time.process_time()
    say(f"enrolling {plan.devices} devices")
    devices = installation.enrol(
        config, plan.devices, drives, denied=ask.denied, throw_away=own, fixes=ask.fixes, seed=plan.seed
    )
    enrolled = time.monotonic() - began, time.process_time() - cpu
    boards = _boards(config, ask, plan, drives[0], address) if ask.real else None
    names = [device.name for device in devices]
    service = stack.enter_context(installation.serving(file)) if own else None
    if boards is not None:
        stack.callback(boards.kill)
        boards.start()
    fleet, cpu = Fleet(plan, devices, address), time.process_time()
    tally = asyncio.run(fleet.run(lambda so_far: say(line(so_far))))
    cpu = time.process_time() - cpu
    lived = boards.finish() if boards is not None else []
    if service is not None:
        service.stop()
    stored = installation.stored(config, names)
    figures = _figures(fleet, tally, stored)
    figures |= {
        "enrolment_s": round(enrolled[0], 1),
        "enrolment_cpu_ms_each": round(1000 * enrolled[1] / plan.devices, 2),
    }
    figures |= {"fleet_cpu_s": round(cpu, 2), "fleet_cpu_us_each": round(1e6 * cpu / max(1, tally.sealed))}
    figures["fleet_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if service is not None:
        figures["server_cpu_s"] = round(service.cpu_s, 2)
        figures["server_said"] = dict(sorted(service.kinds.items()))
    for each in lived:
        figures[f"real {each.device}"] = _of(each, installation.stored(config, [each.device]))
    whole = not any(each.error for each in lived)  # what a spool still has is not lost
    return Result(tally.exact and stored == tally.stored and whole, figures)


def lives(seed: int) -> list[Drive]:
    """The drives of a made-up town: people and vans over a working day."""
    town = Days(people=TOWN - TOWN // 5, vans=TOWN // 5, days=1, seed=seed)
    return [town.drive(name) for name in town.names]


def _own_broker(own: bool, stack: contextlib.ExitStack) -> tuple[str, int]:
    if not own:
        return "", 0  # the installation names its broker
    broker = stack.enter_context(Broker.start())
    return broker.host, broker.port


def _boards(config: Config, ask: Ask, plan: Plan, drive: Drive, address: tuple[str, int]) -> Any:
    from hw_sim.demo.fleet.boards import SETTINGS, Boards  # needs an interpreter, which others do without

    files = installation.enrol_real(config, ask.real, SETTINGS)
    longer = drive.looped(plan.for_s + 600)
    return Boards(files, longer, address, plan.seed)


def line(tally: Tally) -> str:
    """Where a run stands, in one line."""
    refused = sum(tally.refused.values())
    return f"sealed {tally.sealed}, stored {tally.stored}, refused {refused}, waiting {len(tally.waiting)}"


def _figures(fleet: Fleet, tally: Tally, stored: int) -> dict[str, Any]:
    latencies = tally.latencies
    return {
        "sealed": tally.sealed,
        "stored": tally.stored,
        **{f"refused_{word}": count for word, count in tally.refused.items()},
        "unanswered": len(tally.waiting),
        "stored_by_the_database": stored,
        "published": tally.published,
        "repeats": tally.repeats,
        "acknowledged_by_the_broker": tally.acknowledged,
        "sealed_per_s": round(tally.sealed / fleet.took_s, 1),
        "drained_s": round(fleet.drained_s, 2),
        "latency_p50_ms": round(1000 * latencies.share(0.5), 1),
        "latency_p99_ms": round(1000 * latencies.share(0.99), 1),
        "latency_most_ms": round(1000 * latencies.most_s, 1),
        "connections_lost": tally.reconnects,
        "held_back": tally.held_back,
        "late_verdicts": tally.late_verdicts,
        "unreadable_downlinks": tally.unreadable,
    }


def _of(lived: Any, stored: int) -> str:
    if lived.error:
        return f"failed: {lived.error}"
    return (
        f"{lived.virtual_s:.0f} s, {lived.measured} solutions, {lived.published} publishes, {stored} position envelopes stored, "
        f"{lived.left} left in the spool, {lived.slowest_s:.1f} s behind at most"
    )
