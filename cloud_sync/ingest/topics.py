"""Uplink topics: docs/wire-format.md, section 2."""

from __future__ import annotations

TOPIC_PREFIX, TOPIC_SUFFIX = "bl/1/", "/up"
DEVICE_CHARACTERS = 16
DEVICE_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz234567")


def device_of(topic: str) -> str | None:
    """The device of `bl/1/<device>/up`."""
    if len(topic) != len(TOPIC_PREFIX) + DEVICE_CHARACTERS + len(TOPIC_SUFFIX):
        return None
    if not topic.startswith(TOPIC_PREFIX) or not topic.endswith(TOPIC_SUFFIX):
        return None
    return topic[len(TOPIC_PREFIX) : -len(TOPIC_SUFFIX)]
