"""Counts that may be published: of groups of at least k, in steps of k, so that no difference of two is a small group.

A count of 1 is a person, and so is the difference of 20 and 21 in two releases [whoever knows all others learns of the one who
came]. So a group of 20 to 39 is told as 20 with k = 20, one of 40 to 59 as 40: every difference of two published counts is
nothing or at least k. What is below k is left out, without a mark [the place of a small group is news, too].
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import TypeVar

from cloud_sync.errors import ConfigError

Group = TypeVar("Group")

LEAST_K = 2  # one is a person


def banded(groups: Mapping[Group, Set[str]], k: int) -> dict[Group, int]:
    """Group → how many people at least, a multiple of k; groups below k are not among them."""
    if k < LEAST_K:
        raise ConfigError("a statistic of one is about a person: choose k of 2 or more")
    return {group: len(people) // k * k for group, people in groups.items() if len(people) >= k}


def exposed(releases: Iterable[Mapping[Group, int]], k: int) -> list[tuple[Group, int]]:
    """Groups whose published counts, or the differences of them between any two releases, show fewer than k: (group, how many).

    A group that a release does not have counts as none there.
    """
    counts: dict[Group, set[int]] = {}
    many = list(releases)
    for release in many:
        for group in release:
            counts.setdefault(group, {other.get(group, 0) for other in many})
    found = []
    for group, told in counts.items():
        steps = {abs(one - other) for one in told | {0} for other in told | {0}}
        found += [(group, step) for step in sorted(steps) if 0 < step < k]
    return found
