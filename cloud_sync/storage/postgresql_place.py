"""Where a PostgreSQL store is, and how it is reached: nothing secret in the address, nothing in the clear over a network."""

from __future__ import annotations

import os
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from cloud_sync.errors import ConfigError
from cloud_sync.places import PostgresqlUrl

CONNECT_TIMEOUT_S = 10
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HOSTS = (("host", "PGHOST"), ("hostaddr", "PGHOSTADDR"))
#: A server or a network that went away without a word is noticed within a minute.
_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}


def connection_settings(url: PostgresqlUrl) -> dict[str, Any]:
    """What libpq is told; ConfigError for an address that it does not understand, or that others could listen in on."""
    try:
        asked = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise ConfigError(
            f"the address of a PostgreSQL store is malformed ({str(error).strip()}); see docs/operating.md"
        ) from error
    if "service" in asked or "PGSERVICE" in os.environ:
        raise ConfigError("a service file may name any server over any line; write host and database into the address")
    settings: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "byleave", **_ALIVE, **asked}
    if not _local(settings):
        # Subjects, consents and the audit log cross this line in the clear; the server's name is what tells it from another.
        mode = settings.setdefault("sslmode", "verify-full")
        if mode != "verify-full":
            raise ConfigError(f"sslmode={mode} lets others read or answer; write sslmode=verify-full, or leave it out")
    return settings


def _local(settings: dict[str, Any]) -> bool:
    # libpq looks there for what the address leaves out.
    named = (settings.get(key) or os.environ.get(variable, "") for key, variable in _HOSTS)
    hosts = [host for names in named for host in str(names).split(",")]
    return all(not host or host.startswith(("/", "@")) or host in LOOPBACK for host in hosts)
