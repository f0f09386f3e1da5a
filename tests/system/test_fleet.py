"""A fleet against a real broker and the real service, both of which die on the way: every envelope is accounted for."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync.config import Config
from hw_sim.cli import sim
from hw_sim.demo.fleet import installation
from hw_sim.demo.fleet.load import lives
from hw_sim.fleet.plan import Plan
from hw_sim.fleet.run import Fleet
from hw_sim.fleet.tally import Tally
from hw_sim.network.broker import Broker, mosquitto

pytestmark = [pytest.mark.mosquitto, pytest.mark.skipif(not mosquitto(), reason="mosquitto is not installed")]

DRIVE = Path(__file__).parents[1] / "data" / "trajectories" / "around-visnjan-with-car.gpx"
PLAN = Plan(devices=20, rate=120.0, for_s=4.0, connections=3, resend_s=1.0, drain_s=40.0)


def test_every_envelope_is_stored_or_refused_though_all_die(tmp_path: Path) -> None:
    """Service and broker are killed with all that they held; both come back, and sealed = stored + refused, as in the database."""
    with Broker.start() as broker:
        file = installation.make(tmp_path / "server", (broker.host, broker.port))
        config = Config.from_toml(file)
        devices = installation.enrol(config, PLAN.devices, lives(1), denied=0.1, throw_away=True)
        with installation.serving(file) as service:
            troubles = _Troubles(broker, service)
            fleet = Fleet(PLAN, devices, (broker.host, broker.port))
            tally = asyncio.run(fleet.run(troubles.look))
            troubles.end()
        assert tally.exact
        assert tally.sealed >= 300
        assert tally.refused == {"drop": tally.sealed - tally.stored}
        assert 0 < tally.refused["drop"] < tally.sealed / 4
        assert installation.stored(config, [device.name for device in devices]) == tally.stored
        assert tally.reconnects == PLAN.connections
        assert tally.repeats > 0
        assert tally.latencies.count == tally.sealed


def test_the_command_enrols_serves_loads_and_counts() -> None:
    """In one go, with a recorded drive: exit 0, and the service's own counts by reason agree with the devices'."""
    arguments = ["--devices", "4", "--rate", "40", "--for", "1", "--denied", "25", "--drive", str(DRIVE), "--json"]
    result = CliRunner().invoke(sim, ["fleet", *arguments])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["exact"] is True
    assert told["sealed"] == told["stored"] + told["refused_drop"] >= 20
    assert told["stored_by_the_database"] == told["stored"]
    assert told["server_said"] == {"denied": told["refused_drop"], "stored": told["stored"]}
    assert told["latency_p50_ms"] > 0
    assert told["server_cpu_s"] > 0


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--broker", "here"], "--broker here: write HOST:PORT"),
        (["--config", "/nowhere.toml"], "/nowhere.toml: cannot be read"),
        (["--drive", "/nowhere.gpx"], "/nowhere.gpx: No such file"),
        (["--devices", "0"], "devices 0: give 1 to 100000"),
    ],
)
def test_the_command_says_what_is_wrong(option: list[str], words: str) -> None:
    """One option of a good call is wrong each: a sentence and exit 1, no trace."""
    result = CliRunner().invoke(sim, ["fleet", "--devices", "1", "--rate", "1", "--for", "1", *option])
    assert result.exit_code == 1
    assert words in result.output


class _Troubles:
    """Kills service and broker a second into the run, and starts both again; beside the fleet, which goes on."""

    def __init__(self, broker: Broker, service: installation.Service) -> None:
        self._broker, self._service = broker, service
        self._thread = threading.Thread(target=self._act)
        self._failed: list[BaseException] = []
        self._again: Broker | None = None

    def look(self, tally: Tally) -> None:
        """Once a second."""
        if tally.stored and not self._thread.ident:
            self._thread.start()

    def _act(self) -> None:
        try:
            self._service.kill()
            self._broker.stop()
            self._again = Broker(self._broker.kind, self._broker.port)
            self._service.start()
        except BaseException as error:
            self._failed.append(error)

    def end(self) -> None:
        """They did act, and nothing went wrong."""
        assert self._thread.ident
        self._thread.join(60)
        if self._again is not None:
            self._again.stop()
        assert not self._failed and self._again is not None
