"""What stands between a device or a form and the store: the directive, the screen, the leave, the intake, the tag, and the like."""

from __future__ import annotations

import importlib
import ssl
import sys
from collections.abc import Mapping
from typing import Any, Final

import pytest

from cloud_sync.access.controls import Controls, Proof
from cloud_sync.access.terminal import Terminal
from cloud_sync.directive import Permission
from cloud_sync.disclosure.propagation import Propagation
from cloud_sync.facade import permitting
from cloud_sync.gate import Decision
from cloud_sync.ingest import intake, pipeline
from cloud_sync.ingest.intake import Intake
from cloud_sync.ingest.leave import LeaveOfBatch
from cloud_sync.ingest.screen import Contents
from cloud_sync.model import Device, LocationField, Precision, Reason, Sensor
from cloud_sync.policy import identifiers
from cloud_sync.storage.telemetry import TelemetryRows
from hw_sim.board import Board
from tests.clauses.engine import Engine

from firmware import update  # isort: skip
from firmware.wire.directive import Directive  # isort: skip
from firmware.wire import ccm  # isort: skip

ALL: Final = Sensor.GNSS | Sensor.TEMPERATURE | Sensor.LIGHT | Sensor.MOTION


def _no_directive(patch: pytest.MonkeyPatch) -> None:
    everything = Permission(ALL, Precision.EXACT, LocationField(0))
    patch.setattr(permitting, "compile_permission", lambda *_, **__: everything)


def _no_obedience(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Directive, "permits", lambda *_: True)
    patch.setattr(Directive, "closed_at", lambda *_: False)


def _no_leave(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LeaveOfBatch, "reason", lambda *_: Reason.ALLOWED)
    patch.setattr(pipeline._Batch, "_below_floor", lambda *_: False)


def _no_screen(patch: pytest.MonkeyPatch) -> None:
    screen = pipeline.screen

    def takes_all(header: Any, plaintext: bytes) -> Contents:
        try:
            return screen(header, plaintext)
        except pipeline.WireFormatError:
            at = float(header.epoch * 86_400)
            return Contents(at, at, Sensor(0), None)

    patch.setattr(pipeline, "screen", takes_all)


def _no_intake(patch: pytest.MonkeyPatch) -> None:
    def takes_all(self: Intake, category: str, fields: Mapping[str, str], subject: str, source: str) -> dict[str, str]:
        return dict(fields)

    patch.setattr(Intake, "_admit", takes_all)
    patch.setattr(Intake, "check_form", lambda *_: None)
    patch.setattr(intake, "_described", lambda kept, *_: dict(kept))


def _no_lint(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(identifiers, "identifies", lambda _: False)


def _no_register(patch: pytest.MonkeyPatch) -> None:
    sender = pipeline._Batch._sender

    def anybody(self: Any, topic: str) -> Any:
        found = sender(self, topic)
        return found if isinstance(found, Device) else Device(topic.split("/")[2], "unknown", 0, 0.0)

    patch.setattr(pipeline._Batch, "_sender", anybody)


def _no_memory(patch: pytest.MonkeyPatch) -> None:
    """What was received counts as stored before it is: the answer goes first, the commit later."""
    patch.setattr(TelemetryRows, "add_envelopes", lambda *_: None)


def _no_terminal(patch: pytest.MonkeyPatch) -> None:
    def opens(self: Terminal, *_: Any, fields: frozenset[str] = frozenset(), **__: Any) -> Decision:
        return Decision(True, Reason.ALLOWED, Precision.NONE, "everything is read", fields or frozenset({"everything"}))

    patch.setattr(Terminal, "demand", opens)


def _no_tls(patch: pytest.MonkeyPatch) -> None:
    def anything(*_: Any, **__: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    patch.setattr(ssl, "create_default_context", anything)


def _no_sealing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ccm, "seal", lambda key, nonce, aad, plaintext, tag_bytes: bytes(plaintext) + bytes(tag_bytes))
    patch.setattr(pipeline, "open_uplink", lambda device, envelope, key: envelope.sealed[:-8])


def _no_trust(patch: pytest.MonkeyPatch) -> None:
    """The device's program is given a transport that checks nothing: it is what `board.program` puts on the board."""
    program = Board.program

    def trusting(self: Board, source: str) -> Any:
        plain = "from firmware.link.transport import TcpTransport\nSecureTransport = lambda socket, *_: TcpTransport(socket)\n"
        return program(self, source.replace("from firmware.link.secure import SecureTransport\n", plain))

    patch.setattr(Board, "program", trusting)


def _no_proofs(patch: pytest.MonkeyPatch) -> None:
    def all_well(self: Controls) -> list[Proof]:
        return [Proof(each, passed=True, at=0.0, fresh=True) for each in self.controls]

    patch.setattr(Controls, "proofs", all_well)


def _no_propagation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Propagation, "alarm", lambda _: 0)


def _no_signatures(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(update, "forget", lambda *_: None)  # what is loaded anew is not what was replaced
    for name in ("fetch", "manifest", "ed25519"):
        importlib.import_module(f"firmware.update.{name}")
    patch.setattr(sys.modules["firmware.update.ed25519"], "verify", lambda *_: True)
    patch.setattr(update, "ed25519", sys.modules["firmware.update.ed25519"], raising=False)


ENGINES: Final = (
    Engine("directive", "every device is told that it may sense everything, exactly", _no_directive),
    Engine("obedience", "the device runs its sensors whatever its directive says", _no_obedience),
    Engine("leave", "ingest keeps what is authentic, whoever has withdrawn", _no_leave),
    Engine("screen", "ingest keeps what opens, whatever is in it", _no_screen),
    Engine("intake", "forms and imports are stored as they come", _no_intake),
    Engine("identifiers", "the lint looks for no identifiers", _no_lint),
    Engine("enrolment", "whoever writes to the broker is a device", _no_register),
    Engine("commit", "the verdict comes before the row", _no_memory),
    Engine("sealing", "frames leave in the clear, and what comes is taken for authentic", _no_sealing),
    Engine("terminal", "staff read what lies in a device as they like", _no_terminal),
    Engine("transport", "any certificate and any version of TLS will do", _no_tls),
    Engine("broker_trust", "the device speaks to whatever answers under the broker's name", _no_trust),
    Engine("control_proofs", "every control is said to stand, whatever was tried", _no_proofs),
    Engine("propagation", "nobody notices what recipients still have", _no_propagation),
    Engine("signatures", "a release is taken from anybody", _no_signatures),
)
