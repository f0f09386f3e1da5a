"""Faults as a catalogue: what can go wrong with power, chips, wires, clocks and networks, each with a name and a source.

from hw_sim.faults import CATALOGUE, Site, find

with find("gnss-silent").begin(Site(board, network, world)):
    board.run(for_s=60)
"""

from hw_sim.faults.catalogue import CATALOGUE, find
from hw_sim.faults.fault import Fault, Ongoing, Parameter
from hw_sim.faults.site import BrokerSwitch, Site

__all__ = ["CATALOGUE", "BrokerSwitch", "Fault", "Ongoing", "Parameter", "Site", "find"]
