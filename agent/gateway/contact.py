"""One port's contact with a device (docs/serial-link.md, "A contact"): frames in, frames out, no I/O and no waiting.

What a device says of itself in HELLO is a claim that a gateway cannot check: it holds no key. It is taken for what to ask the
broker, never for a right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from agent.gateway import frames
from agent.gateway.downs import Downs
from agent.gateway.frames import ENVELOPE_LIMIT_BYTES, Frame, Parser
from agent.gateway.limits import Bucket, Limits

# A device asks after 30 s of silence: so long after four such PINGs nobody is there.
SILENCE_S: Final = 120.0
# What a port that takes no byte may have waiting: a window of four each way, and as much again.
OUT_LIMIT_BYTES: Final = 16_384
# What is handed over at once: Linux keeps 4096 bytes of a port at most (N_TTY).
READ_LIMIT_BYTES: Final = 4096
_HELLO_BYTES: Final = 17
# Base32 in lower case (docs/wire-format.md, section 3). [It becomes part of a topic: "+", "#" or "/" in it would fetch the
# downlinks of all devices.]
_DEVICE: Final = re.compile(rb"[a-z2-7]{16}")
_SAYS = {
    frames.WELCOME: "welcome",
    frames.ACCEPTED: "accepted",
    frames.DOWN: "down",
    frames.PONG: "pong",
    frames.STATE: "state",
}


class Switch(Protocol):
    """What a contact asks of the gateway behind it; `hub.Hub` is one."""

    def serves(self, contact: Contact) -> bool:
        """Whether envelopes of this port are taken now: what WELCOME, PONG and STATE say."""

    def subscribe(self, device: str, contact: Contact) -> None:
        """A contact has begun, or begun again: hand it this device's downlinks, those too that wait for a TAKEN."""

    def unsubscribe(self, device: str, contact: Contact) -> None:
        """It is over."""

    def up(self, contact: Contact, number: int, envelope: bytes) -> None:
        """An envelope of the contact's device; `contact.accept(number, contact.turn)` when it is durable."""

    def taken(self, device: str, downlink: int) -> None:
        """The device has this downlink."""


class Contact:
    """The gateway's end of one line. `device` is "" between contacts; `turn` rises with each HELLO; `refused`: the last contact
    ended by state 0.

    `counts` are frames by what became of them, for metrics: what was heard ("hello", "up", …) and said ("said_welcome", …),
    what was dropped and why ("dropped_crc", "dropped_name", …), what was too much ("limited_up", …). None names a device.
    """

    def __init__(self, port: str, switch: Switch, *, now_s: Callable[[], float], limits: Limits) -> None:
        """A port was opened; nobody has said anything yet."""
        self.port, self.device, self.turn = port, "", 0
        self.counts: Counter[str] = Counter()
        self._switch, self._now_s = switch, now_s
        self._parser = Parser()
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._downs = Downs(now_s)
        self._heard_s = now_s()
        self._last = ""  # the pseudonym of the contact before
        self.refused = False  # the last contact ended because nothing was taken
        # No burst is below what comes at once [a bucket that never holds enough would shut the port for ever].
        self._raw = Bucket(limits.raw_bytes_s, max(limits.raw_burst_bytes, READ_LIMIT_BYTES), now_s)
        self._frames = Bucket(limits.frames_s, max(limits.burst_frames, 1.0), now_s)
        self._up = Bucket(limits.up_bytes_s, max(limits.up_burst_bytes, ENVELOPE_LIMIT_BYTES), now_s)
        self._hellos = Bucket(limits.hellos_min / 60, max(limits.burst_hellos, 1.0), now_s)
        self._changes = Bucket(limits.changes_hour / 3600, max(limits.burst_changes, 1.0), now_s)
        self._on = {
            frames.HELLO: self._on_hello,
            frames.UP: self._on_up,
            frames.TAKEN: self._on_taken,
            frames.PING: self._on_ping,
            frames.BYE: self._on_bye,
        }

    # --- from the port

    def heard(self, data: bytes) -> None:
        """Bytes from the port, 4096 at most."""
        if not self._raw.take(len(data)):
            self.counts["limited_bytes"] += len(data)
            self._parser.reset()
            return
        for frame in self._parser.feed(data):
            if self._frames.take():
                self._frame(frame)
            else:
                self.counts["limited_frame"] += 1
        if self._parser.dropped:
            self.counts.update({f"dropped_{reason}": n for reason, n in self._parser.dropped.items()})
            self._parser.dropped.clear()

    def _frame(self, frame: Frame) -> None:
        act = self._on.get(frame.kind)
        if act is None:  # a gateway's own frame: two gateways on one line, or an echo
            self._drop("direction")
            return
        self._heard_s = self._now_s()
        act(frame)

    def _drop(self, reason: str) -> None:
        self.counts[f"dropped_{reason}"] += 1

    def _on_hello(self, frame: Frame) -> None:
        body = frame.body
        if frame.number or len(body) != _HELLO_BYTES or body[0] != frames.VERSION:
            self._drop("form")
            return
        if not _DEVICE.fullmatch(body, 1):
            self._drop("name")
            return
        device = body[1:].decode("ascii")
        # [Each HELLO is a connection to the broker, and each pseudonym a session that it keeps.]
        if not self._hellos.take() or (device != self._last and not self._changes.take()):
            self.counts["limited_hello"] += 1
            return
        self.counts["hello"] += 1
        self._begin(device)

    def _begin(self, device: str) -> None:
        """A contact begins, or begins again: whoever says HELLO has forgotten what was under way."""
        if self.device != device:
            self.end()
        self._last = device
        self.turn += 1
        self._downs.clear()
        serves = self._switch.serves(self)
        self._say(frames.WELCOME, body=_state(serves))
        if not serves:
            self._refuse()
            return
        self.refused, self.device = False, device
        self._switch.subscribe(device, self)

    def _on_up(self, frame: Frame) -> None:
        if not frame.number or not 0 < len(frame.body) <= ENVELOPE_LIMIT_BYTES:
            self._drop("form")
        elif not self.device:
            # Who it is from nobody knows: the gateway has been started anew. State 0 spares the device 16 s of waiting.
            self._drop("stranger")
            self._say(frames.STATE, body=_state(False))
        elif not self._up.take(len(frame.body)):
            self.counts["limited_up"] += 1
        else:
            self.counts["up_again" if frame.again else "up"] += 1
            self._switch.up(self, frame.number, frame.body)

    def _on_taken(self, frame: Frame) -> None:
        if frame.body or not frame.number:
            self._drop("form")
            return
        downlink = self._downs.taken(frame.number)
        if downlink is None:  # said again, or of a contact before this one
            self._drop("taken")
            return
        self.counts["taken"] += 1
        self._switch.taken(self.device, downlink)
        self._say_downs()

    def _on_ping(self, frame: Frame) -> None:
        if frame.number or frame.body:
            self._drop("form")
            return
        self.counts["ping"] += 1
        serves = bool(self.device) and self._switch.serves(self)
        self._say(frames.PONG, body=_state(serves))
        if self.device and not serves:
            self._refuse()

    def _on_bye(self, frame: Frame) -> None:
        if frame.number or frame.body:
            self._drop("form")
            return
        self.counts["bye"] += 1
        self.end()

    # --- from the gateway behind

    def accept(self, number: int, turn: int) -> None:
        """The envelope of this UP is durable: ACCEPTED, unless the contact that said it is over."""
        if self.device and turn == self.turn:
            self._say(frames.ACCEPTED, number)

    def down(self, downlink: int, envelope: bytes, *, again: bool) -> None:
        """A downlink for the device, of 1 to 1024 bytes; `downlink` is the caller's name for it, `again` sets bit 7."""
        if not self.device:
            return
        if self._downs.add(downlink, envelope, again=again):
            self._say_downs()
        else:
            self.counts["limited_down"] += 1

    def state(self, serves: bool) -> None:
        """Whether envelopes are taken has changed, or may have: STATE, where the device believes otherwise."""
        if self.device and not serves:
            self._say(frames.STATE, body=_state(False))
            self._refuse()
        elif self.refused and serves:
            self.refused = False
            self._say(frames.STATE, body=_state(True))

    def end(self) -> None:
        """The contact is over: BYE, silence, the port is gone, or the gateway stops."""
        device, self.device = self.device, ""
        self._downs.clear()
        if device:
            self._switch.unsubscribe(device, self)

    def _refuse(self) -> None:
        """State 0 was said, which ends the contact (docs/serial-link.md, "A contact", 5)."""
        self.refused = True
        self.end()

    def tick(self) -> None:
        """Time has passed: repeats what is due, ends what has fallen silent. Cheap; call it each second or oftener."""
        if self.device and self._now_s() - self._heard_s >= SILENCE_S:
            self.counts["silent"] += 1
            self.end()
        if self._downs:
            self._say_downs()

    # --- to the port

    def _say_downs(self) -> None:
        """Say what is due, as far as the port takes it."""
        for down in self._downs.due():
            if not self._say(frames.DOWN, down.number, down.envelope, again=down.again or down.said > 0):
                return
            self._downs.said(down)

    def _say(self, kind: int, number: int = 0, body: bytes = b"", *, again: bool = False) -> bool:
        """False if the port has not taken what came before: what matters is asked for again."""
        data = frames.pack(kind, number, body, again=again)
        if self._out_bytes + len(data) > OUT_LIMIT_BYTES:
            self.counts["limited_out"] += 1
            return False
        self.counts[f"said_{_SAYS[kind]}"] += 1
        self._out.append(data)
        self._out_bytes += len(data)
        return True

    @property
    def waiting(self) -> bool:
        """Whether `outgoing` has anything."""
        return bool(self._out)

    def outgoing(self) -> bytes:
        """What is to be written to the port, all of it; gone from here then. Ask only when the port has taken what came
        before: meanwhile at most 16 KiB are kept, and what is beyond is said again later."""
        data = b"".join(self._out)
        self._out, self._out_bytes = [], 0
        return data


def _state(serves: bool) -> bytes:
    return b"\1" if serves else b"\0"
