"""byleave as a product of the simulator: what scenarios and the sweep run. A composition root.

Options of its plan, the table `[product]` of a scenario:

- `acts`: what people do and when, `[[1200, "withdraw condition_monitoring"], [3600, "park"]]`, in seconds from the start;
  `allow PURPOSE`, `withdraw PURPOSE`, or `park`, the button of the board;
- `allowed`: purposes that the person has allowed when it begins; without it all three of the demo's policy;
- `begin`: "recorded" (at the time of the drive) or "midnight" (half an hour before the next change of day);
- `device`: other values for the table `[device]` of the policy, as `{batch = 4, interval = '"PT1M"'}`;
- `firmware`: a folder with another build of the firmware.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.model import EPOCH_SECONDS
from cloud_sync.service import CloudSync
from hw_sim.board import Board, Snapshot
from hw_sim.demo.exhibits import Exhibits
from hw_sim.demo.invariants import PROMISES, name_of
from hw_sim.demo.running import EVENTS, Byleaving, products_fail
from hw_sim.demo.sealed import SealedWatch
from hw_sim.demo.stage import BROKER_NAME, FIRMWARE, INSTALL, POLICY, SUBJECT, WIFI_KEY, WIFI_NAME, WorldClock, around
from hw_sim.demo.steps.acts import ALL_PURPOSES, consent
from hw_sim.errors import HwSimError
from hw_sim.scenario.product import Plan, Saved
from hw_sim.sweep.local import LocalBroker, LocalNetwork
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive

BEFORE_MIDNIGHT_S = 1800
OFF_US = 1_000_000  # from a cut to the power's return
SERVER = "server"  # the server's folder, within the run's
POLICY_FILE = "policy.toml"
VERBS = ("allow", "withdraw")


class Byleave:
    """`hw_sim.scenario.product.Product`."""

    name = "byleave"
    events: ClassVar[Mapping[str, str]] = EVENTS
    invariants: ClassVar[Mapping[str, str]] = {name_of(each): (each.__doc__ or "").strip() for each in PROMISES}
    running: ClassVar[type[Byleaving]] = Byleaving

    @contextlib.contextmanager
    def open(self, folder: Path, plan: Plan) -> Iterator[Byleaving]:
        """`Product.open`: enrolled, asked, allowed; the board is off."""
        options = Options.of(plan)
        drive = options.drive(plan.drive or Drive.demo())
        world = World(start_unix_s=drive.start_unix_s, seed=plan.seed)
        server = folder / SERVER
        server.mkdir(parents=True, exist_ok=True)
        (server / POLICY_FILE).write_text(options.policy(), encoding="utf-8")
        with self._wired(server, plan, options, drive, world, LocalBroker()) as running:
            consent(running, SUBJECT, options.allowed)
            running.begin()
            yield running

    @contextlib.contextmanager
    def resume(self, folder: Path, saved: Saved) -> Iterator[Byleaving]:
        """`Product.resume`: a second later, the board off."""
        if "exhibits" not in saved.state:
            raise HwSimError("this was saved by another product than byleave")
        options = Options.of(saved.plan)
        drive = options.drive(saved.plan.drive or Drive.demo())
        world = World(start_unix_s=drive.start_unix_s, seed=saved.plan.seed)
        world.clock.advance_to(saved.clock_us + OFF_US)
        server, broker = folder / SERVER, LocalBroker()
        for name, content in saved.files.items():
            (server / name).parent.mkdir(parents=True, exist_ok=True)
            (server / name).write_bytes(content)
            (server / name).chmod(0o600)  # keys are among them, and the server looks
        broker.resume(saved.state["broker"])
        with self._wired(server, saved.plan, options, drive, world, broker, saved) as running:
            running.begin()
            yield running

    @contextlib.contextmanager
    def _wired(
        self,
        server: Path,
        plan: Plan,
        options: Options,
        drive: Drive,
        world: World,
        broker: LocalBroker,
        saved: Saved | None = None,
    ) -> Iterator[Byleaving]:
        network = LocalNetwork(world, name=BROKER_NAME, wifi={WIFI_NAME: WIFI_KEY}, broker=broker)
        clock, link = WorldClock(world), _Link(broker)
        config = Config.in_directory(server, policy=server / POLICY_FILE, broker=BrokerConfig())
        with (
            products_fail(),
            CloudSync.open(config, clock=clock, link=link) as cloud,
            Board.from_description(plan.board, world, network) as board,
        ):
            if "bl_spool" not in board.partitions:
                raise HwSimError(
                    f"{board.name} has no partition bl_spool: byleave is swept on a board with raw partitions"
                )
            board.gnss.drive = drive
            around(board)
            board.install(options.firmware)
            cloud.sweep()
            exhibits = self._resumed(board, cloud, saved) if saved else self._enrolled(board, cloud, plan)
            running = self.running(
                plan=plan,
                folder=server,
                world=world,
                network=network,
                board=board,
                clock=clock,
                cloud=cloud,
                exhibits=exhibits,
                acts=options.acts,
                batch=cloud.policy.device.batch,
            )
            if saved:
                _restore(running, saved)
            yield running

    def _enrolled(self, board: Board, cloud: CloudSync, plan: Plan) -> Exhibits:
        settings = {
            "board": board.name,
            "wifi": {"ssid": WIFI_NAME, "key": WIFI_KEY},
            "broker": {"host": BROKER_NAME, "port": 1883, "user": "", "password": "", "tls": False},
        }
        file = cloud.enrol(subject=SUBJECT, settings=settings).file
        board.execute(INSTALL, files={"enrolment": file})
        return Exhibits.of(file, board, cloud)

    def _resumed(self, board: Board, cloud: CloudSync, saved: Saved) -> Exhibits:
        board.restore(Snapshot(saved.flash, b""))
        # The chip's noise is not what it was in its life before.
        board.rng = board.world.random(f"board/{saved.clock_us}")
        state = saved.state
        device, root, generation, first_epoch = state["exhibits"]
        watch = SealedWatch(board, dict(state["sealed"]))
        exhibits = Exhibits(device, root, generation, first_epoch, watch, dict(state["begun"]))
        exhibits.follow(cloud._generations)
        return exhibits

    def firmware(self, plan: Plan) -> Path:
        """The folder of what the board runs."""
        return Options.of(plan).firmware

    def without_host(self, saved: Saved) -> Saved:
        """The same moment, had broker and server lost their power right after the last word that the board heard.

        What the broker held is gone, and what the server had not committed; it opens its files anew.
        """
        state = {**saved.state, "broker": LocalBroker().state(), "inbox": []}
        return Saved(saved.plan, saved.clock_us, saved.flash, saved.state["last_word"], state)


def _restore(running: Byleaving, saved: Saved) -> None:
    state = saved.state
    running.sent, running.dropped = list(state["sent"]), set(state["dropped"])
    running.kinds.update(state["kinds"])
    running.measured, running.inbox = list(state["measured"]), list(state["inbox"])
    running.early, running.cuts = state["early"], state["cuts"] + 1
    running.since = len(state["sealed"])


class _Link:
    """`cloud_sync.stores.Downlinks`: straight to the broker."""

    def __init__(self, broker: LocalBroker) -> None:
        self._broker = broker

    def send(self, device: str, envelope: bytes) -> None:
        """A sealed downlink."""
        self._broker.publish(f"bl/1/{device}/down", envelope)


class Options:
    """The options of a plan, checked."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        known = {"acts", "allowed", "begin", "device", "firmware"}
        if set(options) - known:
            name = min(set(options) - known)
            raise HwSimError(f"byleave knows no option {name!r}: there are {', '.join(sorted(known))}")
        self.acts = [_act(each) for each in options.get("acts", ())]
        self.allowed = tuple(options.get("allowed", ALL_PURPOSES))
        self.begin = options.get("begin", "recorded")
        self.device = dict(options.get("device", {}))
        self.firmware = Path(options.get("firmware", FIRMWARE))
        if self.begin not in ("recorded", "midnight"):
            raise HwSimError(f'begin = {self.begin!r}: write "recorded" or "midnight"')
        unknown = set(self.allowed) - set(ALL_PURPOSES)
        if unknown:
            raise HwSimError(f"allowed: the demo's policy has no purpose {min(unknown)!r}; {', '.join(ALL_PURPOSES)}")

    @classmethod
    def of(cls, plan: Plan) -> Options:
        """Of a plan; HwSimError for what nobody understands."""
        return cls(plan.options)

    def drive(self, drive: Drive) -> Drive:
        """The drive, begun when the options say so."""
        if self.begin == "recorded":
            return drive
        midnight = (drive.start_unix_s // EPOCH_SECONDS + 1) * EPOCH_SECONDS
        return drive.shifted(midnight - BEFORE_MIDNIGHT_S)

    def policy(self) -> str:
        """The demo's policy with other values in its table `[device]`."""
        text = POLICY.read_text(encoding="utf-8")
        for name, value in self.device.items():
            text, found = re.subn(rf"(?m)^{re.escape(name)} = \S+", f"{name} = {value}", text)
            if found != 1:
                raise HwSimError(f"device: the demo's policy sets no {name!r}")
        return text


def _act(given: Any) -> tuple[int, str]:
    """(virtual µs, what is done)."""
    try:
        at_s, name = given
        verb, _, purpose = name.partition(" ")
        sound = float(at_s) >= 0 and (name == "park" or (verb in VERBS and purpose in ALL_PURPOSES))
    except (TypeError, ValueError, AttributeError):
        sound = False
    if not sound:
        raise HwSimError(
            f'act {given!r}: write [seconds, "park"], or "allow" or "withdraw" and one of {", ".join(ALL_PURPOSES)}'
        )
    return round(float(at_s) * 1e6), name
