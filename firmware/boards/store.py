"""Settings file of a board: JSON in littlefs; no key is ever in it."""

import json
import os

PATH = "/byleave.json"
_NEW = PATH + ".new"


def load() -> dict:
    """The settings; empty if there are none or they cannot be read."""
    try:
        with open(PATH) as file:
            settings = json.load(file)
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def save(settings: dict) -> None:
    """Write beside, then rename: a cut leaves the old file or the new one, never half of either."""
    with open(_NEW, "w") as file:
        json.dump(settings, file)
    os.rename(_NEW, PATH)
