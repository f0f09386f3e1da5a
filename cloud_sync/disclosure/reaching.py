"""The way to a recipient: a sink that is named for it, at a machine that the register lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from cloud_sync.errors import ConfigError
from cloud_sync.policy import Policy
from cloud_sync.stores import Sink


@runtime_checkable
class Withdrawing(Protocol):
    """A sink that still holds what a recipient has not fetched."""

    def withdraw(self, recipient: str, delivery: str) -> int:
        """Take the parts of a delivery back; how many."""


@runtime_checkable
class Reaching(Protocol):
    """A sink that tells where it leads."""

    @property
    def host(self) -> str:
        """The machine that it hands parts to."""


def sink_of(sinks: Mapping[str, Sink], policy: Policy, recipient: str) -> Sink:
    """The recipient's sink; ConfigError where there is none, or where it leads to a machine that the register does not list."""
    sink = sinks.get(recipient)
    if sink is None:
        raise ConfigError(f"{recipient} has no sink: say how it is reached")
    if recipient not in policy.recipients:
        raise ConfigError(f"{recipient} is in no register; nothing was sent")
    if not leads_there(sink, policy, recipient):
        hosts = ", ".join(sorted(policy.recipients[recipient].hosts))
        raise ConfigError(f"the sink of {recipient} leads elsewhere than the register says ({hosts}); nothing was sent")
    return sink


def messages_to(sinks: Mapping[str, Sink], policy: Policy, recipient: str) -> Sink:
    """The same for what a recipient is told of data that it has, which one may have got that is in no register any more."""
    if recipient in policy.recipients or recipient not in sinks:
        return sink_of(sinks, policy, recipient)
    return sinks[recipient]


def leads_there(sink: Sink, policy: Policy, recipient: str) -> bool:
    """Whether a sink leads where the register says that the recipient is; without `hosts` of it anywhere."""
    listed = policy.recipients.get(recipient)
    if listed is None:
        return False
    return not listed.hosts or (isinstance(sink, Reaching) and sink.host in listed.hosts)
