"""A server that stops and starts again over its files in the middle of the drive: nothing lost, doubled or forgotten."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

import pytest

from cloud_sync.audit import Kind as AuditKind
from cloud_sync.audit import open_checkpoint, verify_consistency
from cloud_sync.errors import AuditError
from cloud_sync.ingest.outcome import Kind, Outcome
from hw_sim.demo.stage import SUBJECT, Server, Stage
from tests.system.rig import a_drive, arrived, between_contacts, consent, locations, run, spooled

pytestmark = pytest.mark.micropython


def remembered(stage: Stage) -> dict[str, Any]:
    """What the next server must know: directive state, consents, devices, numbers, the audit log's checkpoint."""
    cloud = stage.cloud
    return {
        "directive": cloud.database.directive_state(stage.device),
        "consents": cloud.database.consents(SUBJECT),
        "devices": cloud.database.all_devices(),
        "down": cloud._keys.down_next(stage.device),
        "envelopes": cloud.database.count_envelopes(),
        "checkpoint": cloud.audit.checkpoint(),
        "verifier": cloud.audit.public_key,
    }


def until_published(stage: Stage) -> None:
    """Drive until the device has just handed an envelope to the broker."""
    published = stage.network.up.packets["PUBLISH"]
    stage.board.run(for_s=300, until=lambda: stage.network.up.packets["PUBLISH"] > published)
    assert stage.network.up.packets["PUBLISH"] > published


@pytest.mark.parametrize("away_s", [0, 400])
def test_a_server_that_is_closed_and_opened_again(tmp_path: Path, away_s: int) -> None:
    """Three times in one drive, in the middle of a contact, for a moment or for minutes: each fix arrives once."""
    with a_drive(tmp_path) as stage:
        for _ in range(3 if away_s < 100 else 1):
            until_published(stage)
            stage.close_server()
            stage.board.run(for_s=away_s or 0.001)
            stage.open_server()
            run(stage, 900, until_stored=locations(stage) + 2)
        arrived(stage)


def test_state_consent_and_log_continue(tmp_path: Path) -> None:
    """A server that opens the files again knows all that the old one knew, and its log continues the old one's checkpoint."""
    with a_drive(tmp_path) as stage:
        stage.board.run(for_s=200)
        before = remembered(stage)
        stage.close_server()
        stage.open_server()
        stage.cloud.sweep()  # an entry of the new server's own
        after = remembered(stage)
        told = before.pop("checkpoint"), after.pop("checkpoint")
        assert after == before
        sizes = [open_checkpoint(each, before["verifier"]) for each in told]
        assert sizes[1].size > sizes[0].size
        proof = stage.cloud.audit.prove_consistency(sizes[0].size)
        verify_consistency(sizes[0].size, sizes[1].size, sizes[0].root, sizes[1].root, proof)
        assert stage.cloud.audit.check(told[0]) >= sizes[1].size
        stored = locations(stage)
        run(stage, 900, until_stored=stored + 2)
        assert stage.cloud.audit.entries(kind=AuditKind.INGEST_REFUSED.value) == []
        arrived(stage)
        assert stage.cloud.audit.check(told[0]) >= sizes[1].size


def test_a_log_that_was_cut_short_while_the_server_was_down_is_found_out(tmp_path: Path) -> None:
    """A control: with the last leaf gone, the check against the checkpoint that was kept outside fails."""
    with a_drive(tmp_path) as stage:
        checkpoint = stage.cloud.audit.checkpoint()
        stage.close_server()
        with sqlite3.connect(stage.config.database) as db:
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                db.execute(f"DROP TRIGGER {name}")
            db.execute("DELETE FROM audit_leaf WHERE position = (SELECT max(position) FROM audit_leaf)")
        stage.open_server()
        with pytest.raises(AuditError):
            stage.cloud.audit.check(checkpoint)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_server_that_dies_between_commit_and_answer(tmp_path: Path) -> None:
    """The rows are there and nobody was told: the broker gives the message again, the device gets its verdict, one row stays."""
    with a_drive(tmp_path) as stage:
        for _ in range(3):
            died = Event()

            def die(outcomes: list[Outcome], died: Event = died) -> NoReturn:
                for outcome in outcomes:
                    stage.cloud.ingest.counts[outcome.kind] -= 1  # a process that is dead has counted nothing
                died.set()
                raise SystemExit  # ends the thread that writes, as a crash would

            stored, repeats = stage.cloud.database.count_envelopes(), stage.cloud.ingest.counts[Kind.REPEATED]
            stage.cloud._sealer.answer = die  # type: ignore[method-assign]
            stage.network.bound_s, stage.network.raise_on_timeout = 0.05, False
            stage.board.run(for_s=300, until=died.is_set)
            assert stage.cloud.database.count_envelopes() > stored
            assert stage.cloud.ingest.counts[Kind.REPEATED] == repeats
            stage.close_server()
            stage.network.bound_s, stage.network.raise_on_timeout = 2.0, True
            stage.open_server()
            run(stage, 900, until_stored=locations(stage) + 2)
            assert stage.cloud.ingest.counts[Kind.REPEATED] > 0
        arrived(stage)


def test_a_consent_that_was_taken_back_stays_so_over_a_restart(tmp_path: Path) -> None:
    """Withdrawn, closed, opened: the device is told by the new server, and its receiver goes off."""
    with a_drive(tmp_path) as stage:
        between_contacts(stage)
        consent(stage, "withdraw")
        stage.close_server()
        stage.open_server()
        assert stage.board.gnss.powered
        stage.board.run(for_s=120)
        assert not stage.board.gnss.powered
        stage.board.run(for_s=300)
        assert spooled(stage) == 0


def test_the_fixtures_of_the_plugin_belong_together(stage: Stage, cloud: Server) -> None:
    """`cloud` is the server of `stage`, connected to its broker; with an enrolment and power the device reports to it."""
    assert cloud is stage.cloud
    assert cloud.wait_connected(0)
    stage.enrol()
    stage.board.power_on()
    stage.board.run(for_s=60)
    assert cloud.database.count_envelopes(stage.device) > 0
