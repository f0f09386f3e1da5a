"""The strict MessagePack subset against the public test suite and under random values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import WireError
from firmware.wire import msgpack
from tests.unit.firmware import interpreter

SUITE = interpreter.ROOT / "tests" / "data" / "msgpack" / "msgpack-test-suite.dev.json"
IN_SUBSET = ("binary", "number", "string", "array")


def _suite() -> list[tuple[str, Any, list[bytes]]]:
    """(type, value, its legal encodings) of each entry."""
    entries = []
    for group in json.loads(SUITE.read_text()).values():
        for entry in group:
            kind = next(name for name in entry if name != "msgpack")
            value = bytes.fromhex(entry[kind].replace("-", "")) if kind == "binary" else entry[kind]
            entries.append((kind, value, [bytes.fromhex(form.replace("-", "")) for form in entry["msgpack"]]))
    return entries


def _fits(kind: str, value: Any) -> bool:
    return kind in IN_SUBSET and (kind != "number" or -(2**31) <= value < 2**32)


def test_the_shortest_form_and_no_other_is_accepted() -> None:
    """Of all legal encodings of a value the shortest unsigned one opens; a positive integer never has a signed form."""
    known = [(value, forms) for kind, value, forms in _suite() if _fits(kind, value)]
    assert len(known) > 25
    for value, forms in known:
        shortest = msgpack.pack(value)
        assert shortest in forms
        assert len(shortest) == min(map(len, forms))
        assert msgpack.unpack(shortest) == value
        for form in forms:
            if form != shortest:
                with pytest.raises(WireError):
                    msgpack.unpack(form)


def test_other_types_are_refused() -> None:
    """nil, bool, map and everything beyond 32 bits."""
    foreign = [forms for kind, value, forms in _suite() if not _fits(kind, value)]
    assert len(foreign) >= 6
    for form in (form for forms in foreign for form in forms):
        with pytest.raises(WireError):
            msgpack.unpack(form)


@pytest.mark.parametrize(
    "value", [True, None, 1.0, {}, 2**32, -(2**31) - 1, [0] * 81, [[[[[]]]]], bytes(2**16)], ids=repr
)
def test_what_has_no_encoding_is_refused(value: Any) -> None:
    """The encoder keeps the bounds that the decoder enforces."""
    with pytest.raises(WireError):
        msgpack.pack(value)


leaves = st.integers(-(2**31), 2**32 - 1) | st.binary(max_size=300) | st.text(max_size=300)
flat = st.lists(leaves, max_size=20)


@settings(max_examples=150, deadline=None)
@given(leaves | flat | st.lists(leaves | flat, max_size=5))
def test_what_is_packed_unpacks_to_the_same(value: Any) -> None:
    """There and back, and one byte more or less is refused."""
    data = msgpack.pack(value)
    assert msgpack.unpack(data) == value
    for broken in (data + b"\x00", data[:-1]):
        with pytest.raises(WireError):
            msgpack.unpack(broken)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_canonical(data: bytes) -> None:
    """Whatever is accepted packs to the same bytes again: one encoding for one value."""
    try:
        value = msgpack.unpack(data)
    except WireError:
        return
    assert msgpack.pack(value) == data
