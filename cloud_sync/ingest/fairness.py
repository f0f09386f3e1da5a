"""No device takes more than its share of a batch while others wait.

A batch is large only when messages come faster than they are handled. Then what one device has sent beyond its share is not looked
at: it is acknowledged without a verdict, so that an honest device keeps it and sends it again, and a flood costs the server
next to nothing a message [a device, or whoever may publish for it, that sends as fast as it can: everybody else would wait behind].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

CROWD: Final = 1024  # messages in a batch: half of the largest one, some fifty milliseconds of work
SHARE: Final = 256  # of one device in such a batch; a device of ours has four under way at once


def surplus(messages: Sequence[tuple[str, bytes]]) -> frozenset[int]:
    """Places of messages beyond the share of their topic; the first of each stay, and none where there is no crowd."""
    if len(messages) < CROWD:
        return frozenset()
    topics = [topic for topic, _ in messages]
    heavy = {topic for topic, count in Counter(topics).items() if count > SHARE}
    if not heavy:
        return frozenset()
    left = dict.fromkeys(heavy, SHARE)
    beyond = []
    for place, topic in enumerate(topics):
        if topic in left:
            left[topic] -= 1
            if left[topic] < 0:
                beyond.append(place)
    return frozenset(beyond)
