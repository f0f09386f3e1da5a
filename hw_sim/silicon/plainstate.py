"""What an object of the simulation holds, as plain data, and back: numbers, words, bytes and what is made of them.

Callbacks, the clock, random numbers and other parts are no state of it and are left where they are. What waits for its time
cannot be written down: `Busy`.
"""

from typing import Any

from hw_sim.errors import HwSimError
from hw_sim.world.clock import Handle

DEPTH = 8  # of containers and objects in each other; deeper is no chip of ours, and a file may try
_MANY = {"list": list, "tuple": tuple, "set": set}


class Busy(HwSimError):  # noqa: N818 - reads as the finding it is
    """It has something under way, which no snapshot can hold."""


class SnapshotError(HwSimError):
    """A snapshot that cannot be read, is another board's, or cannot be resumed so."""


class _NotPlain(Exception):  # noqa: N818
    pass


def taken(part: object, name: str = "", depth: int = DEPTH) -> dict[str, Any]:
    """The plain attributes of a part, and of the chips' own parts of it; Busy names what is under way."""
    found: dict[str, Any] = {}
    for key, value in vars(part).items():
        where = f"{name}.{key}".strip(".")
        if type(value).__module__.startswith("hw_sim.chips") and hasattr(value, "__dict__") and depth:
            found[key] = {"part": taken(value, where, depth - 1)}
            continue
        try:
            found[key] = _plain(value, where, depth)
        except _NotPlain:
            continue
    return found


def put(part: object, state: object, name: str = "") -> None:
    """Gives a part what `taken` took of its like; SnapshotError for what does not fit it."""
    if not isinstance(state, dict):
        raise SnapshotError(f"{name}: no state of a part")
    held = vars(part)
    for key, encoded in state.items():
        where = f"{name}.{key}".strip(".")
        if key not in held:
            raise SnapshotError(f"{where}: this board has no such state; it is another version's")
        if isinstance(encoded, dict) and set(encoded) == {"part"}:
            put(held[key], encoded["part"], where)
        else:
            held[key] = _fitting(held[key], _meant(encoded, where, DEPTH), where)


def _plain(value: object, where: str, depth: int) -> Any:
    if isinstance(value, Handle) and value.callback is not None:
        raise Busy(where)
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return {type(value).__name__: value.hex()}
    if not depth:
        raise _NotPlain
    if isinstance(value, (list, tuple, set)) and type(value).__name__ in _MANY:  # not a NamedTuple
        items = sorted(value) if isinstance(value, set) else value
        return {type(value).__name__: [_plain(item, where, depth - 1) for item in items]}
    if isinstance(value, dict) and type(value) is dict:
        pairs = [[_plain(key, where, 0), _plain(item, where, depth - 1)] for key, item in value.items()]
        return {"dict": pairs}
    raise _NotPlain


def _meant(encoded: object, where: str, depth: int) -> Any:
    if encoded is None or isinstance(encoded, (bool, int, float, str)):
        return encoded
    if not (isinstance(encoded, dict) and len(encoded) == 1 and depth):
        raise SnapshotError(f"{where}: no plain state")
    kind, inner = next(iter(encoded.items()))
    try:
        if kind in ("bytes", "bytearray"):
            data = bytes.fromhex(inner)
            return data if kind == "bytes" else bytearray(data)
        if kind == "dict":
            return {_meant(key, where, depth - 1): _meant(value, where, depth - 1) for key, value in inner}
        return _MANY[kind](_meant(item, where, depth - 1) for item in inner)
    except (TypeError, ValueError, KeyError) as error:
        raise SnapshotError(f"{where}: no plain state") from error


def _fitting(held: object, value: Any, where: str) -> object:
    """The value, in the container that is there if it is one: others may hold it too."""
    numbers = isinstance(held, (int, float)) and isinstance(value, (int, float))
    if not (type(held) is type(value) or held is None or value is None or numbers):
        raise SnapshotError(f"{where}: {type(value).__name__} where {type(held).__name__} is held")
    if isinstance(held, (list, bytearray)) and value is not None:
        held[:] = value
        return held
    if isinstance(held, (dict, set)) and value is not None:
        held.clear()
        held.update(value)
        return held
    return value
