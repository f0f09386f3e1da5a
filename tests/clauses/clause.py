"""What makes a test the evidence of a clause: its id, the engine without which it must fail, and what it leaves out.

    @clause("CT-06", engine="gate")
    def test_ct_06(made: Made) -> None:
        '''Five hundred fixes for tracking are read for marketing: denied, and not one of them is answered.'''

The clauses stand in `cloud_sync/policy/clauses.json`, in own words. The only fixture is `made`, so that a test can be called
once more without its engine (`matrix`). A test with a `gap` is expected to fail and is reported as red: an honest test of a
promise that is not kept yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from cloud_sync.policy.clauses import PROMISES
from tests.clauses.made import Made

Test = Callable[[Made], None]


@dataclass(frozen=True)
class Evidence:
    """What a test says of itself."""

    clause: str
    engine: str
    left_out: str
    gap: str
    test: Test

    @property
    def where(self) -> str:
        """Module and name, as pytest finds it."""
        path = self.test.__code__.co_filename
        return f"{path[path.rindex('tests/clauses') :]}::{self.test.__name__}"


#: By clause, as far as the modules have been imported.
EVIDENCE: Final[dict[str, Evidence]] = {}


def clause(name: str, *, engine: str, left_out: str = "", gap: str = "") -> Callable[[Test], Test]:
    """This test is the evidence of clause `name`; ValueError for a clause that there is not, and for a second test of one.

    `engine` is the name of one in the folder `engines`. `left_out` tells which part of the acceptance test only a web page or
    its API could show, `gap` why the product does not keep the clause yet.
    """
    expected = f"test_{name.lower().replace('-', '_')}"

    def mark(test: Test) -> Test:
        if name not in PROMISES:
            raise ValueError(f"{test.__name__}: there is no clause {name}")
        if test.__name__ != expected:
            raise ValueError(f"{test.__name__}: a test of {name} is called {expected}")
        if name in EVIDENCE and EVIDENCE[name].test.__code__.co_filename != test.__code__.co_filename:
            raise ValueError(f"{test.__name__}: {name} has a test already, in {EVIDENCE[name].where}")
        EVIDENCE[name] = Evidence(name, engine, left_out, gap, test)
        test.__dict__["evidence"] = EVIDENCE[name]
        return pytest.mark.xfail(strict=True, reason=gap)(test) if gap else test

    return mark
