"""Statistics of places: groups of twenty, differences, a grid of ten kilometres, and what remains when rows are anonymised."""

from __future__ import annotations

from cloud_sync.keys.reseal import DayOpener
from cloud_sync.statistics import exposed
from cloud_sync.wire.fields import MOST_EPOCH
from tests.clauses.clause import clause
from tests.clauses.made import DAY, HERE, HOUR, T0, Made
from tests.clauses.stats.stats_world import DESK, THERE, TODAY, crowd, stand

PURPOSE = "market_statistics"


@clause("CT-62", engine="bands")
def test_ct_62(made: Made) -> None:
    """Nineteen at one place and twenty at another: a release of the day has the twenty alone, in a cell of ten kilometres; a
    twenty-first on the next day changes nothing, so that no difference of the two shows fewer than twenty.
    """
    world = made.world("ct")
    people = list(crowd(world, PURPOSE, 40).values())
    stand(world, people[:19], THERE)
    stand(world, people[19:39], HERE)
    world.later(days=1)
    stand(world, people[19:], HERE)
    world.clock.at = (TODAY + 2 + 30) * DAY + HOUR
    asked = {"actor": DESK, "purpose": PURPOSE, "days": 1}
    releases = [world.cloud.statistics.release(first_day=TODAY + n, **asked) for n in range(2)]  # type: ignore[arg-type]
    assert [[cell.people for cell in each.cells] for each in releases] == [[20], [20]]
    counts = [{(cell.row, cell.col): cell.people for cell in each.cells} for each in releases]
    assert exposed(counts, 20) == []
    [cell] = releases[0].cells
    assert abs(cell.lat - HERE[0] / 1e7) < 0.06 and world.cloud.policy.stats and world.cloud.policy.stats.grid_km >= 10
    text = releases[0].to_json() + releases[1].to_json()
    assert "p-" not in text and "19" not in text.replace(releases[0].release_id, "").replace(releases[1].release_id, "")


@clause("CT-15", engine="anonymising")
def test_ct_15(made: Made) -> None:
    """A thousand positions of twenty people: released before their term is over, then rows and keys go; whoever kept the
    rows and the old list of devices opens 0 of 1,000, which the sweep tries itself and logs.
    """
    world = made.world("ct")
    people = crowd(world, PURPOSE, 20)
    times = [int(T0) + 60 * n for n in range(50)]
    world.clock.at = T0 + 3600
    stand(world, [each for each in people.values() for _ in times], HERE, times=times * 20)
    rows = [row for each in people.values() for row in world.cloud.database.envelopes(each.name, 1, 0, MOST_EPOCH)]
    opener = DayOpener(world.cloud._store, world.cloud._keys)
    assert len(rows) == 1000 and all(opener.open(row) is not None for row in rows[:5])
    last = max(rule.last_term.end(T0 + 3600) for rule in world.cloud.policy.rules if rule.category == "exact_location")
    released = T0 + 33 * DAY - 20 * HOUR  # the term of statistics is over twenty hours later
    for moment in (released, last + HOUR):
        world.clock.at = moment
        assert not world.cloud.sweep(clock_confirmed=True).halted
    cells = [cell.people for each in world.cloud.statistics.releases() for cell in each.cells]
    assert cells and min(cells) >= 20
    assert not world.cloud.database.count_envelopes(stream=1)
    again = DayOpener(world.cloud._store, world.cloud._keys)
    assert sum(again.open(row) is not None for row in rows) == 0
    tried = world.logged("relink.tried")
    assert [(each["count"], each["unreadable"]) for each in tried] == [(1000, 1000)]
