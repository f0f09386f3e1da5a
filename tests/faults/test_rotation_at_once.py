"""A sweep, a rotation and another process's rotation wrap the same things anew at once."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from cloud_sync.facade import opening
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.consent.consent_world import Place


def test_the_audit_key_is_wrapped_by_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one has unwrapped it and not yet put it in place, another one waits: neither fails, none finds half of it."""
    place = Place(tmp_path)
    with place.open() as cloud:
        cloud.rotation.begin()
        unhindered, inside, most, failed = opening.write_private, threading.Barrier(2), [0, 0], []

        def slowly(path: Path, data: bytes) -> None:
            most[0] += 1
            most[1] = max(most)
            with suppress(threading.BrokenBarrierError):
                inside.wait(0.2)  # two at once would meet here
            unhindered(path, data)
            most[0] -= 1

        monkeypatch.setattr(opening, "write_private", slowly)

        def work() -> None:
            try:
                cloud.rotation.work()
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        key = cloud.audit.public_key
    assert (failed, most[1]) == ([], 1)
    assert _opens_with(place) == key


def _opens_with(place: Place) -> str:
    with place.open() as cloud:
        return cloud.audit.public_key


def test_rotations_and_sweeps_of_many_threads(tmp_path: Path) -> None:
    """Four threads that sweep and rotate as fast as they can: nobody fails, and everything opens at the next start."""
    place, failed = Place(tmp_path), []

    def work(cloud: CloudSync, rotates: bool) -> None:
        try:
            for _ in range(6):
                (cloud.rotate_keys if rotates else cloud.sweep)()
        except BaseException as error:
            failed.append(error)

    with place.open() as cloud:
        key = cloud.audit.public_key
        threads = [threading.Thread(target=work, args=(cloud, n % 2 == 0)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert failed == []
    assert _opens_with(place) == key
