"""Fetching a release into the slot that does not run: chunk by chunk, each verified before it is written.

The digest of chunk 0 is the release's id, which the sealed offer names; chunk 0 is signed and has the digest of chunk 1,
and every chunk has that of the next. So a broker that changes one byte is found out at that chunk, without a signature to be
verified again and without a byte in flash, and all it can waste is one chunk an attempt.
"""

import time
from binascii import hexlify
from hashlib import sha256

from firmware import update
from firmware.const import const
from firmware.errors import FlashError, WireError
from firmware.flash.region import RawRegion
from firmware.update.manifest import BLOCK_BYTES, DIGEST_BYTES, MAX_SIGNED_BYTES, Manifest, RefusedError, verify

slots = update.boot()

# After a chunk that did not come or is not the one: 10 minutes, twice as long each time, a day at most. That is 8 attempts
# on the first day of a broker that has none or gives others, and one on each later day.
_PAUSE_MS = const(600_000)
_LONGEST_MS = const(86_400_000)
# In one sector of the image, in all starts; then it is given up [a release that was taken from the broker, and nobody could
# say so, would be asked for as long as the battery lasts]. A device that sleeps deeply asks 96 times a day, and one day is
# what a broker may be without it; one that stays awake asks 96 times in the three months that an offer stands.
_MOST_MISSES = const(96)
_PER_SECTOR = const(4)
# As in `slots`, and in `update`.
_SECTOR_BYTES = const(4096)
_HEAD_BYTES = const(52)
_COMPLETE = const(0)
_FETCHING = const(1)
_REFUSED = const(4)
_CHANGED = const(7)
# Entries of 32 bytes from page 2 on, one for each sector that is written: digest of the next chunk, its CRC-32 with the number;
# behind these a bit for each miss, clear when it was. A sector that is written has its note, so the misses begin anew.
_NOTES = const(512)
_NOTE_BYTES = const(32)
_MISSES_AT = const(20)
_MISSES_BYTES = const(12)
_MAX_SECTORS = const(112)  # that have room for their notes


class Fetch:
    """One release on its way. While it `wants` something, a contact gives it each `step`, and `take` the messages."""

    def __init__(self, node, board):
        """node: `settings`, `feed()`, `report_soon(reason)`. FlashError where the board has no slots."""
        self._node = node
        self._board = board
        try:
            self._device = slots.device()
        except OSError:
            raise FlashError("no slots")
        self._found = slots.both(self._device)
        self._region = RawRegion(self._device)
        self._slot = None  # the one that is written
        self._release = None  # what the offer named, before its manifest is there: (id, chunks, size)
        self._manifest = None
        self._at = 0  # bytes of the image that are written
        self._next = b""  # digest of the chunk that comes next
        self._topic = self._message = None
        self._pause_ms, self._due_ms = _PAUSE_MS, None
        self._misses = 0  # of chunk 0
        self._came = False  # a chunk, in this connection
        self.complete = False  # written and verified: the device is to be restarted

    # Where it begins: an offer, or what a start finds unfinished.

    def offer(self, release, chunks, size) -> None:
        """A sealed offer. The one at hand goes on; another takes its place, and asks at once."""
        if self._id() == release:
            return
        if any(head and _id(head[4]) == release and s.index == update.slot for _, head, s in self._found):
            return  # it is running
        self._slot = self._manifest = None
        self._release = (release, chunks, size)
        self._pause_ms, self._due_ms, self._misses = _PAUSE_MS, None, 0
        self._say(_FETCHING)

    def resume(self) -> bool:
        """Take up what a restart interrupted; False if there is nothing of it."""
        for _, head, slot in self._found:
            if head is None or slot.index == update.slot or slot.marked(_COMPLETE):
                continue
            self._manifest = Manifest(head[4])  # whose signature was verified before it was written there
            self._slot, self._next = slot, self._manifest.first
            self._rewind()
            return True
        return False

    def _id(self):
        if self._release:
            return self._release[0]
        return _id(self._slot.head()[4]) if self._slot else None

    @property
    def over(self) -> bool:
        """Refused, or nothing of it left."""
        return not (self._release or self._slot)

    @property
    def asked(self) -> bool:
        """True while a chunk is on its way."""
        return self._topic is not None

    def wants(self, now_ms) -> bool:
        """True if there is something to ask the broker for, now."""
        if self.complete or self.over:
            return False
        return self._due_ms is None or time.ticks_diff(now_ms, self._due_ms) >= 0

    # In a contact.

    def begin(self) -> None:
        """A new connection: what the last one was asked for does not come any more."""
        self._topic = self._message = None
        self._came = False

    def take(self, topic, message) -> bool:
        """A message that is no downlink; True if it is the chunk that is waited for."""
        if topic != self._topic or self._message is not None:
            return False
        self._message = message
        return True

    async def step(self, client) -> bool:
        """Use the chunk that has come, ask for the next; False if there was nothing to do. LinkError: the link broke."""
        message = self._message
        if self._topic is not None and message is None:
            return False
        if message is not None:
            self._message = self._topic = None
            self._use(message)
        due = self.wants(time.ticks_ms())
        if due:
            number = 0 if self._release else self._at // BLOCK_BYTES + 1
            self._topic = "bl/1/release/" + str(hexlify(self._id()), "ascii") + "/" + str(number)
            await client.subscribe(self._topic)
        return due or message is not None

    def missed(self, broken=False) -> None:
        """The chunk that was asked for has not come. `broken`: since the link ended, which counts unless it brought another
        [a link that breaks again and again gets on; a broker that breaks it at each question must not have the battery].
        """
        if self._topic is not None:
            self._topic = self._message = None
            if not (broken and self._came):
                self._later("no chunk")

    def _use(self, message) -> None:
        try:
            if self._release:
                self._begin(message)
            else:
                self._write(message)
            self._came = True
        except RefusedError as error:
            self._refuse(error)
        except (WireError, FlashError, MemoryError) as error:
            self._later(error)

    def _begin(self, signed) -> None:
        """Chunk 0. Nothing in flash changes before all of it has been found good."""
        release, chunks, size = self._release
        # 1. The bytes that the sealed offer named [a broker that gives others costs no signature to be verified].
        if len(signed) > MAX_SIGNED_BYTES or _id(signed) != release:
            raise WireError("another manifest")
        # 2. Signed by the controller [whoever took the server's keys cannot give the fleet their own program].
        try:
            verify(signed, self._node.settings.get("release_key"), self._node.feed)
            manifest = Manifest(signed)
        except WireError:
            raise RefusedError("manifest")
        # 3. As it was offered, for this board, not below what was confirmed, no longer than a slot.
        self._check(manifest, chunks, size)
        # 4. The slot that does not run is freed: its head first, by zeros [a torn erase must not bring its release back].
        self._found = slots.both(self._device)
        slot = slots.Slot(self._device, 1 - update.slot if update.slot >= 0 else self._found[1][2].index)
        last = slot.base + slot.sectors
        self._region.zero(last * _SECTOR_BYTES, _HEAD_BYTES)
        self._erase(last)
        head = slots.pack_head(self._found[0][0] + 1, size, manifest.security, manifest.digest, signed)
        self._region.program(last * _SECTOR_BYTES, head)
        self._manifest, self._slot, self._release = manifest, slot, None
        self._at, self._next = 0, manifest.first

    def _check(self, manifest, chunks, size) -> None:
        from firmware.version import SECURITY

        if manifest.chunks != chunks or manifest.size != size:
            raise RefusedError("not as offered")
        if manifest.board != self._board.NAME:
            raise RefusedError("another board's")
        if manifest.security < max(SECURITY, update.least):
            raise RefusedError("security version")
        if size > min(self._found[0][2].sectors, _MAX_SECTORS) * _SECTOR_BYTES:
            raise RefusedError("too large")

    def _write(self, message) -> None:
        """One chunk of content: verified, then unpacked, then programmed."""
        # 1. The bytes that the signed chain names [flipped bits, another release's, none at all].
        if sha256(message).digest()[:DIGEST_BYTES] != self._next:
            raise WireError("another chunk")
        size = min(BLOCK_BYTES, self._manifest.size - self._at)
        block = _inflate(message[DIGEST_BYTES:], size)
        # 2. From here on the signer is to blame for what is wrong, and asking again would change nothing.
        if len(block) != size:
            raise RefusedError("chunk")
        sector, part = divmod(self._at // BLOCK_BYTES, _PER_SECTOR)
        if part == 0 and not self._region.is_blank(self._address(), _SECTOR_BYTES):
            self._erase(self._slot.base + sector)
        self._region.program(self._address(), block)
        self._at += size
        self._next = message[:DIGEST_BYTES]
        if part == _PER_SECTOR - 1:
            self._note(sector)
        self._pause_ms = _PAUSE_MS
        if self._at == self._manifest.size:
            self._finish()

    def _finish(self) -> None:
        """All of it is there: is it what was signed?"""
        digest = sha256()
        start, size = self._slot.base * _SECTOR_BYTES, self._manifest.size
        for at in range(0, size, BLOCK_BYTES):
            digest.update(self._region.read(start + at, min(BLOCK_BYTES, size - at)))
            self._node.feed()
        if digest.digest() != self._manifest.digest:
            # Flash that does not keep what was written [or a chain that was signed with another digest].
            raise RefusedError("digest")
        self._slot.mark(_COMPLETE)
        self.complete = True

    # Resume.

    def _rewind(self) -> None:
        """To the first sector that is not noted as written."""
        for sector in range(self._manifest.size // _SECTOR_BYTES):
            note = self._slot.read(_NOTES + sector * _NOTE_BYTES, _NOTE_BYTES)
            if note[:_MISSES_AT] != _note(sector, note[:DIGEST_BYTES]):
                return
            self._at, self._next = (sector + 1) * _SECTOR_BYTES, bytes(note[:DIGEST_BYTES])

    def _note(self, sector) -> None:
        self._region.program(self._note_at(sector), _note(sector, self._next))

    def _note_at(self, sector) -> int:
        return (self._slot.base + self._slot.sectors) * _SECTOR_BYTES + _NOTES + sector * _NOTE_BYTES

    def _address(self) -> int:
        return self._slot.base * _SECTOR_BYTES + self._at

    def _erase(self, sector) -> None:
        self._board.quietly(self._region.erase, sector)
        self._node.feed()

    # Ends.

    def _later(self, error) -> None:
        print("update:", error)
        if self._misses_all():
            self._refuse("given up")
            return
        self._due_ms = time.ticks_add(time.ticks_ms(), self._pause_ms)
        self._pause_ms = min(2 * self._pause_ms, _LONGEST_MS)

    def _misses_all(self) -> bool:
        """Count a miss, across starts once there is a slot; True at the last one that it may have."""
        if not self._slot:
            self._misses += 1
            return self._misses >= _MOST_MISSES
        # Behind the last chunk there is no sector of the image any more.
        at = self._note_at(min(self._at, self._manifest.size - 1) // _SECTOR_BYTES) + _MISSES_AT
        try:
            left = int.from_bytes(self._region.read(at, _MISSES_BYTES), "big")
            left &= left - 1  # the lowest bit that is set
            self._region.program(at, left.to_bytes(_MISSES_BYTES, "big"))
        except FlashError:
            return False  # counted the next time
        return not left

    def _refuse(self, error) -> None:
        """Not to be asked for again, unless it is offered again; what was written of it counts for nothing."""
        print("update refused:", error)
        if self._slot:
            last = self._slot.base + self._slot.sectors
            try:
                self._region.zero(last * _SECTOR_BYTES, _HEAD_BYTES)
            except FlashError:
                pass  # the next start takes it up again, and refuses it again
        self._slot = self._release = self._manifest = None
        self._say(_REFUSED)

    def _say(self, state) -> None:
        update.state = state
        self._node.report_soon(_CHANGED)


def _id(signed) -> bytes:
    return sha256(signed).digest()[:DIGEST_BYTES]


def _note(sector, digest):
    from binascii import crc32

    body = bytes(digest) + bytes((sector,))
    return body[:-1] + crc32(body).to_bytes(4, "big")


def _inflate(data, size):
    """The block: as it came if it has its size already, else raw DEFLATE with a window of 1 KiB."""
    if len(data) >= size:
        return data
    import io

    import deflate

    try:
        # One byte more than may come, so that a longer stream is noticed.
        return deflate.DeflateIO(io.BytesIO(data), deflate.RAW, 10).read(size + 1)
    except (OSError, EOFError):
        return b""
