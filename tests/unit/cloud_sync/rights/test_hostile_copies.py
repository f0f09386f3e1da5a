"""A folder that somebody brings as a copy: nothing else of this machine is read, nothing is kept of what does not hold."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from cloud_sync.disclosure.importing import MOST_ROWS
from cloud_sync.disclosure.manifest import FORMAT, Listed, digest, whole
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.rights.rights_world import Bureau

ROWS: Final = "location.tracking.json"
REFUSES: Final = Path(__file__).parents[4] / "cloud_sync" / "policy" / "profiles" / "cg.toml"
POLICY: Final = {"id": "other", "version": "1", "sha256": "0" * 64}


def copy(folder: Path, text: bytes = b'[\n{"a": 1},\n{"a": 2}\n]\n', count: int = 2, **head: Any) -> Path:
    """A copy of one file with a manifest that adds up; `head` replaces values of the manifest, `file` those of its one file."""
    folder.mkdir(exist_ok=True)
    if not (folder / ROWS).is_symlink():
        (folder / ROWS).write_bytes(text)
    size, sha = digest(folder / ROWS)
    listed = {"name": ROWS, "about": "location", "purpose": "tracking", "rows": count, "bytes": size, "sha256": sha}
    listed = {**listed, "form_of": "", **head.pop("file", {})}
    total = {"rows": listed["rows"], "sha256": whole([Listed(**listed)])}
    said = {"format": FORMAT, "kind": "portability", "subject": "s-1", "as_of": "2026-01-15", "policy": POLICY}
    (folder / "manifest.json").write_text(json.dumps({**said, "files": [listed], **total, **head}))
    return folder


def take(bureau: Bureau, folder: Path) -> Any:
    """Take it in for somebody."""
    return bureau.cloud.rights.import_copy(folder, subject="s-9", category="contact", by="desk-1")


def _link(folder: Path) -> None:
    (folder.parent / "secret").write_bytes((folder / ROWS).read_bytes())
    (folder / ROWS).unlink()
    (folder / ROWS).symlink_to(folder.parent / "secret")


def _linked_manifest(folder: Path) -> None:
    (folder / "manifest.json").rename(folder.parent / "manifest.json")
    (folder / "manifest.json").symlink_to(folder.parent / "manifest.json")


def _folder(folder: Path) -> None:
    (folder / ROWS).unlink()
    (folder / ROWS).mkdir()


def _path(folder: Path) -> None:
    (folder.parent / "outside.json").write_bytes((folder / ROWS).read_bytes())
    copy(folder, file={"name": "../outside.json"})


@pytest.mark.parametrize("spoil", [_link, _linked_manifest, _folder, _path])
def test_only_files_that_lie_there_are_read(bureau: Bureau, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """A link, a linked manifest, a folder in place of a file, a name that leads out: each alone; nothing is kept."""
    assert take(bureau, copy(tmp_path / "good")).rows == 2
    kept = len(bureau.cloud.records.of("s-9"))
    folder = copy(tmp_path / "copy", b'[\n{"a": 3},\n{"a": 4}\n]\n')
    spoil(folder)
    with pytest.raises(ConfigError):
        take(bureau, folder)
    assert len(bureau.cloud.records.of("s-9")) == kept == 1


def test_a_pipe_is_not_waited_for(bureau: Bureau, tmp_path: Path) -> None:
    """In place of the file of rows, and of the manifest: refused at once."""
    for name in (ROWS, "manifest.json"):
        folder = copy(tmp_path / f"copy-{name}")
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(ConfigError, match="link, or no file"):
            take(bureau, folder)


@pytest.mark.parametrize(
    "head",
    [
        {"kind": 7},
        {"as_of": "x" * 300},
        {"policy": {"id": "x" * 2**16}},
        {"policy": {str(n): "x" for n in range(9)}},
        {"files": [{}]},
        {"files": [{"name": 1, "about": "", "purpose": "", "rows": 2, "bytes": 1, "sha256": ""}]},
        {"files": [{"name": ROWS, "about": "", "purpose": "", "rows": "2", "bytes": 1, "sha256": ""}]},
        {"files": 9},
    ],
)
def test_a_manifest_of_other_values_is_none(bureau: Bureau, tmp_path: Path, head: dict[str, Any]) -> None:
    """Words that are numbers, numbers that are words, more than anybody writes: each alone, in the errors of the library."""
    with pytest.raises(ConfigError, match="no manifest"):
        take(bureau, copy(tmp_path / "copy", **head))
    (tmp_path / "copy" / "manifest.json").write_text("[" * 200_000)
    with pytest.raises(ConfigError, match="no manifest"):
        take(bureau, tmp_path / "copy")


@pytest.mark.parametrize(
    "line",
    [b"[" * 200_000, b"{", b"\xff", b"1" * 5000, b'"\\ud800"', b'{"a": 1}, {"a": 2}'],
    ids=["nested", "cut", "no text", "digits", "half a character", "two"],
)
def test_rows_that_are_none_keep_nothing(bureau: Bureau, tmp_path: Path, line: bytes) -> None:
    """After a piece of good ones: nothing at all is kept, in the errors of the library."""
    good = [b'{"a": 1}'] * MOST_ROWS
    text = b"[\n" + b",\n".join([*good, line]) + b"\n]\n"
    with pytest.raises(ConfigError, match="row a line"):
        take(bureau, copy(tmp_path / "copy", text, MOST_ROWS + 1))
    assert bureau.cloud.records.of("s-9") == [] and not bureau.logged("export.imported", "s-9")


def test_a_manifest_of_other_rows_keeps_nothing(bureau: Bureau, tmp_path: Path) -> None:
    """One row fewer than it says, in a file that is otherwise as it says."""
    with pytest.raises(ConfigError, match="2 rows and not the 3"):
        take(bureau, copy(tmp_path / "copy", count=3))
    assert bureau.cloud.records.of("s-9") == []


def test_what_is_kept_before_a_refusal_is_in_the_log(tmp_path: Path) -> None:
    """The second piece has a card's number, which the policy keeps out: the first stands in the log with its rows."""
    (tmp_path / "installation").mkdir()
    bureau = Bureau(tmp_path / "installation")
    with CloudSync.open(bureau.config(policy=REFUSES), clock=bureau.clock, link=bureau.link) as bureau.cloud:
        rows = [b'{"a": 1}'] * MOST_ROWS + [b'{"a": "4111 1111 1111 1111"}']
        folder = copy(tmp_path / "copy", b"[\n" + b",\n".join(rows) + b"\n]\n", MOST_ROWS + 1)
        with pytest.raises(Denied, match="card"):
            take(bureau, folder)
        assert [entry["count"] for entry in bureau.logged("export.imported", "s-9")] == [MOST_ROWS]


def test_large_rows_are_kept_in_more_pieces(bureau: Bureau, tmp_path: Path) -> None:
    """Forty rows of half a megabyte are twenty megabytes, more than a record holds: all are there, in pieces of two."""
    rows = [json.dumps({"text": hashlib.sha256(bytes([n])).hexdigest() * 8192}).encode() for n in range(40)]
    made = take(bureau, copy(tmp_path / "copy", b"[\n" + b",\n".join(rows) + b"\n]\n", 40))
    assert (made.rows, made.records) == (40, 20)
