"""A position that a receiver gave, for whoever compares it with what came of it."""

from typing import NamedTuple


class Emitted(NamedTuple):
    """A position that left the receiver: Unix time in whole s, degrees × 10⁷ as NAV-PVT has them."""

    time: int
    lat_e7: int
    lon_e7: int

    @property
    def lat(self) -> float:
        """Latitude in degrees."""
        return self.lat_e7 / 1e7

    @property
    def lon(self) -> float:
        """Longitude in degrees."""
        return self.lon_e7 / 1e7
