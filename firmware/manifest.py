"""What a board's release consists of: frozen into a MicroPython build, or compiled by `byleave agent release`.

For a build, from a manifest of one's own: `include("/path/to/firmware/manifest.py", board="pico_w")`, and FROZEN_MANIFEST naming
that. Option `parts`: the parts on the board by name, for those that are others than the reference board's.
"""

import os

# The family's file, and what the family alone brings.
BOARDS = {"esp32s3": "espressif", "esp32": "espressif", "pico_w": "pico", "pico2_w": "pico"}
# Part -> module of its driver. An LIS3DH has the LIS2DH12's.
DRIVERS = {
    "tmp117": "tmp117",
    "sht4x": "sht4x",
    "veml7700": "veml7700",
    "bh1750": "bh1750",
    "lis2dh12": "lis2dh12",
    "lis3dh": "lis2dh12",
}
REFERENCE = ("tmp117", "veml7700", "lis2dh12")
NEVER = ("manifest.py", "main.py", "slots.py")  # no part of the program; what starts it, which stands at the top


def modules(board, parts):
    """Paths below `firmware/` of the package's modules for this board and these parts, sorted."""
    if board not in BOARDS:
        raise ValueError("no board " + str(board) + ": there are " + ", ".join(sorted(BOARDS)))
    wanted = {DRIVERS[part] for part in parts}
    others = set(BOARDS) | set(BOARDS.values())
    left_out = {"boards/" + name + ".py" for name in others - {board, BOARDS[board]}}
    left_out |= {"drivers/" + name + ".py" for name in set(DRIVERS.values()) - wanted}
    found = []
    for folder, _, names in os.walk("."):
        inner = os.path.relpath(folder, ".").replace(os.sep, "/")
        for name in names:
            path = name if inner == "." else inner + "/" + name
            if name.endswith(".py") and name != "_boot.py" and path not in left_out and path not in NEVER:
                found.append(path)
    return sorted(found)


options.defaults(board="esp32s3", parts=REFERENCE)  # type: ignore[name-defined]  # noqa: F821 - of the manifest's interpreter
_family = BOARDS.get(options.board)  # type: ignore[name-defined]  # noqa: F821
if _family == "pico":
    # As ports/rp2/boards/manifest.py, but for the port's `_boot`, which formats what it cannot mount, keys and all.
    freeze("$(PORT_DIR)/modules", "rp2.py")  # type: ignore[name-defined]  # noqa: F821
    include("$(MPY_DIR)/extmod/asyncio")  # type: ignore[name-defined]  # noqa: F821
    module("_boot.py", base_path="boards/rp2")  # type: ignore[name-defined]  # noqa: F821
else:
    include("$(PORT_DIR)/boards/manifest.py")  # type: ignore[name-defined]  # noqa: F821
module("main.py")  # type: ignore[name-defined]  # noqa: F821
module("slots.py")  # type: ignore[name-defined]  # noqa: F821
package("firmware", files=modules(options.board, options.parts), base_path="..")  # type: ignore[name-defined]  # noqa: F821
