"""Enrolment by invitation: board and host make the keys together, and the host keeps only what the server alone can open.

In this order, so that nothing that is cut leaves half of anything:

1. invitation, settings and the file's place are checked; 2. the board is looked at; 3. pseudonym and root are drawn from both
sides' randomness; 4. the sealed file is durable [a board whose root nobody knows]; 5. the board installs, in one record of its
flash; 6. its first envelope, the hello, is sealed into the file, which is replaced as a whole; 7. both memories are
overwritten, and the board starts.

Whatever ends in between, the same command again makes a fresh attempt, or, behind 6, goes on there.
"""

from __future__ import annotations

import binascii
import hashlib
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.board.asking import Board, garbled, look, said
from agent.board.console import Console
from agent.board.programs import REACH
from agent.board.typed import HELLO, SHARE
from agent.enrolment.enrolment import another, become, going_on, said_if_emptied, started
from agent.enrolment.invitation import ASK, Invitation
from agent.enrolment.outcome import Outcome
from agent.enrolment.replacing import empty
from agent.enrolment.sealing import DEVICE_BYTES, ROOT_BYTES, Attempt, check_installed, wipe
from agent.enrolment.settings import Settings
from agent.errors import AgentError, AlreadyEnrolled

MOST_HELLO_BYTES = 1024  # of an envelope (docs/wire-format.md section 4)
MOST_WORD = 16  # characters of a release's name (section 9)


@dataclass(frozen=True)
class Enrolled(Board):
    """A board that is a device by an invitation; `confirmation` is the code by which its server knows the file for this one's."""

    confirmation: str


def enrol(
    port: str,
    invitation: Invitation,
    settings: Settings,
    out: Path,
    *,
    again: bool = False,
    now_s: Callable[[], float] = time.time,
) -> Enrolled:
    """Makes the board at `port` a new device of the invitation's server, and starts it; `out` is then what the server admits.

    `again` permits to replace a device that the board is, which is erased first (`replacing`), and an enrolment that was
    finished. Any of agent.errors.
    """
    check_installed()
    # 1. What else the file may be [the keys of another board, which only that file says].
    with Outcome.opened(out, invitation.id) as outcome:
        if outcome.finished and not again:
            raise AlreadyEnrolled(
                f"{out}: is finished, and the enrolment of another board perhaps: have the server admit it (`byleave sync "
                f"admit {out}`). For another board {ASK}; with --again this board becomes a new device, and the file its own"
            )
        with closing(_console(port, outcome)) as console, going_on(console):
            console.run(REACH)
            before = look(console)
            if before.device and before.device == outcome.complete and not again:
                console.hold()
                device = before.device
                become(console, device, None)
            else:
                device = _attempt(console, before, invitation, settings, outcome, again=again, now_s=now_s)
            after = started(console, device)
        outcome.finish()
        return Enrolled(**asdict(after), confirmation=outcome.confirmation)


def _console(port: str, outcome: Outcome) -> Console:
    """The board's prompt; where there is none, what was left by a try before is not forgotten over it."""
    try:
        return Console(port)
    except AgentError as error:
        if outcome.tried:
            raise type(error)(
                f"{error}. {outcome.path} is still unfinished: then give the same command again"
            ) from None
        raise


def _attempt(
    console: Console,
    before: Board,
    invitation: Invitation,
    settings: Settings,
    outcome: Outcome,
    *,
    again: bool,
    now_s: Callable[[], float],
) -> str:
    """The device that the board has become."""
    # 2. Somebody's device, but not the half-finished one of an attempt at this very file.
    if before.device and before.device not in outcome.tried and not again:
        raise another(console, before, "a new one")
    text = settings.text(before.board, invitation.release_key)
    if again:
        empty(console)
    elif before.device or outcome.tried:
        console.hold()  # its watchdog, or that of a try that was cut, would reset it in the midst of it
    # 3. From here on there is a secret.
    share, version = _share(console)
    with Attempt.drawn(invitation, share, before.board, version, now_s()) as attempt:
        # 4. First the file, then the keys.
        outcome.begin(attempt.device, attempt.sealed())
        data = attempt.installation(text)
        try:
            # 5. and 6.
            with said_if_emptied(again):
                become(
                    console,
                    attempt.device,
                    data,
                    lambda: outcome.replace(attempt.device, attempt.sealed(_hello(console))),
                )
        finally:
            wipe(data)
        return attempt.device


def _share(console: Console) -> tuple[bytearray, str]:
    """Random bytes of the board, for root and pseudonym, and the release that it runs."""
    values = said(console, SHARE)
    if isinstance(values, list) and len(values) == 2 and _is_word(values[1]):
        share = _bytes(values[0])
        if len(share) == ROOT_BYTES + DEVICE_BYTES:
            return share, values[1]
    raise garbled(console)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and 0 < len(value) <= MOST_WORD


def _hello(console: Console) -> bytes:
    """The board's first envelope, sealed by its own keys."""
    values = said(console, HELLO)
    if isinstance(values, list) and len(values) == 2:
        hello = bytes(_bytes(values[0]))
        # [A bit that changed on the wire: the server would refuse the file of a device that is at work already.]
        if 0 < len(hello) <= MOST_HELLO_BYTES and values[1] == hashlib.sha256(hello).hexdigest():
            return hello
    raise garbled(console)


def _bytes(value: Any) -> bytearray:
    try:
        return bytearray(binascii.unhexlify(value)) if isinstance(value, str) else bytearray()
    except ValueError:
        return bytearray()
