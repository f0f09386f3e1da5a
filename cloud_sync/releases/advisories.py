"""Known faults of what a release or an installation is built of, and those that are not mended in time (V-40).

A file of the company's own, beside its policy:

    [[advisory]]
    id = "CVE-2026-0001"
    severity = "critical"      # or "other"
    published = 2026-01-08
    mended = 2026-01-10        # left out until it is
"""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from cloud_sync.errors import ConfigError
from cloud_sync.policy import Policy
from cloud_sync.policy.kinds import Reference, Table

MOST_FILE_BYTES = 1 << 20  # ten thousand advisories; more is another file


class Advisory(Table):
    """One known fault. `mended` is the day from which the company's own build has it no more."""

    id: Reference
    severity: Literal["critical", "other"]
    published: date
    mended: date | None = None


class AdvisoryFile(Table):
    """All of them."""

    advisory: list[Advisory] = Field(default=[], max_length=10_000)


def read_advisories(path: str | Path) -> list[Advisory]:
    """The advisories of a file; ConfigError says what is wrong with it."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_FILE_BYTES + 1)
        if len(data) > MOST_FILE_BYTES:
            raise ConfigError(f"{path} is longer than {MOST_FILE_BYTES} bytes: take out what was mended long ago")
        return AdvisoryFile.model_validate(tomllib.loads(data.decode("utf-8"))).advisory
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name a TOML file of advisories") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply: a file of advisories needs one level") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {where}: {first['msg'].lower()}; see cloud_sync/releases/advisories.py") from error


def overdue(policy: Policy, advisories: list[Advisory], now: float) -> list[Advisory]:
    """Those that should be mended by that Unix second, by `patch.critical` and `patch.other`, and are not.

    What was mended late is no more in what is built: a build that fails on it could never be the one that mends it.
    """
    return [each for each in advisories if _over(policy, each, now)]


def _over(policy: Policy, advisory: Advisory, now: float) -> bool:
    if advisory.mended is not None and _start(advisory.mended) <= now:
        return False
    start = _start(advisory.published)
    return start <= now and policy.parameters.period(f"patch.{advisory.severity}").end(start) <= now


def _start(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
