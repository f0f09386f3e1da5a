"""A board with two slots under CPython: its flash, its starts, a broker that has a release, and the firmware's own update code."""

from __future__ import annotations

import io
import sys
import types
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.releases.signing import Release, make, public_hex
from cloud_sync.wire import codec
from tests.unit.firmware.nor import Nor, Supply

from tests.unit.firmware.link import micro  # noqa: F401  # isort: skip  # lends CPython the names of MicroPython first

from firmware import slots, update
from firmware.errors import LinkError
from firmware.update.fetch import Fetch
from firmware.wire.envelope import peek_uplink

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SECTORS = 8  # three for an image in each slot, one for what is known of it
FACTORY = b"the release that the board was built with"
IMAGE_BYTES = 9_300  # two sectors and a part, the last chunk short
MOST_STEPS = 400


def uplink(generation: int, stream: int, epoch: int, counter: int) -> bytes:
    """The form of an envelope under that number, with a seal that nobody looks at here."""
    header: bytes = codec.pack([1, generation, stream, epoch, counter, 0])
    return bytes(codec.pack([b"", bytes(4), bytes(20)])).replace(codec.pack(b""), header, 1)


STATUS = uplink(0, 4, 20_000, 7)


def image(name: str, size: int = IMAGE_BYTES) -> bytes:
    """Bytes that differ from release to release; some of it shrinks, some does not."""
    noise = bytes((i * i + len(name) * i + sum(name.encode())) % 251 for i in range(1500))
    return (name.encode() + noise + bytes(900) + name.encode() * 200)[:1024] + (noise * 9)[: size - 1024]


def release(
    name: str, *, security: int = 1, board: str = "esp32s3", key: Ed25519PrivateKey = KEY, size: int = IMAGE_BYTES
) -> Release:
    """A signed release of that version."""
    return make(board, name, security, image(name, size), key)


class _Deflate(io.BytesIO):
    """MicroPython's deflate.DeflateIO, for reading."""

    def __init__(self, stream: io.BytesIO, form: int, wbits: int) -> None:
        unpacker = zlib.decompressobj(-wbits)
        try:
            super().__init__(unpacker.decompress(stream.read()))
        except zlib.error as error:
            raise OSError(22) from error


class Client:
    """A subscription brings what the broker keeps under that topic, or what a hostile one makes of it."""

    def __init__(self, kept: dict[str, bytes]) -> None:
        self.kept = kept
        self.asked: list[str] = []
        self.fetch: Any = None
        self.breaks_at: int | None = None

    async def subscribe(self, topic: str) -> None:
        """As the MQTT client's."""
        self.asked.append(topic)
        if self.breaks_at is not None and len(self.asked) > self.breaks_at:
            raise LinkError("connection lost")
        if topic in self.kept:
            self.fetch.take(topic, self.kept[topic])


class World:
    """One board. `start()` is a start of the chip; `running` is the image that it chose, FACTORY for the one built in."""

    NAME = "esp32s3"

    def __init__(self, supply: Supply | None = None, sectors: int = SECTORS, **settings: Any) -> None:
        self.nor = Nor(sectors, supply=supply)
        self.settings = {"release_key": public_hex(KEY), **settings}
        self.fetch: Any = None
        self.reasons: list[int] = []
        self.running = b""
        self.watchdogs: list[int] = []
        self.has_slots = True
        self.crash = ""
        self.saved: list[dict[str, Any]] = []

    @contextmanager
    def machine(self) -> Iterator[None]:
        """MicroPython's modules as this board has them."""
        vfs = types.SimpleNamespace(VfsRom=bytes, mount=self._mount, rom_ioctl=lambda op, segment: self.nor.data)
        if not self.has_slots:
            del vfs.rom_ioctl
        lent = {
            "vfs": vfs,
            "esp32": types.SimpleNamespace(Partition=lambda label: self.nor),
            "machine": types.SimpleNamespace(WDT=lambda **options: self.watchdogs.append(options["timeout"])),
            "deflate": types.SimpleNamespace(DeflateIO=_Deflate, RAW=1),
        }
        before = {name: sys.modules.get(name) for name in lent}
        path = list(sys.path)
        sys.modules.update(lent)  # type: ignore[arg-type]
        try:
            yield
        finally:
            sys.path[:] = path
            for name, module in before.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module

    def _mount(self, image: bytes, at: str) -> None:
        self.running = image

    def start(self) -> bytes:
        """A start: what was chosen runs, and its app takes up what was unfinished."""
        self.running, self.fetch, self.reasons = FACTORY, None, []
        with self.machine():
            update.begin(*slots.choose())
            self.fetch = update.resume(self, self)
        return self.running

    # What the update code asks of its node and its board.

    def quietly(self, work: Any, *args: Any) -> Any:
        """As boards have it."""
        return work(*args)

    def feed(self) -> None:
        """The watchdog."""

    def save_settings(self, settings: dict[str, Any]) -> None:
        """Into the file system."""
        self.saved.append(dict(settings))

    def report_soon(self, reason: int) -> None:
        """A status that waits."""
        self.reasons.append(reason)

    # What the world does to it.

    def offer(self, what: Release, **other: Any) -> None:
        """A sealed offer has been opened."""
        offer = what.offer._replace(**other)
        with self.machine():
            update.offer(self, self, tuple(offer))

    def contact(self, client: Client) -> bool:
        """Fetch as far as a contact comes; True when the device is to be restarted into what came."""
        client.fetch = self.fetch
        if self.fetch is None:
            return False
        with self.machine():
            self.fetch.begin()
            try:
                for _ in range(MOST_STEPS):
                    if not run(self.fetch.step(client)):
                        break
                    if self.fetch.over or self.fetch.complete:
                        break
                else:
                    raise AssertionError("a contact without an end")
            except LinkError:
                self.fetch.missed(True)
            else:
                self.fetch.missed()
        done: bool = self.fetch.complete
        if self.fetch.over:
            self.fetch = None
        return done

    def acknowledged(self) -> None:
        """A status is sealed, and a stored verdict for it has come."""
        update.sealed(STATUS)
        with self.machine():
            update.confirm(self, self, peek_uplink(STATUS)[:4])

    def install(self, what: Release) -> None:
        """Offer, fetch, start, confirm."""
        self.offer(what)
        assert self.contact(Client(broker(what))), "fetched whole"
        self.start()
        self.acknowledged()


def broker(what: Release) -> dict[str, bytes]:
    """What a broker keeps of a release."""
    return {f"bl/1/release/{what.id.hex()}/{n}": message for n, message in enumerate(what.messages)}


def run(step: Any) -> bool:
    """The result of a coroutine that waits for nothing here."""
    try:
        step.send(None)
    except StopIteration as end:
        return bool(end.value)
    raise AssertionError("a step waits for something that this world does not have")


def fetch_of(world: World) -> Fetch:
    """The fetch at hand."""
    assert world.fetch is not None
    return world.fetch
