"""byleave hw_sim: the unmodified firmware on simulated silicon, in virtual time.

What testers use stands here, loaded when it is first asked for, so that a command that needs no board starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hw_sim.board import Board
    from hw_sim.errors import HwSimError
    from hw_sim.faults.fault import Fault
    from hw_sim.network.net import Network
    from hw_sim.scenario.scenario import Scenario
    from hw_sim.world.clock import World
    from hw_sim.world.drive import Drive

__all__ = ["Board", "Drive", "Fault", "HwSimError", "Network", "Scenario", "World"]

_HOME: Final = {
    "Board": "hw_sim.board",
    "Drive": "hw_sim.world.drive",
    "HwSimError": "hw_sim.errors",
    "Fault": "hw_sim.faults",
    "Network": "hw_sim.network.net",
    "Scenario": "hw_sim.scenario.scenario",
    "World": "hw_sim.world.clock",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"hw_sim has no {name}; it offers {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)
