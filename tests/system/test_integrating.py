"""The page for integrators runs as it stands, block after block."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.cloud_sync.ingest.ingest_world import POLICY

PAGE = Path(__file__).parents[2] / "docs" / "integrating.md"


def test_every_block_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one namespace, in an empty folder, without a broker; what the comments say is printed is printed."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 9
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"POLICY": POLICY}
    for block in blocks:
        here = block.replace('"localhost", 1883', '"localhost", 1')  # where nobody listens
        exec(compile(here, str(PAGE), "exec"), names)  # noqa: S102 - our own page
    printed = capsys.readouterr().out.splitlines()
    assert [printed[0].split()[0], *printed[1:4]] == ["False", "malformed", "0 0", "purpose_not_declared"]
    assert any(line.startswith("ad-7 staff") and "False" in line for line in printed)
