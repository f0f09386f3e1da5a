"""Replay vectors and corpora against `firmware.wire`, under MicroPython and under CPython.

    micropython -X heapsize=192k replay_firmware.py cases.jsonl …

Each line of a file is one case, `{"set": …, "group": "valid" | "invalid", "case": {…}}`, so that the heap holds one
case at a time. Prints the counts of each set as JSON. The first case that fails ends the run with its name and
status 1.
MICROPYPATH names the folder that holds `firmware`.
"""

import json
import sys

from firmware.errors import DirectiveError, SealError, WireError
from firmware.wire import (
    batch,
    ccm,
    cells,
    columns,
    directive,
    downlink,
    envelope,
    hmac,
    ladder,
    msgpack,
    readings,
    report,
)

DAY_S = 86_400


class MismatchError(Exception):
    """A case that the firmware answers otherwise than the vector says."""


class NotApplicableError(Exception):
    """A case about something that the firmware never does, such as opening an uplink."""


def unhex(text):
    """Bytes of hexadecimal digits."""
    return bytes(int(text[i : i + 2], 16) for i in range(0, len(text), 2))


def value_of(plain):
    """A wire value from its JSON form."""
    if isinstance(plain, dict):
        return unhex(plain["bin"])
    return [value_of(entry) for entry in plain] if isinstance(plain, list) else plain


def same(what, got, expected):
    """MismatchError unless type and value are the same."""
    if type(got) is not type(expected) or got != expected:
        raise MismatchError(f"{what} is {got!r}, expected {expected!r}")


def refused(errors, function, *arguments):
    """MismatchError unless the call raises one of `errors`; any other exception goes on upwards."""
    try:
        got = function(*arguments)
    except errors:
        return
    raise MismatchError(f"accepted, with {got!r}")


def errors_of(case):
    """What the firmware raises for a kind of refusal."""
    if case["kind"] == "seal":
        return (SealError,)
    return (SealError, WireError) if case["kind"] == "zero" else (WireError, DirectiveError)


def messagepack_valid(case):
    value, data = value_of(case["value"]), unhex(case["bytes"])
    same("packed", msgpack.pack(value), data)
    same("unpacked", msgpack.unpack(data), value)


def messagepack_invalid(case):
    refused((WireError,), msgpack.unpack, unhex(case["bytes"]))


def columns_valid(case):
    same("values", columns.decode(value_of(case["column"]), case["n"]), case["values"])
    if case["canonical"]:
        same("column", columns.encode(case["values"]), case["column"])
        same("packed", msgpack.pack(case["column"]), unhex(case["bytes"]))


def columns_invalid(case):
    refused(errors_of(case), columns.decode, value_of(case["column"]), case["n"])


def cells_valid(case):
    precision, row, col = case["precision"], case["row"], case["col"]
    same("cell", tuple(cells.cell_of(case["lat_e7"], case["lon_e7"], precision)), (row, col))
    centre = (case["centre_lat_e7"], case["centre_lon_e7"])
    same("centre", tuple(cells.centre_e7(row, col, precision)), centre)
    if precision:
        same("k", cells.widening(row, precision), case["k"])
        same("cell of the centre", tuple(cells.cell_of(centre[0], centre[1], precision)), (row, col))


def cells_invalid(case):
    refused(errors_of(case), cells.cell_of, case["lat_e7"], case["lon_e7"], case["precision"])


def ladder_valid(case):
    {"uplink": _ladder_uplink, "down": _ladder_down, "heal": _ladder_heal}[case["form"]](case)


def _ladder_uplink(case):
    stream = ladder.NAMES.index(case["stream"])
    value = ladder.spine(unhex(case["root"]), stream)
    for _ in range(case["epoch"] - case["first_epoch"]):
        value = ladder.next_spine(value, stream)
    same("spine", value, unhex(case["spine"]))
    same("next spine", ladder.next_spine(value, stream), unhex(case["next_spine"]))
    same("day", ladder.derive(value, case["stream"], "day"), unhex(case["day"]))
    _ladder_chain(ladder.day_chain(value, stream), stream, case)


def _ladder_down(case):
    _ladder_chain(ladder.down_chain(unhex(case["root"])), ladder.DOWN, case)


def _ladder_chain(chain, stream, case):
    same("chain", chain, unhex(case["chain"]))
    at = 0
    for counter, link, key in case["counters"]:
        while at < counter:
            chain = ladder.step(chain, stream)
            at += 1
        same(f"link {counter}", chain, unhex(link))
        same(f"key {counter}", ladder.seal_key(chain, stream), unhex(key))


def _ladder_heal(case):
    stream = ladder.NAMES.index(case["stream"])
    same("new", ladder.mix(unhex(case["old"]), unhex(case["shared"]), stream), unhex(case["new"]))


def ladder_invalid(case):
    refused(errors_of(case), ladder.mix, unhex(case["old"]), unhex(case["shared"]), ladder.NAMES.index(case["stream"]))


def location_valid(case):
    precision, epoch, plaintext = case["precision"], case["epoch"], unhex(case["plaintext"])
    entries = [batch.entry_of(tuple(fix), precision, True) for fix in case["raw"]]
    if case["canonical"]:
        packed = batch.pack_location(precision, entries, epoch)
        same("plaintext", batch.pad(packed, len(plaintext)), plaintext)
    got_precision, got = batch.unpack_location(plaintext, epoch)
    same("precision", got_precision, precision)
    same("number of fixes", len(got), len(case["fixes"]))
    for entry, fix in zip(got, case["fixes"]):  # noqa: B905 - MicroPython's zip has no strict; the lengths are the same
        lat, lon = cells.centre_e7(entry[1], entry[2], precision)
        side = list(entry[4:]) if len(entry) == 6 else [-1, -1]
        same("fix", [entry[0], lat, lon, entry[3]] + side, fix)  # noqa: RUF005 - not in MicroPython


def location_invalid(case):
    refused(errors_of(case), batch.unpack_location, unhex(case["plaintext"]), case["epoch"])


def environment_valid(case):
    {"batch": _environment_batch, "light": _light_class, "step": _step}[case["form"]](case)


def _environment_batch(case):
    plaintext, entries = unhex(case["plaintext"]), [tuple(entry) for entry in case["entries"]]
    if case["canonical"]:
        packed = readings.pack_environment(case["sensors"], case["step"], entries, case["epoch"])
        same("plaintext", batch.pad(packed, len(plaintext)), plaintext)
    sensors, step_s, got = readings.unpack_environment(plaintext, case["epoch"])
    same("sensors and step", (sensors, step_s), (case["sensors"], case["step"]))
    same("entries", [tuple(entry) for entry in got], entries)


def _light_class(case):
    same("class", readings.light_class(case["lux"]), case["light"])
    same("class of its least", readings.light_class(case["least_lux"]), case["light"])


def _step(case):
    same("step", readings.step_of(directive.Directive.from_wire(value_of(case["directive"]))), case["step"])


def environment_invalid(case):
    refused(errors_of(case), readings.unpack_environment, unhex(case["plaintext"]), case["epoch"])


def motion_valid(case):
    plaintext, entries = unhex(case["plaintext"]), [tuple(entry) for entry in case["entries"]]
    if case["canonical"]:
        packed = readings.pack_motion(case["step"], entries, case["epoch"])
        same("plaintext", batch.pad(packed, len(plaintext)), plaintext)
    step_s, got = readings.unpack_motion(plaintext, case["epoch"])
    same("step", step_s, case["step"])
    same("entries", [tuple(entry) for entry in got], entries)


def motion_invalid(case):
    refused(errors_of(case), readings.unpack_motion, unhex(case["plaintext"]), case["epoch"])


def places_valid(case):
    from firmware.wire import places  # as on the device: only where it is needed

    plaintext, entries = unhex(case["plaintext"]), [tuple(entry) for entry in case["entries"]]
    if case["canonical"]:
        same("plaintext", batch.pad(places.pack_places(entries, case["epoch"]), len(plaintext)), plaintext)
    same("entries", [tuple(entry) for entry in places.unpack_places(plaintext, case["epoch"])], entries)


def places_invalid(case):
    from firmware.wire import places

    refused(errors_of(case), places.unpack_places, unhex(case["plaintext"]), case["epoch"])


def aggregates_valid(case):
    from firmware.wire import aggregates

    plaintext, entries = unhex(case["plaintext"]), [tuple(entry) for entry in case["entries"]]
    if case["canonical"]:
        packed = aggregates.pack_aggregates(case["sensors"], case["span"], entries, case["epoch"])
        same("plaintext", batch.pad(packed, len(plaintext)), plaintext)
    sensors, span_s, got = aggregates.unpack_aggregates(plaintext, case["epoch"])
    same("sensors and span", (sensors, span_s), (case["sensors"], case["span"]))
    same("entries", [tuple(entry) for entry in got], entries)


def aggregates_invalid(case):
    from firmware.wire import aggregates

    refused(errors_of(case), aggregates.unpack_aggregates, unhex(case["plaintext"]), case["epoch"])


def _status_arguments(case):
    value = value_of(case["value"])
    if len(value) != 18:
        raise NotApplicableError("pack_status names its fields")
    time_s = None if value[1] == -61 else case["epoch"] * DAY_S + value[1]
    return value[:1] + [time_s, case["epoch"]] + value[2:]  # noqa: RUF005 - not in MicroPython


def status_valid(case):
    plaintext = unhex(case["plaintext"])
    answer = "public" in case["fields"]  # the answer to healing is packed where healing is, and no report
    packed = msgpack.pack(value_of(case["value"])) if answer else report.pack_status(*_status_arguments(case))
    same("plaintext", batch.pad(packed, len(plaintext)), plaintext)


def status_invalid(case):
    if case["kind"] == "encoding":
        refused((WireError,), batch.unpack_padded, unhex(case["plaintext"]))
        return
    refused(errors_of(case), report.pack_status, *_status_arguments(case))


def uplink_valid(case):
    stream = ladder.NAMES.index(case["stream"])
    value = ladder.spine(unhex(case["root"]), stream)
    for _ in range(case["epoch"] - case["first_epoch"]):
        value = ladder.next_spine(value, stream)
    chain = ladder.day_chain(value, stream)
    for _ in range(case["counter"]):
        chain = ladder.step(chain, stream)
    key = ladder.seal_key(chain, stream)
    same("key", key, unhex(case["key"]))
    header = (case["generation"], stream, case["epoch"], case["counter"], case["directive_version"])
    sealed = envelope.seal_uplink(case["device"], header, unhex(case["salt"]), key, unhex(case["plaintext"]))
    same("envelope", sealed, unhex(case["envelope"]))
    same("digest", envelope.digest8(sealed), unhex(case["digest"]))
    same("header", tuple(envelope.peek_uplink(sealed)), header)
    opened = ccm.open_(key, unhex(case["nonce"]), unhex(case["aad"]), unhex(case["sealed"]), envelope.UP_TAG_BYTES)
    same("plaintext", opened, unhex(case["plaintext"]))


def uplink_invalid(case):
    data = unhex(case["envelope"])
    if case["kind"] == "encoding":
        refused((WireError,), msgpack.unpack, data)
    elif case["kind"] == "seal":
        refused((SealError,), _open_uplink, case, data)
    elif case["kind"] in ("range", "size"):
        header, salt, sealed = msgpack.unpack(data)
        if header[0] != envelope.VERSION:
            raise NotApplicableError("the firmware seals version 1 and opens no uplink")
        plaintext = bytes(len(sealed) - envelope.UP_TAG_BYTES)
        refused(
            (WireError,), envelope.seal_uplink, case["device"], tuple(header[1:]), salt, unhex(case["key"]), plaintext
        )
    else:
        raise NotApplicableError("the firmware opens no uplink")


def _open_uplink(case, data):
    """What a server does, with the firmware's parts: it shows that the firmware binds all that the format binds."""
    header, salt, sealed = msgpack.unpack(data)
    nonce = bytes((header[2],)) + header[3].to_bytes(4, "big") + header[4].to_bytes(4, "big") + salt
    aad = msgpack.pack(header) + bytes((len(case["device"]),)) + case["device"].encode()
    return ccm.open_(unhex(case["key"]), nonce, aad, sealed, envelope.UP_TAG_BYTES)


def downlink_valid(case):
    chain = ladder.down_chain(unhex(case["root"]))
    for _ in range(case["number"]):
        chain = ladder.step(chain, ladder.DOWN)
    key = ladder.seal_key(chain, ladder.DOWN)
    same("key", key, unhex(case["key"]))
    data = unhex(case["envelope"])
    same("generation and number", tuple(envelope.peek_downlink(data)), (case["generation"], case["number"]))
    value = envelope.open_downlink(case["device"], data, key)
    same("value", value, value_of(case["value"]))
    kind, content = downlink.parse(value)
    same("kind", kind, value[0])
    if kind == downlink.VERDICTS:
        same("verdicts", [list(verdict) for verdict in content], value[1:])
    elif kind == downlink.DIRECTIVE:
        same("directive", content.to_wire(), value[1])
    else:
        same("time, or an offer", list(content), value[1:])


def downlink_invalid(case):
    refused(errors_of(case), _read_downlink, case)


def _read_downlink(case):
    return downlink.parse(envelope.open_downlink(case["device"], unhex(case["envelope"]), unhex(case["key"])))


def directive_valid(case):
    if case["form"] == "wire":
        value = value_of(case["value"])
        same("value", directive.Directive.from_wire(value).to_wire(), value)
        same("packed", msgpack.pack(value), unhex(case["bytes"]))
        return
    current = None if case["current"] is None else directive.Directive.from_wire(value_of(case["current"]))
    new = directive.Directive.from_wire(value_of(case["new"]))
    same("widens", new.widens(current), case["expected"])


def directive_invalid(case):
    refused(errors_of(case), directive.Directive.from_wire, value_of(case["value"]))


class Spines:
    """What healing reads of a key store."""

    def __init__(self, case):
        self.epoch = case["epoch"]
        self._root, self._on = unhex(case["root"]), case["epoch"] + 1 - case["began"]

    def next_spine(self, stream):
        value = ladder.spine(self._root, stream)
        for _ in range(self._on):
            value = ladder.next_spine(value, stream)
        return bytearray(value)


def healing_valid(case):
    from firmware import heal

    private = unhex(case["device_private"])
    kind, (public, spine_epoch, first_epoch) = downlink.parse(value_of(case["offer"]))
    same("kind and epoch", (kind, first_epoch), (downlink.HEALING, case["epoch"]))
    own, shared = heal._exchange(public, lambda size: private, None)
    same("exchange", (own, bytes(shared)), (unhex(case["device_public"]), unhex(case["shared"])))
    same("answer", msgpack.pack([16, case["number"], own]), unhex(case["answer"]))
    heads = bytes(heal._heads(Spines(case), spine_epoch, shared, lambda: None))
    same("new ladders", heads, unhex(case["new_down"] + "".join(case["new_spines"])))
    same("first downlink key", ladder.seal_key(heads[:32], ladder.DOWN), unhex(case["first_down_key"]))
    for stream in range(ladder.LOCATION, ladder.STATUS + 1):
        chain = ladder.day_chain(heads[32 * stream : 32 * stream + 32], stream)
        same("first key", ladder.seal_key(chain, stream), unhex(case["first_keys"][stream - 1]))


def healing_invalid(case):
    from firmware import heal

    private = unhex(case["device_private"])
    refused(errors_of(case), heal._exchange, unhex(case["server_public"]), lambda size: private, None)


def x25519_valid(case):
    from firmware.wire import x25519

    shared = x25519.multiply(unhex(case["private"]), unhex(case["public"]))
    same("shared", shared, unhex(case["shared"]))


def ccm_valid(case):
    key, nonce, aad, sealed = (unhex(case[name]) for name in ("key", "nonce", "aad", "sealed"))
    plaintext = unhex(case["plaintext"])
    same("plaintext", ccm.open_(key, nonce, aad, sealed, case["tag_bytes"]), plaintext)
    same("sealed", ccm.seal(key, nonce, aad, plaintext, case["tag_bytes"]), sealed)


def ccm_invalid(case):
    key, nonce, aad, sealed = (unhex(case[name]) for name in ("key", "nonce", "aad", "sealed"))
    refused((SealError,), ccm.open_, key, nonce, aad, sealed, case["tag_bytes"])


def hmac_valid(case):
    expected = unhex(case["mac"])
    same("mac", hmac.hmac_sha256(unhex(case["key"]), unhex(case["data"]))[: len(expected)], expected)


REPLAY = {
    ("messagepack", "valid"): messagepack_valid,
    ("messagepack", "invalid"): messagepack_invalid,
    ("columns", "valid"): columns_valid,
    ("columns", "invalid"): columns_invalid,
    ("cells", "valid"): cells_valid,
    ("cells", "invalid"): cells_invalid,
    ("ladder", "valid"): ladder_valid,
    ("ladder", "invalid"): ladder_invalid,
    ("location", "valid"): location_valid,
    ("location", "invalid"): location_invalid,
    ("environment", "valid"): environment_valid,
    ("environment", "invalid"): environment_invalid,
    ("motion", "valid"): motion_valid,
    ("motion", "invalid"): motion_invalid,
    ("places", "valid"): places_valid,
    ("places", "invalid"): places_invalid,
    ("aggregates", "valid"): aggregates_valid,
    ("aggregates", "invalid"): aggregates_invalid,
    ("status", "valid"): status_valid,
    ("status", "invalid"): status_invalid,
    ("uplink", "valid"): uplink_valid,
    ("uplink", "invalid"): uplink_invalid,
    ("downlink", "valid"): downlink_valid,
    ("downlink", "invalid"): downlink_invalid,
    ("directive", "valid"): directive_valid,
    ("directive", "invalid"): directive_invalid,
    ("healing", "valid"): healing_valid,
    ("healing", "invalid"): healing_invalid,
    ("x25519", "valid"): x25519_valid,
    ("ccm", "valid"): ccm_valid,
    ("ccm", "invalid"): ccm_invalid,
    ("hmac", "valid"): hmac_valid,
    ("msgpack-suite", "valid"): messagepack_valid,
    ("msgpack-suite", "invalid"): messagepack_invalid,
}


def replay_line(line, counts):
    """Replay one line and count it under its set; MismatchError with the case's name if it fails."""
    entry = json.loads(line)
    group = entry["group"]
    try:
        REPLAY[(entry["set"], group)](entry["case"])
    except NotApplicableError:
        group = "not applicable"
    except Exception as error:
        name = entry["set"] + "/" + entry["case"]["name"]
        raise MismatchError(f"{name}: {type(error).__name__}: {error}")  # noqa: B904 - MicroPython chains nothing
    numbers = counts.setdefault(entry["set"], {"valid": 0, "invalid": 0, "not applicable": 0})
    numbers[group] += 1


def main(paths):
    """Replay every line of every file; the exit status."""
    counts = {}
    for path in paths:
        with open(path, encoding="utf-8") as lines:  # noqa: PTH123 - MicroPython has no pathlib
            for line in lines:
                try:
                    replay_line(line, counts)
                except MismatchError as error:
                    print("FAILED " + str(error))
                    return 1
    print(json.dumps(counts))
    return 0 if counts else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
