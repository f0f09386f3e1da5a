"""A board changes hands: what a raw copy of its flash still holds of the one before, with and without a factory reset."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.board import console
from agent.enrolment.enrolment import enrol
from agent.errors import LinkLost
from agent.reset import factory
from cloud_sync.errors import SealBroken
from cloud_sync.model import Stream
from cloud_sync.service import CloudSync
from cloud_sync.wire.downlink import open_downlink, peek_downlink
from firmware import keyrecord
from firmware.errors import SealError
from firmware.flash.recordlog import RecordLog
from firmware.keystore import SLOT_BYTES, KeyStore
from hw_sim.demo.flashcopy import FlashCopy
from hw_sim.demo.observer import Observer
from hw_sim.demo.stage import SUBJECT
from hw_sim.demo.steps.ladders import Attacker, plausible, windows
from hw_sim.network.broker import Broker
from hw_sim.silicon import description
from tests.system.shells import WAIT_S, Shell, running, serving

pytestmark = pytest.mark.micropython
WIFI = "old-depot-ssid:old-depot-key"
SETTINGS: dict[str, Any] = {
    "board": "esp32s3",
    "wifi": {"ssid": "old-depot-ssid", "key": "old-depot-key"},
    "broker": {"host": "broker.example", "port": 1883, "user": "old-user", "password": "old-password", "tls": False},
}
# The new owner's board reaches the same broker, over the same access point of the simulator, with words of their own.
NEW = {**SETTINGS, "broker": {**SETTINGS["broker"], "user": "new-user", "password": "new-password"}}
TEXTS = (b"old-depot-ssid", b"old-depot-key", b"old-user", b"old-password")


@dataclass
class Owner:
    """One owner's time with the board: the raw flash at its end, and all that went to and fro."""

    device: str
    root: bytes
    image: bytes = b""
    up: list[bytes] = field(default_factory=list)
    down: list[bytes] = field(default_factory=list)

    @property
    def keys(self) -> KeyStore:
        """Its key store as the firmware finds it in the flash."""
        return KeyStore(RecordLog(FlashCopy(region(self.image, "bl_keys")), SLOT_BYTES))

    def chains(self) -> list[bytes]:
        """What its record says of each ladder."""
        return [bytes(keyrecord.chain_of(self.keys._body, stream)) for stream in range(5)]


def region(image: bytes, label: str) -> bytes:
    """A partition of the flash."""
    row = next(row for row in description.load("esp32s3").partition if row.label == label)
    return image[row.offset : row.offset + row.size]


class House:
    """A server and a broker, and somebody who listens there."""

    def __init__(self, cloud: CloudSync, broker: Broker, heard: Observer, folder: Path) -> None:
        self.cloud, self.broker, self.heard, self.folder = cloud, broker, heard, folder

    def board(self, flash: Path) -> Any:
        """A shell with a board on that flash."""
        return running("--flash", str(flash), "--broker", f"{self.broker.host}:{self.broker.port}", "--wifi", WIFI)

    def give(self, shell: Shell, subject: str, settings: dict[str, Any], *, again: bool = False) -> Owner:
        """The board becomes a device of that person, and reports."""
        made = self.cloud.enrol(subject=subject, settings=settings)
        path = self.folder / f"{subject}-{time.monotonic_ns()}.enrolment"
        path.touch(mode=0o600)
        path.write_bytes(made.file)
        owner = Owner(enrol(shell.port, path, again=again).device, made.file[21:53])
        wait(lambda: bool(self.cloud.database.count_envelopes(owner.device, Stream.STATUS)))
        wait(lambda: any(topic.endswith(f"{owner.device}/down") for topic, _ in self.heard.messages))
        return owner

    def end(self, owner: Owner, flash: Path) -> Owner:
        """Its flash, now that the shell has ended and saved it, and what was said."""
        owner.image = flash.read_bytes()
        owner.up = [data for topic, data in self.heard.messages if topic == f"bl/1/{owner.device}/up"]
        owner.down = [data for topic, data in self.heard.messages if topic == f"bl/1/{owner.device}/down"]
        return owner


def wait(true: Callable[[], bool]) -> None:
    """Until it is so."""
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[House]:
    """A real server on a real broker, by the host's clock."""
    folder = tmp_path_factory.mktemp("house")
    with serving(folder, broker) as cloud, Observer.watching(broker.host, broker.port) as heard:
        yield House(cloud, broker, heard, folder)


@pytest.fixture(scope="module")
def old(house: House) -> Owner:
    """The first owner's time; their board lies on the desk now, without power."""
    flash = house.folder / "old.flash"
    with house.board(flash) as shell:
        owner = house.give(shell, SUBJECT, SETTINGS)
    return house.end(owner, flash)


def traces(image: bytes, owner: Owner) -> list[str]:
    """What of an owner's lies in a raw copy of the flash, in whatever state."""
    wanted = {text.decode(): text for text in TEXTS} | {"pseudonym": owner.device.encode(), "root": owner.root}
    wanted |= {f"chain {n}": chain for n, chain in enumerate(owner.chains())}
    wanted |= {f"envelope {n}": envelope for n, envelope in enumerate(owner.up)}
    wanted |= {f"end of envelope {n}": envelope[-24:] for n, envelope in enumerate(owner.up)}
    return sorted(name for name, data in wanted.items() if data in image)


def key_memory(image: bytes) -> list[bytes]:
    """Every 32 bytes of where keys and rules are kept that could be a key."""
    return list(plausible(windows(region(image, "bl_keys") + region(image, "bl_rules"))))


def assert_apart(old: Owner, new: Owner) -> None:
    """Nothing of one opens anything of the other."""
    assert old.up
    assert new.up
    control = Attacker(old.device, old.up)
    assert control.opens(old.root)  # it would see it
    assert not any(control.opens(key) for key in [*key_memory(new.image), new.root])
    stranger = Attacker(new.device, new.up)
    assert not any(stranger.opens(key) for key in [*key_memory(old.image), old.root])
    keys = new.keys
    assert old.down
    for envelope in old.down:
        _, number = peek_downlink(envelope)
        try:
            key = bytes(keys.down_key(number))
        except SealError:
            continue
        for device in (new.device, old.device):
            with pytest.raises(SealBroken):
                open_downlink(device, envelope, key)


class Pulled(console.Console):
    """A prompt whose cable is pulled while the spool is erased."""

    def run(self, code: str | bytes) -> str:
        """As in Console."""
        if isinstance(code, str) and code.startswith("_erase('spool', 64"):
            self._transport.exec_raw_no_follow(code)
            self._line.close()
        return super().run(code)


def test_a_board_that_was_reset_holds_nothing_of_its_owner(
    house: House, old: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A factory reset whose cable is pulled, and once more: raw flash holds nothing; then another person's device,
    which opens nothing of the first one's."""
    found = traces(old.image, old)
    assert {"pseudonym", "old-depot-ssid", "old-depot-key", "old-password", "chain 0", "envelope 0"} <= set(found)
    flash = tmp_path / "reset.flash"
    shutil.copy(house.folder / "old.flash", flash)
    with house.board(flash) as shell:
        with monkeypatch.context() as cable:
            cable.setattr(factory, "Console", Pulled)
            with pytest.raises(LinkLost, match="NOT proven empty") as lost:
                factory.reset(shell.port, device=old.device)
        assert lost.value.exit_code == 9
        erased = factory.reset(shell.port, device=old.device)
        assert (erased.device, erased.flash_again) == ("", False)
        wait(lambda: traces(flash.read_bytes(), old) == [])  # saved, now that the port is free
        new = house.give(shell, "s-new", NEW)
    house.end(new, flash)
    # The access point is the new owner's too.
    assert [name for name in traces(new.image, old) if not name.startswith("old-depot")] == []
    assert_apart(old, new)


def test_a_hand_over_by_the_prompt_leaves_nothing_of_the_owner_before(house: House, old: Owner, tmp_path: Path) -> None:
    """`enrol --again`: no key, no pseudonym, no envelope, and no password in an old block of the file system."""
    flash = tmp_path / "again.flash"
    shutil.copy(house.folder / "old.flash", flash)
    with house.board(flash) as shell:
        new = house.give(shell, "s-next", NEW, again=True)
    house.end(new, flash)
    # The access point is the new owner's too.
    assert [name for name in traces(new.image, old) if not name.startswith("old-depot")] == []
    assert_apart(old, new)
