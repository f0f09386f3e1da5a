"""Taking in a copy that another installation made: what a person brings along is kept as records of one category of the policy.

1. The manifest is held against the files before anything is kept: bytes, SHA-256, and the rows of each, all of which are read once
before [a copy that was changed on its way; one of which half is kept]. 2. The rows become records of the person's, some hundred
each, under the category's own term, ground and gate: what comes from outside is no reading of a device of this installation, and
is never taken for one. 3. A copy that was taken in before adds nothing. 4. What was kept is in the log, also where the rest is not
taken.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.disclosure.manifest import Listed, Manifest, read_manifest
from cloud_sync.errors import CloudSyncError, ConfigError
from cloud_sync.model import AuditEvent
from cloud_sync.records import Records
from cloud_sync.records.records import MOST_CONTENT_BYTES
from cloud_sync.stores import Clock, Database

MOST_ROWS: Final = 500  # of one record, about 100 KB
MOST_PIECE_BYTES: Final = 2**20  # of the rows of one record, where they are large: it is read and sealed as one
MOST_LINE_BYTES: Final = MOST_CONTENT_BYTES  # of one row: what is larger does not fit into a record
PREFIX: Final = "import."
PORTABLE: Final = "portability"


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken in: rows and the records that hold them, files that were left, and the SHA-256 of the manifest."""

    subject: str
    category: str
    rows: int
    records: int
    known: int
    sha256: str


class Importer:
    """Takes copies in."""

    def __init__(self, records: Records, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._records = records
        self._database = database
        self._audit = audit
        self._clock = clock

    def take(self, folder: str | Path, *, subject: str, category: str, by: str) -> Imported:
        """Keep the rows of a portability copy as records of `category`, of this installation's `subject`.

        ConfigError for a folder that is not as its manifest says, for an access copy (it tells of others' work and is no file to go
        on with), and for what is no category of records in the policy.
        """
        manifest = read_manifest(Path(folder))
        if manifest.kind != PORTABLE:
            raise ConfigError(f"{folder}: is a copy for {manifest.kind}; only one for portability is taken in")
        for file in _of_rows(manifest):
            count = sum(len(piece) for _, piece in _contents(Path(folder), manifest, file))
            if count != file.rows:
                raise ConfigError(f"{folder}: {file.name} has {count} rows and not the {file.rows} of its manifest")
        rows = records = known = 0
        try:
            for file in _of_rows(manifest):
                for number, (content, piece) in enumerate(_contents(Path(folder), manifest, file)):
                    name = _name(manifest, subject, file, number)
                    new = not self._database.parts(name)
                    if new:
                        self._records.put(category, {subject: content}, record_id=name)
                    rows, records, known = rows + len(piece), records + new, known + (not new)
        except CloudSyncError:
            if records:
                self._log(subject, category, by, manifest, rows)
            raise
        self._log(subject, category, by, manifest, rows)
        return Imported(subject, category, rows, records, known, manifest.sha256)

    def _log(self, subject: str, category: str, by: str, manifest: Manifest, rows: int) -> None:
        said: tuple[tuple[str, str | int], ...] = (
            ("category", category),
            ("count", rows),
            ("commitment", manifest.sha256),
        )
        self._audit.append(AuditEvent(Kind.EXPORT_IMPORTED.value, self._clock.now(), by, subject, said))


def _of_rows(manifest: Manifest) -> list[Listed]:
    """The files that have rows of their own."""
    return [file for file in manifest.files if not file.form_of]


def _contents(folder: Path, manifest: Manifest, file: Listed) -> Iterator[tuple[bytes, list[Any]]]:
    """Pieces of a file as they are kept, each with its rows; ConfigError for what is no file of rows, or does not fit."""
    path = folder / file.name
    try:
        for piece in _pieces(path):
            content = _content(manifest, file, piece)
            if len(content) > MOST_CONTENT_BYTES:
                raise ConfigError(f"{path}: has a row that no record holds ({MOST_CONTENT_BYTES} bytes)")
            yield content, piece
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name the folder of a copy") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: has not a row a line, as a copy has them; ask for the copy again") from error


def _pieces(path: Path) -> Iterator[list[Any]]:
    """At most MOST_ROWS rows, and not many more bytes than MOST_PIECE_BYTES."""
    piece: list[Any] = []
    size = 0
    for line in _lines(path):
        piece.append(json.loads(line))
        size += len(line)
        if len(piece) == MOST_ROWS or size >= MOST_PIECE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _lines(path: Path) -> Iterator[bytes]:
    """The elements of a JSON array that `Folder.array` wrote, as text; never more than one line in memory."""
    with path.open("rb") as file:
        while line := file.readline(MOST_LINE_BYTES + 1):
            if len(line) > MOST_LINE_BYTES:
                raise ValueError("a line is longer than a record")
            text = line.strip().removesuffix(b",")
            if text not in (b"[", b"]", b"[]"):
                yield text


def _content(manifest: Manifest, file: Listed, piece: list[Any]) -> bytes:
    """What is kept: where it comes from, and the rows as they were."""
    about = {"from": manifest.policy, "as_of": manifest.as_of, "about": file.about, "purpose": file.purpose}
    return json.dumps({**about, "rows": piece}, ensure_ascii=False).encode()


def _name(manifest: Manifest, subject: str, file: Listed, number: int) -> str:
    """The same for the same piece of the same copy."""
    text = f"{manifest.sha256}/{subject}/{file.name}/{number}"
    return f"{PREFIX}{hashlib.sha256(text.encode()).hexdigest()[:32]}"
