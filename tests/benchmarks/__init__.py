"""Measurements: `python -m tests.benchmarks` prints them and writes build/bench.json. Never a gate in a timed test."""
