"""Published test vectors and our own, as plain cases that either side can replay; the files are in tests/data.

A case is a dictionary of JSON values: bytes are hexadecimal, a `bin` inside a value is `{"bin": hex}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import plain
from .generate import VECTORS
from .vectorfile import Case, plain_value

DATA = Path(__file__).parents[1] / "data"
VECTOR_SETS = tuple(sorted(path.stem for path in VECTORS.glob("*.json")))
#: What passes between the server and the agent and never comes to a board, and what is no part of firmware.wire.
BESIDE_THE_BOARD = frozenset({"invitation", "enrolment", "answer", "serial"})


def vectors(name: str) -> dict[str, list[Case]]:
    """Groups `valid` and `invalid` of one vector file."""
    file = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return {"valid": file["valid"], "invalid": file["invalid"]}


def ccm() -> Iterator[Case]:
    """NIST CAVP and RFC 3610: key, nonce, aad, sealed, tag_bytes; the plaintext where the tag is right (`valid`)."""
    for path in sorted((DATA / "crypto" / "nist-ccm").glob("*.rsp")):
        yield from _response_file(path)
    for case in json.loads((DATA / "crypto" / "rfc" / "rfc3610.json").read_text("utf-8")):
        yield {
            "name": case["source"],
            **{field: case[field] for field in ("key", "nonce", "aad")},
            "plaintext": case["pt"],
            "sealed": case["ct"] + case["tag"],
            "tag_bytes": len(case["tag"]) // 2,
            "valid": True,
        }


def _response_file(path: Path) -> Iterator[Case]:
    """A CAVS file: `name = value` holds until the next value of that name; a case ends before the next `Count`."""
    state: dict[str, str] = {}
    for line in [*path.read_text("ascii").splitlines(), "Count = end"]:
        if line.startswith("["):
            if "CT" in state:
                yield _ccm_case(path.stem, state)
            state.update(part.split(" = ") for part in line.strip("[]").split(", "))
        elif " = " in line:
            name, value = line.split(" = ")
            if name == "Count" and "CT" in state:
                yield _ccm_case(path.stem, state)
            state[name] = value


def _ccm_case(file: str, state: dict[str, str]) -> Case:
    """One case; its own values leave the state. A length of 0 is written as one byte `00`."""
    sealed, payload = state.pop("CT"), state.pop("Payload", None)
    valid = state.pop("Result", "Pass").startswith("Pass")
    return {
        "name": f"{file} {state['Alen']}/{state['Plen']}/{state['Nlen']}/{state['Tlen']} {state['Count']}",
        "key": state["Key"],
        "nonce": state["Nonce"],
        "aad": state["Adata"] if int(state["Alen"]) else "",
        "plaintext": (payload if int(state["Plen"]) else "") if valid else None,
        "sealed": sealed,
        "tag_bytes": int(state["Tlen"]),
        "valid": valid,
    }


def _blocks(name: str) -> Iterator[dict[str, str]]:
    """Blocks of `name = value` lines of an RFC file; a block ends where its first name comes again."""
    block: dict[str, str] = {}
    for line in (DATA / "crypto" / "rfc" / name).read_text("ascii").splitlines():
        if "=" not in line or line.startswith("#"):
            continue
        field, value = (part.strip() for part in line.split("=", 1))
        if field in block and field == next(iter(block)):
            yield block
            block = {}
        block[field] = value
    yield block


def hkdf() -> Iterator[Case]:
    """RFC 5869 and Wycheproof: ikm, salt, info, size, okm; not `valid` where the size is beyond HKDF's limit."""
    for block in _blocks("rfc-5869-HKDF-SHA256.txt"):
        fields = {"ikm": block["IKM"], "salt": block["salt"], "info": block["info"], "okm": block["OKM"]}
        yield {
            "name": "RFC 5869 " + block["COUNT"],
            **fields,
            "prk": block["PRK"],
            "size": int(block["L"]),
            "valid": True,
        }
    for case in _wycheproof("hkdf_sha256_test"):
        fields = {name: case[name] for name in ("ikm", "salt", "info", "size", "okm")}
        yield {"name": f"Wycheproof {case['tcId']}", **fields, "prk": None, "valid": case["result"] == "valid"}


def hmac() -> Iterator[Case]:
    """RFC 4231: key, data, mac (which may be cut)."""
    for number, block in enumerate(_blocks("rfc-4231-sha256.txt"), 1):
        yield {"name": f"RFC 4231 {number}", "key": block["Key"], "data": block["Msg"], "mac": block["MD"]}


def x25519() -> Iterator[Case]:
    """RFC 7748 and Wycheproof: private, public, shared; a shared secret of zeros is to be refused."""
    for block in _blocks("rfc7748.txt"):
        case = {"private": block["INPUT_SCALAR"], "public": block["INPUT_U"], "shared": block["OUTPUT_U"]}
        yield {"name": "RFC 7748 " + block["COUNT"], **case}
    for case in _wycheproof("x25519_test"):
        fields = {name: case[name] for name in ("private", "public", "shared")}
        yield {"name": f"Wycheproof {case['tcId']}", **fields}


def _wycheproof(name: str) -> list[Case]:
    tests: list[Case] = json.loads((DATA / "crypto" / "wycheproof" / f"{name}.json").read_text("utf-8"))["tests"]
    return tests


def msgpack_suite() -> Iterator[Case]:
    """One encoding a case; `valid` if it is the shortest form of a value of the subset, and then with that value."""
    suite = json.loads((DATA / "msgpack" / "msgpack-test-suite.dev.json").read_text("utf-8"))
    for group, entries in suite.items():
        for entry in entries:
            for encoding in entry["msgpack"]:
                data = encoding.replace("-", "")
                value, known = _subset_value(entry)
                valid = known and plain.pack(value).hex() == data
                yield {"name": f"{group} {encoding[:40]}", "bytes": data, "value": plain_value(value), "valid": valid}


def _subset_value(entry: Case) -> tuple[Any, bool]:
    """The value of a suite entry, and whether wire format 1 can say it."""
    if "binary" in entry:
        return bytes.fromhex(entry["binary"].replace("-", "")), True
    value = next((entry[name] for name in ("number", "bignum", "string", "array") if name in entry), None)
    value = int(value) if "bignum" in entry and value is not None else value
    return (value, True) if _in_subset(value) else (None, False)


def _in_subset(value: Any) -> bool:
    if isinstance(value, list):
        return all(_in_subset(entry) for entry in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return -(2**31) <= value < 2**32
    return isinstance(value, str)


def lines(name: str) -> Iterator[str]:
    """The cases of one vector file or corpus as JSON lines for the replay script."""
    if name in VECTOR_SETS:
        for group, cases in vectors(name).items():
            yield from (_line(name, group, case) for case in cases)
        return
    for case in CORPORA[name]():
        group = "valid" if case.get("valid", True) else "invalid"
        yield _line(name, group, case)


def _line(name: str, group: str, case: Case) -> str:
    """Text beyond ASCII stays as it is: MicroPython's json makes two characters of an escaped surrogate pair."""
    return json.dumps({"set": name, "group": group, "case": case}, ensure_ascii=False)


#: What the firmware replays besides.
CORPORA = {"ccm": ccm, "hmac": hmac, "msgpack-suite": msgpack_suite, "x25519": x25519}
