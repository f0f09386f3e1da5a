"""What the release before has sealed waits in the spool of a release on trial, and the server stores it: that confirms nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud_sync.ingest.outcome import Kind
from firmware import sealer, slots, update
from firmware.wire import envelope
from tests.faults.healing_pair import Pair
from tests.unit.firmware.update.update_world import Client, World, broker, release

TRIAL, CONFIRMED = 2, 1


class Trial:
    """A device with one envelope of the release before in its spool, that has just started the next."""

    def __init__(self, directory: Path) -> None:
        self.world = World()
        self.world.start()
        self.world.offer(release("1.0"))
        assert self.world.contact(Client(broker(release("1.0"))))
        self.pair = Pair(directory)
        self.pair.contact()
        self.pair.pass_s(60)
        self.pair.unit.seal_fixes([self.pair.now])
        self.world.start()
        assert update.state == TRIAL
        self.unit: Any = self.pair.start()
        self.unit.settings = {}

    def contact(self) -> list[Kind]:
        """What the server made of it."""
        before = len(self.pair.kinds)
        with self.world.machine():
            self.pair.contact()
        return self.pair.kinds[before:]

    def confirmed(self) -> bool:
        """As flash says it."""
        return bool(slots.Slot(self.world.nor, update.slot).marked(CONFIRMED))

    def tell(self) -> None:
        """As the app does with each status that it sealed."""
        seal = self.unit.sealer.seal

        def sealing(stream: int, *args: Any) -> Any:
            entry = seal(stream, *args)
            update.sealed(entry.envelope)
            return entry

        self.unit.sealer.seal = sealing


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A release on trial."""
    return Trial(tmp_path)


def test_a_release_that_seals_is_confirmed_by_its_status(trial: Trial) -> None:
    """The proven case: old envelope and new status are stored, and the trial is over."""
    trial.tell()
    assert Kind.STORED in trial.contact()
    assert (update.state, trial.confirmed()) == (0, True)


def test_a_release_that_cannot_seal_is_not_confirmed(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """The envelope of the release before is stored; of its own the server opens none, so the trial goes on to its end."""
    trial.tell()
    seal = envelope.seal_uplink
    monkeypatch.setattr(sealer.envelope, "seal_uplink", lambda device, *args: seal("b" * 16, *args))
    kinds = trial.contact()
    assert (kinds.count(Kind.STORED), Kind.NOT_AUTHENTIC in kinds) == (1, True)
    for _ in range(12):
        trial.pair.pass_s(700)
        assert Kind.STORED not in trial.contact()
    assert (update.state, trial.confirmed()) == (TRIAL, False)
