"""The tests of clauses, run, as JSON: python -m tests.clauses.report [CT-06 …]; what `byleave policy clauses` asks."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from tests.clauses.running import End, evidence, run_all


def report(names: Sequence[str]) -> list[dict[str, Any]]:
    """How the tests of these clauses ended; one with a gap is red whatever it does."""
    wanted = [name for name in names or sorted(evidence()) if name in evidence()]
    rows = []
    for outcome in run_all([(name, "") for name in wanted]) if wanted else ():
        each = evidence()[outcome.clause]
        rows.append(
            {
                "clause": each.clause,
                "test": each.where,
                "engine": each.engine,
                "left_out": each.left_out,
                "gap": each.gap,
                "passed": outcome.end is End.PASSED and not each.gap,
                "said": outcome.said,
                "seconds": round(outcome.seconds, 3),
            }
        )
    return rows


if __name__ == "__main__":
    print(json.dumps(report(sys.argv[1:])))
