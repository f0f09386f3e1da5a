"""Reads of a transaction that are asked one by one, fetched together: a round trip for each question instead of each device.

A batch asks the same few questions about each of its devices and their people. Told beforehand of whom it will ask, the first
question of a kind is asked for all of them. What was read ahead lives as long as the transaction, under whose lock nobody else
writes, and not beyond its first own write to anything but what is only ever appended [an answer from before a change].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Rows = list[tuple[Any, ...]]

#: Questions that can be asked of many at once: plain columns of one table, for one device or one person.
_OF_ONE = re.compile(r"SELECT ([\w, ]+) FROM (\w+) WHERE (device|subject) = \?( ORDER BY [\w, ]+)?")
_APPENDED = re.compile(r"INSERT INTO (envelope|audit_leaf) ")
MOST_ROWS = 100_000  # kept at once; a person with more than that many rows in one answer is read by themselves


class ReadAhead:
    """The answers of one transaction."""

    def __init__(self) -> None:
        self._expected: dict[str, list[str]] = {}
        self._answers: dict[str, dict[str, Rows]] = {}

    def expect(self, column: str, keys: Iterable[str]) -> None:
        """The transaction will ask for these values of `device`, or of `subject`."""
        if column in self._expected:
            self._answers.clear()
        self._expected[column] = sorted(set(keys))

    def forget(self) -> None:
        """The transaction is over."""
        self._expected.clear()
        self._answers.clear()

    def written(self, sql: str) -> None:
        """The transaction has changed something."""
        if not _APPENDED.match(sql):
            self.forget()

    def rows(self, sql: str, values: Sequence[Any], fetch: Callable[[str, Sequence[Any]], Rows]) -> Rows | None:
        """The answer, or None where the question must be asked by itself; `fetch` asks one of all."""
        if not self._expected or len(values) != 1:
            return None
        answers = self._answers.get(sql)
        if answers is None:
            answers = self._answers[sql] = self._ask(sql, fetch)
        found = answers.get(values[0])
        return None if found is None else list(found)

    def _ask(self, sql: str, fetch: Callable[[str, Sequence[Any]], Rows]) -> dict[str, Rows]:
        question = _OF_ONE.fullmatch(sql)
        if question is None or question[3] not in self._expected:
            return {}
        columns, table, key, order = question.groups()
        keys = self._expected[key]
        rows = fetch(
            f"SELECT {key}, {columns} FROM {table} WHERE {key} = ANY(?){order or ''} LIMIT {MOST_ROWS + 1}", [keys]
        )
        if len(rows) > MOST_ROWS:
            return {}
        answers: dict[str, Rows] = {each: [] for each in keys}
        for row in rows:
            answers[row[0]].append(row[1:])
        return answers
