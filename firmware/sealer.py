"""Sealer: the one way from plaintext to a spooled envelope, and the one way from a received downlink to its value."""

from firmware.errors import FirmwareError, SealError
from firmware.keystore import wipe
from firmware.wire import envelope

# The server sends number after number; it leaps after a restore alone, and once that has opened the next one is near.
NEAR = 64
FAR_TRIES = 4  # of up to 4096 hashes, a second or two each


class Sealer:
    """Sealer(keystore, spool, rng): `rng(n) -> bytes` is the board's random()."""

    def __init__(self, keystore, spool, rng):
        self._keystore = keystore
        self._spool = spool
        self._rng = rng
        self.begin()

    def begin(self) -> None:
        """A new contact: FAR_TRIES downlinks whose number lies far ahead may fail to open in it."""
        self._far_tries = FAR_TRIES

    def seal(self, stream: int, plaintext: bytes, directive_version: int, time_s: int):
        """Seal in the key store's epoch and spool durably; the spool's Entry(position, stream, time_s, envelope). Only
        then send it.

        time_s: what the spool counts the age from (the oldest reading, or the floor). SealError "spent", WireError for
        a plaintext that is too long, FlashError if the spool does not hold it; each of them costs a number, never a
        second use of one.
        """
        keys = self._keystore
        # 1. Take a number that flash already holds as used [a cut after this line must not repeat it].
        counter, key = keys.next_envelope(stream, keys.epoch)
        try:
            # 2. Seal once; a retry sends the stored bytes [two sealings under one key].
            header = (keys.generation, stream, keys.epoch, counter, directive_version)
            sealed = envelope.seal_uplink(keys.device, header, self._rng(4), key, plaintext)
        finally:
            # 3. Forget the key [a seized device opens no envelope that it ever sealed].
            wipe(key)
        # 4. Durable before anything is sent [an envelope that the server has and the device denies].
        return self._spool.append(stream, time_s, sealed)

    def open(self, data: bytes, tick=None):
        """Value (list) of a received downlink, for wire.downlink.parse(); each number is accepted once in the device's
        life.

        WireError or SealError otherwise, and then nothing has changed but the count `keystore.refused`.
        """
        try:
            return self._open(data, tick)
        except FirmwareError:
            self._keystore.note_refused()
            raise

    def _open(self, data, tick):
        keys = self._keystore
        # 1. Size, form and ranges, the cheapest first [a broker can send anything].
        generation, number = envelope.peek_downlink(data)
        if generation != keys.generation:
            raise SealError("downlink of another generation")
        # 2. Number within reach: new, and at most 4096 hashes away [replay; a forged number that costs hours]. Few
        # messages of a contact may cost that many [a broker that sends nothing else takes the processor].
        if number - keys.down_next > NEAR:
            if not self._far_tries:
                raise SealError("too many downlinks from far ahead")
            self._far_tries -= 1
        key = keys.down_key(number, tick)
        try:
            # 3. The tag; nothing has changed so far [a forgery must not move the number].
            value = envelope.open_downlink(keys.device, data, key)
        finally:
            wipe(key)
        # 4. Never this number again, before its content is acted upon [a cut between the two must not allow a replay].
        keys.down_accept(number)
        return value
