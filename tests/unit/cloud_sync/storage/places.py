"""Where the stores of a test lie: in files of its directory, or with BYLEAVE_TEST_STORE=postgresql on PostgreSQL."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from cloud_sync.places import Place
from tests.unit.cloud_sync.storage.cluster import binaries, cluster, copy_schema


def on_postgresql() -> bool:
    """Whether this run, or this test, keeps its stores there."""
    return os.environ.get("BYLEAVE_TEST_STORE", "sqlite") == "postgresql"


class Places(NamedTuple):
    """The three stores; the same directory is always the same three."""

    database: Place
    keys: Place
    tombstones: Place


def places(directory: Path) -> Places:
    """Telemetry and keys on two clusters, as the product asks, and tombstones in a file; or all in files."""
    if not on_postgresql():
        return Places(directory / "telemetry.db", directory / "keys.db", directory / "tombstones.db")
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    return Places(
        cluster("telemetry").place(directory, "telemetry"),
        cluster("keys").place(directory, "keys"),
        directory / "tombstones.db",
    )


def copy_store(name: str, source: Path, target: Path) -> None:
    """Put a copy of a closed store (`telemetry.db`, `keys.db`, `tombstones.db`) of one directory in the place of another's."""
    field = {"telemetry.db": "database", "keys.db": "keys", "tombstones.db": "tombstones"}[name]
    here, there = getattr(places(source), field), getattr(places(target), field)
    if isinstance(here, Path):
        for leftover in target.glob(f"{name}*"):
            leftover.unlink()
        shutil.copy2(here, there)
    else:
        copy_schema(here, there)


def copy_all(source: Path, target: Path) -> Path:
    """A copy of a directory with all of its stores; the new directory."""
    shutil.copytree(source, target)
    if on_postgresql():
        for name in ("telemetry.db", "keys.db"):
            copy_store(name, source, target)
    return target
