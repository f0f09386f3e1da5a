"""Rotation: rows go under the newest key while everything goes on; old keys die when no backup needs them any more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.errors import SealBroken, StoreError
from cloud_sync.keys.generations import Generations
from cloud_sync.keys.invitations import InvitationKeys
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.keys.ring import DIRECT, KeyRing
from cloud_sync.keys.rotation import TABLES, Rotation
from cloud_sync.keys.wrap import AesKeyEncryptionKey
from cloud_sync.model import HealingCandidate, HealingOffer
from cloud_sync.storage.schema import KEYS
from cloud_sync.storage.sqlite import SqliteKeys, SqliteTombstones

TODAY = 20_000
DAY_S = 86_400.0
ROOT = AesKeyEncryptionKey(bytes(range(32)))
DEVICES = tuple(f"d{number:02d}" for number in range(12))


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = TODAY * DAY_S

    def now(self) -> float:
        """Unix seconds."""
        return self.at


class Server:
    """A key store with twelve devices, five days of leaves, a person each, a healing under way, and an open invitation."""

    def __init__(self, folder: Path) -> None:
        self.clock = Hands()
        self.folder = folder
        self.store = SqliteKeys(folder / "keys.db")
        self.stones = SqliteTombstones(folder / "tombstones.db")
        self.ring = KeyRing.create(folder / "ring.json", ROOT, self.clock.at)
        self.use(self.ring)
        for number, device in enumerate(DEVICES):
            self.keys.enrol(device, bytes([number]) * 32, 1, TODAY - 4)
            for stream in (1, 2, 3, 4):
                self.keys.advance(device, 1, stream, TODAY)
            self.people.seal(device, b"home", b"zone")
        self.generations._put_offer(HealingOffer(DEVICES[0], 1, 3, TODAY, TODAY + 1), bytes(32))
        self.generations._put_candidate(HealingCandidate(DEVICES[0], 2, TODAY + 1, TODAY, 5), b"\x05" * 32)
        self.invitations.make("s-1", TODAY, TODAY + 1, "", "")

    def use(self, kek: KeyRing | AesKeyEncryptionKey) -> None:
        """Open everything with these keys."""
        self.keys = LadderKeys(self.store, kek, self.stones)
        self.people = PersonKeys(self.store, kek, self.clock)
        self.generations = Generations(self.store, kek, self.keys)
        self.invitations = InvitationKeys(self.store, kek)

    def rotation(self, ring: KeyRing | None = None) -> Rotation:
        """With backups of the key store that live thirty days."""
        return Rotation(self.store, ring or self.ring, self.clock, lambda at: at + 30 * DAY_S)

    def content(self) -> list[bytes]:
        """Every key there is, unwrapped by a server that starts now."""
        self.use(KeyRing(self.folder / "ring.json", ROOT))
        found = [self.keys._spine(tip) for tip in self.store.tips()]
        found += [self.keys._start(leaf) for device in DEVICES for leaf in self.store.leaves(device, 0, 0, TODAY)]
        found += [self.keys._down(device)[2] for device in DEVICES]
        found += [self.generations._private(offer) for offer in self.store.offers(DEVICES[0])]
        found += [self.invitations.private(invitation) for invitation in self.store.invitations()]
        candidate = self.store.candidate(DEVICES[0])
        assert candidate is not None
        return [*found, self.generations._candidate_chain(candidate)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server as above."""
    server = Server(tmp_path)
    yield server
    server.store.close()
    server.stones.close()


def test_everything_goes_under_the_new_key_and_opens(server: Server) -> None:
    """No row stays behind, every key is the same as before, and the file holds nothing of the old wrapping."""
    before, rows = server.content(), sum(server.rotation().under().values())
    # Tips, days, shield, downlink and person of each; offer, candidate, invitation.
    assert rows == 12 * (4 + 4 * 5 + 1 + 1 + 1) + 3
    assert server.rotation().begin() == 2
    progress = server.rotation().work()
    assert (progress.wrapped, progress.finished) == (rows, True)
    assert server.rotation().under() == {1: 0, 2: rows}
    assert server.content() == before
    assert server.people.open(DEVICES[3], _sealed(server), b"zone") == b"home"


def _sealed(server: Server) -> bytes:
    return server.people.seal(DEVICES[3], b"home", b"zone")


def test_it_goes_on_where_it_was_stopped(server: Server) -> None:
    """In pieces of seven rows, each by a process of its own: as many rows in all, and nothing is done twice."""
    rows = sum(server.rotation().under().values())
    server.rotation().begin()
    done = []
    while not (piece := server.rotation(KeyRing(server.ring.path, ROOT)).work(7)).finished:
        done.append(piece.wrapped)
    assert sum(done) + piece.wrapped == rows and set(done) == {7}


def test_killed_anywhere_everything_opens(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store fails at the n-th row, for each of many n: what is stored opens, and the next attempt finishes."""
    before = server.content()
    real = SqliteKeys.wrap_anew
    for failing in (0, 1, 5, 100, 250):
        server.rotation().begin()
        left = [failing]

        def fail(store: SqliteKeys, *row: object, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise StoreError("the disk is full")
            real(store, *row)  # type: ignore[arg-type]

        with monkeypatch.context() as broken:
            broken.setattr(SqliteKeys, "wrap_anew", fail)
            with pytest.raises(StoreError):
                server.rotation().work()
        assert server.content() == before
    assert server.rotation().work().finished and server.content() == before


def test_a_key_lives_as_long_as_backups_that_need_it(server: Server) -> None:
    """Thirty days after its last row it is dropped: a copy of the key store of before opens nothing then."""
    copy = server.store.leaves(DEVICES[0], 1, TODAY, TODAY)[0]
    server.rotation().begin()
    assert server.rotation().work().dropped == ()
    server.clock.at += 29 * DAY_S
    assert server.rotation().work().dropped == ()
    assert server.keys._start(copy)
    server.clock.at += 1 * DAY_S
    assert server.rotation().work().dropped == (1,)
    server.use(KeyRing(server.ring.path, ROOT))
    with pytest.raises(SealBroken):
        server.keys._start(copy)


def test_a_restored_backup_is_taken_in_before_its_key_goes(server: Server) -> None:
    """Rows under an old key are there again: they go under the new one before it is dropped."""
    leaf = server.store.leaves(DEVICES[0], 1, TODAY, TODAY)[0]
    server.rotation().begin()
    server.rotation().work()
    server.clock.at += 31 * DAY_S
    server.store.put_leaf(leaf)
    progress = server.rotation().work()
    assert progress.wrapped == 1 and progress.dropped == ()
    assert server.content()
    server.clock.at += 30 * DAY_S
    assert server.rotation().work().dropped == (1,) and server.content()


def test_a_process_that_has_not_read_the_ring_does_no_harm(server: Server) -> None:
    """It wraps under the old key after all was done: the row is found and wrapped anew before that key is dropped."""
    slow = KeyRing(server.ring.path, ROOT)
    server.rotation().begin()
    server.rotation().work()
    server.use(slow)
    server.keys.enrol("late", b"\x07" * 32, 1, TODAY)
    server.clock.at += 31 * DAY_S
    assert server.rotation().work().wrapped == 5
    assert server.content()


def test_a_row_that_comes_at_the_last_moment_keeps_its_key(server: Server) -> None:
    """Wrapped under the old key after the last piece and before the drop: the key stays, and its time begins anew."""
    slow = KeyRing(server.ring.path, ROOT)
    server.rotation().begin()
    server.rotation().work()
    server.clock.at += 31 * DAY_S
    server.use(slow)
    server.keys.enrol("late", b"\x07" * 32, 1, TODAY)
    assert server.rotation()._retire() == ()
    assert KeyRing(server.ring.path, ROOT).keys[0].emptied_at is None
    assert server.rotation().work().dropped == () and server.content()


def test_a_row_that_nobody_can_open_stops_nothing(server: Server) -> None:
    """One damaged row stays under the old key, which is kept for it; all others go under the new one."""
    rows = sum(server.rotation().under().values())
    leaf = server.store.leaves(DEVICES[0], 1, TODAY, TODAY)[0]
    server.store.put_leaf(replace(leaf, wrapped=leaf.wrapped[:-1] + bytes([leaf.wrapped[-1] ^ 1])))
    server.rotation().begin()
    assert server.rotation().work().finished
    assert server.rotation().under() == {1: 1, 2: rows - 1}
    server.clock.at += 100 * DAY_S
    assert server.rotation().work().dropped == ()


def test_a_key_that_wrapped_after_the_rotation_lives_as_long_as_backups_of_that_moment(server: Server) -> None:
    """A process that had not read the ring wraps under the old key; the row is taken in, and its time begins anew."""
    slow = KeyRing(server.ring.path, ROOT)
    server.rotation().begin()
    server.rotation().work()
    server.clock.at += 20 * DAY_S
    server.use(slow)
    server.keys.enrol("late", b"\x07" * 32, 1, TODAY)
    assert server.rotation().work().wrapped == 5
    server.clock.at += 29 * DAY_S
    assert server.rotation().work().dropped == ()
    server.clock.at += 1 * DAY_S
    assert server.rotation().work().dropped == (1,)


def test_rows_from_before_there_was_a_ring_are_taken_in(server: Server) -> None:
    """A store whose rows the provider wrapped itself: read as they are, and under the ring after the first work."""
    server.use(ROOT)
    server.keys.enrol("old", b"\x07" * 32, 1, TODAY)
    assert server.rotation().under()[DIRECT] == 5
    assert server.rotation().work().wrapped == 5
    assert DIRECT not in server.rotation().under()
    server.use(KeyRing(server.ring.path, ROOT))
    assert server.keys._down("old")[0] == 1


def test_every_table_with_wrapped_keys_is_listed() -> None:
    """A table of the schema that has a column `wrapped` and is not rotated would be lost with its key."""
    statements = [text for step in KEYS for text in step.statements if isinstance(text, str)]
    tables = {match[1]: text for text in statements if (match := re.match(r"CREATE TABLE (\w+)", text))}
    assert {name for name, text in tables.items() if re.search(r"\bwrapped BLOB", text)} == {t.name for t in TABLES}
