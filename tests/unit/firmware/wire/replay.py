"""Replay the conformance vectors with the firmware's wire package; runs under CPython and under MicroPython.

    micropython replay.py <root of the project> <name of a vector file>...

Vector files hold one case a line, so that a device's heap bears them. Prints "<name> <cases> <failures>" for each file.
"""

import json
import sys


def value_of(plain):
    """The value that JSON says: {"bin": hex} is bytes."""
    if isinstance(plain, dict):
        return bytes.fromhex(plain["bin"])
    return [value_of(item) for item in plain] if isinstance(plain, list) else plain


def cases(path):
    """(case, is it valid) of a vector file, line by line."""
    valid = None
    with open(path, encoding="utf-8") as lines:  # noqa: PTH123 - MicroPython has no pathlib
        for raw in lines:
            line = raw.strip()
            if line.startswith(('"valid"', '"invalid"')):
                valid = line.startswith('"valid"')
            elif line.startswith('{"name"'):
                yield json.loads(line[:-1] if line.endswith(",") else line), valid


def replay(path, name):
    """(number of cases, names of those that failed) of one file."""
    check = CHECKS[name]
    count, failed = 0, []
    for case, valid in cases(path):
        if not valid and name == "uplink" and case["kind"] != "range":
            continue  # a device opens no uplink: it can only be asked to seal one that may not be
        count += 1
        if not (check(case) if valid else is_refused(name, case)):
            failed.append(case["name"])
    return count, failed


def is_refused(name, case):
    """True if an invalid case raises the error of its kind, and no other."""
    from firmware.errors import DirectiveError, SealError, WireError

    kinds = {"seal": (SealError,), "zero": (SealError,)}
    try:
        REFUSALS[name](case)
    except kinds.get(case["kind"], (WireError, DirectiveError)):
        return True
    except (WireError, SealError, DirectiveError):
        return False
    return False


def messagepack(case):
    """Both directions."""
    from firmware.wire import msgpack

    data, value = bytes.fromhex(case["bytes"]), value_of(case["value"])
    return msgpack.pack(value) == data and msgpack.unpack(data) == value


def columns(case):
    """Both directions, the encoder's choice included."""
    from firmware.wire import columns as product

    if product.decode(case["column"], case["n"]) != case["values"]:
        return False
    return not case["canonical"] or product.encode(case["values"]) == case["column"]


def cells(case):
    """Cell, centre and widening."""
    from firmware.wire import cells as product

    precision = case["precision"]
    cell = product.cell_of(case["lat_e7"], case["lon_e7"], precision)
    if precision and product.widening(case["row"], precision) != case["k"]:
        return False
    centre = (case["centre_lat_e7"], case["centre_lon_e7"])
    return cell == (case["row"], case["col"]) and product.centre_e7(cell[0], cell[1], precision) == centre


def ladder(case):
    """Spine, day, chain and sealing keys; the downlink's chain; the healing mix."""
    from firmware.wire import ladder as product

    stream = product.NAMES.index(case["stream"])
    if case["form"] == "heal":
        mixed = product.mix(bytes.fromhex(case["old"]), bytes.fromhex(case["shared"]), stream)
        return mixed == bytes.fromhex(case["new"])
    root = bytes.fromhex(case["root"])
    if case["form"] == "down":
        chain = product.down_chain(root)
    else:
        spine = product.spine(root, stream)
        for _ in range(case["epoch"] - case["first_epoch"]):
            spine = product.next_spine(spine, stream)
        if product.next_spine(spine, stream) != bytes.fromhex(case["next_spine"]):
            return False
        chain = product.day_chain(spine, stream)
    return chain == bytes.fromhex(case["chain"]) and _chain_agrees(product, chain, stream, case["counters"])


def _chain_agrees(product, chain, stream, counters):
    at = 0
    for counter, link, key in counters:
        while at < counter:
            chain = product.step(chain, stream)
            at += 1
        if chain != bytes.fromhex(link) or product.seal_key(chain, stream) != bytes.fromhex(key):
            return False
    return True


def location(case):
    """Raw fixes to plaintext, plaintext to fixes."""
    from firmware.wire import batch, cells

    precision, epoch, plaintext = case["precision"], case["epoch"], bytes.fromhex(case["plaintext"])
    if case["canonical"]:
        entries = [batch.entry_of(tuple(fix), precision, True) for fix in case["raw"]]
        if batch.pad(batch.pack_location(precision, entries, epoch), len(plaintext)) != plaintext:
            return False
    found, entries = batch.unpack_location(plaintext, epoch)
    fixes = []
    for entry in entries:
        centre = cells.centre_e7(entry[1], entry[2], precision)
        fixes.append([entry[0], centre[0], centre[1], entry[3]] + list(entry[4:] or (-1, -1)))  # noqa: RUF005 - MicroPython
    return found == precision and fixes == case["fixes"]


def _packed_status(time_s, epoch, value):
    from firmware.wire.report import pack_status

    return pack_status(value[0], time_s, epoch, *value[2:])


def status(case):
    """Fields to plaintext."""
    from firmware.wire.batch import pad

    plaintext = bytes.fromhex(case["plaintext"])
    return (
        pad(_packed_status(case["fields"]["time"], case["epoch"], value_of(case["value"])), len(plaintext)) == plaintext
    )


def refuse_status(case):
    """The device only writes status, so a refused value is one that it does not write."""
    from firmware.errors import WireError

    value = value_of(case["value"])
    if len(value) != 15 or case["kind"] == "encoding":
        raise WireError("has no call")
    _packed_status(value[1] + case["epoch"] * 86400, case["epoch"], value)


def uplink(case):
    """Plaintext to envelope, and its digest."""
    from firmware.wire import envelope, ladder

    number = (case["generation"], ladder.NAMES.index(case["stream"]), case["epoch"], case["counter"])
    header = number + (case["directive_version"],)  # noqa: RUF005 - MicroPython
    key, salt, plaintext = (bytes.fromhex(case[name]) for name in ("key", "salt", "plaintext"))
    sealed = envelope.seal_uplink(case["device"], header, salt, key, plaintext)
    if envelope.digest8(sealed) != bytes.fromhex(case["digest"]) or envelope.peek_uplink(sealed) != header:
        return False
    return sealed == bytes.fromhex(case["envelope"])


def refuse_uplink(case):
    """A header out of range is not sealed."""
    from firmware.errors import WireError
    from firmware.wire import envelope, msgpack

    header, salt, _ = msgpack.unpack(bytes.fromhex(case["envelope"]))
    if header[0] != envelope.VERSION:
        raise WireError("the version is no parameter")
    envelope.seal_uplink(case["device"], tuple(header[1:]), salt, bytes.fromhex(case["key"]), b"plaintext")


def downlink(case):
    """Envelope to value, and the value is one that the device understands."""
    from firmware.wire import downlink as product
    from firmware.wire import envelope

    data, value = bytes.fromhex(case["envelope"]), value_of(case["value"])
    if envelope.peek_downlink(data) != (case["generation"], case["number"]):
        return False
    product.parse(value)
    return envelope.open_downlink(case["device"], data, bytes.fromhex(case["key"])) == value


def refuse_downlink(case):
    """Opened and parsed."""
    from firmware.wire import downlink as product
    from firmware.wire import envelope

    product.parse(envelope.open_downlink(case["device"], bytes.fromhex(case["envelope"]), bytes.fromhex(case["key"])))


def directive(case):
    """There and back, or the comparison."""
    from firmware.wire.directive import Directive

    if case["form"] == "wire":
        return Directive.from_wire(value_of(case["value"])).to_wire() == value_of(case["value"])
    current = Directive.from_wire(value_of(case["current"])) if case["current"] else None
    return Directive.from_wire(value_of(case["new"])).widens(current) == case["expected"]


def _refuse(module, function, *names):
    """The call of one function of a wire module with fields of the case."""

    def call(case):
        product = getattr(__import__("firmware.wire." + module, None, None, [module]), function)
        product(*[case[name] if name in ("n", "epoch") else _argument(case[name]) for name in names])

    return call


def _argument(field):
    return bytes.fromhex(field) if isinstance(field, str) else value_of(field)


def refuse_directive(case):
    """From the wire."""
    from firmware.wire.directive import Directive
    from firmware.wire.msgpack import unpack

    Directive.from_wire(unpack(bytes.fromhex(case["bytes"])))


def refuse_ladder(case):
    """The mix."""
    from firmware.wire import ladder as product

    product.mix(bytes.fromhex(case["old"]), bytes.fromhex(case["shared"]), product.NAMES.index(case["stream"]))


CHECKS = {
    "messagepack": messagepack,
    "columns": columns,
    "cells": cells,
    "ladder": ladder,
    "location": location,
    "status": status,
    "uplink": uplink,
    "downlink": downlink,
    "directive": directive,
}
REFUSALS = {
    "messagepack": _refuse("msgpack", "unpack", "bytes"),
    "columns": _refuse("columns", "decode", "column", "n"),
    "cells": _refuse("cells", "cell_of", "lat_e7", "lon_e7", "precision"),
    "ladder": refuse_ladder,
    "location": _refuse("batch", "unpack_location", "plaintext", "epoch"),
    "status": refuse_status,
    "uplink": refuse_uplink,
    "downlink": refuse_downlink,
    "directive": refuse_directive,
}


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    for file_name in sys.argv[2:]:
        total, wrong = replay(sys.argv[1] + "/tests/conformance/vectors/" + file_name + ".json", file_name)
        print(file_name, total, len(wrong), *wrong)
