"""Faults of the flash: broken and worn sectors, lost charge, slow operations, a configuration that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hw_sim.errors import FaultError
from hw_sim.faults.fault import Effect, Parameter, fault, happened, near
from hw_sim.faults.site import Site
from hw_sim.silicon.flash import ERASED, Partition

if TYPE_CHECKING:
    from hw_sim.board import Board

PARTITION = Parameter("label of a partition of the board", "vfs")
SECTOR = Parameter("which sector of the partition, 0 the first", 0, "", 0, 65_535)


def partition_of(board: Board, label: str) -> Partition:
    """A partition by its label; FaultError that names those there are."""
    if label not in board.partitions:
        there = ", ".join(board.partitions) or "none"
        raise FaultError(
            f"{board.name} has no partition {label!r}{near(label, board.partitions)}; its partitions: {there}"
        )
    return board.partitions[label]


def _sector_of(board: Board, label: str, sector: int) -> int:
    """Number of that sector in the whole chip."""
    partition = partition_of(board, label)
    sector_bytes = board.flash.sector_bytes
    if sector >= partition.size // sector_bytes:
        raise FaultError(
            f"sector = {sector}: partition {label} has {partition.size // sector_bytes} sectors, from 0 on"
        )
    return partition.offset // sector_bytes + sector


@fault(
    "flash-bad-sector",
    "flash",
    "A sector takes no erase, no program, or neither; whether the driver hears of it is a matter of the chip.",
    "littlefs, bd/lfs_emubd.h: its kinds of bad block",
    partition=PARTITION,
    sector=SECTOR,
    erases=Parameter("it can still be erased", False),
    programs=Parameter("it can still be programmed", False),
    reported=Parameter("the operation fails with EIO; else it returns as if all were well", False),
    example={"partition": "bl_spool", "sector": 2, "programs": True},
)
def flash_bad_sector(site: Site, partition: str, sector: int, erases: bool, programs: bool, reported: bool) -> Effect:
    """That sector is broken; the end mends it."""
    flash = site.board.flash
    number = _sector_of(site.board, partition, sector)
    if erases and programs:
        raise FaultError("erases and programs are both true: then nothing is wrong with the sector")
    flash.break_sector(number, erases=erases, programs=programs, reported=reported)
    return Effect(lambda: flash.mend(number))


@fault(
    "flash-worn",
    "flash",
    "Sectors of a partition are past their rated cycles: each erase leaves some bits that it no longer sets.",
    "Winbond W25Q64JV data sheet, 2: min. 100 000 program-erase cycles per sector",
    partition=PARTITION,
    cycles=Parameter("erases behind each sector", 100_000, "", 1, 10_000_000),
    rated_cycles=Parameter("from which on bits stay", 100_000, "", 1, 10_000_000),
    bits_per_erase=Parameter("bits lost by an erase, on average", 1.0, "bits", 0.0, 1024.0),
    lasts=False,
    example={"partition": "bl_keys", "cycles": 100_000},
)
def flash_worn(site: Site, partition: str, cycles: int, rated_cycles: int, bits_per_erase: float) -> Effect:
    """Ages the sectors; wear does not come off again."""
    from hw_sim.silicon.flash_parts import Endurance

    flash = site.board.flash
    rows = partition_of(site.board, partition)
    flash.endurance = Endurance(rated_cycles=rated_cycles, bits_per_erase=bits_per_erase)
    first = rows.offset // flash.sector_bytes
    flash.age(cycles, range(first, first + rows.size // flash.sector_bytes))
    return happened()


@fault(
    "flash-bit-rot",
    "flash",
    "Programmed bits of a partition have lost their charge and read 1.",
    "Micron TN-12-30: data retention of NOR flash",
    partition=PARTITION,
    bits=Parameter("how many", 1, "bits", 1, 1_000_000),
    lasts=False,
    example={"partition": "bl_spool", "bits": 3},
)
def flash_bit_rot(site: Site, partition: str, bits: int) -> Effect:
    """Which bits is the seed's matter."""
    row = partition_of(site.board, partition)
    site.board.flash.rot(bits, offset=row.offset, size=row.size)
    return happened()


@fault(
    "flash-slow",
    "flash",
    "Operations take as long as the data sheet allows: 3 ms a page, 400 ms a sector.",
    "Winbond W25Q64JV data sheet, 9.6 (maximum)",
    example={},
)
def flash_slow(site: Site) -> Effect:
    """The times of the slowest chip."""
    from hw_sim.silicon.flash_parts import SLOWEST

    return Effect(site.turn(site.board.flash, "times", SLOWEST))


@fault(
    "lost-configuration",
    "flash",
    "A partition is blank: the file system was formatted, or the wrong image flashed.",
    "MicroPython, ports/rp2/modules/_boot.py: any exception of the mount formats the file system",
    partition=PARTITION,
    lasts=False,
    example={"partition": "vfs"},
)
def lost_configuration(site: Site, partition: str) -> Effect:
    """All of it reads 0xFF; a program that has it mounted keeps what it has in memory until it starts anew."""
    row = partition_of(site.board, partition)
    site.board.flash.data[row.offset : row.offset + row.size] = bytes([ERASED]) * row.size
    return happened()


@fault(
    "scrambled-partition",
    "flash",
    "A partition holds random bytes: another product's data, or a chip that was swapped.",
    "boards that are bought used, or flashed by another tool before",
    partition=PARTITION,
    lasts=False,
    example={"partition": "bl_rules"},
)
def scrambled_partition(site: Site, partition: str) -> Effect:
    """Random bytes by the seed."""
    row = partition_of(site.board, partition)
    noise = site.world.random(f"scrambled/{partition}").randbytes(row.size)
    site.board.flash.data[row.offset : row.offset + row.size] = noise
    return happened()
