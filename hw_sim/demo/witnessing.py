"""What comes after anything that may happen to a byleave installation: it goes on, all has time to arrive, and is witnessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloud_sync.model import UPLINK_STREAMS
from cloud_sync.wire.fields import MOST_EPOCH
from hw_sim.demo.invariants import QUIET, Witness, judge
from hw_sim.demo.stage import SUBJECT
from hw_sim.demo.steps.acts import DRAIN_MINUTES, HOLD_S, OPERATOR_ACTOR
from hw_sim.demo.steps.ladders import KEY_BYTES, ancestors
from hw_sim.scenario.product import Figure, Finding

if TYPE_CHECKING:
    from hw_sim.demo.running import Byleaving

GO_ON_S = 60  # long enough for a contact and a few fixes; the button then closes the batch
SLICE_S = 5


class Recovery:
    """Looks at one installation; `findings` lets time pass."""

    def __init__(self, running: Byleaving) -> None:
        self._it = running
        self._past: list[str] = []
        self._waited, self._sent = 0, len(running.sent)

    def findings(self) -> list[Finding]:
        """Every breach, once everything had time to arrive."""
        it = self._it
        self._scan()
        self._waited = len(it.spooled())
        if not it.board.powered:
            it.board.power_on()
        powered_s = it.board.gnss.powered_s
        it.run(for_s=GO_ON_S, until=self._restless)
        if it.board.gnss.powered_s > powered_s:
            self._park()
        self._drain()
        self._scan()
        return judge(self.witness())

    def _park(self) -> None:
        """The button: the open batch is sealed."""
        self._it.act("park")
        self._it.run(for_s=HOLD_S + 1)

    def _drain(self) -> None:
        it, end = self._it, self._it.world.clock.unix_s + 60 * DRAIN_MINUTES
        while it.world.clock.unix_s < end and not self._restless():
            if not it.spooled() and self._went_on() and not it.network.connections:
                return
            it.run(for_s=SLICE_S, until=self._restless)

    def _told(self) -> int:
        return len(self._it.sent) - self._sent

    def _restless(self) -> bool:
        """Far more has been said than there is to say: it would go on for ever."""
        return self._told() > QUIET + 2 * self._waited

    def _went_on(self) -> bool:
        return len(self._it.exhibits.sealed.envelopes) > self._it.since

    def _scan(self) -> None:
        """Look for used keys in the raw memory; what was sealed until now names them."""
        it = self._it
        it.exhibits.sealed_then = list(it.exhibits.sealed.envelopes.values())
        if it.exhibits.sealed_then:
            self._past += found_in(bytes(it.board.flash.data), ancestors(it.exhibits), it.board.flash.sector_bytes)
            self._past += found_in(it.board.retained, ancestors(it.exhibits), it.board.flash.sector_bytes)

    def witness(self) -> Witness:
        """What there is to judge, as it is now."""
        it = self._it
        it.look()
        state = it.cloud.database.directive_state(it.device)
        rows = [
            row for stream in UPLINK_STREAMS for row in it.cloud.database.envelopes(it.device, stream, 0, MOST_EPOCH)
        ]
        end = it.world.clock.unix_s + it.clock.offset_s
        fixes = it.cloud.read_location(actor=OPERATOR_ACTOR, purpose="tracking", subject=SUBJECT, start=0, end=end)
        return Witness(
            sealed=dict(it.exhibits.sealed.envelopes),
            sent=list(it.sent),
            rows=[(row.id, row.digest) for row in rows],
            waiting=it.spooled(),
            dropped=set(it.dropped),
            floors=tuple(state.floors) if state is not None else (),
            kinds=it.kinds.copy(),
            since=it.since,
            cuts=it.all_cuts,
            batch=it.batch,
            measured=set(it.solutions()),
            read=[fix.time for fix in fixes],
            early=it.early,
            told=self._told(),
            waited=self._waited,
            past_keys=self._past,
        )

    def figures(self) -> dict[str, Figure]:
        """Counts, by names that a scenario's bounds may use."""
        seen = self.witness()
        return {
            "byleave.sealed": len(seen.sealed),
            "byleave.stored": len(seen.rows),
            "byleave.waiting": len(seen.waiting),
            "byleave.dropped": len(seen.dropped),
            "byleave.fixes_measured": len(seen.measured),
            "byleave.fixes_read": len(set(seen.read)),
            "byleave.uplinks": len(seen.sent),
            "byleave.power_cuts": seen.cuts,
        }


def found_in(memory: bytes, values: dict[bytes, str], sector_bytes: int) -> list[str]:
    """Names of the values that lie anywhere in a memory, at any offset; blank sectors are passed over at once."""
    blank = (b"\xff" * sector_bytes, bytes(sector_bytes))
    found: list[str] = []
    end = 0
    for at in range(0, len(memory), sector_bytes):
        if memory[at : at + sector_bytes] in blank:
            continue
        # From before the sector, so that a value that lies across its edge is seen; never the same bytes twice.
        begin = max(end, at - KEY_BYTES + 1)
        end = min(at + sector_bytes, len(memory) - KEY_BYTES + 1)
        found += [values[memory[i : i + KEY_BYTES]] for i in range(begin, end) if memory[i : i + KEY_BYTES] in values]
    return found
