"""Who may ask a gateway for its figures: a supervisor at the metrics' port, its own user at the socket of `--status`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.gateway import metrics
from agent.gateway.local import Answers, listen_nameless, listen_tcp, listen_unix
from agent.gateway.log import Log
from agent.gateway.metrics import Figures

SOCKET: Final = "status.sock"


class Doors:
    """All of them. Close it."""

    def __init__(self, folder: Path, metrics_port: int, log: Log, figures: Callable[[], Figures]) -> None:
        """AgentConfigError when the metrics' port cannot be had. Without a socket in the folder the gateway works as well."""
        self._path, self._log, self._figures = folder / SOCKET, log, figures
        self._metrics = (
            Answers(listen_tcp(metrics_port), lambda heard: metrics.answer(heard, figures())) if metrics_port else None
        )
        self._status: Answers | None = None
        self._listens = False  # on the socket in the folder
        why = self._listen()
        if why:
            self._instead(why)

    def __iter__(self) -> Iterator[Answers]:
        return (door for door in (self._metrics, self._status) if door is not None)

    def look(self) -> None:
        """Once in a while: the folder may take a socket by now."""
        if not self._listens:
            self._listen()

    def _listen(self) -> str:
        """Why it cannot be had."""
        try:
            listener = listen_unix(self._path)
        except OSError as error:
            return error.strerror or str(error)
        if self._status is not None:
            self._status.close()
        self._listens = True
        self._status = Answers(listener, lambda heard: metrics.as_json(self._figures()))
        return ""

    def _instead(self, why: str) -> None:
        """A folder that takes no socket, as on a read-only card: the system keeps a name for it that is in no folder."""
        try:
            listener = listen_nameless(self._path)
        except OSError:
            self._log.say("status-failed", f"no --status: {why}")
        else:
            self._status = Answers(listener, lambda heard: metrics.as_json(self._figures()), ours_alone=True)

    def close(self) -> None:
        """Answers no more."""
        for door in self:
            door.close()
        if self._listens:
            with suppress(OSError):
                self._path.unlink()
