"""The server while it runs: messages in, sweeps by the hour, the broker, and what it says of itself in figures."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

from cloud_sync.alarms import AlarmDesk
from cloud_sync.config import Config
from cloud_sync.errors import StoreError
from cloud_sync.figures import Batches, Figures
from cloud_sync.ingest.downlinks import DownlinkSealer
from cloud_sync.ingest.outcome import Outcome
from cloud_sync.ingest.pipeline import Ingest
from cloud_sync.mqtt.publisher import MqttDownlinks
from cloud_sync.mqtt.subscriber import Subscriber
from cloud_sync.policy import Policy
from cloud_sync.retention.sweep import SweepReport
from cloud_sync.stores import Clock

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 20.0


class Running(ABC):
    """The part of `CloudSync` that has threads."""

    alarms: AlarmDesk
    config: Config
    clock: Clock
    policy: Policy
    ingest: Ingest
    _sealer: DownlinkSealer
    _mqtt_link: MqttDownlinks

    def _prepare_to_run(self) -> None:
        self._subscriber: Subscriber | None = None
        self._stopping = threading.Event()
        self._sweeping: threading.Thread | None = None
        self._batches = Batches()
        self._opened_at = self.clock.now()
        self._swept: SweepReport | None = None
        self._cases = (0, 0, 0)  # waiting, past their alarm, past their due moment; as of the last sweep

    @abstractmethod
    def sweep(self, *, clock_confirmed: bool = False) -> SweepReport:
        """`CloudSync.sweep`."""

    def handle(self, messages: Sequence[tuple[str, bytes]]) -> list[Outcome]:
        """Ingest messages and send what they call for; everything is committed when it returns."""
        began = time.perf_counter()
        try:
            outcomes = self.ingest.handle(messages)
        except StoreError:
            self._batches.failed()
            raise
        self._batches.took(time.perf_counter() - began, self.clock.now())
        self._sealer.answer(outcomes)
        return outcomes

    def start(self) -> None:
        """Sweep once, then keep sweeping, and connect to the broker, now or as soon as it is there. Returns at once."""
        if self._sweeping is not None:
            return
        self._stopping.clear()
        self._sweeping = threading.Thread(target=self._sweep_for_ever, name="cloud-sync-sweep", daemon=True)
        self._sweeping.start()
        self.alarms.start()
        if self.config.broker is not None:
            self._subscriber = Subscriber(self.config.broker, self.handle, self._mqtt_link)
            self._subscriber.start()

    def stop(self) -> None:
        """Finish the batch at hand, leave the broker, stop sweeping; `start` may follow."""
        self._stopping.set()
        if self._subscriber is not None:
            self._subscriber.stop(STOP_TIMEOUT_S)
            self._subscriber = None
        if self._sweeping is not None:
            self._sweeping.join(STOP_TIMEOUT_S)
            self._sweeping = None
        self.alarms.stop()

    def _sweep_for_ever(self) -> None:
        while True:
            try:
                self.sweep()
            except (
                Exception
            ):  # also what a sink of the integrator raises, or a fault of ours: no term waits for a restart
                log.exception("the sweep failed; it is tried again in %d s", self.policy.sweep_s)
            if self._stopping.wait(self.policy.sweep_s):
                return

    # Counters, for whoever waits until all is settled, and figures for whoever watches

    @property
    def link_state(self) -> str:
        """How the connection to the broker is, in words."""
        return self._subscriber.state if self._subscriber else "not started"

    def wait_connected(self, timeout_s: float) -> bool:
        """Whether the subscription stands within the time."""
        return self._subscriber is not None and self._subscriber.wait_connected(timeout_s)

    @property
    def messages_handled(self) -> int:
        """Messages from the broker that have been committed and answered, since `start`."""
        return self._subscriber.handled if self._subscriber else 0

    def downlinks_sent(self, device: str | None = None) -> int:
        """Downlinks handed to the link over the broker, of one device or of all."""
        return self._mqtt_link.sent(device)

    def downlinks_published(self, device: str | None = None) -> int:
        """Those that the broker has acknowledged."""
        return self._mqtt_link.published(device)

    def figures(self) -> Figures:
        """The process at this moment, in counts and times; no device and no person is in them."""
        subscriber, swept = self._subscriber, self._swept
        waiting, alarming, late = self._cases
        return Figures(
            at=self.clock.now(),
            started_at=self._opened_at,
            connected=subscriber is not None and subscriber.connected,
            messages={str(kind): count for kind, count in self.ingest.counts.items()},
            pending=subscriber.pending if subscriber else 0,
            downlinks_sent=self.downlinks_sent(),
            downlinks_acknowledged=self.downlinks_published(),
            batches=self._batches.spread(),
            batch_seconds=self._batches.seconds,
            last_commit_at=self._batches.last_at,
            last_sweep_at=swept.at if swept and not swept.halted else None,
            sweep_halted=swept is not None and swept.halted,
            sweep_late_s=swept.late_s if swept else 0.0,
            sweep_period_s=self.policy.sweep_s,
            store_failing=self._batches.failing,
            cases_waiting=waiting,
            cases_alarming=alarming,
            cases_late=late,
        )
