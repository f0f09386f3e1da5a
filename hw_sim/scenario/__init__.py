"""Scenarios: a board, a firmware, what surrounds them, what goes wrong and what must come out, in one file.

The product protocol is in `hw_sim.scenario.product`; it is imported on its own, without all that a run needs.
"""
