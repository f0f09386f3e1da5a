"""TOML of anybody's: read within bounds, and refused with a sentence."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hw_sim.errors import HwSimError

MOST_BYTES = 1 << 20  # ten thousand faults of a scenario are half of it; a parser that holds it takes some 50 MB


def tables(path: Path) -> dict[str, Any]:
    """What a file holds. FileNotFoundError where there is none; HwSimError, without the file's name, for what is no TOML.

    Only a regular file is read: a device or a pipe may never end.
    """
    try:
        if not path.exists():
            raise FileNotFoundError(path)
        if not path.is_file():
            raise HwSimError("this is no file: name a TOML file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise HwSimError(error.strerror or str(error)) from error
    if len(content) > MOST_BYTES:
        raise HwSimError(f"larger than {MOST_BYTES >> 20} MiB")
    return parsed(content)


def parsed(content: bytes) -> dict[str, Any]:
    """The tables of a text; HwSimError for one that is none, nested too deep, or with a number of thousands of digits."""
    try:
        return tomllib.loads(content.decode())
    except RecursionError:
        raise HwSimError("this is no TOML: nested too deep") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, and int() of more than 4300 digits
        raise HwSimError(f"this is no TOML: {str(error).partition(';')[0]}") from error
