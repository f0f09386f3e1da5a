"""Parts of deliveries as Parquet files, one a part, for recipients who compute with columns. Needs the extra `parquet`."""

from __future__ import annotations

import json
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from cloud_sync.disclosure.parcel import Part
from cloud_sync.disclosure.sinks import FileSink
from cloud_sync.errors import ConfigError
from cloud_sync.stores import Parcel

#: Of the part itself: they stand in the file's metadata, no column has them.
ABOUT: Final = ("delivery", "part", "recipient", "purpose", "source")


class ParquetSink(FileSink):
    """`FileSink` that writes columns: those of the fields that are listed for the recipient, and no other."""

    SUFFIX = ".parquet"

    def __init__(self, folder: str | Path) -> None:
        """ConfigError unless the folder is there and pyarrow is installed."""
        super().__init__(folder)
        self._arrow, self._parquet = _library()

    def deliver(self, parcel: Parcel) -> None:
        """A file of columns; what is no part with readings, such as a message on a removal, is one of JSON as it came.

        ConfigError for values that fit no column.
        """
        part = json.loads(parcel.body)
        rows = part.get("readings")
        if not rows:
            self._write(parcel, super().SUFFIX)
            return
        names = dict.fromkeys(name for row in rows for name in row)  # the library looks at the first row alone
        try:
            table = self._arrow.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
        except (ValueError, TypeError, OverflowError, self._arrow.ArrowException):
            raise ConfigError(f"values for {parcel.recipient} fit no column: give a field one type") from None
        about = {name: str(part[name]) for name in ABOUT if name in part}
        into = BytesIO()
        self._parquet.write_table(table.replace_schema_metadata(about), into)
        self._write(Part(parcel.key, parcel.recipient, into.getvalue()), self.SUFFIX)


def _library() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise ConfigError("Parquet needs pyarrow, which is not installed: pip install 'byleave[parquet]'") from None
