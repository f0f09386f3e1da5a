"""Chips by the names that a board's description gives them: those that come along, and those of other people.

`chip = "bmp280:Bmp280"` is the class `Bmp280` of the module `bmp280`: of a file beside the description, else of what is
installed. On a bus it is an `I2cChip` and is made as `Bmp280(world, address, **options)`; on a UART it has the members of
`UartChip` and is made as `Bmp280(world, **options)`.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hw_sim.chips.base import I2cChip, UartChip
from hw_sim.chips.bh1750 import Bh1750
from hw_sim.chips.lis2dh12 import Lis2dh12
from hw_sim.chips.lis3dh import Lis3dh
from hw_sim.chips.sht4x import Sht4x
from hw_sim.chips.tmp117 import Tmp117
from hw_sim.chips.ublox_m10 import UbloxM10
from hw_sim.chips.veml7700 import Veml7700
from hw_sim.errors import HwSimError

I2C_CHIPS: dict[str, Callable[..., I2cChip]] = {
    "tmp117": Tmp117,
    "sht4x": Sht4x,
    "veml7700": Veml7700,
    "bh1750": Bh1750,
    "lis2dh12": Lis2dh12,
    "lis3dh": Lis3dh,
}
UART_CHIPS: dict[str, Callable[..., UartChip]] = {"ublox_m10": UbloxM10}
Chip = TypeVar("Chip")
_UART_MEMBERS = ("baudrate", "power", "backup_power", "receive")


def i2c_chip(name: str, folder: Path | None) -> Callable[..., I2cChip]:
    """The class of a chip on I2C; HwSimError says what there is, or what is wrong with a class of other people."""
    if ":" not in name:
        return _known(name, I2C_CHIPS, "an I2C bus")
    made = _foreign(name, folder)
    if not issubclass(made, I2cChip):
        raise HwSimError(
            f"chip {name} is no I2cChip: derive it from hw_sim.chips.base.I2cChip, WordChip or CommandChip"
        )
    return made


def uart_chip(name: str, folder: Path | None) -> Callable[..., UartChip]:
    """The class of a chip on a UART; HwSimError as above."""
    if ":" not in name:
        return _known(name, UART_CHIPS, "a UART")
    made = _foreign(name, folder)
    missing = [member for member in _UART_MEMBERS if not hasattr(made, member)]
    if missing:
        raise HwSimError(
            f"chip {name} has no {', '.join(missing)}: hw_sim.chips.base.UartChip says what a UART's chip has"
        )
    return made


def made(what: str, factory: Callable[..., Any], *args: object, **options: object) -> Any:
    """A chip of the description; HwSimError if its options are not what it takes."""
    try:
        return factory(*args, **options)
    except TypeError as error:
        raise HwSimError(f"{what}: options {', '.join(options) or 'none'}: {error}") from error


def _known(name: str, known: dict[str, Chip], where: str) -> Chip:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    guess = f"did you mean {near[0]}? " if near else ""
    raise HwSimError(
        f'no chip {name} for {where}: {guess}there are {", ".join(known)}; one of your own is "module:Class" '
        "(docs/simulator/boards.md)"
    )


def _foreign(name: str, folder: Path | None) -> type:
    module_name, _, class_name = name.partition(":")
    try:
        module = _module(module_name, folder)
    except Exception as error:  # other people's code
        raise HwSimError(f"chip {name}: module {module_name} cannot be imported: {error}") from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        raise HwSimError(f"chip {name}: {module_name} has no class {class_name}")
    return found


def _module(name: str, folder: Path | None) -> Any:
    beside = folder / f"{name}.py" if folder else None
    if beside is None or not beside.is_file():
        return importlib.import_module(name)
    known = f"hw_sim_chips_of_{abs(hash(str(beside.resolve())))}_{name}"
    if known not in sys.modules:
        spec = importlib.util.spec_from_file_location(known, beside)
        if spec is None or spec.loader is None:
            raise ImportError(f"{beside} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[known] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[known]
            raise
    return sys.modules[known]
