"""Files with secrets: who may read them, and what a cut leaves of one that is written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent import files
from agent.errors import AgentConfigError, AgentError, EnrolmentFileError
from agent.files import read_bounded, read_private, write_private


def read(path: Path) -> bytes:
    """With the words of a test."""
    return read_private(path, limit_bytes=100, holds="the key", instead="make another")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A private file."""
    file = tmp_path / "secret"
    file.touch(mode=0o600)
    file.write_bytes(b"secret")
    return file


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601])
def test_any_right_of_others_is_one_too_many(path: Path, mode: int) -> None:
    """Refused with what to do, by the error that the caller names."""
    assert read(path) == b"secret"
    path.chmod(mode)
    with pytest.raises(EnrolmentFileError, match=r"others on this machine .* the key in it.*make another.*chmod 600"):
        read(path)
    with pytest.raises(AgentConfigError):
        read_private(path, limit_bytes=9, holds="it", instead="", refusal=AgentConfigError)
    assert read_bounded(path, limit_bytes=9, instead="") == b"secret"


def test_what_is_no_file_is_refused(path: Path) -> None:
    """A missing one, a folder, a link to a private file, a pipe that nobody writes to."""
    link, pipe = path.parent / "link", path.parent / "pipe"
    link.symlink_to(path)
    os.mkfifo(pipe, 0o600)
    for each in (path.parent / "gone", path.parent, link, pipe):
        with pytest.raises(EnrolmentFileError):
            read(each)
    assert read_bounded(link, limit_bytes=9, instead="") == b"secret"


def test_a_link_is_called_one(path: Path) -> None:
    """And the file behind it, named itself, is read."""
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(EnrolmentFileError, match="is a link; name the file itself"):
        read(link)
    assert read(link.resolve()) == b"secret"


def test_no_more_is_read_than_is_asked_for(path: Path) -> None:
    """One byte more than the limit, so that the caller sees that it is too long."""
    path.write_bytes(bytes(1000))
    assert len(read(path)) == 101


def test_a_file_is_private_from_its_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode 0600 whatever the umask, also where a file with other rights stood; and nothing is left beside it."""
    out = tmp_path / "out"
    out.write_bytes(b"old")
    out.chmod(0o644)
    before = os.umask(0)
    try:
        write_private(out, b"new")
    finally:
        os.umask(before)
    assert (out.read_bytes(), out.stat().st_mode & 0o777, list(tmp_path.iterdir())) == (b"new", 0o600, [out])


def test_what_is_written_is_durable_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content, then name, then folder [a name that stands for nothing after a power cut]."""
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "content")
        fsync(descriptor)

    def note_replace(self: Path, target: Path) -> Path:
        done.append("name")
        return replace(self, target)

    monkeypatch.setattr(files.os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    write_private(tmp_path / "out", b"new")
    assert done == ["content", "name", "folder"]


@pytest.mark.parametrize("at", ["write", "fsync", "replace"])
def test_a_cut_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """Disk full, a device error, a rename that fails: the sentence says so, the old file stands, and no part of the new."""
    out = tmp_path / "out"
    write_private(out, b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        if at == "write":
            broken.setattr(os, "fdopen", fail)
        else:
            broken.setattr(*{"fsync": (files.os, "fsync"), "replace": (Path, "replace")}[at], fail)
        with pytest.raises(AgentError, match=r"No space left on device.*folder of yours with room"):
            write_private(out, b"new")
    assert (out.read_bytes(), list(tmp_path.iterdir())) == (b"old", [out])


def test_what_somebody_put_in_its_way_is_not_followed(tmp_path: Path) -> None:
    """A link at the name that is written first, left by a killed command or laid by somebody: it goes, and its target stays."""
    target, out = tmp_path / "target", tmp_path / "out"
    target.write_bytes(b"theirs")
    out.with_name("out.new").symlink_to(target)
    write_private(out, b"mine")
    assert (target.read_bytes(), out.read_bytes()) == (b"theirs", b"mine")
    assert not out.with_name("out.new").exists()
    with pytest.raises(AgentError, match="cannot be written"):
        write_private(tmp_path / "gone" / "out", b"mine")
