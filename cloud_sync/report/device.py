"""What a device makes and sends, stream by stream: what the EU Data Act, Art. 3(2), asks to be told before a contract.

(a) type, format and estimated volume; (b) continuously and in real time; (c) where and how long it is stored; (d) how it is
accessed, retrieved and erased.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloud_sync.model import Stream
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import STREAM_FIELDS
from cloud_sync.report.volume import Volume, volumes
from cloud_sync.report.words import Words, listed

FORMAT = "sealed MessagePack envelopes over MQTT, byleave wire format 1; handed out as JSON"


def taken(policy: Policy, stream: Stream) -> tuple[str, ...]:
    """The fields of a stream that some rule has, in the order of the stream."""
    listed_by_rules = {field for rule in policy.rules_of_stream(stream) for field in rule.fields}
    return tuple(field for field in STREAM_FIELDS[stream] if field in listed_by_rules)


def device_part(policy: Policy, words: Words) -> Iterator[str]:
    """The part of the notice, as lines of Markdown."""
    yield words.say("data_act")
    yield ""
    for volume in volumes(policy):
        name = volume.stream.name.lower()
        yield f"### {words.say('stream', stream=words.of('stream', name), name=name)}"
        yield ""
        fields = listed(words.taken(f"{name}.{field}") for field in taken(policy, volume.stream))
        yield "- " + words.say("type", fields=fields)
        yield "- " + words.say("format")
        yield "- " + _pace(policy, volume, words)
        sizes = {"hour": words.size(volume.bytes_hour), "day": words.size(volume.bytes_day)}
        counts = {"readings": volume.readings_day, "envelopes": volume.envelopes_day}
        yield "- " + words.say("volume", **sizes, **counts)
        yield "- " + words.say("stored", spool=words.seconds(policy.device.spool_age_s))
        how = words.say("self_service" if policy.rights.self_service else "by_contact")
        yield "- " + words.say("reach", how=how[0].lower() + how[1:])
        yield ""
    yield words.say("lease", lease=words.seconds(policy.device.lease_s))


def _pace(policy: Policy, volume: Volume, words: Words) -> str:
    device = policy.device
    if volume.stream is Stream.STATUS:
        return words.say("report", every=words.seconds(device.heartbeat_s))
    age = words.seconds(device.batch_age_s)
    if volume.every_s:
        return words.say("continuous", every=words.seconds(volume.every_s), batch=device.batch, age=age)
    return words.say("events", every=words.seconds(volume.least_s), age=age)


def device_json(policy: Policy) -> list[dict[str, Any]]:
    """The same as data: one object a stream."""
    return [
        {
            "stream": volume.stream.name.lower(),
            "fields": list(taken(policy, volume.stream)),
            "format": FORMAT,
            "continuous": bool(volume.every_s),
            "real_time": True,
            "seconds_between": volume.least_s,
            "readings_a_day": volume.readings_day,
            "envelopes_a_day": volume.envelopes_day,
            "bytes_an_hour": volume.bytes_hour,
            "bytes_a_day": volume.bytes_day,
            "on_device_s": policy.device.spool_age_s,
        }
        for volume in volumes(policy)
    ]
