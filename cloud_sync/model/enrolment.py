"""Types of enrolment by invitation: what the key store keeps of one that is open, and of a use that is under way."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An invitation that nobody has used: for whom, until when, and which device ends with its use."""

    id: str  # 32 hexadecimal digits
    subject: str
    made_at: int  # Unix seconds, as is `expires_at`
    expires_at: int
    takes_over: str = ""  # device whose keys end; none if empty
    provided_by: str = ""  # who gave the person's data, where that is somebody else
    confirm: int = 0  # 1: only what is named by its confirmation code is admitted
    wrapped: bytes = field(default=b"", repr=False)  # the private key; empty outside of the key store

    def open_at(self, now: float) -> bool:
        """Whether it can be used at a moment (Unix seconds)."""
        return now < self.expires_at


@dataclass(frozen=True, slots=True)
class BegunAdmission:
    """A device that has just been given keys; where an invitation was used for it, kept until the telemetry database knows it."""

    id: str  # of the invitation; empty without one
    subject: str
    device: str
    at: float
    takes_over: str = ""
    provided_by: str = ""


@dataclass(frozen=True, slots=True)
class SealedDevice:
    """What an agent has sealed of a device: its root, from when on, and its first envelope (empty without one)."""

    device: str
    root: bytes = field(repr=False)
    first_epoch: int
    made_s: int
    board: str
    version: str
    hello: bytes
