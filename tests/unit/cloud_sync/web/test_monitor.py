"""Health and metrics: what a supervisor and a dashboard are told, and that nothing else is answered."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.figures import BATCH_BOUNDS_S, Batches, Figures
from cloud_sync.web import monitor as module
from cloud_sync.web.metrics import text
from cloud_sync.web.monitor import Monitor

WELL = Figures(
    at=10_000.0,
    started_at=1_000.0,
    connected=True,
    messages={"stored": 7, "repeat": 1},
    pending=3,
    downlinks_sent=5,
    downlinks_acknowledged=4,
    batches=(0, 2, 1, *(0 for _ in BATCH_BOUNDS_S[3:]), 1),
    batch_seconds=30.25,
    last_commit_at=9_999.5,
    last_sweep_at=9_000.0,
    sweep_halted=False,
    sweep_late_s=12.5,
    sweep_period_s=3600,
    store_failing=False,
)


class Source:
    """Figures that a test sets, or an error in their place."""

    def __init__(self) -> None:
        self.figures: Figures | None = WELL

    def __call__(self) -> Figures:
        if self.figures is None:
            raise StoreError("telemetry.db: s-1 is locked")
        return self.figures


@pytest.fixture
def source() -> Source:
    """Figures of a service that is well."""
    return Source()


@pytest.fixture
def monitor(source: Source) -> Iterator[Monitor]:
    """A monitor on a free port of loopback."""
    monitor = Monitor("127.0.0.1", 0, source)
    monitor.start()
    yield monitor
    monitor.stop()


def ask(monitor: Monitor, path: str, method: str = "GET") -> tuple[int, str]:
    """Status and body of an answer."""
    connection = http.client.HTTPConnection(*monitor.address, timeout=5)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_a_service_that_is_well_says_so(monitor: Monitor) -> None:
    """Live and ready, to GET and to HEAD."""
    assert ask(monitor, "/live") == (200, "live\n")
    status, body = ask(monitor, "/ready?full=1")
    assert status == 200 and json.loads(body) == {"ready": True, "why": []}
    assert ask(monitor, "/ready", "HEAD") == (200, "")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"connected": False}, "the broker is away"),
        ({"store_failing": True}, "the store refuses what comes in"),
        ({"sweep_halted": True}, "the sweep has halted: look at the clock, then byleave sync sweep --confirm-clock"),
        ({"last_sweep_at": 2_799.0}, "the last sweep is more than two periods ago"),
    ],
)
def test_what_keeps_it_from_its_work_is_named(
    monitor: Monitor, source: Source, changed: dict[str, object], why: str
) -> None:
    """One thing wrong with a service that is well: not ready, with the reason; it stays live."""
    source.figures = replace(WELL, **changed)  # type: ignore[arg-type]
    status, body = ask(monitor, "/ready")
    assert status == 503 and json.loads(body) == {"ready": False, "why": [why]}
    assert ask(monitor, "/live")[0] == 200


def test_sweeps_that_fail_from_the_start_are_seen(monitor: Monitor, source: Source) -> None:
    """Ready after the start, and not any more two periods later without a sweep."""
    source.figures = replace(WELL, last_sweep_at=None, started_at=9_000.0)
    assert ask(monitor, "/ready")[0] == 200
    source.figures = replace(WELL, last_sweep_at=None, started_at=2_000.0)
    assert ask(monitor, "/ready")[0] == 503


def test_a_flood_of_open_connections_holds_few_threads_and_not_for_long(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty that send a byte now and then: sixteen at most are held, and all are ended after the time."""
    monkeypatch.setattr(module, "TIMEOUT_S", 0.5)
    monitor = Monitor("127.0.0.1", 0, source)
    monitor.start()
    before = threading.active_count()
    slow = [socket.create_connection(monitor.address, timeout=5) for _ in range(40)]
    for each in slow:
        with contextlib.suppress(OSError):
            each.sendall(b"G")
    assert threading.active_count() - before <= 2 * module.MOST_AT_ONCE  # each with its timer
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        for each in slow:
            with contextlib.suppress(OSError):
                each.sendall(b"E")
        time.sleep(0.05)
    assert threading.active_count() == before
    assert ask(monitor, "/live")[0] == 200
    monitor.stop()
    for each in slow:
        each.close()


def test_stores_that_do_not_answer_are_not_quoted(monitor: Monitor, source: Source) -> None:
    """503 without the error's words [they may name somebody]."""
    source.figures = None
    for path in ("/ready", "/metrics"):
        status, body = ask(monitor, path)
        assert status == 503 and body == "the stores do not answer\n"


def test_metrics_are_in_the_text_format() -> None:
    """Each sample after its HELP and TYPE, the histogram cumulative, and every figure among them."""
    lines = text(WELL).splitlines()
    samples = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}
    assert samples['byleave_messages_total{kind="stored"}'] == 7 and samples["byleave_pending_messages"] == 3
    assert samples["byleave_sweep_late_seconds"] == 12.5 and samples["byleave_connected"] == 1
    buckets = [value for name, value in samples.items() if "_bucket" in name]
    assert buckets == sorted(buckets) and buckets[-1] == samples["byleave_batch_seconds_count"] == 4
    assert samples["byleave_batch_seconds_sum"] == 30.25 and len(buckets) == len(BATCH_BOUNDS_S) + 1
    typed = {line.split(" ")[2] for line in lines if line.startswith("# TYPE")}
    names = {re.sub(r"_(bucket|sum|count)$", "", name.partition("{")[0]) for name in samples}
    assert names == typed == {line.split(" ")[2] for line in lines if line.startswith("# HELP")}


def test_what_has_not_happened_is_left_out() -> None:
    """Before the first commit and the first sweep there is no time of one."""
    told = text(replace(WELL, last_commit_at=None, last_sweep_at=None))
    assert "last_commit" not in told and "last_sweep" not in told and "byleave_connected 1" in told


@pytest.mark.parametrize("path", ["/", "/metrics/", "/read", "/../metrics", "/" + "x" * 5000])
def test_nothing_else_is_answered(monitor: Monitor, path: str) -> None:
    """Other paths are not found; other methods are not implemented."""
    assert ask(monitor, path)[0] == 404
    assert ask(monitor, "/metrics", "POST")[0] == 501


def test_garbage_and_silence_do_no_harm(monitor: Monitor) -> None:
    """Bytes that are no HTTP, and connections that say nothing: others are answered."""
    for garbage in (b"\x00\xff\x16\x03\n\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"GET " + b"a" * 70_000 + b"\r\n"):
        with socket.create_connection(monitor.address, timeout=5) as raw:
            raw.sendall(garbage)
    silent = [socket.create_connection(monitor.address, timeout=5) for _ in range(10)]
    assert ask(monitor, "/live")[0] == 200
    for each in silent:
        each.close()


def test_an_address_that_is_taken_is_an_error(monitor: Monitor, source: Source) -> None:
    """With what to do; and one that is no port."""
    with pytest.raises(ConfigError, match="choose another"):
        Monitor("127.0.0.1", monitor.address[1], source)
    with pytest.raises(ConfigError, match="choose another"):
        Monitor("127.0.0.1", 70_000, source)


def test_batches_are_counted_by_their_time() -> None:
    """At a bound it counts to that bound, above all in the last place; a failure lasts until the next that works."""
    batches = Batches()
    batches.failed()
    assert batches.failing
    for seconds in (0.001, 0.0011, 11.0):
        batches.took(seconds, 5.0)
    assert batches.spread()[:2] == (1, 1) and batches.spread()[-1] == 1 and sum(batches.spread()) == 3
    assert not batches.failing and batches.last_at == 5.0
