"""Vectors of section 1 and of the columns of section 5: messagepack.json, columns.json."""

from __future__ import annotations

from . import plain
from .vectorfile import VectorFile, plain_value

EDGES = (0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1)
NEGATIVE_EDGES = (-1, -32, -33, -128, -129, -32_768, -32_769, -(2**31))


def messagepack_file() -> VectorFile:
    """Every length class at its edges; every longer form, foreign type and cut."""
    file = VectorFile("messagepack", "1", "the strict subset: shortest forms at every edge, and what is refused")
    values = [(f"int-{value}", value) for value in EDGES + NEGATIVE_EDGES]
    values += [(f"bin-{length}", bytes(length)) for length in (0, 1, 255, 256, 1024)]
    values += [(f"str-{length}", "a" * length) for length in (0, 1, 31, 32, 255, 256)]
    values += [(f"array-{length}", [0] * length) for length in (0, 1, 15, 16, 80)]
    values += [("utf-8", "grüße 行"), ("depth-4", [[[[]]]]), ("mixed", [1, [-5, b"\x00\xff", "x"], [], 70_000])]
    for name, value in values:
        file.valid(name, value=plain_value(value), bytes=plain.pack(value))
    for name, origin, changed, data in _refused():
        file.invalid(name, "encoding", origin, changed, bytes=bytes.fromhex(data) if isinstance(data, str) else data)
    return file


def _refused() -> list[tuple[str, str, str, str | bytes]]:
    longer = [
        ("uint8-of-1", "int-1", "cc01"),
        ("uint16-of-128", "int-128", "cd0080"),
        ("uint32-of-256", "int-256", "ce00000100"),
        ("uint64-of-65536", "int-65536", "cf0000000000010000"),
        ("int8-of-1", "int-1", "d001"),
        ("int16-of-128", "int-128", "d10080"),
        ("int32-of-65536", "int-65536", "d200010000"),
        ("int64-of-1", "int-1", "d30000000000000001"),
        ("int8-of-minus-32", "int--32", "d0e0"),
        ("int16-of-minus-33", "int--33", "d1ffdf"),
        ("int32-of-minus-129", "int--129", "d2ffffff7f"),
        ("int64-of-minus-32769", "int--32769", "d3ffffffffffff7fff"),
        ("bin16-of-1", "bin-1", "c5000100"),
        ("bin32-of-1", "bin-1", "c60000000100"),
        ("bin32-of-256", "bin-256", b"\xc6\x00\x00\x01\x00" + bytes(256)),
        ("str8-of-1", "str-1", "d90161"),
        ("str16-of-1", "str-1", "da000161"),
        ("str32-of-1", "str-1", "db0000000161"),
        ("str16-of-32", "str-32", b"\xda\x00\x20" + b"a" * 32),
        ("array16-of-1", "array-1", "dc000100"),
        ("array32-of-1", "array-1", "dd0000000100"),
        ("array32-of-16", "array-16", b"\xdd\x00\x00\x00\x10" + bytes(16)),
    ]
    foreign = [
        ("float32", "int-1", "ca3f800000"),
        ("float64", "int-1", "cb3ff0000000000000"),
        ("nil", "int-0", "c0"),
        ("false", "int-0", "c2"),
        ("true", "int-1", "c3"),
        ("never-used", "int-0", "c1"),
        ("map-empty", "array-0", "80"),
        ("map", "array-1", "810000"),
        ("map16", "array-1", "de00010000"),
        ("map32", "array-1", "df000000010000"),
        ("fixext1", "bin-1", "d40500"),
        ("ext8", "bin-1", "c7010500"),
        ("ext8-empty", "bin-0", "c70005"),
        ("timestamp", "int-1", "d6ff00000001"),
        ("nil-inside", "array-1", "91c0"),
    ]
    bounds = [
        ("int-2-to-32", "int-4294967295", "cf0000000100000000"),
        ("int-below-minus-2-to-31", "int--2147483648", "d3ffffffff7fffffff"),
        ("int-2-to-32-in-array", "array-1", "91cf0000000100000000"),
        ("depth-5", "depth-4", "9191919190"),
        ("array-81", "array-80", b"\xdc\x00\x51" + bytes(81)),
        ("array32-of-2-to-31", "array-80", "dd80000000"),
    ]
    cut = [
        ("nothing", "int-0", ""),
        ("uint16-cut", "int-256", "cd01"),
        ("bin-cut", "bin-255", b"\xc4\xff" + bytes(254)),
        ("bin32-claims-2-to-32", "bin-1", "c6ffffffff00"),
        ("str-cut", "str-1", "a1"),
        ("array-cut", "array-1", "91"),
        ("trailing-zero", "int-1", "0100"),
        ("trailing-value", "array-0", "9001"),
        ("padding-is-not-section-1", "array-0", "90c1"),
    ]
    text = [
        ("utf-8-cut", "utf-8", "a1c3"),
        ("utf-8-overlong", "str-1", "a2c1a1"),
        ("utf-8-surrogate", "str-1", "a3eda080"),
        ("utf-8-beyond", "str-1", "a4f4908080"),
    ]
    groups = (("length form", longer), ("type", foreign), ("bound", bounds), ("length", cut), ("UTF-8", text))
    return [(name, origin, what, data) for what, group in groups for name, origin, data in group]


def columns_file() -> VectorFile:
    """Both orders, the choice between them, trailing zeros, and each way a column can be refused."""
    file = VectorFile(
        "columns", "5, columns", "`column` decodes to `values`; `canonical` says that a sender writes just this"
    )
    drive = [1000, 1010, 1020, 1030, 1041, 1050, 1060, 1070]
    series = [
        ("steady", [36_000 + 10 * i for i in range(20)]),
        ("constant", [7] * 20),
        ("zeros", [0] * 5),
        ("one", [5]),
        ("one-zero", [0]),
        ("drive", drive),
        ("jumps", [0, 500, -500, 500, -500]),
        ("tie", [0, 1, 3]),
        ("i32-edges", [2**31 - 1, 0, -(2**31), -1]),
        ("negative", [-5_567_890, -5_567_880, -5_567_871, -5_567_871]),
        ("falls-to-zero", [4, 3, 2, 1, 0, 0, 0]),
        ("second-difference-32-bits", [0, -1_500_000_000, 0, 1_500_000_000]),
        ("second-difference-33-bits", [0, 1_500_000_000, 0, -1_500_000_000]),
        ("sixty-four", [i * i for i in range(64)]),
    ]
    for name, values in series:
        best = plain.best_column(values)
        file.valid(name, values=values, n=len(values), column=best, bytes=plain.pack(best), canonical=True)
        other = plain.column(values, 3 - best[0])
        if plain.encodable(other):
            file.valid(
                name + "-other-order",
                values=values,
                n=len(values),
                column=other,
                bytes=plain.pack(other),
                canonical=False,
            )
    _refused_columns(file)
    return file


def _refused_columns(file: VectorFile) -> None:
    high, low = 2**31 - 1, -(2**31)
    for name, kind, origin, changed, n, column in (
        ("last-zero", "shape", "drive", "a trailing zero", 8, [1, 1000, 10, 0]),
        ("only-zero", "shape", "one-zero", "a trailing zero", 1, [1, 0]),
        ("beyond-n", "shape", "one", "an entry beyond n", 1, [1, 5, 1]),
        ("beyond-n-order-2", "shape", "steady", "n", 1, [2, 36_000, 10]),
        ("empty", "shape", "zeros", "no order", 5, []),
        ("order-0", "range", "steady", "order", 20, [0, 36_000, 10]),
        ("order-3", "range", "steady", "order", 20, [3, 36_000, 10]),
        ("entry-above", "range", "i32-edges", "first entry", 1, [1, high + 1]),
        ("sum-above", "range", "i32-edges", "second entry", 2, [1, high, 1]),
        ("sum-below", "range", "i32-edges", "second entry", 2, [1, low, -1]),
        ("run-above", "range", "steady", "second entry", 64, [2, 36_000, high]),
        ("difference-above", "range", "steady", "third entry", 3, [2, low, high, 1]),
        ("entry-is-bin", "shape", "one", "type of an entry", 1, [1, b"\x05"]),
        ("entry-is-array", "shape", "one", "type of an entry", 1, [1, [5]]),
    ):
        value = plain_value(column)
        file.invalid(name, kind, origin, changed, n=n, column=value, bytes=plain.pack(column))
