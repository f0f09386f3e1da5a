"""Pictures of a run: what happened is recorded as plain data, and drawn as one page that asks nobody for anything.

recorder = attach(site)                    # or Recorder.attach(board, network)
...                                        # the run
recording = recorder.recording()
recording.save(Path("run.json"))
write(recording, Path("run.html"))
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Optional, Protocol

if TYPE_CHECKING:
    from hw_sim.board import Board
    from hw_sim.network.net import Network
    from hw_sim.picture.page import render, write
    from hw_sim.picture.recorder import Recorder
    from hw_sim.picture.recording import Recording

__all__ = ["Keeps", "Recorder", "Recording", "attach", "keeper", "render", "write"]
Keeps = Optional[Callable[["Recording"], None]]  # noqa: UP045 - a name in quotes cannot be joined by a bar

_HOME: Final = {
    "Recorder": "hw_sim.picture.recorder",
    "Recording": "hw_sim.picture.recording",
    "render": "hw_sim.picture.page",
    "write": "hw_sim.picture.page",
}


class Recorded(Protocol):
    """What can be recorded: anything with a board and its network, as a `Site` has them."""

    @property
    def board(self) -> Board: ...

    @property
    def network(self) -> Network: ...


def attach(site: Recorded, *, title: str = "", spool: Callable[[], int | None] | None = None) -> Recorder:
    """Begins to record a site's board and network; see `Recorder.attach`."""
    from hw_sim.picture.recorder import Recorder

    return Recorder.attach(site.board, site.network, title=title, spool=spool)


def keeper(record: Path | None, report: Path | None) -> Keeps:
    """What saves a recording, draws it, or does both; None where neither is wanted."""
    if record is None and report is None:
        return None

    def keep(recording: Recording) -> None:
        from hw_sim.picture.page import write

        if record is not None:
            recording.save(record)
        if report is not None:
            write(recording, report)

    return keep


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"hw_sim.picture has no {name}; it offers {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)
