"""`sync release`: from a key to chunks on a real broker, and what is refused on the way."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync.cli import sync
from cloud_sync.releases.signing import Release, unpack
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, Publisher, available, until

IMAGE = bytes(range(256)) * 20


def signed(tmp_path: Path, version: str = "0.2.0") -> Path:
    """A signed release, by the commands that need no server."""
    folder, key, out = tmp_path / version, tmp_path / "release.key", tmp_path / f"{version}.release"
    folder.mkdir(parents=True)
    (folder / "firmware.romfs").write_bytes(IMAGE)
    image = {"name": "firmware.romfs", "bytes": len(IMAGE), "sha256": hashlib.sha256(IMAGE).hexdigest()}
    about = {"form": 1, "board": "esp32s3", "version": version, "security": 1, "image": image}
    (folder / "release.json").write_text(json.dumps(about))
    if not key.exists():
        run("release", "key", "--out", str(key))
    run("release", "sign", str(folder), "--key", str(key), "--out", str(out))
    return out


def run(*words: str, code: int = 0) -> str:
    """A command that needs no installation."""
    result = CliRunner().invoke(sync, list(words))
    assert result.exit_code == code, result.output
    return result.output


def read(path: Path) -> Release:
    """A signed release."""
    return unpack(path.read_bytes())


def subscriber(port: int) -> Publisher:
    """A client that hears all chunks that the broker has."""
    client = Publisher(port)
    client.client.subscribe("bl/1/release/#", qos=1)
    return client


def test_a_key_is_private_and_never_overwritten(tmp_path: Path) -> None:
    """Mode 0600; the public half is what devices are given; a second run refuses."""
    key = tmp_path / "release.key"
    said = json.loads(run("release", "key", "--out", str(key), "--json"))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(bytes.fromhex(said["release_key"])) == 32
    assert said["release_key"] not in key.read_text()
    run("release", "key", "--out", str(key), code=1)
    key.chmod(0o644)
    (tmp_path / "folder").mkdir()
    assert "chmod" in run(
        "release", "sign", str(tmp_path / "folder"), "--key", str(key), "--out", str(tmp_path / "x"), code=1
    )


def test_nothing_is_offered_while_the_broker_is_away(depot: Installation, tmp_path: Path) -> None:
    """A device that is told of a release whose chunks are nowhere would ask for them in vain."""
    tracker = depot.enrol()
    depot.do("release", "add", str(signed(tmp_path)))
    result = depot.do("release", "offer", "0.2.0", "--device", tracker.name, code=1)
    assert "nothing is offered" in result.output
    assert depot.ask("release", "list")["offers"] == []


def test_what_is_no_release_is_refused(depot: Installation, tmp_path: Path) -> None:
    """A damaged file, an unknown name, a device that nobody enrolled, and neither device nor all."""
    good = signed(tmp_path)
    bad = tmp_path / "bad"
    bad.write_bytes(good.read_bytes()[:-1])
    depot.do("release", "add", str(bad), code=1)
    depot.do("release", "add", str(tmp_path / "missing"), code=1)
    depot.do("release", "add", str(good))
    depot.do("release", "offer", "0.3.0", "--all", code=1)
    depot.do("release", "offer", "0.2.0", "--device", "a" * 16, code=1)
    depot.do("release", "offer", "0.2.0", code=1)
    depot.do("release", "offer", "0.2.0", "--all", "--device", "a" * 16, code=1)


def test_a_release_of_the_running_version_is_refused(depot: Installation, tmp_path: Path) -> None:
    """The device would be done before it was told: the command says so, for one that was named and where all run it."""
    tracker = depot.enrol()
    depot.do("release", "add", str(signed(tmp_path)))
    depot.feed(tracker, tracker.status(firmware="0.2.0"))
    for words in (["--device", tracker.name], ["--all"]):
        result = depot.do("release", "offer", "0.2.0", *words, code=1)
        assert "already runs a release named 0.2.0" in " ".join(result.output.split())
    depot.feed(tracker, tracker.status(counter=1, firmware="0.1.9"))
    result = depot.do("release", "offer", "0.2.0", "--device", tracker.name, code=1)
    assert "nothing is offered" in result.output, "the next hurdle: no broker here"


@pytest.mark.mosquitto
@pytest.mark.skipif(not available(), reason="mosquitto is not installed")
def test_chunks_stay_on_the_broker_until_they_are_withdrawn(tmp_path: Path, clock: FakeClock) -> None:
    """Offered to all: whoever subscribes later gets every chunk; after the withdrawal nobody gets any."""
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Broker(folder).start()
    depot = Installation(tmp_path, clock, broker.port)
    tracker = depot.enrol()
    file = signed(tmp_path)
    depot.do("release", "add", str(file))
    said = depot.ask("release", "offer", "0.2.0", "--all")
    assert said["devices"] == [tracker.name]
    release = read(file)
    expected = {f"bl/1/release/{release.id.hex()}/{n}": message for n, message in enumerate(release.messages)}
    device = subscriber(broker.port)
    until(lambda: len(device.heard) == len(expected))
    assert dict(device.heard) == expected
    device.close()
    assert release.offer in depot.feed(tracker, tracker.status())
    [offer] = depot.ask("release", "list")["offers"]
    assert (offer["version"], offer["told"], offer["done"]) == ("0.2.0", 1, False)
    withdrawn = depot.ask("release", "withdraw", "0.2.0")
    assert (withdrawn["offers"], withdrawn["chunks"]) == (1, len(expected))
    depot.do("release", "add", str(signed(tmp_path, "0.3.0")))
    depot.do("release", "offer", "0.3.0", "--all")
    device = subscriber(broker.port)
    until(lambda: len(device.heard) == len(expected))
    assert not set(dict(device.heard)) & set(expected)
    device.close()
    broker.stop()
