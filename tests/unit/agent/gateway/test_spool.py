"""The spool: what it said to be kept is kept, in bounds, in turn, and by nobody's clock but its own."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from agent.errors import GatewayBusy, SpoolError
from agent.gateway.spool import ROW_BYTES, Spool, Taken
from tests.unit.agent.gateway.bench import DAY_S, MIB, A, B, C, Clock, drained, spool_at


def filled(spool: Spool, *envelopes: bytes, device: str = A, port: str = "p") -> None:
    """Take and commit."""
    for envelope in envelopes:
        assert spool.take(device, envelope, port) is Taken.FRESH
    assert spool.commit()


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    """In order, byte for byte; what was not committed is not, and what the broker has is not either."""
    spool = spool_at(tmp_path, Clock())
    filled(spool, b"one", b"two", bytes(1024))
    row = spool.next_row()
    assert row and row.envelope == b"one"
    spool.done(row.id)
    spool.close()
    again = spool_at(tmp_path, Clock())
    assert (again.count, again.size_bytes) == (2, 3 + 1024 + 2 * ROW_BYTES)
    assert again.take(A, b"never committed") is Taken.FRESH
    again.medium.let_go()  # as a kill does
    assert drained(spool_at(tmp_path, Clock())) == [(A, b"two"), (A, bytes(1024))]


def test_an_envelope_that_waits_is_not_kept_twice(tmp_path: Path) -> None:
    """Known before the commit and after it, while it is handed out, and after a restart; of another device it is another."""
    spool = spool_at(tmp_path, Clock())
    assert spool.take(A, b"one") is Taken.FRESH
    assert spool.take(A, b"one") is Taken.KNOWN
    assert spool.commit()
    assert spool.take(A, b"one") is Taken.KNOWN
    assert spool.next_row()
    assert spool.take(A, b"one") is Taken.KNOWN
    assert spool.take(B, b"one") is Taken.FRESH
    spool.close()
    again = spool_at(tmp_path, Clock())
    assert again.take(A, b"one") is Taken.KNOWN
    assert again.count == 2


def test_what_the_broker_has_is_fresh_when_it_is_said_again(tmp_path: Path) -> None:
    """The device asks for its verdict: the server is to see it again, before and after the row is deleted."""
    spool = spool_at(tmp_path, Clock())
    filled(spool, b"one")
    row = spool.next_row()
    assert row
    spool.done(row.id)
    filled(spool, b"one")  # deletion and new row in one transaction
    assert drained(spool) == [(A, b"one")]
    for n in range(300):
        filled(spool, b"%d" % n)
        drained(spool)
    assert (spool.count, spool.size_bytes) == (0, 0) and len(spool._gone) <= 256, "nor is it remembered"


def test_nothing_is_handed_out_before_it_is_committed(tmp_path: Path) -> None:
    """And each row once, until it is given back."""
    spool = spool_at(tmp_path, Clock())
    spool.take(A, b"one")
    assert spool.next_row() is None
    spool.commit()
    row = spool.next_row()
    assert row and spool.next_row() is None
    spool.give_back([row.id])
    assert spool.next_row() == row
    spool.done(row.id)
    spool.give_back([row.id])
    assert spool.next_row() is None


def test_ports_and_their_devices_take_turns(tmp_path: Path) -> None:
    """A backlog of one device, or of one port with many pseudonyms, holds nobody else back; each device's are in order."""
    spool = spool_at(tmp_path, Clock())
    filled(spool, *(b"%d" % n for n in range(6)), port="p")
    filled(spool, *(b"%d" % n for n in range(2)), port="p", device=B)
    filled(spool, b"0", b"1", port="q", device=C)
    assert [(row[0][0], row[1]) for row in drained(spool)] == [
        ("a", b"0"), ("c", b"0"), ("b", b"0"), ("c", b"1"), ("a", b"1"), ("b", b"1"), ("a", b"2"), ("a", b"3"), ("a", b"4"),
        ("a", b"5"),
    ]  # fmt: skip
    assert spool.commit() and spool.count == 0


def test_a_port_holds_no_more_than_is_free(tmp_path: Path) -> None:
    """One that floods fills half, under whatever names; another still has room, and what was accepted stays."""
    spool = spool_at(tmp_path, Clock(), most_bytes=100 * (1024 + ROW_BYTES))
    taken = [spool.take(f"{n:016}", n.to_bytes(1024, "big"), "p") for n in range(60)]
    assert taken == [Taken.FRESH] * 50 + [Taken.FULL] * 10
    assert not spool.room("p") and spool.room("q") and spool.room("q", 25) and not spool.room("q", 26)
    assert spool.take(A, bytes(1024), "q") is Taken.FRESH
    assert spool.commit() and spool.count == 51 and spool.refused == 10
    spool.done(spool.next_row().id)  # type: ignore[union-attr]
    assert spool.room("p")


def test_the_file_is_about_as_large_as_its_bound(tmp_path: Path) -> None:
    """ROW_BYTES is what a row takes beside its envelope: small ones and large ones fill no more than the bound and a fifth."""
    for size in (40, 300, 1024):
        spool = spool_at(tmp_path / str(size), Clock(), most_bytes=MIB)
        n = 0
        while any([spool.take(A, n.to_bytes(size, "big"), f"port-{n % 64}") is Taken.FRESH for n in range(n, n + 64)]):  # noqa: C419
            n += 64
            assert spool.commit()
        spool.close()
        assert 0.6 * MIB < spool.path.stat().st_size < 1.2 * MIB


def test_age_is_counted_while_it_runs(tmp_path: Path) -> None:
    """Thirty days of running, over restarts; the hours when nobody ran do not count."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    filled(spool, b"old")
    clock.pass_s(20 * DAY_S)
    filled(spool, b"newer")
    spool.close()
    clock.pass_s(300 * DAY_S)
    spool = spool_at(tmp_path, clock)
    clock.pass_s(9 * DAY_S)
    assert spool.expire() == 0 and spool.oldest_age_s() == 29 * DAY_S
    clock.pass_s(2 * DAY_S)
    assert spool.expire() == 1 and spool.expired == 1
    assert spool.commit() and spool.oldest_age_s() == 11 * DAY_S
    assert drained(spool) == [(A, b"newer")]


def test_another_monotonic_clock_after_a_restart_expires_nothing(tmp_path: Path) -> None:
    """It begins at any number, below or above the last; the spool's own clock goes on where it was."""
    for start_s in (5e6, 0.0, 9e9, 3.0):
        clock = Clock(start_s)
        spool = spool_at(tmp_path, clock)
        assert spool.expire() == 0
        filled(spool, b"at %f" % start_s)
        clock.pass_s(DAY_S)
        assert spool.oldest_age_s() <= 5 * DAY_S
        spool.close()
    assert len(drained(spool_at(tmp_path, Clock()))) == 4


def test_a_monotonic_clock_that_goes_back_expires_nothing(tmp_path: Path) -> None:
    """It does not by its name; of one that does all the same nobody's envelopes are lost."""
    clock = Clock(100 * DAY_S)
    spool = spool_at(tmp_path, clock)
    filled(spool, b"one")
    clock.now_s = 0.0
    filled(spool, b"two")
    assert spool.expire() == 0 and spool.count == 2


def test_a_kill_costs_ten_minutes_of_the_clock(tmp_path: Path) -> None:
    """With something in the spool the clock is written by and by, without anybody committing anything."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    filled(spool, b"one")
    for _ in range(60):
        clock.pass_s(60)
        spool.expire()
        spool.commit()
    spool.medium.let_go()
    assert spool_at(tmp_path, Clock()).oldest_age_s() >= 3000


def test_what_is_too_old_goes_in_bites_and_wherever_it_is(tmp_path: Path) -> None:
    """Waiting, handed out or given back: 500 at a time, none handed out any more, the counts right."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    filled(spool, *(b"%d" % n for n in range(700)))
    rows = [spool.next_row(), spool.next_row()]
    spool.give_back([rows[1].id])  # type: ignore[union-attr]
    clock.pass_s(31 * DAY_S)
    filled(spool, b"young")
    assert spool.expire() == 500
    row = spool.next_row()
    assert row and row.envelope == b"500", "not those that are deleted with the next commit"
    assert [spool.commit(), spool.expire(), spool.commit(), spool.expire()] == [True, 200, True, 0]
    spool.done(rows[0].id)  # type: ignore[union-attr]
    assert drained(spool) == [(A, b"young")]
    assert spool.commit() and (spool.count, spool.size_bytes) == (0, 0)


def test_folder_and_file_are_for_nobody_else(tmp_path: Path) -> None:
    """0700 and 0600 however the umask is; those that others may read, links and folders are refused with what to do."""
    old = os.umask(0)
    try:
        spool_at(tmp_path, Clock()).close()
    finally:
        os.umask(old)
    path = tmp_path / "spool" / "spool.db"
    assert [each.stat().st_mode & 0o777 for each in (path.parent, path)] == [0o700, 0o600]
    for what, mode in ((path, 0o640), (path.parent, 0o711)):
        right = what.stat().st_mode
        what.chmod(mode)
        with pytest.raises(SpoolError, match="chmod go="):
            spool_at(tmp_path, Clock())
        what.chmod(right)
    spool_at(tmp_path, Clock()).close()
    path.rename(path.with_name("other"))
    path.symlink_to("other")
    with pytest.raises(SpoolError, match="cannot be opened"):
        spool_at(tmp_path, Clock())
    path.unlink()
    path.mkdir(0o700)
    with pytest.raises(SpoolError, match="cannot be opened"):
        spool_at(tmp_path, Clock())


def test_a_second_gateway_is_refused(tmp_path: Path) -> None:
    """With the word for it, and the first goes on."""
    spool = spool_at(tmp_path, Clock())
    with pytest.raises(GatewayBusy, match="another gateway"):
        spool_at(tmp_path, Clock())
    filled(spool, b"one")
    spool.close()
    assert drained(spool_at(tmp_path, Clock())) == [(A, b"one")]


@pytest.mark.parametrize(
    ("statement", "match"),
    [("PRAGMA user_version = 2", "newer byleave"), ("PRAGMA application_id = 7", "something else")],
)
def test_a_file_of_another_make_is_left_alone(tmp_path: Path, statement: str, match: str) -> None:
    """A newer version, or somebody else's database: refused, and not put aside."""
    spool_at(tmp_path, Clock()).close()
    path = tmp_path / "spool" / "spool.db"
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()
    with pytest.raises(SpoolError, match=match):
        spool_at(tmp_path, Clock())
    assert sorted(each.name for each in path.parent.iterdir() if "damaged" in each.name) == []


@pytest.mark.parametrize("size", [0, 1025])
def test_what_is_no_envelope_is_the_callers_mistake(tmp_path: Path, size: int) -> None:
    """Nothing, and more than 1024 bytes."""
    spool = spool_at(tmp_path, Clock())
    assert spool.take(A, bytes(1024)) is Taken.FRESH
    with pytest.raises(ValueError, match=str(size)):
        spool.take(A, bytes(size))


def test_what_was_forwarded_is_not_left_in_the_file(tmp_path: Path) -> None:
    """A deleted envelope is overwritten: its bytes are in no page once the log is folded in."""
    spool = spool_at(tmp_path, Clock())
    secret = b"twelve marked bytes of an envelope" * 20
    filled(spool, secret, b"another")
    spool.medium.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert secret[:30] in spool.path.read_bytes()
    drained(spool)
    spool.close()
    assert all(secret[:30] not in each.read_bytes() for each in spool.path.parent.iterdir())


def test_what_was_forwarded_is_not_left_in_the_log(tmp_path: Path) -> None:
    """A quiet gateway's log is not begun anew for weeks: within two minutes nothing of an envelope or its device is left in it."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    secret = b"twelve marked bytes of an envelope" * 20
    filled(spool, secret)
    spool.expire()
    assert any(secret[:30] in each.read_bytes() for each in spool.path.parent.iterdir())
    drained(spool)
    for _ in range(2):
        clock.pass_s(60)
        spool.commit()
        spool.expire()
    left = b"".join(each.read_bytes() for each in spool.path.parent.iterdir())
    assert secret[:30] not in left and A.encode() not in left
    spool.close()
