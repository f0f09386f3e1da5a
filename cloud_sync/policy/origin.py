"""Where the values of a policy come from: what a published text states, and what is a default beside it.

A file that carries out somebody's published policy has values that the text states and values that it leaves open. `[origin]`
names the text; `stated` in a rule, in a recipient and in `[origin]` lists the keys whose values the text states. Every other
value of such a file is a default, and the reports say so: nobody is shown a default as if it were the company's own words
(docs/decisions/0025-stated-and-default.md). A file without `[origin]` is its company's own from end to end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from cloud_sync.policy.checks import Gap, Raw, table, tables, words
from cloud_sync.policy.kinds import Table, Words
from cloud_sync.policy.locate import Path

#: A clause of a published text (MM-41), a conflict (X-07) or a vague point (V-29) that was resolved.
ClauseId = Annotated[str, Field(pattern=r"^[A-Z]{1,4}-[0-9]{1,4}$")]
#: The number of a section, as it stands there: 7, 7.2, IV.
Section = Annotated[str, Field(pattern=r"^[A-Za-z0-9.]{1,12}$")]
KeyName = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
Setting = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_]{1,40}(\.[a-zA-Z0-9_]{1,40}){1,3}$")]

#: What a rule and a recipient say, in the order in which reports tell of it.
RULE_KEYS: Final = (
    *("purpose", "fields", "basis", "role", "precision", "retention", "clock", "after", "step"),
    *("recipients", "region", "visible_to_user"),
)
RECIPIENT_KEYS: Final = ("id", "kind", "service", "region", "fields", "mechanism", "enabled")
#: Keys that tell of the others.
_ABOUT: Final = frozenset({"stated", "clauses"})


class OriginTable(Table):
    """`[origin]`: the published text that the file carries out, and which single keys it states."""

    source: Words
    stated: tuple[Setting, ...] = ()
    clauses: dict[Setting, tuple[ClauseId, ...]] = Field(default={})
    sections: tuple[Section, ...] = ()
    references: tuple[Section, ...] = ()


class SaidTable(Table):
    """What a rule or a recipient says about itself: which of its keys the text states, and on which clauses it rests."""

    stated: tuple[KeyName, ...] = ()
    clauses: tuple[ClauseId, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """The compiled `[origin]`: `stated` and `clauses` by the name of a single key, such as `rights.deadline`.

    `unresolved` are sections to which the text refers, and of which it has none, or more than one.
    """

    source: str
    stated: frozenset[str]
    clauses: Mapping[str, tuple[str, ...]]
    unresolved: tuple[str, ...] = ()


def compile_origin(origin: OriginTable | None) -> Origin | None:
    """Compile `[origin]`; None for a file that is its company's own."""
    if origin is None:
        return None
    unresolved = tuple(name for name in dict.fromkeys(origin.references) if origin.sections.count(name) != 1)
    return Origin(origin.source, frozenset(origin.stated), MappingProxyType(dict(origin.clauses)), unresolved)


def _stands(raw: Raw, key: str) -> bool:
    """Whether a single key stands in the file, as `table.key`."""
    *above, last = key.split(".")
    return last in table(raw, *above)


def settings_stated(raw: Raw) -> Iterator[Gap]:
    """`[origin]` tells of keys that stand in the file."""
    fix = "write it as table.key, of a table that stands once, or take it out"
    for k, name in enumerate(words(table(raw, "origin").get("stated"))):
        if name and not _stands(raw, name):
            yield Gap(("origin", "stated", k), f"the file has no key {name}", fix)
    for name in table(raw, "origin", "clauses"):
        if not _stands(raw, name):
            yield Gap(("origin", "clauses", name), f"the file has no key {name}", fix)


def rules_stated(raw: Raw) -> Iterator[Gap]:
    """A rule or recipient states keys that it has, of a text that `[origin]` names."""
    for kind in ("rule", "recipient"):
        for n, entry in enumerate(tables(raw.get(kind))):
            stated: Path = (kind, n, "stated")
            if words(entry.get("stated")) and not table(raw, "origin"):
                yield Gap(stated, "stated by no text", "add [origin] with its source, or take it out")
            for k, name in enumerate(words(entry.get("stated"))):
                if name and (name in _ABOUT or name not in entry):
                    fix = "list keys of this table whose values the text states"
                    yield Gap((*stated, k), f"this table has no value {name!r}", fix)


ORIGIN_CHECKS: tuple[Callable[[Raw], Iterator[Gap]], ...] = (settings_stated, rules_stated)
