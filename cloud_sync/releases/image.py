"""The image of a release, as `byleave agent release` made it: a ROMFS that runs in place on the device."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from cloud_sync.errors import ConfigError

RELEASE_FILE: Final = "release.json"


def read_folder(folder: Path) -> tuple[str, str, int, bytes]:
    """(board, version, security version, image) of a folder with release.json; ConfigError if anything is amiss."""
    try:
        about: dict[str, Any] = json.loads((folder / RELEASE_FILE).read_bytes())
        name, digest = str(about["image"]["name"]), str(about["image"]["sha256"])
        board, version, security = str(about["board"]), str(about["version"]), int(about["security"])
    except OSError as error:
        raise ConfigError(f"{folder}: no {RELEASE_FILE} ({error.strerror}); byleave agent release makes one") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{folder / RELEASE_FILE}: is not of byleave agent release; make it anew") from error
    if Path(name).name != name:  # it is signed and sent to devices: nothing from elsewhere on this machine
        raise ConfigError(f"{folder / RELEASE_FILE}: names an image outside of its folder")
    path = folder / name
    try:
        image = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); make the release anew") from error
    if hashlib.sha256(image).hexdigest() != digest:
        raise ConfigError(f"{path}: is not what {RELEASE_FILE} says; make the release anew")
    return board, version, security, image
