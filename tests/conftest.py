"""What all tests share: where skipping is allowed, and where it is a failure."""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Iterator

import pytest
import typer.testing
from typer.main import get_command

from hw_sim.demo.shipping import ship
from hw_sim.interpreter.starting import end_starts


def pytest_configure(config: pytest.Config) -> None:
    """Boards run byleave's firmware as it is shipped; a group's commands are put together once, not for each that is run."""
    ship()
    # A command keeps nothing between two runs. To put together those of `sync` takes a tenth of a second.
    typer.testing._get_command = functools.lru_cache(maxsize=16)(get_command)
    _pin(os.environ.get("PYTEST_XDIST_WORKER", ""))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded by now stays to the end: the collector need not look through all tests again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    """A worker ends without what Python does at its exit."""
    end_starts()


def _pin(worker: str) -> None:
    """With BYLEAVE_PINNED=1 each of several workers has a core of its own, for itself and its boards: simulator and interpreter
    take turns, and to wake each other across cores costs a third of their time.
    """
    if worker and os.environ.get("BYLEAVE_PINNED") and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With CI set, a skipped test is a failed one: CI has every component, so a skip hides something."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}"
