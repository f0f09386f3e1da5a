"""What a gateway meets: kills, pulled cables, noise, a full disk, another gateway. Devices are scripted, envelopes random bytes."""

from __future__ import annotations

import contextlib
import json
import random
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hw_sim.network.gateway import WELCOME, WireFaults
from tests.system.gateway_losses import Campaign, Plan, wrong
from tests.system.gateways import GatewayProcess, a_gateway
from tests.system.serialdevice import Cable, Device, Server, downlink_of, live, mixed
from tests.system.stalledway import Way
from tests.system.wired import WAIT_S
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, available, until

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not available(), reason="mosquitto is not installed"),
]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that keeps its sessions when it is stopped."""
    one = Broker(tmp_path).start()
    yield one
    one.kill()


@pytest.fixture
def server(broker: Broker) -> Iterator[Server]:
    """Who judges what arrives."""
    one = Server(broker.port)
    yield one
    one.close()


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[list[Device]]:
    """Three, each at its adapter."""
    cables = [Cable(tmp_path / f"adapter{n}") for n in range(3)]
    yield [Device(mixed(str(n)), cable, random.Random(n)) for n, cable in enumerate(cables)]
    for cable in cables:
        cable.pull()


def paths(devices: Sequence[Device]) -> list[Path]:
    """Of their adapters."""
    return [device.cable.path for device in devices]


def home(devices: Sequence[Device], server: Server) -> None:
    """All that they make comes home: each envelope is at the server, and has its verdict."""
    live(devices, lambda: not any(device.kept for device in devices), 2 * WAIT_S)
    for device in devices:
        assert device.made.keys() == device.judged
        assert all(server.arrived[key] for key in device.made)


def test_kills_and_pulled_cables_lose_nothing(tmp_path: Path) -> None:
    """Three kill -9, two while nothing reaches the broker, and three pulls under load: all that was made arrives, and is judged.

    `python -m tests.benchmarks gateway_loss` does it a hundred times.
    """
    figures = Campaign(tmp_path, Plan(kills=3, pulls=3, most_s=0.8)).run()
    assert wrong(figures) == {}
    assert figures["accepted"] > 100
    assert (figures["kills"], figures["pulls"], figures["kills while nothing passed"]) == (3, 3, 2)


def test_a_device_that_talks_while_it_is_spoken_to(
    tmp_path: Path, broker: Broker, server: Server, devices: list[Device]
) -> None:
    """The first contact with a distant broker, which has no session yet, brings its verdict. Then sixty downlinks of all sizes and
    sixty envelopes cross each other on each line: both sides have all, byte for byte.
    """
    with (
        contextlib.closing(Way(broker.port, delay_s=0.05)) as way,
        a_gateway(tmp_path, paths(devices), way.port) as gateway,
    ):
        until(lambda: "broker-there" in gateway.said(), WAIT_S)
        for device in devices:
            device.patience = 10
            device.make()
        home(devices, server)
        assert {device.counts[f"heard {WELCOME}"] for device in devices} == {1}
        said = {device.name: [downlink_of(n, 60 + 16 * n) for n in range(60)] for device in devices}
        for device in devices:
            for downlink in said[device.name]:
                server.send(device.name, downlink)
            for _ in range(60):
                device.make()
        home(devices, server)
        for device in devices:
            device.make()  # a contact more for what the broker still has
        live(devices, lambda: all(set(said[d.name]) <= set(d.downs) for d in devices), WAIT_S)
        home(devices, server)
        for device in devices:
            told = [downlink for downlink in device.downs if downlink[:1] == b"D"]
            assert sorted(set(told)) == sorted(said[device.name])
            assert device.counts["noise"] == 0


def test_a_downlink_that_was_not_taken_comes_again(
    tmp_path: Path, broker: Broker, server: Server, devices: list[Device]
) -> None:
    """The device has it on its wire and says nothing, the gateway is killed: the next one brings it."""
    device, downlink = devices[0], downlink_of(7, 200)
    with a_gateway(tmp_path, paths(devices), broker.port) as gateway:
        device.make()
        home([device], server)
        device.takes = False
        server.send(device.name, downlink)
        device.make()
        live([device], lambda: device.counts["not taken"] > 0, WAIT_S)
        gateway.kill()
        device.end()
        device.takes = True
        gateway.start()
        live([device], lambda: downlink in device.downs, WAIT_S)
        home([device], server)


def test_noise_on_one_line_is_nobody_elses(
    tmp_path: Path, broker: Broker, server: Server, devices: list[Device]
) -> None:
    """Changed and lost bytes and garbage between frames both ways on one line, nothing but garbage on another: all arrives."""
    bad, garbage, good = devices
    bad.fault = WireFaults(noise=0.0004, lose=0.0004, burst_bytes=300)
    with a_gateway(tmp_path, paths(devices), broker.port) as gateway:
        for device in (bad, good):
            for _ in range(40):
                device.make()

        def noisy() -> bool:
            garbage.cable.write(random.randbytes(500))
            return not bad.kept and not good.kept

        live([bad, good], noisy, 2 * WAIT_S)
        assert gateway.alive()
        home([bad, good], server)
        assert bad.counts["noise"] > 10
        assert server.arrived.keys() == bad.made.keys() | good.made.keys()  # and nothing out of the garbage


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux sets another process's limits")
def test_a_full_disk(tmp_path: Path, broker: Broker, server: Server, devices: list[Device]) -> None:
    """Where nothing can be written nothing is accepted, and devices are sent to rest; with room again all goes on, and arrives."""
    with a_gateway(tmp_path, paths(devices), broker.port) as gateway:
        for device in devices:
            device.make()
        home(devices, server)
        broker.stop()
        until(lambda: "gone" in gateway.said(), WAIT_S)
        gateway.fill_disk(True)
        before = [set(device.accepted) for device in devices]
        for device in devices:
            device.trusts = True
            for _ in range(5):
                device.make()
        live(devices, lambda: all(device.counts["sent to rest"] > 1 for device in devices), WAIT_S)
        assert [set(device.accepted) for device in devices] == before
        gateway.fill_disk(False)
        live(devices, lambda: not any(device.kept for device in devices), WAIT_S)
        assert not any(
            server.arrived[key] for device in devices for key in device.accepted - before[devices.index(device)]
        )
        gateway.kill()  # what was accepted is on the disk
        broker.start()
        gateway.start()
        until(lambda: all(server.arrived[key] for device in devices for key in device.made), WAIT_S)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux sets another process's limits")
def test_a_disk_that_is_full_at_the_start(
    tmp_path: Path, broker: Broker, server: Server, devices: list[Device]
) -> None:
    """It starts: envelopes pass by to the broker and verdicts come back. Without the broker devices rest; with room again what
    they bring is accepted, and outlives a kill."""
    with a_gateway(tmp_path, paths(devices), broker.port, full_disk=True) as gateway:
        until((gateway.spool / "status.sock").exists, WAIT_S)
        for device in devices:
            device.make()
        home(devices, server)
        found = json.loads(gateway.status())
        assert (found["spool_taking"], found["spool_writable"], found["connected"]) == (False, False, True)
        assert found["spool_trouble"]
        broker.stop()
        for device in devices:
            device.trusts = True
            device.make()
        live(devices, lambda: all(device.counts["sent to rest"] for device in devices), WAIT_S)
        before = [set(device.accepted) for device in devices]
        gateway.fill_disk(False)
        live(devices, lambda: not any(device.kept for device in devices), WAIT_S)
        assert all(set(device.accepted) - old for device, old in zip(devices, before, strict=True))
        gateway.kill()
        broker.start()
        gateway.start()
        until(lambda: all(server.arrived[key] for device in devices for key in device.made), WAIT_S)


def test_two_gateways(tmp_path: Path, broker: Broker, server: Server, devices: list[Device]) -> None:
    """On one folder the second ends with 13, on the same ports with 4, each naming the first; told to wait for them it does, and
    has them when the first is gone. The first goes on."""
    (tmp_path / "second").mkdir()
    with a_gateway(tmp_path, paths(devices), broker.port) as first:
        devices[0].make()
        home(devices[:1], server)
        same = GatewayProcess(tmp_path, paths(devices), broker.port)
        same.start()
        assert same.process is not None
        assert same.process.wait(WAIT_S) == 13
        refused = GatewayProcess(tmp_path / "second", paths(devices), broker.port)
        refused.start()
        assert refused.process is not None
        assert refused.process.wait(WAIT_S) == 4
        assert refused.said().count("another program has the port open: agent (process") == len(devices)
        assert "broker-there" not in refused.said()
        assert f"(process {first.pid})" in refused.said()
        assert f"another gateway uses it (agent (process {first.pid}))" in first.said()  # one log of one folder
        refused.log.unlink()
        with a_gateway(tmp_path / "second", paths(devices), broker.port, options=["--wait"]) as second:
            until(lambda: second.said().count("another program has the port open") == len(devices), WAIT_S)
            devices[0].make()
            home(devices[:1], server)
            assert second.alive()
            assert first.stop() == 0
            devices[0].end()
            devices[0].make()
            home(devices[:1], server)
