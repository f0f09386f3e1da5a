"""Structured logs: one line each, without personal data whatever goes wrong.

Messages of this package name kinds and counts. An exception's own text may quote what it was given (a subject in a statement, a
topic in an error of the client), so a log has its type and where it arose, and not its words.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final

MOST_FRAMES: Final = 12  # of a traceback, the innermost: enough to find the line
PACKAGE: Final = "cloud_sync"


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: at, level, from, event, and for an exception its type and frames."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a newline in it."""
        return json.dumps(_parts(record), ensure_ascii=False)


class Sentences(logging.Formatter):
    """The same for people who read along."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a newline in it."""
        parts = _parts(record)
        error = f" [{parts['error']} at {', '.join(parts['where'])}]" if "error" in parts else ""
        return f"{parts['at']} {record.levelname} {parts['from']}: {parts['event']}{error}".replace("\n", " ")


def _parts(record: logging.LogRecord) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "from": record.name,
        # Of other packages only that they said something: nobody here has read what they may quote.
        "event": record.getMessage() if record.name.partition(".")[0] == PACKAGE else "(a message of another package)",
    }
    if record.exc_info and record.exc_info[0] is not None:
        parts |= {"error": record.exc_info[0].__name__, "where": _frames(record.exc_info[2])}
    return parts


def _frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-MOST_FRAMES:]
    return [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
