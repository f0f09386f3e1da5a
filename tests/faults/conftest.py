"""Faults tried on both engines are repeats on PostgreSQL: a share of these runs, others at each commit (`tests.share`)."""

from __future__ import annotations

import os

import pytest

from tests.share import chosen


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With BYLEAVE_STORED=4 one in four of them runs."""
    one_in = int(os.environ.get("BYLEAVE_STORED", "1"))
    left_out = {item for item in items if "[postgresql" in item.nodeid and not chosen(item.nodeid, one_in)}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]
