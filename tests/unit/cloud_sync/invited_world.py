"""An agent that seals by an invitation, out of the conformance vectors' own sealer: nothing of the product is in it."""

from __future__ import annotations

import base64
import os
from typing import Any

import msgpack

from tests.conformance import make_enrolment, plain
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker


class Agent:
    """One enrolment of one board: what the agent has seen of it."""

    def __init__(self, text: str, device: str = "k7vq2zlt4mxwh3ad", *, first_epoch: int = TODAY) -> None:
        packed = text.removeprefix(make_enrolment.INVITATION)
        _, self.ident, self.public, self.expires_s, self.controller, self.release_key = msgpack.unpackb(
            base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        )
        self.device, self.first_epoch, self.root = device, first_epoch, os.urandom(32)
        self.hello = make_enrolment.hello(device, self.root, first_epoch, first_epoch)

    @property
    def tracker(self) -> Tracker:
        """The board, as the server's tests have it."""
        return Tracker(self.device, self.first_epoch, self.root)

    def plaintext(self, **changed: Any) -> bytes:
        """What is sealed, entries changed by name."""
        made_s = int(NOON) + (self.first_epoch - TODAY) * plain.EPOCH_S
        entries = {
            "form": 1,
            "device": self.device,
            "root": self.root,
            "generation": 0,
            "first_epoch": self.first_epoch,
            "made_s": made_s,
            "board": "esp32s3",
            "version": "0.1.0",
            "hello": self.hello,
        }
        return plain.pack(list({**entries, **changed}.values()))

    def sealed(self, plaintext: bytes | None = None, **changed: Any) -> bytes:
        """The file, or one with these entries, or with this plaintext."""
        inside = self.plaintext(**changed) if plaintext is None else plaintext
        return make_enrolment.sealed(self.ident, self.public, inside, os.urandom(32))
