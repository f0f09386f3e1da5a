"""Readings within a span of time: whether an opened batch has any, and the batch without them (docs/wire-format.md section 5).

The time of a coarse reading is the start of its step. What may have been captured within the span counts as within it, so an
erasure that begins in the middle of a step takes the whole step along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloud_sync.errors import WireFormatError
from cloud_sync.model import Stream
from cloud_sync.wire import codec, columns
from cloud_sync.wire.batch import TIME_STEP_S, decode_location
from cloud_sync.wire.envelope import MOST_ENVELOPE_BYTES
from cloud_sync.wire.readings import decode_environment, decode_motion

Span = tuple[int, int]  # Unix seconds, from the first to before the second
#: Header, salt, tag and the heads of three strings are 37 bytes at most.
MOST_PLAINTEXT_BYTES: Final = MOST_ENVELOPE_BYTES - 40


@dataclass(frozen=True, slots=True)
class Piece:
    """A plaintext that stays, and the Unix second of its oldest reading."""

    oldest_capture: float
    plaintext: bytes


@dataclass(frozen=True, slots=True)
class _Batch:
    """An opened batch as its columns; `times` are Unix seconds at the starts of steps."""

    head: list[int]  # what stands before n
    step_s: int
    times: list[int]
    data: list[list[int]]  # the columns, times since the start of the epoch among them

    def within(self, spans: Sequence[Span]) -> list[bool]:
        """Of each reading, whether it may have been captured within one of the spans."""
        return [any(start < time + self.step_s and time < end for start, end in spans) for time in self.times]

    def pack(self, chosen: Sequence[int]) -> bytes:
        """The plaintext of some of the readings."""
        parts = [columns.encode([column[index] for index in chosen]) for column in self.data]
        return codec.pack([*self.head, len(chosen), *parts])


def touches(stream: int, plaintext: bytes, epoch: int, spans: Sequence[Span]) -> bool:
    """Whether a reading of the batch lies within one of the spans; WireFormatError if it breaks the format."""
    return any(_batch(stream, plaintext, epoch).within(spans))


def span_of(stream: int, plaintext: bytes, epoch: int) -> Span:
    """From the first capture of the batch to before the end of the last one's step; WireFormatError if it breaks the format."""
    batch = _batch(stream, plaintext, epoch)
    return min(batch.times), max(batch.times) + batch.step_s


def without(stream: int, plaintext: bytes, epoch: int, span: Span) -> list[Piece]:
    """What stays of the batch: as it is if all stays, else in one piece or, should that be too long, in several.

    WireFormatError if it breaks the format.
    """
    batch = _batch(stream, plaintext, epoch)
    stays = [index for index, gone in enumerate(batch.within([span])) if not gone]
    if len(stays) == len(batch.times) and len(plaintext) <= MOST_PLAINTEXT_BYTES:
        return [Piece(float(min(batch.times)), plaintext)]
    return _fitting(batch, stays)


def parted(stream: int, plaintext: bytes, epoch: int, part: Callable[[float, float], Hashable | None]) -> list[Piece]:
    """The batch in parts, as it is where there is one: readings of which `part` says the same lie together, those of None go.

    `part` is asked from the start to the end of each reading's step. WireFormatError if it breaks the format.
    """
    batch = _batch(stream, plaintext, epoch)
    parts: dict[Hashable | None, list[int]] = defaultdict(list)
    for index, time in enumerate(batch.times):
        parts[part(float(time), float(time + batch.step_s))].append(index)
    if len(parts) == 1 and None not in parts and len(plaintext) <= MOST_PLAINTEXT_BYTES:
        return [Piece(float(min(batch.times)), plaintext)]
    return [piece for name, chosen in parts.items() if name is not None for piece in _fitting(batch, chosen)]


def _fitting(batch: _Batch, chosen: Sequence[int]) -> list[Piece]:
    """Columns with a gap may be longer than they were without [an erasure must not fail on it]."""
    if not chosen:
        return []
    plaintext = batch.pack(chosen)
    if len(plaintext) <= MOST_PLAINTEXT_BYTES or len(chosen) == 1:
        return [Piece(float(min(batch.times[index] for index in chosen)), plaintext)]
    half = len(chosen) // 2
    return [*_fitting(batch, chosen[:half]), *_fitting(batch, chosen[half:])]


def _batch(stream: int, plaintext: bytes, epoch: int) -> _Batch:
    head_length, opened = _FORMS.get(stream, (0, None))
    if opened is None:
        raise WireFormatError("a stream without readings of a person")
    times, step_s = opened(plaintext, epoch)
    value: list[Any] = codec.unpack_padded(plaintext)
    head, n, parts = value[:head_length], value[head_length], value[head_length + 1 :]
    return _Batch(head, step_s, times, [columns.decode(part, n) for part in parts])


def _location(plaintext: bytes, epoch: int) -> tuple[list[int], int]:
    batch = decode_location(plaintext, epoch)
    return batch.times, TIME_STEP_S[batch.precision]


def _environment(plaintext: bytes, epoch: int) -> tuple[list[int], int]:
    batch = decode_environment(plaintext, epoch)
    return batch.times, batch.step_s


def _motion(plaintext: bytes, epoch: int) -> tuple[list[int], int]:
    batch = decode_motion(plaintext, epoch)
    return batch.times, batch.step_s


_Opened = Callable[[bytes, int], tuple[list[int], int]]
#: How many entries stand before n, and how a batch is checked.
_FORMS: Final[dict[int, tuple[int, _Opened]]] = {
    Stream.LOCATION: (1, _location),
    Stream.ENVIRONMENT: (2, _environment),
    Stream.MOTION: (1, _motion),
}
