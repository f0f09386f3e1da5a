"""Directive states at rest: their directive is sealed, so that the telemetry database and its backups tell no place.

A directive whose key is gone, or that does not open as that of its row, counts as not known: the device is told anew at its next
status, with its challenge, and what it captured before stays out (`state.observed` does the same for a lost version).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from cloud_sync.errors import SealBroken, UnknownDevice
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.model import DirectiveState
from cloud_sync.stores import Database


class AtRest(Protocol):
    """Between a state as the rules see it and a state as the store holds it."""

    def sealed(self, state: DirectiveState) -> DirectiveState:
        """For the store."""

    def opened(self, state: DirectiveState) -> DirectiveState:
        """From the store."""


class SealedAtRest:
    """Under the key of the person whom the device is about."""

    def __init__(self, database: Database, people: PersonKeys) -> None:
        self._database = database
        self._people = people

    def sealed(self, state: DirectiveState) -> DirectiveState:
        """With the directive sealed for its device and version [yesterday's must not stand for today's]."""
        if not state.current:
            return state
        current = self._people.seal(self._subject(state.device), state.current, _identity(state))
        return replace(state, current=current)

    def opened(self, state: DirectiveState) -> DirectiveState:
        """With the directive in the clear; without one where it does not open."""
        if not state.current:
            return state
        try:
            return replace(
                state, current=self._people.open(self._subject(state.device), state.current, _identity(state))
            )
        except SealBroken:
            return replace(state, current=b"")

    def migrate(self) -> int:
        """Seal what a store from before schema 4 holds in the clear, in the files' old pages too; how many there were."""
        with self._database.transaction():
            states = self._database.unsealed_states()
            for state in states:
                self._database.put_directive_state(self.sealed(state))
        if states:
            self._database.vacuum_erased()
        return len(states)

    def _subject(self, device: str) -> str:
        found = self._database.device(device)
        if found is None:
            raise UnknownDevice("no such device is enrolled")
        return found.subject


def _identity(state: DirectiveState) -> bytes:
    return f"byleave/1/directive/{state.device}/{state.version}".encode()
