"""Faults are switches with names; a name that does not exist is an error."""

from __future__ import annotations

import pytest

from hw_sim.chips.ublox_m10 import GnssFaults
from hw_sim.network.net import Faults


@pytest.mark.parametrize(
    ("switches", "right", "wrong"), [(Faults(), "half_open", "halfopen"), (GnssFaults(), "silent", "slient")]
)
def test_a_misspelt_fault_is_an_error(switches: object, right: str, wrong: str) -> None:
    """A test that arms nothing must not be green."""
    setattr(switches, right, True)
    with pytest.raises(AttributeError):
        setattr(switches, wrong, True)
