"""One installation, opened for one command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from cloud_sync.cli.atwork import check_policy_at_work
from cloud_sync.cli.common import sentences
from cloud_sync.cli.deliver import Delivery, Outbox, clear, deliver
from cloud_sync.config import Config
from cloud_sync.errors import ConfigError
from cloud_sync.service import CloudSync, SystemClock
from cloud_sync.storage.open import is_there
from cloud_sync.stores import Clock

CLOCK: Clock = SystemClock()


@dataclass
class Session:
    """The façade, its configuration, and what is to be sent."""

    cloud: CloudSync
    config: Config
    outbox: Outbox

    @property
    def now(self) -> float:
        """Unix seconds."""
        return CLOCK.now()

    def tell_devices(self) -> Delivery:
        """Send what the command has sealed, after its commit."""
        outgoing, self.outbox.sent = self.outbox.sent, []
        return deliver(self.config.broker, outgoing)


def read_config(path: Path) -> Config:
    """The configuration of an installation that `sync init` has made; ConfigError says which of its files is missing."""
    if not path.exists():
        raise ConfigError(f"{path}: not there; name cloud-sync.toml with -c, or make one with: byleave sync init DIR")
    config = Config.from_toml(path, os.environ)
    for store in (config.database, config.keys, config.tombstones):
        # An empty store in the place of a lost one would be served as if nothing had been there, or been erased.
        if not is_there(store):
            raise ConfigError(f"{store}: the store is missing; mount or restore it (docs/operating.md)")
    return config


@contextmanager
def opened(path: Path) -> Iterator[Session]:
    """Open the stores for one command; errors end it with a sentence, and what is left to send is sent at its end."""
    with sentences():
        config = read_config(path)
        check_policy_at_work(config)
        outbox = Outbox()
        with CloudSync.open(config, clock=CLOCK, link=outbox) as cloud:
            session = Session(cloud, config, outbox)
            yield session
            if outbox.sent:
                typer.echo(str(session.tell_devices()), err=True)
            trouble = clear(config.broker, outbox.cleared).trouble
            if trouble:
                typer.echo(
                    f"retained messages were not cleared: {trouble}; erase again when the broker is there", err=True
                )
