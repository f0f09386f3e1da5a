"""What a run may cost: bounds in a TOML, and which of them it exceeds. A budget that is exceeded fails a build.

[board]
mean_ma = 1.5
[part.radio]
share_percent = 40
[part.gnss.state.acquisition]
seconds_day = 900
[fix]
mc = 80
[life]
battery = "liion-18650"
celsius = 0
days = 60
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hw_sim.energy import battery as batteries
from hw_sim.energy.costs import costs, table
from hw_sim.energy.life import estimate
from hw_sim.errors import HwSimError

if TYPE_CHECKING:
    from hw_sim.picture.recording import Recording

DAY_S = 86_400
SIZE_LIMIT_BYTES = 64 << 10  # a budget is a page of text
Bound = Annotated[float, Field(ge=0, le=1e12)] | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Bounds(_Strict):
    """At most so much: mean current in mA, charge a day in mAh, share of all in percent, seconds a day."""

    mean_ma: Bound = None
    mah_day: Bound = None
    share_percent: Bound = None
    seconds_day: Bound = None


class PartBounds(Bounds):
    """Of a part, and of its states."""

    state: dict[str, Bounds] = {}


class Each(_Strict):
    """Of one contact or fix: mC of its own parts, mC of the whole board."""

    mc: Bound = None
    all_mc: Bound = None


class LifeBound(_Strict):
    """At least so many days on a battery."""

    battery: str
    celsius: float = 20.0
    days: float = Field(gt=0)


class Budget(_Strict):
    """All bounds of a file."""

    board: Bounds | None = None
    part: dict[str, PartBounds] = {}
    contact: Each | None = None
    fix: Each | None = None
    life: LifeBound | None = None


class Excess(NamedTuple):
    """One bound that does not hold: what it bounds, its unit, what it is and what the run has."""

    what: str
    unit: str
    bound: float
    found: float

    @property
    def sentence(self) -> str:
        """For the log of a build."""
        by = abs(self.found - self.bound)
        share = f" ({100 * by / self.bound:.1f} %)" if self.bound else ""
        way = "above" if self.found > self.bound else "below"
        return f"{self.what}: {self.found:.4g} {self.unit}, {by:.4g}{share} {way} the budget of {self.bound:.4g}"


def load(path: Path) -> Budget:
    """A budget file; HwSimError names the line or the key that is wrong."""
    try:
        if path.stat().st_size > SIZE_LIMIT_BYTES:
            raise HwSimError(f"budget {path}: larger than {SIZE_LIMIT_BYTES >> 10} KiB")
        budget = Budget.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise HwSimError(f"budget {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise HwSimError(f"budget {path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HwSimError(f"budget {path}: {error}") from error
    if not budget.model_fields_set:
        raise HwSimError(f"budget {path} bounds nothing: write [board] mean_ma = 2, for a start")
    return budget


def exceeded(budget: Budget, recording: Recording) -> list[Excess]:
    """The bounds that the run does not keep, in the order of the file's tables; HwSimError for a part or state it does not have."""
    if not recording.seconds:
        raise HwSimError("the run has no length, so there is nothing to hold against a budget")
    found = _over(budget.board, "board", _Sum.of(recording), recording) if budget.board else []
    for name, part in budget.part.items():
        found += _over(part, name, _Sum.of(recording, name), recording)
        for state, bounds in part.state.items():
            found += _over(bounds, f"{name} {state}", _Sum.of(recording, name, state), recording)
    for what, each in (("contact", budget.contact), ("fix", budget.fix)):
        if each is not None:
            found += _of_each(each, what, recording)
    return found + (_of_life(budget.life, recording) if budget.life else [])


class _Sum(NamedTuple):
    mah: float
    seconds: float

    @classmethod
    def of(cls, recording: Recording, part: str = "", state: str = "") -> _Sum:
        rows = [row for row in table(recording) if part in ("", row.part) and state in ("", row.state)]
        if not rows and part:
            known = [row for row in table(recording) if row.part == part] if state else table(recording)
            names = sorted({row.state if state else row.part for row in known})
            wrong = f"{part} has no state {state}" if known and state else f"the run has no part {part}"
            raise HwSimError(f"budget: {wrong}; there are {', '.join(names) or 'none'}")
        return cls(sum(row.mah for row in rows), sum(row.seconds for row in rows))


def _over(bounds: Bounds, what: str, of: _Sum, recording: Recording) -> list[Excess]:
    days = recording.seconds / DAY_S
    all_mah = _Sum.of(recording).mah or 1.0
    checked = (
        ("mA on average", bounds.mean_ma, of.mah / (days * 24)),
        ("mAh a day", bounds.mah_day, of.mah / days),
        ("% of the charge", bounds.share_percent, 100 * of.mah / all_mah),
        ("s a day", bounds.seconds_day, of.seconds / days),
    )
    return [Excess(what, unit, bound, found) for unit, bound, found in checked if bound is not None and found > bound]


def _of_each(each: Each, what: str, recording: Recording) -> list[Excess]:
    cost = next((cost for cost in costs(recording) if cost.what == what), None)
    if cost is None:
        raise HwSimError(f"budget: the run tells of no {what}, so none can be bounded")
    checked = (
        (f"a {what}, {cost.parts}", each.mc, cost.mc),
        (f"a {what}, the whole board", each.all_mc, cost.all_mc),
    )
    return [Excess(words, "mC", bound, found) for words, bound, found in checked if bound is not None and found > bound]


def _of_life(bound: LifeBound, recording: Recording) -> list[Excess]:
    life = estimate(recording, batteries.load(bound.battery), bound.celsius)
    if life.days >= bound.days:
        return []
    return [Excess(f"life on {bound.battery} at {bound.celsius:g} °C", "days", bound.days, life.days)]
