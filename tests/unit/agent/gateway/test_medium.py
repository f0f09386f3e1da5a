"""A card that is read-only, full, somebody else's or worn out, at the start of a gateway and later."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.errors import GatewayBusy, SpoolError
from agent.gateway import aside
from agent.gateway.ballast import BALLAST_BYTES
from agent.gateway.medium import RESERVE_BYTES, Medium
from agent.gateway.spool import Spool, Taken
from tests.unit.agent.gateway.bench import MIB, A, Clock, drained, spool_at
from tests.unit.agent.gateway.test_spool_faults import CORRUPT, FULL, break_at

REAL_OPEN, REAL_MKDIR = os.open, os.mkdir


@contextmanager
def refusing(folder: Path, number: int) -> Iterator[None]:
    """Nothing below the folder is made or opened for writing: as a medium answers that is read-only or full (open(2))."""

    def fails(path: object) -> bool:
        return str(path).startswith(str(folder))

    def opens(path: str, flags: int, mode: int = 0o777, **more: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT) and fails(path):
            raise OSError(number, os.strerror(number))
        return REAL_OPEN(path, flags, mode, **more)

    def makes(path: str, mode: int = 0o777, **more: int) -> None:
        if fails(path):
            raise (
                OSError(number, os.strerror(number)) if not Path(path).exists() else FileExistsError(errno.EEXIST, "")
            )
        REAL_MKDIR(path, mode, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "open", opens)
        patched.setattr(os, "mkdir", makes)
        yield


@pytest.mark.parametrize("there", ["nothing", "folder", "spool"])
@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EACCES])
def test_a_medium_that_takes_nothing_is_no_end(tmp_path: Path, there: str, number: int) -> None:
    """Whatever is there already: nothing is taken, nothing lost, and once it can be written all goes on, with what lay there.

    Rights are the medium's matter only in a folder that is there and our own; elsewhere somebody has to name another.
    """
    clock = Clock()
    if there == "folder":
        (tmp_path / "spool").mkdir(mode=0o700)
    elif there == "spool":
        before = spool_at(tmp_path, clock)
        assert before.take(A, b"before") is Taken.FRESH and before.commit()
        before.close()
    with refusing(tmp_path / "spool", number):
        if number == errno.EACCES and there == "nothing":
            with pytest.MonkeyPatch.context() as other, pytest.raises(SpoolError, match="yours to write"):
                other.setattr(os, "geteuid", lambda: 4711)
                spool_at(tmp_path, clock)
            return
        spool = spool_at(tmp_path, clock)
        assert (spool.ready, spool.trouble, spool.room("p")) == (False, os.strerror(number), False)
        assert spool.take(A, b"one") is Taken.FULL and spool.next_row() is None and spool.count == 0
        assert spool.expire() == 0 and spool.oldest_age_s() == 0.0
        clock.pass_s(6)
        assert spool.commit() and not spool.ready, "tried again, in vain"
    clock.pass_s(61)
    assert spool.commit() and spool.ready and spool.trouble == ""
    assert spool.take(A, b"one") is Taken.FRESH and spool.commit()
    assert drained(spool) == [(A, b"before")] * (there == "spool") + [(A, b"one")]
    spool.close()


def test_what_lies_there_is_counted_once_it_can_be_had(tmp_path: Path) -> None:
    """The bound holds for it, its age goes on, and new rows have other ids."""
    clock = Clock()
    first = spool_at(tmp_path, clock)
    for n in range(5):
        assert first.take(A, bytes([n]) * 100) is Taken.FRESH
    assert first.commit()
    size = first.size_bytes
    first.close()
    with refusing(tmp_path, errno.EROFS):
        spool = spool_at(tmp_path, clock)
        assert (spool.count, spool.size_bytes) == (0, 0)
    clock.pass_s(6)
    assert spool.commit() and (spool.count, spool.size_bytes) == (5, size)
    assert spool.take(A, b"\0" * 100) is Taken.KNOWN and spool.take(A, b"six") is Taken.FRESH and spool.commit()
    assert len(drained(spool)) == 6


def wrong_owner(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Its folder is another user's."""
    folder.mkdir(mode=0o700)
    patch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)


def plain_file(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A file in its folder's place."""
    folder.write_text("")


def a_folder_within(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A folder in its file's place."""
    (folder / "spool.db").mkdir(parents=True)
    folder.chmod(0o700)


def a_link(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A link in its file's place."""
    folder.mkdir(mode=0o700)
    (folder / "spool.db").symlink_to("/dev/null")


@pytest.mark.parametrize("mistake", [wrong_owner, plain_file, a_folder_within, a_link])
def test_what_somebody_has_to_mend_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    """A sentence that names the path, and nothing is held."""
    (tmp_path / "good").mkdir()
    spool_at(tmp_path / "good", Clock()).close()
    with monkeypatch.context() as patch:
        mistake(tmp_path / "spool", patch)
        with pytest.raises(SpoolError, match=str(tmp_path / "spool")) as refused:
            spool_at(tmp_path, Clock())
        assert type(refused.value) is SpoolError
    held = [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]
    assert not any(each.startswith(str(tmp_path / "spool")) for each in held)


def test_little_room_at_the_start_is_said_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No device is told that envelopes are taken before the first commit has failed."""
    clock, free = Clock(), SimpleNamespace(f_bavail=(RESERVE_BYTES + BALLAST_BYTES) // 4096 - 1, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: free)
    spool = spool_at(tmp_path, clock)
    assert (spool.ready, spool.trouble) == (False, "No space left on device")
    free.f_bavail += 1
    clock.pass_s(6)
    assert spool.commit() and spool.ready


def test_two_on_a_read_only_card(tmp_path: Path) -> None:
    """The second is refused there too: both would forward what lies there once it can be written."""
    spool_at(tmp_path, Clock()).close()
    with refusing(tmp_path, errno.EROFS):
        first = spool_at(tmp_path, Clock())
        assert not first.ready
        with pytest.raises(GatewayBusy, match="another gateway uses it"):
            spool_at(tmp_path, Clock())
        first.close()
        spool_at(tmp_path, Clock()).close()


def test_a_gateway_that_runs_is_ended_by_no_mistake(tmp_path: Path) -> None:
    """The card comes back as somebody else's: it is said as the trouble, and tried again."""
    clock = Clock()
    with refusing(tmp_path, errno.EROFS):
        spool = spool_at(tmp_path, clock)
    (tmp_path / "spool").mkdir(mode=0o755)
    clock.pass_s(6)
    assert spool.commit() and not spool.ready and "chmod go=" in spool.trouble
    (tmp_path / "spool").chmod(0o700)
    clock.pass_s(11)
    assert spool.commit() and spool.ready


def test_a_card_that_was_changed_is_opened_anew(tmp_path: Path) -> None:
    """Pulled out and another put in: the next try is at the file that is there now, not at the one that is gone."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    assert spool.take(A, b"one") is Taken.FRESH and spool.commit()
    break_at(spool, FULL, "BEGIN")
    spool.take(A, b"two")
    assert not spool.commit()
    (tmp_path / "spool").rename(tmp_path / "pulled")
    clock.pass_s(6)
    assert spool.commit() and spool.ready and spool.count == 0
    assert spool.take(A, b"two") is Taken.FRESH and spool.commit()
    spool.close()
    assert drained(spool_at(tmp_path, clock)) == [(A, b"two")]


def test_a_card_that_damages_every_file_is_given_a_rest(tmp_path: Path) -> None:
    """The second damage within a minute: nothing is taken for a minute, so that it is not worn out by new files."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    for ready in (True, False):
        break_at(spool, CORRUPT, "BEGIN")
        clock.pass_s(10)
        assert spool.take(A, b"one") is Taken.FRESH
        assert not spool.commit()
        assert spool.ready is ready
    assert len(spool.put_aside) == 2
    clock.pass_s(59)
    assert spool.commit() and not spool.ready
    clock.pass_s(2)
    assert spool.commit() and spool.ready


# --- what was put aside


def lay(path: Path, n: int, size: int, log: int = 0) -> None:
    """A file that was put aside."""
    path.with_name(f"{path.name}.damaged-{n}").write_bytes(bytes(size))
    if log:
        path.with_name(f"{path.name}.damaged-{n}-wal").write_bytes(bytes(log))


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        ({1: 10, 2: 10, 3: 10}, [1, 2, 3]),
        ({1: 10, 2: 10, 3: 10, 4: 10}, [1, 3, 4]),
        ({3: 10, 7: 10, 11: 10, 12: 10, 13: 10}, [3, 12, 13]),
        ({1: 60, 2: 10, 3: 41}, [1, 2]),
        ({1: 101, 2: 60, 3: 40}, [2, 3]),
        ({1: 40, 2: 1, 3: 60}, [1, 3]),
        ({}, []),
    ],
)
def test_of_damaged_files_the_first_and_the_newest_are_kept(
    tmp_path: Path, sizes: dict[int, int], kept: list[int]
) -> None:
    """At most three, and at most so many bytes, logs counted; what is dropped is counted, and other files stay."""
    path = tmp_path / "spool.db"
    for n, size in sizes.items():
        lay(path, n, size - 1, 1)
    others = ["spool.db", "spool.db.damaged-1.bak", "name", "spool.db.damaged-x"]
    for name in others:
        (tmp_path / name).write_bytes(bytes(1000))
    found = aside.Aside(path, 100)
    found.tidy()
    assert sorted(aside._all(path)) == kept
    assert (found.files, found.bytes) == (len(kept), sum(sizes[n] for n in kept))
    assert found.dropped == len(sizes) - len(kept)
    assert all((tmp_path / name).exists() for name in others)


def test_a_card_that_damages_on_fills_nothing(tmp_path: Path) -> None:
    """Thirty damaged files in a row: three are left, the first among them, and none is written over."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    for n in range(30):
        break_at(spool, CORRUPT, "BEGIN")
        spool.take(A, bytes([n]))
        assert not spool.commit()
        clock.pass_s(120)
        assert spool.commit() and spool.ready
    names = sorted(each.name for each in (tmp_path / "spool").glob("*.damaged-*") if "-wal" not in each.name)
    assert names == ["spool.db.damaged-1", "spool.db.damaged-29", "spool.db.damaged-30"]
    kept = spool.medium.aside
    assert (kept.files, kept.dropped, len(spool.put_aside)) == (3, 27, 30)
    spool.close()
    assert spool_at(tmp_path, clock).medium.aside.files == 3


def test_what_an_older_byleave_left_is_tidied_at_the_start(tmp_path: Path) -> None:
    """It had no bound."""
    spool_at(tmp_path, Clock()).close()
    path = tmp_path / "spool" / "spool.db"
    for n in range(1, 10):
        lay(path, n, 4096)
    spool = Spool(path, most_bytes=MIB, most_age_s=1e6, now_s=Clock())
    assert (spool.medium.aside.files, spool.medium.aside.dropped) == (3, 6)


def test_one_that_cannot_be_deleted_is_not_counted_as_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another try is made with the next one that is put aside."""
    path = tmp_path / "spool.db"
    for n in range(1, 6):
        lay(path, n, 1)
    found = aside.Aside(path, 100)

    def fails(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as stuck:
        stuck.setattr(Path, "unlink", fails)
        found.tidy()
    assert (found.files, found.dropped) == (3, 0)
    found.tidy()
    assert (found.files, found.dropped) == (3, 2)


def test_a_file_that_cannot_be_read_as_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts of what lies there fail: there is no spool for now, and its counts are those of nothing."""
    clock = Clock()
    spool_at(tmp_path, clock).close()
    rows = Medium.rows

    def fails(self: Medium, statement: str, *values: object) -> list[object]:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as worn:
        worn.setattr(Medium, "rows", fails)
        spool = spool_at(tmp_path, clock)
        assert (spool.ready, spool.trouble, spool.count) == (False, "disk I/O error", 0)
        assert spool.medium.db is None
    assert rows is Medium.rows
    clock.pass_s(6)
    assert spool.commit() and spool.ready
