"""A register of subscribers: nobody is entered before the days to refuse are over, and never where the policy has it off (V-23).

The days are working days of the policy's calendar, counted from the conclusion of the contract; the first is the next working
day. A
purpose `directory` of the policy is closed to every recipient until the last of them has ended, and for good after an objection
to it.
"""

from __future__ import annotations

from typing import Final

from whenever import Date

from cloud_sync.model.keeping import Scope
from cloud_sync.policy import Clock as Event
from cloud_sync.policy import Policy
from cloud_sync.rights.deadlines import over_at, received_day, working_days
from cloud_sync.stores import Clock, Database

DIRECTORY: Final = "directory"  # the purpose (clause table, section 5.3)


class Directory:
    """The window in which an entry may be refused, for everybody."""

    def __init__(self, policy: Policy, database: Database, clock: Clock) -> None:
        self._policy = policy
        self._database = database
        self._clock = clock

    def last_day(self, concluded_at: float) -> Date:
        """The last day on which an entry can be refused, for a contract that was concluded at a Unix second."""
        parameters = self._policy.parameters
        days, calendar = int(parameters.number("directory.objection_days")), str(parameters["directory.calendar"])
        return working_days(received_day(concluded_at, calendar), days, calendar)

    def closed(self, subject: str, purpose: str) -> bool:
        """Whether the purpose is that of a directory in which the person may not stand, now."""
        return purpose == DIRECTORY and not self.open(subject)

    def open(self, subject: str) -> bool:
        """Whether the person may be entered: the policy has a directory, and the days to refuse are over."""
        if not self._policy.parameters.flag("directory.enabled"):
            return False
        events = self._database.clock_events(Scope.SUBJECT, subject)
        concluded = [event.at for event in events if event.kind == Event.CONTRACT_CONCLUDED.value]
        if not concluded:
            return False
        calendar = str(self._policy.parameters["directory.calendar"])
        return self._clock.now() >= over_at(self.last_day(max(concluded)), calendar)
