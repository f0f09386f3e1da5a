"""The same façade for asyncio: each call runs in a worker thread, so that no event loop waits for a disk.

    async with await AsyncCloudSync.open(config, clock=SystemClock()) as cloud:
        await cloud.consent.give("s-1", "tracking", evidence)
        fixes = await cloud.read_location(actor=me, purpose="tracking", subject="s-1", start=a, end=b)
        async for fix in await cloud.live_location(actor=me, purpose="tracking", subject="s-1"):
            ...

Arguments, results and errors are those of `CloudSync`; what is not here is at `sync`. A call that is cancelled goes on in its
thread to its end: a commit is never half.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from cloud_sync.config import Config
from cloud_sync.facade.consents import Consents
from cloud_sync.service import CloudSync
from cloud_sync.stores import Clock, Downlinks

P = ParamSpec("P")
R = TypeVar("R")
Part = TypeVar("Part")


class _Wraps(Protocol[Part]):
    sync: Part


def _awaited(
    method: Callable[Concatenate[Part, P], R],
) -> Callable[Concatenate[_Wraps[Part], P], Coroutine[Any, Any, R]]:
    """The method of the wrapped object, in a worker thread."""

    async def call(self: _Wraps[Part], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(method, self.sync, *args, **kwargs)

    call.__doc__, call.__name__ = method.__doc__, method.__name__
    return call


class _Wrapper(Generic[Part]):
    def __init__(self, sync: Part) -> None:
        self.sync = sync


class AsyncConsents(_Wrapper[Consents]):
    """A person's answers."""

    request = _awaited(Consents.request)
    give = _awaited(Consents.give)
    refuse = _awaited(Consents.refuse)
    later = _awaited(Consents.later)
    withdraw = _awaited(Consents.withdraw)


class AsyncCloudSync(_Wrapper[CloudSync]):
    """`CloudSync` for asyncio; `sync` is the object behind it."""

    def __init__(self, sync: CloudSync) -> None:
        super().__init__(sync)
        self.consent = AsyncConsents(sync.consent)

    @classmethod
    async def open(cls, config: Config, *, clock: Clock, link: Downlinks | None = None) -> AsyncCloudSync:
        """`CloudSync.open`."""
        return cls(await asyncio.to_thread(CloudSync.open, config, clock=clock, link=link))

    enrol = _awaited(CloudSync.enrol)
    invite = _awaited(CloudSync.invite)
    invitations = _awaited(CloudSync.invitations)
    withdraw_invitation = _awaited(CloudSync.withdraw_invitation)
    admit = _awaited(CloudSync.admit)
    heal = _awaited(CloudSync.heal)
    hand_over = _awaited(CloudSync.hand_over)
    handle = _awaited(CloudSync.handle)
    read_location = _awaited(CloudSync.read_location)
    read_places = _awaited(CloudSync.read_places)
    read_environment = _awaited(CloudSync.read_environment)
    read_motion = _awaited(CloudSync.read_motion)
    live_location = _awaited(CloudSync.live_location)
    live_places = _awaited(CloudSync.live_places)
    live_environment = _awaited(CloudSync.live_environment)
    live_motion = _awaited(CloudSync.live_motion)
    sweep = _awaited(CloudSync.sweep)
    erase = _awaited(CloudSync.erase)
    report_child = _awaited(CloudSync.report_child)
    start = _awaited(CloudSync.start)
    stop = _awaited(CloudSync.stop)
    close = _awaited(CloudSync.close)

    async def __aenter__(self) -> AsyncCloudSync:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
