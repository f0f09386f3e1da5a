"""Releases of the firmware in these sources, an update on the stage, and what passes between device and broker meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.release import romfs
from cloud_sync.cli.deliver import Message, publish
from cloud_sync.cli.release import retained
from cloud_sync.releases.signing import Release, make, public_hex
from cloud_sync.releases.store import OfferRow
from hw_sim.demo.stage import FIRMWARE, INSTALL, WIFI_KEY, WIFI_NAME, Stage
from hw_sim.interpreter.installed import Installed
from hw_sim.network.net import Network
from hw_sim.network.traffic import name_of, topic_of
from hw_sim.plugin import BROKER_NAME

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NEWER = "9.0.0"


def image(version: str, security: int = 1, changed: Mapping[str, bytes] | None = None) -> bytes:
    """The firmware of these sources under another version, as the bytes of a slot; `changed` takes the place of modules."""
    installed = Installed()
    installed.add(FIRMWARE, "always")
    installed.sources["firmware/version.py"] = f'VERSION = "{version}"\nSECURITY = {security}\n'.encode()
    installed.sources |= changed or {}
    folder = installed.built().folder
    files = [path for path in (folder / "firmware").rglob("*") if path.is_file()]
    return romfs.image({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})


def signed(
    version: str = NEWER,
    *,
    board: str = "esp32s3",
    security: int = 1,
    key: Ed25519PrivateKey = KEY,
    changed: Mapping[str, bytes] | None = None,
) -> Release:
    """A signed release."""
    return make(board, version, security, image(version, security, changed), key)


@dataclass
class Tap:
    """On the wire between device and broker: no time passes while a chunk is due that the broker has, and a test may change
    or lose what passes."""

    network: Network
    there: set[str] = field(default_factory=set)  # topics that the broker has
    lose: Callable[[str, str], bool] = lambda direction, topic: False
    asked: list[str] = field(default_factory=list)
    came: list[str] = field(default_factory=list)
    due: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        before = self.network.settled
        self.network.settled = lambda: before() and not self.due
        self.network.fault.drop = self._passes

    def _passes(self, direction: str, packet: bytes) -> bool:
        name = name_of(packet)
        if name == "CONNECT":
            self.due.clear()
        elif name == "SUBSCRIBE" and b"/release/" in packet:
            at = packet.index(b"bl/1/release/")
            topic = packet[at:-1].decode()
            self.asked.append(topic)
            self.due |= {topic} & self.there
        elif name == "PUBLISH" and "/release/" in topic_of(packet):
            topic = topic_of(packet)
            self.due.discard(topic)
            self.came.append(topic)
            return self.lose(direction, topic)
        return False


def enrol(stage: Stage, key: Ed25519PrivateKey = KEY) -> str:
    """Enrol the board on the stage as one that takes this key's releases; the device."""
    settings = {
        "board": "esp32s3",
        "wifi": {"ssid": WIFI_NAME, "key": WIFI_KEY},
        "broker": {"host": BROKER_NAME, "port": 1883, "user": "", "password": "", "tls": False},
        "release_key": public_hex(key),
    }
    enrolment = stage.cloud.enrol(subject=stage.subject, settings=settings)
    stage.device = enrolment.device
    stage.board.execute(INSTALL, files={"enrolment": enrolment.file})
    return enrolment.device


def put(stage: Stage, tap: Tap, messages: list[Message]) -> None:
    """Retained messages, with the broker."""
    assert publish(stage.config.broker, messages).acknowledged == len(messages)
    tap.there |= {message.topic for message in messages if message.payload}
    tap.there -= {message.topic for message in messages if not message.payload}


def offer(stage: Stage, tap: Tap, release: Release) -> None:
    """What `byleave sync release offer` does."""
    put(stage, tap, retained(release))
    manifest = release.manifest
    row = OfferRow(stage.device, release.id, manifest.version, manifest.chunks, manifest.size, stage.clock.now())
    stage.cloud.releases.offer(row)


def told(stage: Stage) -> OfferRow:
    """What the server knows of the offer to the device on the stage."""
    return stage.cloud.releases.offers(stage.device)[0]
