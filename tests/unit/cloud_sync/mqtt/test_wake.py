"""What breaks the network thread out of its wait."""

import socket

import pytest

from cloud_sync.mqtt.wake import Wake


def test_a_wake_that_comes_while_the_last_one_is_read_is_not_lost() -> None:
    """However often it is woken, one byte waits; after it is read, the next wake writes another."""
    wake = Wake()
    for _ in range(2):
        wake.wake()
        wake.wake()
        assert wake._in.recv(10, socket.MSG_PEEK) == b"\0"
        wake.drain()
    with pytest.raises(BlockingIOError):
        wake._in.recv(10)
    wake.close()


def test_a_wake_of_somebody_who_has_left_is_nothing() -> None:
    """Behind `close` nobody waits, and nobody who wakes is told off for it."""
    wake = Wake()
    wake.wake()
    wake.drain()
    wake.close()
    wake.wake()
