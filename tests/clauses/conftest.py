"""The one fixture of clause tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clauses.made import Made


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """Worlds for one test."""
    with pytest.MonkeyPatch.context() as patch:
        made = Made(tmp_path, patch)
        try:
            yield made
        finally:
            made.close()
