"""Where a store lies: a file's path, or the address of a PostgreSQL database."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cloud_sync.errors import ConfigError

_SECRETS = frozenset({"password", "sslpassword"})
SCHEMES = ("postgresql", "postgres")  # libpq takes both


class PostgresqlUrl(str):
    """An address as libpq reads it, `postgresql://user@host/database?…`, without a password [configuration is shown and copied]."""

    __slots__ = ()

    def __new__(cls, url: str) -> PostgresqlUrl:
        """ConfigError for another scheme, or with a password in it."""
        try:
            parts = urlsplit(url)
            secret = parts.password is not None or not _SECRETS.isdisjoint(
                parse_qs(parts.query, keep_blank_values=True)
            )
        except ValueError as error:
            raise ConfigError("the address of a PostgreSQL store is malformed; see docs/operating.md") from error
        if parts.scheme not in SCHEMES:
            raise ConfigError("the address of a PostgreSQL store begins with postgresql://")
        if secret:
            raise ConfigError(
                "the address of a PostgreSQL store holds a password; put it into a password file (passfile=…, mode 0600)"
            )
        return super().__new__(cls, url)


Place = Path | PostgresqlUrl


def place(text: str, directory: Path) -> Place:
    """What a configuration says: an address, or a path that counts from `directory`."""
    return PostgresqlUrl(text) if text.partition("://")[0] in SCHEMES else directory / text
