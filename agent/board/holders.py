"""Which program has a port open, as far as this user may see: so that a refusal can name what to end."""

from __future__ import annotations

import os
from pathlib import Path

from agent.errors import PortBusy

SEEN_MOST = 3  # named in one sentence
NAME_CHARS = 40


def busy(port: str) -> PortBusy:
    """The refusal of a port that another program has, which names that program where the system tells, and what to do."""
    names = holders(port)
    who = ": " + ", ".join(names) if names else " (a gateway, a monitor, an editor?)"
    return PortBusy(f"{port}: another program has the port open{who}; end that first, or name another port")


def holders(port: str, proc: Path = Path("/proc")) -> list[str]:
    """Programs that have `port` open, as "mpremote (process 4711)"; empty where the system does not tell. Linux only.

    A program's name alone, never its command line [somebody may have put a password there].
    """
    target = os.path.realpath(port)
    found = []
    for process in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        if int(process.name) != os.getpid() and _has_open(process, target):
            found.append(f"{_name(process)} (process {process.name})")
    return found[:SEEN_MOST]


def _has_open(process: Path, target: str) -> bool:
    try:
        return any(os.path.realpath(each) == target for each in (process / "fd").iterdir())
    except OSError:  # another user's, or gone
        return False


def _name(process: Path) -> str:
    """What runs there: of a script in Python the script's name, else the program's."""
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        name = (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return "a program"
    if name.startswith("python") and len(words) > 1 and not words[1].startswith(b"-"):
        name = os.path.basename(words[1].decode("utf-8", "replace"))  # noqa: PTH119 - bytes of a command line
    elif name.startswith("python") and len(words) > 2 and words[1] == b"-m":
        name = words[2].decode("utf-8", "replace")
    return "".join(char for char in name[:NAME_CHARS] if char.isprintable()) or "a program"
