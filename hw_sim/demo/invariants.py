"""What must hold of a byleave installation after anything that may happen to it, each promise a function of what was witnessed.

The list is that of the key and clock rules (docs/threat-model.md, docs/wire-format.md section 2 and 3). Every function returns what
is wrong, in sentences with figures; an empty list says that the promise holds. They are pure: a test plants each breach by
changing one thing in what a sound run left behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EnvelopeId, Header
from cloud_sync.wire.envelope import parse_uplink
from hw_sim.demo.sealed import used_twice
from hw_sim.scenario.product import Finding

# How a message of a sound device may end. All else says that the server cannot open, or must not believe, what came.
SOUND = frozenset((Kind.STORED, Kind.REPEATED, Kind.BELOW_FLOOR, Kind.DENIED, Kind.PASSED_OVER))
# Solutions of which a device that starts takes the time alone, before it may sense a position (wire format, section 6).
TIME_ALONE = 2
# Uplinks of a minute after a start and of a parking: a dozen, some sent twice; what waited comes on top, twice at most.
QUIET = 60


@dataclass
class Witness:
    """All that was seen of one installation, over all lives of its board, once everything had time to arrive.

    Envelopes are bytes, digests the first eight bytes of their SHA-256 as in a verdict; times are Unix seconds.
    """

    sealed: dict[bytes, bytes]  # digest -> envelope that was whole in the spool at some time, in the order of sealing
    sent: list[bytes]  # what passed the wire as an uplink
    rows: list[tuple[EnvelopeId, bytes]]  # the server's store: number and digest
    waiting: set[bytes]  # digests in the spool
    dropped: set[bytes]  # refused for good by a verdict
    floors: tuple[int, ...]  # by stream: below this directive version nothing is kept, on the device either
    kinds: Counter[str]  # how the server's messages ended
    since: int  # envelopes sealed before the power came back
    cuts: int  # of the board's power
    batch: int  # fixes in an envelope at most
    measured: set[int] = field(default_factory=set)  # times of the receiver's solutions at the rate of the directive
    read: list[int] = field(default_factory=list)  # times of the fixes that may be read
    early: int = 0  # personal envelopes that were sealed before anything told the device the time
    told: int = 0  # uplinks while everything had time to arrive
    waited: int = 0  # envelopes in the spool before that
    past_keys: list[str] = field(default_factory=list)  # names of used keys that lie in flash or retained memory

    def headers(self) -> list[tuple[bytes, Header]]:
        """Digest and header of each sealed envelope, in order."""
        return [(digest, parse_uplink(envelope).header) for digest, envelope in self.sealed.items()]


def nothing_sealed_is_lost(seen: Witness) -> list[str]:
    """Every sealed envelope is stored, dropped by a verdict, waits in the spool, or was wiped because its leave was taken back."""
    stored = {digest for _, digest in seen.rows}
    lost = [
        (digest, header)
        for digest, header in seen.headers()
        if digest not in stored | seen.dropped | seen.waiting
        and header.directive_version >= _floor(seen.floors, header.stream)
    ]
    return [
        f"{len(lost)} of {len(seen.sealed)} sealed envelopes are nowhere; the first: {_name(lost[0][1])}"
        for _ in lost[:1]
    ]


def no_key_is_used_twice(seen: Witness) -> list[str]:
    """No number, and so no pair of key and nonce, stands on two different envelopes, in flash or on the wire."""
    twice = used_twice([*seen.sealed.values(), *seen.sent])
    return [f"{twice} numbers stand on two different envelopes"] if twice else []


def nothing_is_stored_twice(seen: Witness) -> list[str]:
    """The store has one row for each number, and no fix twice."""
    rows = len(seen.rows) - len({number for number, _ in seen.rows})
    fixes = len(seen.read) - len(set(seen.read))
    return [f"{rows} rows and {fixes} fixes are doubled"] if rows or fixes else []


def all_opens_at_the_server(seen: Witness) -> list[str]:
    """Whatever the device sends opens at the server, and is believed."""
    bad = {str(kind): count for kind, count in sorted(seen.kinds.items()) if kind not in SOUND and count}
    return [f"the server took {bad} amiss"] if bad else []


def it_goes_on(seen: Witness) -> list[str]:
    """The next envelope after a start opens at the server."""
    stored, after = {digest for _, digest in seen.rows}, list(seen.sealed)[seen.since :]
    if any(digest in stored for digest in after):
        return []
    return [f"none of the {len(after)} envelopes sealed since the power came back is stored"]


def no_past_key_is_left(seen: Witness) -> list[str]:
    """A raw scan of flash and retained memory finds nothing that opens an envelope that was sealed."""
    found = sorted(set(seen.past_keys))
    return [f"{len(found)} values of the past lie there; the first: {found[0]}"] if found else []


def versions_never_fall(seen: Witness) -> list[str]:
    """The directive in force is never replaced by an older one; version 0 says that none is in force."""
    highest, falls = 0, []
    for _, header in seen.headers():
        if 0 < header.directive_version < highest:
            falls.append(f"{_name(header)} is of directive {header.directive_version}, after {highest}")
        highest = max(highest, header.directive_version)
    return falls[:1]


def numbers_only_rise(seen: Witness) -> list[str]:
    """Generation, epoch and counter rise from envelope to envelope of a stream, over every start."""
    last: dict[int, tuple[int, int, int]] = {}
    for _, header in seen.headers():
        number = (header.generation, header.epoch, header.counter)
        if number <= last.get(int(header.stream), (-1, -1, -1)):
            return [f"{_name(header)} was sealed after {last[int(header.stream)]}"]
        last[int(header.stream)] = number
    return []


def no_personal_data_without_time(seen: Witness) -> list[str]:
    """Before receiver or server has told the time, nothing but `status` is sealed; and no fix has a time that never was."""
    invented = [time for time in seen.read if time not in seen.measured]
    said = [f"{seen.early} personal envelopes were sealed before the device had the time"] if seen.early else []
    return said + [f"{len(invented)} fixes were never measured; the first at {invented[0]}" for _ in invented[:1]]


def the_spool_drains(seen: Witness) -> list[str]:
    """With the link up, all that waits gets its verdict."""
    return [f"{len(seen.waiting)} envelopes still wait"] if seen.waiting else []


def it_comes_to_rest(seen: Witness) -> list[str]:
    """Device and server have said what there is to say after a few messages: they do not answer each other for ever."""
    most = QUIET + 2 * seen.waited
    return [f"{seen.told} uplinks after the start, and no end; at most {most}"] if seen.told > most else []


def fixes_lost_are_the_open_batch(seen: Witness) -> list[str]:
    """Of what was measured a cut costs the open batch, and what a start needs to know the time."""
    lost, most = len(seen.measured - set(seen.read)), seen.cuts * (seen.batch + TIME_ALONE)
    return [f"{lost} fixes are lost, of {len(seen.measured)} measured; at most {most}"] if lost > most else []


PROMISES: tuple[Callable[[Witness], list[str]], ...] = (
    nothing_sealed_is_lost,
    no_key_is_used_twice,
    nothing_is_stored_twice,
    all_opens_at_the_server,
    it_goes_on,
    no_past_key_is_left,
    versions_never_fall,
    numbers_only_rise,
    no_personal_data_without_time,
    the_spool_drains,
    it_comes_to_rest,
    fixes_lost_are_the_open_batch,
)


def name_of(promise: Callable[[Witness], list[str]]) -> str:
    """The name of a promise in findings and figures."""
    return promise.__name__.replace("_", "-")


def judge(seen: Witness) -> list[Finding]:
    """Every breach of every promise."""
    return [Finding(name_of(promise), detail) for promise in PROMISES for detail in promise(seen)]


def _floor(floors: tuple[int, ...], stream: int) -> int:
    return floors[stream - 1] if floors else 0


def _name(header: Header) -> str:
    return f"stream {int(header.stream)}, generation {header.generation}, day {header.epoch}, number {header.counter}"
