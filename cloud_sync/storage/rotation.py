"""What a rotation (`keys.rotation`) needs of the key store: rows that are wrapped under another key, and their values replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cloud_sync.storage.engine import Engine

_DIRECT_BYTES = 60  # rows from before there was a ring: wrapped by the provider itself (`keys.ring`)
_PREFIX_BYTES = 5


class RotationRows(Engine):
    """The part of `cloud_sync.stores.KeyDatabase` that a rotation uses. Table and column names are the program's own."""

    def count_wrapped(self, table: str) -> list[tuple[bytes, int]]:
        """How many rows begin alike: (the first five bytes, or none where the provider wrapped directly; rows)."""
        rows = self.rows(
            f"SELECT CASE WHEN length(wrapped) = {_DIRECT_BYTES} THEN NULL ELSE substr(wrapped, 1, {_PREFIX_BYTES}) END,"
            f" count(*) FROM {table} GROUP BY 1"
        )
        return [(bytes(start or b""), int(count)) for start, count in rows]

    def wrapped_otherwise(
        self, table: str, key: Sequence[str], also: Sequence[str], start: bytes, after: Sequence[Any] | None, limit: int
    ) -> list[tuple[Any, ...]]:
        """Up to `limit` rows (key, also, wrapped) that do not begin with `start`, by key, from behind `after` on."""
        columns = ", ".join((*key, *also, "wrapped"))
        names, marks = ", ".join(key), ", ".join("?" for _ in key)
        behind = f" AND ({names}) > ({marks})" if after is not None else ""
        return self.rows(
            f"SELECT {columns} FROM {table} WHERE (length(wrapped) = {_DIRECT_BYTES}"
            f" OR substr(wrapped, 1, {_PREFIX_BYTES}) <> ?){behind} ORDER BY {names} LIMIT {limit:d}",
            (start, *(after or ())),
        )

    def wrap_anew(self, table: str, key: Sequence[str], values: Sequence[Any], wrapped: bytes) -> None:
        """Replace the wrapped value of one row, overwriting the page."""
        same = " AND ".join(f"{name} = ?" for name in key)
        self.run(f"UPDATE {table} SET wrapped = ? WHERE {same}", (wrapped, *values))
