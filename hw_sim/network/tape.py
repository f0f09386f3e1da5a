"""What peers said, on tape: the one thing in a run that neither seed nor program decides.

Real brokers and servers answer when and how they will; all else follows from the seed. So a run is repeated to the byte, or up to
any instant of it, by playing the tape to a board in a world of the same seed, without any peer.

A tape has, in order: for each dialling whether somebody answered, for each time that the peers were waited for what they said
on which connection, and a check sum of each piece that the board sent.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from hw_sim.errors import HwSimError

if TYPE_CHECKING:
    from hw_sim.network.net import Network
    from hw_sim.world.clock import VirtualClock

DIALLED, REFUSED, SAID, ENDED, BROKE, SENT = range(6)
NAMES = (
    "a connection",
    "a refused connection",
    "bytes from a peer",
    "an end",
    "a broken connection",
    "bytes of the board",
)
_MAGIC = b"byleave tape 1\n"
_HEAD = struct.Struct("<qdqI")  # seed, start of the world, end of the tape in µs, entries
_ENTRY = struct.Struct("<BIII")  # kind, settling, connection, bytes that follow (of SENT: the check sum)
SIZE_LIMIT_BYTES = 256 << 20  # a month of traffic; it is read into memory whole


class TapeError(HwSimError):
    """A tape that cannot be read, is another world's, or does not fit what the board does."""


class Entry(NamedTuple):
    """One thing that happened; of bytes of the board the check sum stands in `data`."""

    kind: int
    settling: int
    connection: int
    data: bytes = b""


class Peer(Protocol):
    """What of a socket is used."""

    def recv(self, size: int, /) -> bytes: ...

    def sendall(self, data: bytes, /) -> None: ...

    def setblocking(self, on: bool, /) -> None: ...

    def settimeout(self, timeout_s: float | None, /) -> None: ...

    def setsockopt(self, level: int, option: int, value: int | bytes, /) -> None: ...

    def fileno(self) -> int: ...

    def close(self) -> None: ...


class Tape:
    """The entries of a run, and of which world it was. It ends at `end_us`, or is still running with that world's `clock`."""

    def __init__(
        self,
        seed: int,
        start_unix_s: float,
        entries: Iterable[Entry] = (),
        *,
        end_us: int = 0,
        clock: VirtualClock | None = None,
    ) -> None:
        self.seed, self.start_unix_s = seed, start_unix_s
        self.entries = list(entries)
        self._end_us, self._clock = end_us, clock

    @property
    def end_us(self) -> int:
        """Up to then nothing else happened than what it holds."""
        return self._clock.now_us if self._clock else self._end_us

    def ended(self) -> Tape:
        """A copy that ends now."""
        return Tape(self.seed, self.start_unix_s, self.entries, end_us=self.end_us)

    def add(self, kind: int, settling: int, connection: int, data: bytes = b"") -> None:
        """Something has happened."""
        self.entries.append(Entry(kind, settling, connection, data))

    def save(self, path: Path) -> None:
        """Writes it."""
        parts = [_MAGIC, _HEAD.pack(self.seed, self.start_unix_s, self.end_us, len(self.entries))]
        for entry in self.entries:
            parts += [_ENTRY.pack(entry.kind, entry.settling, entry.connection, len(entry.data)), entry.data]
        body = b"".join(parts)
        path.write_bytes(body + struct.pack("<I", zlib.crc32(body)))

    @classmethod
    def load(cls, path: Path) -> Tape:
        """Reads it; TapeError for a file that is none, or is damaged."""
        try:
            if path.stat().st_size > SIZE_LIMIT_BYTES:
                raise TapeError(f"{path.name}: larger than {SIZE_LIMIT_BYTES >> 20} MiB")
            content = path.read_bytes()
        except OSError as error:
            raise TapeError(f"{path}: {error.strerror}") from error
        body, check = content[:-4], content[-4:]
        if not body.startswith(_MAGIC) or check != struct.pack("<I", zlib.crc32(body)):
            raise TapeError(f"{path.name}: no tape of this version, or damaged")
        try:
            return cls._parsed(body)
        except (struct.error, IndexError) as error:
            raise TapeError(f"{path.name}: {error}") from error

    @classmethod
    def _parsed(cls, body: bytes) -> Tape:
        seed, start_unix_s, end_us, count = _HEAD.unpack_from(body, len(_MAGIC))
        tape, at = cls(seed, start_unix_s, end_us=end_us), len(_MAGIC) + _HEAD.size
        for _ in range(count):
            kind, settling, connection, size = _ENTRY.unpack_from(body, at)
            at += _ENTRY.size + size
            if kind > SENT or at > len(body):
                raise TapeError("a tape with an entry that cannot be")
            tape.add(kind, settling, connection, body[at - size : at])
        if at != len(body):
            raise TapeError("a tape with something behind its end")
        return tape


class Recorder:
    """Puts on tape what passes between a network and its peers, from now on."""

    def __init__(self, network: Network) -> None:
        if network.opened:
            raise TapeError("the board has had connections already: record from the start of the world")
        self._network = network
        self.tape = Tape(network.world.seed, network.world.start_unix_s, clock=network.world.clock)

    def note(self, kind: int, connection: int, data: bytes = b"") -> None:
        """Something happens now."""
        self.tape.add(kind, self._network.settlings, connection, data)

    def taped(self, peer: Peer, connection: int) -> Peer:
        """A peer that has answered, with the tape running."""
        self.note(DIALLED, connection)
        return _Taped(peer, self, connection)


class _Taped:
    def __init__(self, peer: Peer, recorder: Recorder, connection: int) -> None:
        self._peer, self._recorder, self._connection = peer, recorder, connection
        self.setblocking, self.settimeout, self.setsockopt = peer.setblocking, peer.settimeout, peer.setsockopt
        self.fileno, self.close = peer.fileno, peer.close

    def recv(self, size: int) -> bytes:
        try:
            data = self._peer.recv(size)
        except BlockingIOError:
            raise
        except OSError:
            self._recorder.note(BROKE, self._connection)
            raise
        self._recorder.note(SAID if data else ENDED, self._connection, data)
        return data

    def sendall(self, data: bytes) -> None:
        self._recorder.note(SENT, self._connection, _check(data))
        self._peer.sendall(data)


class Player:
    """Plays a tape to a network in place of its peers. When it is over, connections of it are reset and new ones are real."""

    def __init__(self, network: Network, tape: Tape) -> None:
        world = network.world
        if (tape.seed, tape.start_unix_s) != (world.seed, world.start_unix_s):
            raise TapeError(f"the tape is of a world of seed {tape.seed} that began at {tape.start_unix_s:.0f}")
        if network.opened:
            raise TapeError("the board has had connections already: play from the start of the world")
        self._network = network
        self._left, self._end_us = deque(tape.entries), tape.end_us

    @property
    def over(self) -> bool:
        """All of it was played, and its time has passed."""
        return not self._left and self._network.world.clock.now_us > self._end_us

    @property
    def dials(self) -> bool:
        """A dialling must be on it."""
        return bool(self._left) or self._network.world.clock.now_us < self._end_us

    def dial(self, connection: int) -> Peer:
        """As it was answered then; ConnectionRefusedError if it was refused."""
        if self._expect((DIALLED, REFUSED), connection).kind == REFUSED:
            raise ConnectionRefusedError
        return _Played(self, connection)

    def sent(self, connection: int, data: bytes) -> None:
        """The board says this, as it did then."""
        if not self.dials:
            raise ConnectionResetError
        if self._expect((SENT,), connection).data != _check(data):
            raise TapeError(f"{self._when()}: the board sends other bytes than on the tape")

    def said(self, connection: int) -> bytes:
        """What the peer says now; BlockingIOError for nothing."""
        if self.over:
            raise ConnectionResetError
        entry, now = self._left[0] if self._left else None, (self._network.settlings, connection)
        if entry is None or entry.kind not in (SAID, ENDED, BROKE) or (entry.settling, entry.connection) != now:
            raise BlockingIOError
        self._left.popleft()
        if entry.kind == BROKE:
            raise ConnectionResetError
        return entry.data

    def _expect(self, kinds: tuple[int, ...], connection: int) -> Entry:
        entry = self._left.popleft() if self._left else None
        now = (self._network.settlings, connection)
        if entry is None or entry.kind not in kinds or (entry.settling, entry.connection) != now:
            then = f"{NAMES[entry.kind]} of connection {entry.connection}" if entry else "nothing more"
            raise TapeError(f"{self._when()}: {NAMES[kinds[0]]} of connection {connection}, on the tape {then}")
        return entry

    def _when(self) -> str:
        return f"the run differs from the tape at {self._network.world.clock.now_us / 1e6:.6f} s"


class _Played:
    def __init__(self, player: Player, connection: int) -> None:
        self._player, self._connection = player, connection

    def recv(self, size: int) -> bytes:
        return self._player.said(self._connection)

    def sendall(self, data: bytes) -> None:
        self._player.sent(self._connection, data)

    def setblocking(self, on: bool) -> None:
        pass

    def settimeout(self, timeout_s: float | None) -> None:
        pass

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        pass

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        pass


def _check(data: bytes) -> bytes:
    return struct.pack("<II", len(data), zlib.crc32(data))
