"""The README's Python runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hw_sim.board import Board

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "README.md").read_text(), re.DOTALL)


@pytest.mark.micropython
def test_the_testers_example_runs(board: Board) -> None:
    """The example for testers passes on a real board fixture."""
    names: dict[str, object] = {}
    exec(next(block for block in BLOCKS if "def test_my_program" in block), names)  # noqa: S102 - our own page
    names["test_my_program"](board)  # type: ignore[operator]


def test_the_integrators_example_names_what_exists() -> None:
    """The example for integrators imports, and calls the façade by its true names and keywords."""
    block = next(block for block in BLOCKS if "CloudSync.open" in block)
    names: dict[str, object] = {}
    imports = "\n".join(line for line in block.splitlines() if line.startswith("from "))
    exec(imports, names)  # noqa: S102 - our own page
    called = re.findall(r"cloud\.(\w+)\(", block)
    assert called == ["start", "read_location"]
    assert all(hasattr(names["CloudSync"], name) for name in called)
    code = names["CloudSync"].read_location.__code__  # type: ignore[attr-defined]
    assert {"actor", "purpose", "subject", "start", "end"} <= set(code.co_varnames[: code.co_kwonlyargcount + 1])
