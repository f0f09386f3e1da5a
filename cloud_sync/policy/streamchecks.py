"""What the rules of one stream must mean together: sensors and their fields, categories and their purposes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cloud_sync.policy.checks import Gap, Raw, table, tables, text, words
from cloud_sync.policy.vocabulary import (
    PLACE_FIELDS,
    POSITION_FIELDS,
    SENSOR_FIELDS,
    SENSORS,
    STREAM_FIELDS,
    STREAMS,
)

_FIELD_OF = {name: SENSOR_FIELDS[sensor] for name, sensor in SENSORS.items() if sensor in SENSOR_FIELDS}


def sensors_tell(raw: Raw) -> Iterator[Gap]:
    """A rule with a sensor lists the sensor's field, and the other way round: else one is on, and what it says refused."""
    for n, rule in enumerate(tables(raw.get("rule"))):
        stream = STREAMS.get(text(rule.get("stream")))
        fields, sensors = words(rule.get("fields")), words(rule.get("sensors"))
        for sensor, field in _FIELD_OF.items():
            if stream is None or field not in STREAM_FIELDS[stream]:
                continue
            if sensor in sensors and field not in fields:
                message = f"sensor {sensor} without its field {field}"
                fix = "list the field, or take the sensor out: what nobody may have, nobody senses"
                yield Gap(("rule", n, "sensors", sensors.index(sensor)), message, fix)
            if field in fields and sensors and sensor not in sensors:
                message = f"field {field} without its sensor {sensor}"
                yield Gap(("rule", n, "fields", fields.index(field)), message, "list the sensor, or take the field out")


def one_category_for_a_read(raw: Raw) -> Iterator[Gap]:
    """A purpose is declared for one category of a stream: a read for it would show one of them as if it were all."""
    seen: dict[tuple[str, str], str] = {}
    for n, rule in enumerate(tables(raw.get("rule"))):
        stream, category = text(rule.get("stream")), text(rule.get("category"))
        for k, purpose in enumerate(words(rule.get("purpose")) if stream in STREAMS else ()):
            first = seen.setdefault((stream, purpose), category)
            if first != category:
                message = f"purpose {purpose} is already declared for category {first} of stream {stream}"
                yield Gap(("rule", n, "purpose", k), message, "join the two categories, or give each its own purpose")


def location_told(raw: Raw) -> Iterator[Gap]:
    """A rule of location has whole positions or events of places; a position's quality is always on the wire."""
    positions = False
    for n, rule in enumerate(tables(raw.get("rule"))):
        fields = set(words(rule.get("fields")))
        if rule.get("stream") != "location" or "fields" not in rule:
            continue
        positions = positions or fields >= POSITION_FIELDS
        if not fields >= POSITION_FIELDS and fields.isdisjoint(PLACE_FIELDS):
            message = "a rule of location without whole positions or events of places"
            fix = "list lat and lon, or place and event, or take the rule out: what nobody may have, nobody senses"
            yield Gap(("rule", n, "fields"), message, fix)
    for k, name in enumerate(words(table(raw, "collection").get("never"))):
        if positions and name == "location.quality":
            fix = "take it out and list quality in the rule of the positions"
            yield Gap(("collection", "never", k), "every position has its quality on the wire", fix)


def always_sent(raw: Raw) -> Iterator[Gap]:
    """What is in every envelope of a stream cannot be left out: the time of a reading, and all of a status."""
    fed = {text(rule.get("stream")) for rule in tables(raw.get("rule"))} | {"status"}
    for k, name in enumerate(words(table(raw, "collection").get("never"))):
        stream, _, field = name.partition(".")
        if stream == "status" and field in STREAM_FIELDS[STREAMS[stream]]:
            fix = "take it out and list it in the rule of the stream: a status is sent whole"
            yield Gap(("collection", "never", k), f"{field} is in every status", fix)
        elif stream in fed and field == "time":
            fix = "take it out and list time in the rule, or take the stream's rules out"
            yield Gap(("collection", "never", k), f"every reading of {stream} has its time", fix)


STREAM_CHECKS: tuple[Callable[[Raw], Iterator[Gap]], ...] = (
    sensors_tell,
    one_category_for_a_read,
    location_told,
)
