"""System tests: the `stage` of the plugin, a quiet log, and a server that does not let a test wait."""

from __future__ import annotations

import logging

import pytest

from cloud_sync.mqtt import subscriber


@pytest.fixture(autouse=True)
def quiet_log(caplog: pytest.LogCaptureFixture) -> None:
    """The server warns of each of hundreds of messages that it refuses."""
    caplog.set_level(logging.ERROR, logger="cloud_sync")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server waits in real time for a broker that is away, or for its own threads, is a moment."""
    monkeypatch.setattr(subscriber, "LAST_RETRY_S", 0.1)
    monkeypatch.setattr(subscriber, "MISC_INTERVAL_S", 0.05)
