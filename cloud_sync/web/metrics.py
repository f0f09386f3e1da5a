"""The figures of the service in the text format that Prometheus reads (OpenMetrics 1.0, its subset of plain text 0.0.4).

Labels are kinds of messages, a closed list: no device, no person, no topic [a label with a pseudonym is a movement profile in
whatever keeps the metrics].
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from cloud_sync.figures import BATCH_BOUNDS_S, Figures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text(figures: Figures) -> str:
    """All metrics, one a line with its help before it."""
    return "\n".join(_lines(figures)) + "\n"


def _lines(figures: Figures) -> Iterator[str]:
    yield from _head("byleave_messages_total", "counter", "Messages from devices, by what became of them.")
    for kind, count in sorted(figures.messages.items()):
        yield f'byleave_messages_total{{kind="{kind}"}} {count}'
    for name, kind, help_text, value in (
        ("byleave_connected", "gauge", "1 while the subscription at the broker stands.", int(figures.connected)),
        ("byleave_pending_messages", "gauge", "Messages read and not yet committed.", figures.pending),
        ("byleave_downlinks_total", "counter", "Sealed downlinks handed to the link.", figures.downlinks_sent),
        (
            "byleave_downlinks_acknowledged_total",
            "counter",
            "Those that the broker has.",
            figures.downlinks_acknowledged,
        ),
        ("byleave_store_failing", "gauge", "1 while the store refuses what comes in.", int(figures.store_failing)),
        ("byleave_last_commit_timestamp_seconds", "gauge", "When a batch was last committed.", figures.last_commit_at),
        (
            "byleave_last_sweep_timestamp_seconds",
            "gauge",
            "When the last sweep was carried out.",
            figures.last_sweep_at,
        ),
        (
            "byleave_sweep_halted",
            "gauge",
            "1 while the sweep waits for a word on the clock.",
            int(figures.sweep_halted),
        ),
        (
            "byleave_sweep_late_seconds",
            "gauge",
            "How late the last sweep destroyed what was due.",
            figures.sweep_late_s,
        ),
        ("byleave_cases_waiting", "gauge", "Cases of people's rights without an answer.", figures.cases_waiting),
        ("byleave_cases_alarming", "gauge", "Those past the moment of their alarm.", figures.cases_alarming),
        ("byleave_cases_late", "gauge", "Those past their due moment.", figures.cases_late),
    ):
        if value is not None:
            yield from _head(name, kind, help_text)
            yield f"{name} {_number(value)}"
    yield from _histogram(figures)


def _histogram(figures: Figures) -> Iterator[str]:
    name = "byleave_batch_seconds"
    yield from _head(name, "histogram", "How long the commit of a batch of messages took.")
    counts = list(accumulate(figures.batches))
    for bound, count in zip(BATCH_BOUNDS_S, counts, strict=False):  # the last count is of all
        yield f'{name}_bucket{{le="{bound:g}"}} {count}'
    yield f'{name}_bucket{{le="+Inf"}} {counts[-1]}'
    yield f"{name}_sum {_number(figures.batch_seconds)}"
    yield f"{name}_count {counts[-1]}"


def _head(name: str, kind: str, help_text: str) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6f}".rstrip("0").rstrip(".")
