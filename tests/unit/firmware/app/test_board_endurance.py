"""The heap does not grow: two hours of every sensor with a midnight, an outage and new directives; three days in the benchmark."""

from __future__ import annotations

import pytest

from hw_sim.network.broker import Broker
from tests.benchmarks import endurance

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]
LEAST_BYTES = 28 * 1024  # free behind a collection, at the worst moment of a contact


def test_hours_of_every_sensor_leave_the_heap_as_it_was(broker: Broker) -> None:
    """Nothing restarts, nothing is lost, and what is free at the end of the second hour was free at the end of the first."""
    ended = endurance.endure(broker, 2, outage_h=(1.25, 1.5), each_h=1)
    assert len(ended.free) == 2 and abs(ended.grown(1)) < endurance.NOISE_BYTES
    assert min(*ended.told, *ended.free.values()) > LEAST_BYTES
    assert (ended.starts, ended.lost, ended.epochs) == (1, 0, 2)
    assert ended.fixes > 600 and ended.readings > 100 and ended.events > 10
