"""Rows of directive states: what the server knows of each device's permission."""

from __future__ import annotations

from typing import Any

from cloud_sync.model import DirectiveState
from cloud_sync.storage.engine import Engine

_STATE = (
    *("device", "version", "current", "applied_version", "challenge", "down_next", "reported_down_next"),
    *("floor_location", "floor_environment", "floor_motion", "floor_status"),
    *("reported_generation", "reported_epoch", "reported_counter"),
)
_STATES = f"SELECT {', '.join(_STATE)} FROM directive_state"
_PUT_STATE = (
    f"INSERT INTO directive_state ({', '.join(_STATE)}) VALUES ({', '.join('?' * len(_STATE))})"
    f" ON CONFLICT (device) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _STATE[1:])}"
)


class DirectiveRows(Engine):
    """The part of the telemetry database that keeps one state a device."""

    def directive_state(self, device: str) -> DirectiveState | None:
        """What the server knows of the device's permission."""
        row = self.maybe(f"{_STATES} WHERE device = ?", (device,))
        return _state(row) if row else None

    def unsealed_states(self) -> list[DirectiveState]:
        """Those whose directive lies in the clear, as before schema 4: an array of 14 begins with 0x9E."""
        return [
            _state(row) for row in self.rows(f"{_STATES} WHERE substr(current, 1, 1) = ? ORDER BY device", (b"\x9e",))
        ]

    def put_directive_state(self, state: DirectiveState) -> None:
        """Insert or replace the one row of the device."""
        self.run(
            _PUT_STATE,
            (
                state.device,
                state.version,
                state.current,
                state.applied_version,
                state.challenge,
                state.down_next,
                state.reported_down_next,
                *state.floors,
                *state.reported_at,
            ),
        )


def _state(row: tuple[Any, ...]) -> DirectiveState:
    device, version, current, applied, challenge, down_next, reported, *rest = row
    location, environment, motion, status, generation, epoch, counter = rest
    return DirectiveState(
        device=device,
        version=version,
        current=current,
        applied_version=applied,
        challenge=challenge,
        down_next=down_next,
        reported_down_next=reported,
        floors=(location, environment, motion, status),
        reported_at=(generation, epoch, counter),
    )
