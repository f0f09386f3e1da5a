"""What runs on the boards at hand: each prompt is interrupted, asked, and left as it was."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass

from agent.board import answers, programs
from agent.board.console import Console
from agent.errors import AgentError
from agent.flashing.flashing import look

WITHOUT = "no firmware of byleave"
VERSION_CHARS = 16  # docs/wire-format.md, section 9


@dataclass(frozen=True)
class Running:
    """What is at a port: `board` "" for a chip that byleave has none with, `version` "" without its firmware."""

    board: str
    machine: str
    micropython: str
    version: str
    enrolled: bool

    @property
    def words(self) -> str:
        """In one line, for people."""
        firmware = (
            f"byleave {self.version}, {'enrolled' if self.enrolled else 'not enrolled'}" if self.version else WITHOUT
        )
        return f"{self.board or self.machine}: MicroPython {self.micropython}, {firmware}"


def running(port: str) -> Running:
    """What runs at the port; it is started again. PortError, PortBusy or NoPrompt where that cannot be asked."""
    with closing(Console(port)) as console:
        try:
            found = look(console)
            said = console.run(programs.VERSION).strip().splitlines()
            version = answers.plain(said[-1], VERSION_CHARS) if said else ""
        except AgentError:
            with suppress(AgentError):  # it goes on, if it can
                console.restart(0)
            raise
        console.restart(0)
    return Running(found.board, found.machine, found.python, version, bool(found.used))
