"""What the engine needs of a telemetry database for alarms: rules, messages on their way, envelopes by when they came."""

from __future__ import annotations

import math
from typing import Protocol

from cloud_sync.model import StoredEnvelope
from cloud_sync.model.alarms import AlarmMessage, AlarmRow


class AlarmStore(Protocol):
    """Rules with their memory, and messages."""

    def put_alarm_rule(self, rule: AlarmRow) -> None:
        """Insert or replace."""

    def note_heard(self, rule_id: str, heard_at: float, memory: bytes) -> bool:
        """Replace what a rule remembers; False where it is gone."""

    def alarm_rule(self, rule_id: str) -> AlarmRow | None: ...
    def alarm_rules(self, subject: str | None = None) -> list[AlarmRow]:
        """Of a person or of all, in order of making."""

    def remove_alarm_rule(self, rule_id: str) -> int:
        """With its messages and their links; the number of rules."""

    def forget_alarms(self, subject: str, until: float = math.inf) -> int: ...
    def put_alarm_message(self, message: AlarmMessage) -> None:
        """Insert or replace."""

    def forget_links(self, rule_id: str, start: float, end: float) -> None:
        """Delete messages of a rule, and their links, that are about a moment from `start` to before `end`."""

    def alarm_messages_due(self, now: float, limit: int) -> list[AlarmMessage]:
        """Those that nobody has taken yet, and that may be tried now."""

    def alarm_messages(self, rule_id: str, since: float = -math.inf) -> list[AlarmMessage]:
        """Of a rule, made since then, in order of making."""

    def remove_alarm_message(self, link: str) -> int: ...
    def remove_taken(self, before: float) -> int:
        """Messages that were taken before that moment; how many."""

    def received_since(self, device: str, stream: int, since: float) -> list[StoredEnvelope]:
        """What came in since then, in order of coming; none that the server has sealed anew."""
