"""A copy that was written: which kind, its files, what it withholds, and its manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from cloud_sync.disclosure.manifest import MANIFEST, Listed, Manifest, digest
from cloud_sync.policy import Policy
from cloud_sync.read.rows import iso

INDEX: Final = "index.html"


class Kind(StrEnum):
    """Which of the two copies."""

    ACCESS = "access"
    PORTABILITY = "portability"


@dataclass(frozen=True, slots=True)
class FileOfExport:
    """One file: what is in it, how many records, why it ended early if it did, and how many envelopes did not open."""

    name: str
    about: str
    count: int
    purpose: str = ""
    stopped: str = ""
    unreadable: int = 0
    form_of: str = ""


@dataclass(slots=True)
class Export:
    """What an export wrote, and what it withheld: (what, purpose, reason)."""

    folder: Path
    kind: Kind
    subject: str
    at: float
    files: list[FileOfExport] = field(default_factory=list)
    manifest: Manifest = field(init=False)
    withheld: list[tuple[str, str, str]] = field(default_factory=list)


def manifest_of(made: Export, policy: Policy) -> Manifest:
    """Of the files as they lie there; the index is one of them."""
    index = FileOfExport(INDEX, "index", 1, form_of=MANIFEST)
    listed = [
        Listed(file.name, file.about, file.purpose, file.count, *digest(made.folder / file.name), file.form_of)
        for file in [*made.files, index]
    ]
    said = {"id": policy.id, "version": policy.version, "sha256": policy.hash}
    return Manifest(made.kind.value, made.subject, iso(made.at), said, tuple(listed))
