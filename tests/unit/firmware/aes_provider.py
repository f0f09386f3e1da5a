"""AES for firmware.wire.ccm under CPython: the interface of MicroPython's cryptolib over the `cryptography` package."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class Aes:
    """aes(key, 1) is ECB, aes(key, 2, iv) is CBC; encrypt() may write into a buffer, its input too."""

    def __init__(self, key: bytes, mode: int, iv: bytes = b"") -> None:
        chosen = modes.CBC(iv) if mode == 2 else modes.ECB()  # noqa: S305 - the firmware builds CCM from these two
        self._encryptor = Cipher(algorithms.AES(bytes(key)), chosen).encryptor()

    def encrypt(self, data: bytes, out: bytearray | None = None) -> bytes:
        """The encrypted data, also written to `out`."""
        result = self._encryptor.update(bytes(data))
        if out is not None:
            out[:] = result
        return result


def install() -> None:
    """Make firmware.wire.ccm usable under CPython."""
    from firmware.wire import ccm

    ccm.aes = Aes
