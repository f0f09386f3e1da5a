"""Fetching a release: resume, what a hostile broker can do, and every reason for which a release is refused."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.releases.signing import Release, make
from cloud_sync.wire import codec
from cloud_sync.wire import release as wire
from firmware import slots, update
from tests.unit.firmware.link import micro
from tests.unit.firmware.update.update_world import (
    FACTORY,
    IMAGE_BYTES,
    KEY,
    SECTORS,
    Client,
    World,
    broker,
    fetch_of,
    image,
    release,
)

FETCHING, TRIAL, ROLLED_BACK, REFUSED = 1, 2, 3, 4
GOOD = release("1.0")
NEW = image("1.0")
CHUNKS = 10


def started(**settings: object) -> World:
    """A board with blank slots, running what it was built with."""
    world = World(**settings)
    world.start()
    return world


def test_a_release_is_fetched_in_order_and_runs() -> None:
    """Offered, fetched chunk by chunk, verified, on trial after the restart, confirmed by an acknowledged envelope."""
    world = started()
    world.offer(GOOD)
    assert (update.state, world.reasons) == (FETCHING, [7])
    client = Client(broker(GOOD))
    assert world.contact(client)
    assert [topic.rsplit("/", 1)[1] for topic in client.asked] == [str(n) for n in range(CHUNKS + 1)]
    assert world.start() == NEW
    assert (update.state, update.slot) == (TRIAL, 1)
    assert world.watchdogs == [8000]
    world.acknowledged()
    assert (update.state, world.reasons) == (0, [7])
    assert world.start() == NEW
    assert update.state == 0


def test_a_broken_link_costs_the_chunk_at_hand() -> None:
    """The link breaks at each chunk in turn: the next contact asks for that one, and for none twice over."""
    world = started()
    world.offer(GOOD)
    for contact in range(CHUNKS):
        client = Client(broker(GOOD))
        client.breaks_at = 1
        assert not world.contact(client)
        assert client.asked[0].endswith(f"/{contact}")
    assert world.contact(Client(broker(GOOD)))
    assert world.start() == NEW


def test_a_restart_goes_on_at_the_sector() -> None:
    """After a restart in the middle of the second sector the first is not fetched again, and nothing is verified anew."""
    world = started()
    world.offer(GOOD)
    client = Client(broker(GOOD))
    client.breaks_at = 7  # chunk 0 and six of content
    world.contact(client)
    assert world.start() == FACTORY
    assert update.state == FETCHING
    client = Client(broker(GOOD))
    assert world.contact(client)
    assert client.asked[0].endswith("/5")
    assert world.start() == NEW


def bad(change: Callable[[bytes], bytes], number: int) -> dict[str, bytes]:
    """What a hostile broker keeps: one chunk of the release is another."""
    kept = broker(GOOD)
    topic = f"bl/1/release/{GOOD.id.hex()}/{number}"
    assert change(kept[topic]) != kept[topic]
    return {**kept, topic: change(kept[topic])}


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "flipped": lambda chunk: chunk[:-1] + bytes([chunk[-1] ^ 1]),
    "next digest": lambda chunk: bytes([chunk[0] ^ 1]) + chunk[1:],
    "short": lambda chunk: chunk[:-1],
    "long": lambda chunk: chunk + b"\0",
    "empty": lambda chunk: b"",
    "another's": lambda chunk: release("6.6").messages[1],
    "bomb": lambda chunk: chunk[:16] + zlib.compress(bytes(100_000))[2:-4],
}


@pytest.mark.parametrize("number", [0, 1, 6, CHUNKS])
@pytest.mark.parametrize("name", CHANGES)
def test_a_chunk_that_is_another_is_not_written(name: str, number: int) -> None:
    """Found out at that chunk, before a byte of it is in flash; the device waits, and goes on with the right one."""
    world = started()
    world.offer(GOOD)
    assert not world.contact(Client(bad(CHANGES[name], number)))
    assert update.state == FETCHING
    flash = bytes(world.nor.data)
    again = Client(bad(CHANGES[name], number))
    assert not world.contact(again)
    assert again.asked == []  # not before ten minutes have passed
    assert bytes(world.nor.data) == flash
    fetch_of(world)._due_ms = None
    assert world.contact(Client(broker(GOOD)))
    assert world.start() == NEW


def test_a_broker_without_the_release_is_asked_ever_less() -> None:
    """Ten minutes, then twice as long each time, a day at most: what it can waste is bounded."""
    world = started()
    world.offer(GOOD)
    pauses = []
    for _ in range(12):
        world.contact(Client({}))
        fetch = fetch_of(world)
        pauses.append(fetch._due_ms - micro.ticks_ms())
        fetch._due_ms = None
    assert pauses == [min(600_000 * 2**n, 86_400_000) for n in range(12)]


def resigned(manifest: wire.Manifest, messages: tuple[bytes, ...] = GOOD.messages) -> Release:
    """The manifest signed anew, over the same chunks."""
    return Release(manifest, (wire.sign(manifest, KEY), *messages[1:]))


OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
SHORTER = wire.chunks(NEW[:-1])
FORGED = codec.pack(
    [codec.unpack(GOOD.messages[0])[0], OTHER_KEY.sign(wire.DOMAIN + codec.unpack(GOOD.messages[0])[0])]
)
UNDOMAINED = codec.pack([codec.unpack(GOOD.messages[0])[0], KEY.sign(codec.unpack(GOOD.messages[0])[0])])
LONGER = bytes(16) + NEW[9 * 1024 :] + bytes(1500)  # a last chunk that holds more than is left of the image
CHAIN = [LONGER]
for block in reversed([NEW[at : at + 1024] for at in range(0, 9 * 1024, 1024)]):
    CHAIN.insert(0, sha256(CHAIN[0]).digest()[:16] + block)
REFUSALS: dict[str, Release] = {
    "another's signature": Release(GOOD.manifest, (FORGED, *GOOD.messages[1:])),
    "a signature for something else": Release(GOOD.manifest, (UNDOMAINED, *GOOD.messages[1:])),
    "another board's": resigned(GOOD.manifest._replace(board="pico_w")),
    "a lower security version": resigned(GOOD.manifest._replace(security=0)),
    "too large": release("1.0", size=(SECTORS // 2 - 1) * 4096 + 1),
    "another digest": resigned(GOOD.manifest._replace(digest=bytes(32))),
    "a block too long": resigned(GOOD.manifest._replace(first=sha256(CHAIN[0]).digest()[:16]), (b"", *CHAIN)),
    "a block too short": resigned(GOOD.manifest._replace(first=SHORTER[0]), (b"", *SHORTER[1])),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_must_not_be_installed_is_refused(name: str) -> None:
    """Reported, not asked for again, and what ran before still runs; the slot is free for the next."""
    what = REFUSALS[name]
    world = started()
    world.offer(what)
    assert not world.contact(Client(broker(what)))
    assert (update.state, world.fetch, world.reasons) == (REFUSED, None, [7, 7])
    assert world.start() == FACTORY
    assert update.state == 0
    world.install(GOOD)
    assert world.running == NEW


@pytest.mark.parametrize("change", [{"chunks": CHUNKS + 1}, {"size": IMAGE_BYTES + 1}])
def test_a_manifest_that_is_not_as_offered_is_refused(change: dict[str, int]) -> None:
    """The sealed offer and the signed manifest must say the same."""
    world = started()
    world.offer(GOOD, **change)
    assert not world.contact(Client(broker(GOOD)))
    assert update.state == REFUSED


def test_nothing_verifies_without_a_key() -> None:
    """A device that was enrolled without the signer's key takes no release, whoever signed it."""
    for key in (None, "", "00" * 32, "zz", 7):
        world = started(release_key=key)
        world.offer(GOOD)
        assert not world.contact(Client(broker(GOOD)))
        assert update.state == REFUSED, key
        assert world.start() == FACTORY


def test_a_refused_release_costs_no_flash() -> None:
    """Up to the signature, and behind it up to the last check of the manifest, nothing in flash changes."""
    for name in ("another's signature", "another board's", "a lower security version", "too large"):
        world = started()
        before = bytes(world.nor.data)
        world.offer(REFUSALS[name])
        world.contact(Client(broker(REFUSALS[name])))
        assert bytes(world.nor.data) == before, name


def test_a_board_without_slots_refuses() -> None:
    """MicroPython as it is downloaded has no ROMFS: the offer is answered, and nothing else changes."""
    world = World()
    world.has_slots = False
    assert world.start() == FACTORY
    world.offer(GOOD)
    assert (update.state, world.fetch, world.reasons) == (REFUSED, None, [7])


def test_another_offer_takes_the_place_of_the_first() -> None:
    """In the middle of a fetch: the newer one is fetched, from its beginning, and runs."""
    world, other = started(), release("1.1")
    world.offer(GOOD)
    client = Client(broker(GOOD))
    client.breaks_at = 5
    world.contact(client)
    world.offer(other)
    client = Client(broker(other))
    assert world.contact(client)
    assert client.asked[0].endswith("/0")
    assert world.start() == image("1.1")


def test_the_same_offer_again_changes_nothing() -> None:
    """Said again with each status: what is at hand goes on, what runs is not fetched."""
    world = started()
    world.offer(GOOD)
    client = Client(broker(GOOD))
    client.breaks_at = 5
    world.contact(client)
    world.offer(GOOD)
    client = Client(broker(GOOD))
    assert world.contact(client)
    assert client.asked[0].endswith("/5")
    world.start()
    world.offer(GOOD)  # on trial
    assert (world.fetch, update.state) == (None, TRIAL)
    world.acknowledged()
    flash = bytes(world.nor.data)
    world.offer(GOOD)
    assert not world.contact(Client(broker(GOOD)))
    assert update.state == 0
    assert bytes(world.nor.data) == flash


def test_the_head_goes_before_the_erase() -> None:
    """A torn erase must not bring back a head without the marks that it had: when the erase begins, no head is there."""
    world = started()
    world.install(GOOD)
    world.install(release("2.0"))
    other, erase = slots.Slot(world.nor, 1 - update.slot), world.nor.ioctl
    assert other.head() is not None
    heads = []

    def erasing(operation: int, sector: int) -> int:
        if operation == 6 and not heads:
            heads.append(other.head())
        return erase(operation, sector)

    world.nor.ioctl = erasing  # type: ignore[method-assign]
    world.install(release("3.0"))
    assert heads == [None]


def test_erases_are_one_a_sector() -> None:
    """Of a slot that was written before: one erase for each sector of the image and one for what is known of it."""
    world = started()
    world.install(GOOD)
    world.install(release("2.0"))
    before = sum(world.nor.erases)
    world.install(release("3.0"))
    assert sum(world.nor.erases) - before == 3 + 1


MOST_MISSES = 96


def missing(chunk: int) -> dict[str, bytes]:
    """What a broker has that lost the release from one chunk on."""
    return {topic: message for topic, message in broker(GOOD).items() if int(topic.rsplit("/", 1)[1]) < chunk}


def misses(world: World, client: Client, most: int, *, restarts: bool) -> int:
    """How often a device asks before it gives up, each time that it may."""
    for n in range(most):
        if restarts:
            world.start()
        else:
            fetch_of(world)._due_ms = None
        assert not world.contact(client)
        if world.fetch is None:
            return n + 1
    return most


@pytest.mark.parametrize("restarts", [False, True], ids=["awake", "asleep between"])
@pytest.mark.parametrize("chunk", [1, 6, CHUNKS])
def test_a_release_that_is_gone_is_given_up(chunk: int, restarts: bool) -> None:
    """Withdrawn in the middle: after 96 misses, over restarts too, it is refused for good, and the next one is taken."""
    world = started()
    world.offer(GOOD)
    assert not world.contact(Client(missing(chunk)))
    assert misses(world, Client({}), 200, restarts=restarts) == MOST_MISSES - 1
    assert (update.state, world.reasons[-1:]) == (REFUSED, [7])
    assert world.start() == FACTORY
    assert (update.state, world.fetch) == (0, None)
    other = release("2.0")
    world.install(other)
    assert world.running == image("2.0")


def test_a_release_that_never_came_is_given_up() -> None:
    """Without its chunk 0 nothing is in flash; the misses are counted all the same."""
    world = started()
    before = bytes(world.nor.data)
    world.offer(GOOD)
    assert misses(world, Client({}), 200, restarts=False) == MOST_MISSES
    assert (update.state, bytes(world.nor.data)) == (REFUSED, before)


def test_each_sector_has_its_own_misses() -> None:
    """A broker that is away again and again, and back: what comes in between begins the count anew."""
    world = started()
    world.offer(GOOD)
    world.contact(Client(missing(2)))
    assert misses(world, Client({}), 90, restarts=True) == 90
    world.start()
    world.contact(Client(missing(6)))
    assert misses(world, Client({}), 90, restarts=True) == 90
    world.start()
    assert world.contact(Client(broker(GOOD)))
    assert world.start() == NEW


def test_a_miss_behind_the_last_chunk_leaves_the_other_slot_alone() -> None:
    """The largest image has a note for each of its sectors and no room behind them: what follows is the release that runs."""
    world = World(sectors=2 * 113)
    world.start()
    world.install(GOOD)
    assert update.slot == 1, "so that it lies behind the slot that is written"
    size = 112 * 4096
    largest = make("esp32s3", "3.0", 1, bytes(size), KEY)
    world.offer(largest)
    assert not world.contact(Client(dict(list(broker(largest).items())[:2])))
    before = bytes(world.nor.data[113 * 4096 :])
    with world.machine():
        fetch_of(world)._at = size  # all is there, and was not read back
        fetch_of(world)._later("not read back")
    assert bytes(world.nor.data[113 * 4096 :]) == before
    assert slots.Slot(world.nor, 0).read(4096 - 12, 12) == b"\xff" * 11 + b"\xfe"


def test_a_link_that_breaks_at_the_question_is_a_miss() -> None:
    """Nothing came in this connection: the device waits as for a chunk that did not come, and not a moment less."""
    world = started()
    world.offer(GOOD)
    pauses = []
    for _ in range(4):
        client = Client(broker(GOOD))
        client.breaks_at = 0
        assert not world.contact(client)
        again = Client(broker(GOOD))
        assert not world.contact(again)
        assert again.asked == [], "not before the time"
        pauses.append(fetch_of(world)._due_ms - micro.ticks_ms())
        fetch_of(world)._due_ms = None
    assert pauses == [600_000 * 2**n for n in range(4)]
    assert world.contact(Client(broker(GOOD)))


def test_another_chunk_does_not_excuse_a_broken_link() -> None:
    """Only a chunk that was used counts as getting on: one that is another is a miss, and so is the break behind it."""
    world = started()
    world.offer(GOOD)
    client = Client(bad(CHANGES["flipped"], 0))
    client.breaks_at = 1
    assert not world.contact(client)
    assert fetch_of(world)._due_ms is not None
