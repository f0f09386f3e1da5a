"""What flash chips take of time and bear of wear, each figure with its data sheet."""

from dataclasses import dataclass

from hw_sim.errors import HwSimError


@dataclass(frozen=True)
class Times:
    """How long one program of a page and one erase of a sector take, in µs."""

    program_page_us: int
    erase_sector_us: int
    source: str


# The boards of this package have chips of this family: modules with ESP32-S3 the W25Q64JV or one that is made like it, Pico W the
# W25Q16JV, which has the same times.
TYPICAL = Times(400, 45_000, "Winbond W25Q64JV data sheet, 9.6: tPP 0.4 ms, tSE 45 ms, typical")
SLOWEST = Times(3_000, 400_000, "Winbond W25Q64JV data sheet, 9.6: tPP 3 ms, tSE 400 ms, maximum")
RATED_CYCLES = 100_000  # W25Q64JV data sheet, section 2: at least so many program and erase cycles per sector


@dataclass(frozen=True)
class Endurance:
    """What wear does: each erase of a sector beyond `rated_cycles` leaves so many bits more, on average, that it no longer sets.

    The data sheet promises the cycles and says nothing of what comes then; that erases fail first, bit by bit, is a stated
    model (cells trap charge that an erase must overcome, Micron TN-12-30).
    """

    rated_cycles: int = RATED_CYCLES
    bits_per_erase: float = 1.0

    def __post_init__(self) -> None:
        """HwSimError for figures that mean nothing."""
        if self.rated_cycles < 0 or not 0 <= self.bits_per_erase <= 1024:
            raise HwSimError("endurance: rated_cycles from 0 up, bits_per_erase from 0 to 1024")


@dataclass(frozen=True)
class Broken:
    """What a bad sector still does, and whether the chip says so.

    The serial chips of these boards have no error flag: by default a call succeeds and nothing has changed. Kinds as in
    littlefs `bd/lfs_emubd.h`.
    """

    erases: bool = False
    programs: bool = False
    reported: bool = False
