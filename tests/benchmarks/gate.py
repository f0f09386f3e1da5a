"""Decisions a second, of one core: `decide` by itself, and the gate over its stores, which reads the facts for each request.
Seconds are those of this process on its core, which other load disturbs less than the wall clock.

`allow` is a plain read of the person's own positions; `deny` one of a purpose that is not declared; `staff` one under a grant;
`authority` a disclosure with reference and approvals; `mixed` a hundred thousand requests of the exhaustive table in turn.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cloud_sync.consent import Coverage
from cloud_sync.gate import Facts, Request, StaffGrant, decide
from cloud_sync.model import Action, Actor, Precision
from cloud_sync.policy import load_policy
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.ingest.ingest_world import NOON, World

ROUNDS = 5
REQUESTS = 100_000
GOAL = 100_000  # decisions a second, for a plain allow

Asked = tuple[Request, Facts]


def run(quick: bool) -> dict[str, object]:
    """The median of the rounds, in decisions a second."""
    count = REQUESTS // 10 if quick else REQUESTS
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "policy.toml"
        path.write_text(SYNTHETIC)
        policy = load_policy(path)
        figures: dict[str, object] = {"goal": GOAL}
        for what, asked in _cases().items():

            def work(asked: Sequence[Asked] = asked) -> None:
                for request, facts in itertools.islice(itertools.cycle(asked), count):
                    decide(request, policy, facts)

            figures[what] = _rate(work, count)
        figures["over_stores"] = _over_stores(Path(name), count // 20)
    return figures


def _rate(work: Callable[[], None], count: int) -> int:
    rates = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        rates.append(count / (time.process_time() - started))
    return round(sorted(rates)[ROUNDS // 2])


def _cases() -> dict[str, list[Asked]]:
    facts = Facts(True, Coverage(True, True, Precision.CELL_100M), False, False, None, False, False)
    me = Actor("s-1", "data_subject")
    read = Request(me, "tracking", Action.READ, "position", "s-1", NOON, NOON - 100)
    helper = Actor("e-1", "support", True)
    grant = StaffGrant(
        *("g", "e-1", "support", "s-1"),
        frozenset({"tracking"}),
        frozenset({"position"}),
        *("K-1", "e-9", NOON - 60, NOON + 60),
    )
    told = replace(
        read,
        actor=Actor("c-1", "controller"),
        purpose="legal_reporting",
        action=Action.DISCLOSE,
        recipient="police",
        reference="order-7",
    )
    purposes = ("tracking", "dispatch", "condition_monitoring", "theft_alarm", "diagnosis", "marketing", "unheard_of")
    categories = ("position", "environment", "motion", "status", "contact", "unheard_of")
    table = itertools.product(purposes, categories, Action, ("data_subject", "controller", "support", "service"))
    return {
        "allow": [(read, facts)],
        "deny": [(replace(read, purpose="marketing"), facts)],
        "staff": [(replace(read, actor=helper), replace(facts, grant=grant))],
        "authority": [(told, replace(facts, approvals=frozenset({"d-1", "d-2"})))],
        "mixed": [
            (replace(read, purpose=p, category=c, action=a, actor=Actor("s-1", r)), facts) for p, c, a, r in table
        ],
    }


def _over_stores(directory: Path, count: int) -> int:
    world = World(directory)
    world.clock.at = NOON - 7200
    world.enrol()
    world.consent()
    request = Request(Actor("s-1", "data_subject"), "tracking", Action.READ, "position", "s-1", NOON, NOON - 100)
    assert world.gate.ask(request)

    def work() -> None:
        for _ in range(count):
            world.gate.ask(request)

    rate = _rate(work, count)
    world.close()
    return rate
