"""A device's keys, spool, rules and clock on simulated NOR flash, and the server that it talks to: what the state machine drives.

All of the device is the firmware's own code, started as the app starts it; the server's keys are derived by `cloud_sync`.
"""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cloud_sync.wire import codec, downlink, envelope, ladder
from hw_sim.silicon.flash import NorFlash, PowerLost
from tests.unit.firmware import aes_provider

aes_provider.install()

from tests.unit.firmware.link import micro  # noqa: E402, F401 - lends CPython the names of MicroPython first

from firmware.clock import Challenge, Clock  # noqa: E402  # isort: skip
from firmware.flash.recordlog import RecordLog  # noqa: E402  # isort: skip
from firmware.flash.region import RawRegion  # noqa: E402  # isort: skip
from firmware.flash.rules import Rules  # noqa: E402  # isort: skip
from firmware.flash.spool import Spool  # noqa: E402  # isort: skip
from firmware.keystore import SLOT_BYTES, KeyStore  # noqa: E402  # isort: skip
from firmware.link.outbox import Outbox  # noqa: E402  # isort: skip
from firmware.link.session import Session  # noqa: E402  # isort: skip
from firmware.rules import InForce  # noqa: E402  # isort: skip
from firmware.sealer import Sealer  # noqa: E402  # isort: skip

DEVICE = "a" * 16
DAY_S = 86_400
FIRST_EPOCH = 20_600
START_S = FIRST_EPOCH * DAY_S + 3600
SECTOR_BYTES = 1024  # two records or a few envelopes a sector: sectors change often
SECTORS = {"keys": 2, "rules": 2, "spool": 4}
DOWN, LOCATION, ENVIRONMENT, MOTION, STATUS = range(5)
STREAMS = (LOCATION, ENVIRONMENT, MOTION, STATUS)
POWER_ON, WATCHDOG, DEEP_SLEEP = 1, 3, 4  # causes of a start
Number = tuple[int, ...]  # generation, stream, epoch, counter


class Part:
    """One partition as MicroPython's block device. Once the power is cut nothing answers before `Flash.restore`."""

    def __init__(self, flash: Flash, begin: int, sectors: int) -> None:
        self._flash, self._begin, self._sectors = flash, begin, sectors

    def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> None:
        """Read."""
        self._flash.check()
        buf[:] = self._flash.nor.read(self._begin + block * SECTOR_BYTES + offset, len(buf))

    def writeblocks(self, block: int, buf: bytes, offset: int = 0) -> None:
        """Program one page."""
        self._flash.change(lambda: self._flash.nor.program(self._begin + block * SECTOR_BYTES + offset, bytes(buf)))

    def ioctl(self, op: int, arg: int) -> int:
        """4 count, 5 size, 6 erase."""
        if op == 6:
            self._flash.change(lambda: self._flash.nor.erase(self._begin + arg * SECTOR_BYTES, SECTOR_BYTES))
        return {4: self._sectors, 5: SECTOR_BYTES}.get(op, 0)


class Flash:
    """The three raw regions of one device on one chip."""

    def __init__(self, seed: int) -> None:
        self.nor = NorFlash(sum(SECTORS.values()) * SECTOR_BYTES, sector_bytes=SECTOR_BYTES)
        self.nor.data[:] = random.Random(seed).randbytes(len(self.nor.data))  # as somebody else left it
        self.dark = False
        self._begins, begin = {}, 0
        for label, sectors in SECTORS.items():
            self._begins[label], begin = begin, begin + sectors * SECTOR_BYTES

    def region(self, label: str) -> RawRegion:
        """Raw flash under a label."""
        return RawRegion(Part(self, self._begins[label], SECTORS[label]))

    def log(self, label: str) -> RecordLog:
        """A record log as a start makes it."""
        return RecordLog(self.region(label), SLOT_BYTES)

    def raw(self, label: str) -> bytes:
        """What somebody with a programmer reads of a region."""
        begin = self._begins[label]
        return bytes(self.nor.data[begin : begin + SECTORS[label] * SECTOR_BYTES])

    def check(self) -> None:
        """PowerLost while there is none."""
        if self.dark:
            raise PowerLost("the supply is gone")

    def change(self, act: Any) -> None:
        """One program or erase, unless the power is gone or goes with it."""
        self.check()
        try:
            act()
        except PowerLost:
            self.dark = True
            raise

    def restore(self) -> None:
        """Power again."""
        self.nor.disarm()
        self.dark = False


class Unit:
    """The firmware after one start, in the order of `App`, without radio and sensors. It is its session's node.

    `given`: (number, key) of each key that was handed out; `begun`: each envelope that a spool's append began with.
    """

    def __init__(self, world: World, cause: int) -> None:
        self.world, self.cause = world, cause
        flash = world.flash
        self.keystore = KeyStore(flash.log("keys"))
        self.woken = self.keystore.import_retained(self)
        if not self.woken:
            self.keystore.boot()
        self.spool = Spool(flash.region("spool"))
        self.challenge = Challenge(world.rng.randbytes)
        self.clock = Clock(lambda: world.ticks_ms % 2**30, self.keystore, self.challenge)
        self.sealer = Sealer(self.keystore, self.spool, world.rng.randbytes)
        self.store = Rules(flash.log("rules"))
        self.in_force = InForce(self.store, self.keystore, self.clock, self.challenge, self.spool)
        self.in_force.stop_sensing = lambda lost: None
        self.outbox = Outbox(self.spool)
        self.sensors = SimpleNamespace(close=lambda: None)
        self.given: list[tuple[Number, bytes]] = []
        self.begun: list[bytes] = []
        self._watch()
        # Without its constructor: the link's parts are not there. `_apply` is what takes each downlink.
        self.session = Session.__new__(Session)
        self.session._client = SimpleNamespace(prove=lambda: None)
        self.session._node, self.session._outbox, self.session._board = self, self.outbox, self
        self.session._healing, self.session._opened, self.session.verdicts = (), 0, 0
        self.in_force.resume(self.feed)

    def _watch(self) -> None:
        give, append = self.keystore.next_envelope, self.spool.append

        def given(stream: int, epoch: int) -> tuple[int, bytearray]:
            counter, key = give(stream, epoch)
            self.given.append(((self.keystore.generation, stream, epoch, counter), bytes(key)))
            return counter, key

        def begun(stream: int, time_s: int, data: bytes) -> Any:
            self.begun.append(bytes(data))
            return append(stream, time_s, data)

        self.keystore.next_envelope, self.spool.append = given, begun

    # What a key store asks of its board, and a session of its node.

    def reset_cause(self) -> int:
        """Why it started."""
        return self.cause

    def retained(self) -> bytes:
        """Retained memory."""
        return self.world.memory

    def retain(self, data: bytes) -> None:
        """Written."""
        self.world.memory = bytes(data)

    def random(self, n: int) -> bytes:
        """Of the board."""
        return self.world.rng.randbytes(n)

    def feed(self) -> None:
        """Nobody watches."""

    def report_soon(self, reason: int) -> None:
        """Nobody is told."""

    def on_time(self) -> None:
        """As App does it."""
        if self.clock.day_is_over():
            now_s = self.clock.now_s()
            if now_s is not None:
                self.keystore.advance(now_s // DAY_S, now_s, self.feed)

    def take(self, message: bytes) -> None:
        """One downlink has come."""
        self.session._apply(message)


class Keys:
    """A device's ladders as the server knows them: all generations, from the root and from each healing."""

    def __init__(self, root: bytes, epoch: int) -> None:
        heads = {stream: ladder.spine(root, stream) for stream in STREAMS} | {DOWN: ladder.down_chain(root)}
        self._spines: dict[tuple[int, int], list[bytes]] = {}
        self._chains: dict[tuple[int, ...], list[bytes]] = {}
        self._first: dict[int, int] = {}
        self.begin(0, epoch, heads)

    def begin(self, generation: int, epoch: int, heads: dict[int, bytes]) -> None:
        """A generation; one under the same number that never began is forgotten."""
        self._chains = {key: chain for key, chain in self._chains.items() if key[0] != generation}
        self._first[generation] = epoch
        for stream in STREAMS:
            self._spines[generation, stream] = [heads[stream]]
        self._chains[generation, DOWN] = [heads[DOWN]]

    def spine(self, generation: int, stream: int, epoch: int) -> bytes:
        """S(g, n)."""
        known = self._spines[generation, stream]
        while len(known) <= epoch - self._first[generation]:
            known.append(ladder.next_spine(known[-1], stream))
        return known[epoch - self._first[generation]]

    def spines(self, generation: int, stream: int, until: int) -> list[bytes]:
        """S of all epochs up to and with `until`."""
        self.spine(generation, stream, until)
        return self._spines[generation, stream][: until - self._first[generation] + 1]

    def chain(self, generation: int, stream: int, epoch: int, counter: int) -> bytes:
        """C(g, n, k)."""
        key = (generation, stream, epoch)
        if key not in self._chains:
            self._chains[key] = [ladder.day_chain(self.spine(*key), stream)]
        return self._step(self._chains[key], stream, counter)

    def down(self, generation: int, number: int) -> bytes:
        """C(g, m) of the downlink."""
        return self._step(self._chains[generation, DOWN], DOWN, number)

    @staticmethod
    def _step(known: list[bytes], stream: int, at: int) -> bytes:
        while len(known) <= at:
            known.append(ladder.step(known[-1], stream))
        return known[at]

    def open(self, data: bytes) -> bytes:
        """Plaintext of an uplink; SealBroken if it is not one of the device's."""
        parsed = envelope.parse_uplink(data)
        generation, stream, epoch, counter, _ = parsed.header
        key = ladder.seal_key(self.chain(generation, stream, epoch, counter), stream)
        return envelope.open_uplink(DEVICE, parsed, key)

    def seal(self, generation: int, number: int, value: list[Any], nonce: bytes) -> bytes:
        """A downlink."""
        key = ladder.seal_key(self.down(generation, number), DOWN)
        return downlink.seal_downlink(DEVICE, generation, number, key, nonce, value)


class Offer:
    """An offer of healing, and what begins with the device's answer to it."""

    def __init__(self, rng: random.Random, epoch: int, ahead: int) -> None:
        self._private = rng.randbytes(32)
        self.epoch, self.spine_epoch = epoch, epoch + ahead

    def value(self) -> list[Any]:
        """The downlink's array."""
        public = X25519PrivateKey.from_private_bytes(self._private).public_key().public_bytes_raw()
        return [4, public, self.spine_epoch, self.epoch]

    def heads(self, keys: Keys, generation: int, answer: bytes) -> dict[int, bytes]:
        """First spines of the next generation, and its first down chain, out of the plaintext of the answer."""
        shared = ladder.shared_secret(self._private, codec.unpack(answer)[2])
        old = {stream: keys.spine(generation, stream, self.spine_epoch) for stream in STREAMS}
        return {s: ladder.mix(old[s], shared, s) for s in STREAMS} | {DOWN: ladder.mix(old[STATUS], shared, DOWN)}


class World:
    """Flash, retained memory, true time and the device that runs at present."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.flash = Flash(seed)
        self.memory = b""
        self.now_s = START_S
        self.ticks_ms = self.rng.randrange(2**30)
        root = self.rng.randbytes(32)
        self.keys = Keys(root, START_S // DAY_S)
        self.flash.log("rules").wipe()
        Spool(self.flash.region("spool")).wipe()
        log = self.flash.log("keys")
        log.load()
        log.wipe()
        KeyStore(log).enrol(DEVICE, bytearray(root), 0, START_S // DAY_S, START_S)
        self.unit = Unit(self, POWER_ON)

    def start(self, cause: int = POWER_ON) -> Unit:
        """Start again over the same flash; the challenge, the time and what was in RAM are gone."""
        self.flash.check()
        self.unit = Unit(self, cause)
        return self.unit

    def pass_s(self, seconds: int) -> None:
        """Time passes."""
        self.now_s += seconds
        self.ticks_ms += seconds * 1000
