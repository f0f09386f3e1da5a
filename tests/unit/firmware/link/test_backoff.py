"""Back-off between contacts that fail."""

from __future__ import annotations

import pytest

from firmware.link.backoff import Backoff


@pytest.mark.parametrize(("raw", "share"), [(b"\x00\x00", 0.5), (b"\xff\xff", 1.0)])
def test_pauses_double_up_to_a_bound_with_jitter(raw: bytes, share: float) -> None:
    """The random bytes spread each pause over its upper half; a success begins anew."""
    backoff = Backoff(lambda n: raw[:n])
    pauses = [backoff.next_ms() for _ in range(9)]
    bounds = [min(Backoff.LEAST_MS * 2**i, Backoff.MOST_MS) for i in range(9)]
    assert pauses == [int(bound * share) for bound in bounds]
    assert bounds[-1] == Backoff.MOST_MS
    backoff.reset()
    assert backoff.next_ms() == pauses[0]
