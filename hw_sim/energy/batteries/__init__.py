"""Batteries as TOML, read by `hw_sim.energy.battery`."""
