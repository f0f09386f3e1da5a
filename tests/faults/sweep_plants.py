"""Five faults that a tracker's firmware or server could have, each as what is put at the end of one sound module.

Each breaks one rule of persistence and is silent until the power goes at the wrong moment.
"""

from __future__ import annotations

from collections.abc import Mapping

from cloud_sync.ingest.outcome import Outcome
from hw_sim.demo.product import Byleave
from hw_sim.demo.running import Byleaving

# The broker's word is taken for the server's: an envelope leaves the spool at its PUBACK.
PUBACK_RELEASES = """
_publish_sound = Session._publish

async def _publish(self, envelope):
    await _publish_sound(self, envelope)
    for number, (position, ours) in list(self._outbox._sent.items()):
        if _digest_of(envelope) == ours:
            self._node.spool.release(position)

from firmware.wire.envelope import digest8 as _digest_of
Session._publish = _publish
"""

# The record of the keys lies in the file system as well.
KEYS_IN_A_FILE = """
_persist_sound = KeyStore._persist

def _persist(self, new):
    _persist_sound(self, new)
    with open("keys.bin", "wb") as file:
        file.write(bytes(new))

KeyStore._persist = _persist
"""

# The header that says "here is a whole envelope" is written before the envelope, and believed after a cut.
MARK_BEFORE_DATA = """
from binascii import crc32 as _crc32

class _Any:
    def __ne__(self, other):
        return False

def crc32(data, seed=None):
    return _Any() if seed is None else _crc32(data, seed)

def _record(sequence, stream, time_s, envelope):
    head = struct.pack(">BHII", stream, len(envelope), time_s, _crc32(envelope))
    return b"\\xff" + head + struct.pack(">I", _crc32(head, sequence)) + envelope
"""

# What lies in retained memory is used whenever the chip says that it woke, and is left there.
CAUSE_TRUSTED = """
def take(board):
    return bytearray(board.retained())

def unpack(data, sequence):
    end = _BYTES - 4
    if len(data) < _BYTES or crc32(data[:end]).to_bytes(4, "big") != data[end:_BYTES]:
        return None
    refused = struct.unpack_from(_HEAD, data)[2]
    starts = [_HEAD_BYTES + stream * _LADDER_BYTES for stream in range(5)]
    return refused, [[int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + _LADDER_BYTES]] for at in starts]
"""

# Only the first directive is written down; what changes it later is kept in RAM.
VERSION_IN_RAM = """
_save_sound = Rules.save

def _save(self, directive, purge=(), ended=None):
    if self.directive is None or directive is None:
        return _save_sound(self, directive, purge, ended)
    self.directive, self.purge, self.had = directive, tuple(purge), permitted(directive)

Rules.save = _save
"""
VERSION_IN_RAM_KEYS = """
def _set_directive_high(self, version):
    self.directive_high = max(self.directive_high, version)

KeyStore.set_directive_high = _set_directive_high
"""

PLANTS: Mapping[str, Mapping[str, str]] = {
    "a PUBACK releases": {"link/session.py": PUBACK_RELEASES},
    "keys in a file": {"keystore.py": KEYS_IN_A_FILE},
    "spool mark before data": {"flash/spool.py": MARK_BEFORE_DATA},
    "reset cause trusted alone": {"retained.py": CAUSE_TRUSTED},
    "version not persisted": {"flash/rules.py": VERSION_IN_RAM, "keystore.py": VERSION_IN_RAM_KEYS},
}


class HastyServer(Byleaving):
    """The server sends its verdicts before it commits what they speak of."""

    def handle(self, messages: list[tuple[str, bytes]]) -> list[Outcome]:
        """The transaction ends behind the sending."""
        with self.cloud.database.transaction():
            return self.cloud.handle(messages)


class Hasty(Byleave):
    """byleave with that server."""

    running = HastyServer
