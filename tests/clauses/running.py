"""Running clause tests by themselves: as they are, without an engine, or with a naive way in place."""

from __future__ import annotations

import importlib
import logging
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Final

import pytest

from cloud_sync.errors import CloudSyncError
from hw_sim.demo.shipping import ship
from hw_sim.errors import HwSimError
from tests.clauses.clause import EVIDENCE, Evidence
from tests.clauses.engine import engines
from tests.clauses.made import Made
from tests.clauses.way import naive_ways

HERE: Final = Path(__file__).parent
#: How a test fails: it noticed. Anything else is a crash, of the test or of what was put in an engine's place, and shows nothing.
NOTICED: Final = (AssertionError, pytest.fail.Exception, CloudSyncError, HwSimError)


class End(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    CRASHED = "crashed"


@dataclass(frozen=True)
class Outcome:
    """One run of one clause's test; `changed` is what was done to the product: "", `engine:NAME` or `naive:NUMBER`."""

    clause: str
    changed: str
    end: End
    said: str
    seconds: float


def evidence() -> dict[str, Evidence]:
    """The tests of all clauses that have one, by clause."""
    for path in sorted(HERE.rglob("test_*.py")):
        importlib.import_module(".".join(path.relative_to(HERE.parents[1]).with_suffix("").parts))
    return EVIDENCE


def run(clause: str, changed: str = "") -> Outcome:
    """Run one test on the product changed so, in a folder and with patches of its own."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        made = Made(Path(folder), patch)
        # Of a failure only where it is and its first line are told; pytest would compare a hundred rows word by word for the rest.
        patch.setattr("_pytest.assertion.util._reprcompare", None)
        end, said = End.PASSED, ""
        try:
            _change(changed)(patch)
            with redirect_stdout(StringIO()):
                evidence()[clause].test(made)
        except NOTICED as failure:
            end, said = End.FAILED, _last(failure)
        except Exception:  # a crash is told, and never taken for red
            end, said = End.CRASHED, traceback.format_exc(limit=-4)
        try:
            made.close()
        except Exception:  # what is broken on purpose may not close cleanly; what is not, must
            if end is End.PASSED:
                end, said = End.CRASHED, traceback.format_exc(limit=-4)
    return Outcome(clause, changed, end, said, time.perf_counter() - began)


def run_all(pairs: Iterable[tuple[str, str]]) -> Iterator[Outcome]:
    """Run these (clause, changed) on all cores; in their order."""
    clauses, changes = zip(*pairs, strict=True)
    with ProcessPoolExecutor(os.cpu_count(), initializer=_begin) as pool:
        yield from pool.map(run, clauses, changes, chunksize=2)


def _begin() -> None:
    """In each process: boards run byleave's firmware, and what the product logs on the way is not shown."""
    ship()
    logging.getLogger().addHandler(logging.NullHandler())


def _change(changed: str) -> Callable[[pytest.MonkeyPatch], None]:
    kind, _, name = changed.partition(":")
    if kind == "engine":
        return engines()[name].apply
    if kind == "naive":
        return naive_ways()[int(name)].apply
    return lambda _: None


def _last(failure: BaseException) -> str:
    where = traceback.extract_tb(failure.__traceback__)[-1]
    return f"{Path(where.filename).name}:{where.lineno}: {str(failure).strip().splitlines()[:1] or [where.line]}"
