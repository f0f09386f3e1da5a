"""Statistics that tell of many and of nobody: whole groups, coarse cells, late, and once."""

from cloud_sync.statistics.bands import banded, exposed
from cloud_sync.statistics.counts import Counting, Counts
from cloud_sync.statistics.release import Cell, Release, Statistics

__all__ = ["Cell", "Counting", "Counts", "Release", "Statistics", "banded", "exposed"]
