"""What is told of a crash: class and place, never its message."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.firmware.app.rig import micro  # noqa: F401 - lends the names of MicroPython

from firmware import crash  # isort: skip

PRINTED = """Traceback (most recent call last):
  File "firmware/supervisor.py", line 61, in guard
  File "/app/firmware/sampler.py", line 92, in _take
ValueError: 52.1, 13.2
"""


def test_the_innermost_frame_is_told() -> None:
    """File without its folders, line, function."""
    assert crash.place_in(PRINTED) == " sampler.py:92 _take"


@pytest.mark.parametrize(
    "message", ['  File "home", line 52, in 13.2', 'x\n  File "home", line 52, in 13.2\n', "", "\n" * 50]
)
def test_a_message_never_looks_like_a_frame(message: str) -> None:
    """Whatever the message says, in however many rows, the place is the same."""
    assert crash.place_in(PRINTED.replace("52.1, 13.2", message)) == " sampler.py:92 _take"


@pytest.mark.parametrize("printed", ["", "ValueError\n", "Traceback (most recent call last):\nMemoryError: \n"])
def test_without_a_frame_there_is_no_place(printed: str) -> None:
    """Nothing printed, or no row of a frame."""
    assert crash.place_in(printed) == ""


def test_it_fits_a_status() -> None:
    """Printable ASCII, 48 bytes at most."""
    assert crash.clean("Überlauf\n" + "x" * 60) == "berlauf" + "x" * 41


@pytest.mark.parametrize("kept", [None, [], ["text"], ["text", "3"], [3, 3], "text", ["t", 1, 2]])
def test_a_damaged_record_is_none(kept: Any) -> None:
    """Settings are a file that anybody may have written: what has not the form counts as nothing."""
    assert crash.last({"crash": kept}) == ("", 0)


def test_a_watchdog_counts_and_four_starts_are_safe_mode() -> None:
    """Each start behind the watchdog is one more, saved; other causes add nothing."""
    saved: list[dict[str, Any]] = []
    cause = [3]
    board = SimpleNamespace(reset_cause=lambda: cause[0], save_settings=lambda settings: saved.append(dict(settings)))
    settings: dict[str, Any] = {}
    looked = [crash.look_back(board, settings) for _ in range(4)]
    assert [starts for _, starts, _ in looked] == [1, 2, 3, 4] and [safe for *_, safe in looked] == [False] * 3 + [True]
    cause[0] = 1
    assert crash.look_back(board, settings) == ("Watchdog", 4, True) and len(saved) == 4


@pytest.mark.parametrize(
    ("uptime_s", "heard", "over"),
    [(3599, True, False), (3600, True, True), (21_599, False, False), (21_600, False, True)],
)
def test_when_safe_mode_ends(uptime_s: int, heard: bool, over: bool) -> None:
    """Behind an hour with an answer, behind six without."""
    assert crash.is_over(uptime_s, heard) is over


def test_a_file_system_that_is_full_stops_no_start() -> None:
    """The record cannot be saved: the device starts all the same."""

    def full(settings: dict[str, Any]) -> None:
        raise OSError(28)

    board = SimpleNamespace(reset_cause=lambda: 3, save_settings=full)
    assert crash.look_back(board, {}) == ("Watchdog", 1, False)
