"""The option `--wait`: each command for one board has it, and its Console is opened with that patience."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from agent.board import patience
from agent.cli import build
from agent.enrolment import greeting
from agent.errors import AgentConfigError, NoPrompt
from agent.examination import doctor, monitor
from agent.flashing import flashing
from agent.reset import factory
from tests.unit.agent.commands.test_secrets import options

FOR_ONE_BOARD = {"doctor", "enrol", "flash", "greet", "monitor", "proof", "reset"}


def test_each_command_for_one_board_waits() -> None:
    """No other does: `ports` looks at many, `gateway` takes each as it comes."""
    assert {command for command, name, kind, _ in options() if name == "wait" and kind is float} == FOR_ONE_BOARD


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (doctor, ["doctor"]),
        (monitor, ["monitor", "--once"]),
        (flashing, ["flash"]),
        (factory, ["reset", "--factory", "--yes"]),
        (greeting, ["greet", "--answer", "van.answer"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_the_prompt_is_waited_for(module: object, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as was asked, nothing without being asked; that it waits is said on standard error."""
    found: list[float] = []

    def never(port: str) -> None:
        found.append(patience.left_s())
        patience.waits()
        raise NoPrompt("nobody")

    monkeypatch.setattr(module, "Console", never)
    monkeypatch.setattr(greeting, "read", lambda path: [b"sealed"])
    run: Callable[..., str] = lambda *more: CliRunner().invoke(build(), ["agent", *words, "--port", "x", *more]).stderr  # noqa: E731
    assert "waiting up to 900 s for the board to wake; its reset button wakes it" in run("--wait", "900")
    run()
    assert 890 < found[0] <= 900 and found[1:] == [0]


def test_a_monitor_that_listens_waits_anyway() -> None:
    """`--wait` is for the prompt, which it does not use."""
    done = CliRunner().invoke(build(), ["agent", "monitor", "--port", "x", "--wait", "9"])
    assert isinstance(done.exception, AgentConfigError)
