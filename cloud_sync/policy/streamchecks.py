"""What the rules of one stream must mean together: sensors and their fields, categories and their purposes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cloud_sync.policy.checks import Gap, Raw, tables, text, words
from cloud_sync.policy.vocabulary import SENSOR_FIELDS, SENSORS, STREAM_FIELDS, STREAMS

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


STREAM_CHECKS: tuple[Callable[[Raw], Iterator[Gap]], ...] = (sensors_tell, one_category_for_a_read)
