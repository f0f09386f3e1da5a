"""What leaves: copies outside all clocks, recipients as names, promises for others."""

from __future__ import annotations

from typing import Final

import pytest

from cloud_sync.mqtt import brief
from tests.clauses.engines.recipients import all_promised, names_only, told_everything
from tests.clauses.way import Naive

Message = brief.Message


def kept_everywhere(patch: pytest.MonkeyPatch) -> None:
    """The position is in the alert, and the broker keeps it for whoever comes later."""
    told_everything(patch)
    patch.setattr(brief, "Message", lambda topic, payload, retain: Message(topic, payload, retain=True))


NAIVE: Final = (
    Naive(34, "a chat, a mail and a broker get the position with the alert", ("ST-38",), kept_everywhere),
    Naive(35, "recipients as names only", ("ST-29", "ST-30", "ST-36", "MM-17"), names_only),
    Naive(42, "erasure promised for operators", ("TT-32",), all_promised),
)
