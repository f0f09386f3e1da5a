"""What all tests share: where skipping is allowed, and where it is a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from hw_sim.demo.shipping import ship


def pytest_configure(config: pytest.Config) -> None:
    """Boards run byleave's firmware as it is shipped."""
    ship()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With CI set, a skipped test is a failed one: CI has every component, so a skip hides something."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}"
