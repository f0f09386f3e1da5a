"""What a gateway tells of itself: lines when something has changed, figures when somebody asks."""

from __future__ import annotations

from typing import Protocol

from agent.gateway.config import Config
from agent.gateway.contact import Contact
from agent.gateway.hub import Hub
from agent.gateway.link import Link
from agent.gateway.log import Log
from agent.gateway.metrics import Figures, PortFigures, noise_of
from agent.gateway.serialports import Ports
from agent.gateway.spool import Spool
from agent.words import counted

# Of the hub's figures, what only rises; the rest are gauges.
COUNTS = ("published", "unknown_acks", "spool_refused", "spool_damaged")

WORTH_SAYING = 3  # pieces of noise; one is the half frame that a port hears as it is opened


class Told(Protocol):
    """What is told of; `loop.Gateway` is one."""

    name: str
    where: str
    began_s: float
    spool: Spool
    link: Link
    hub: Hub
    ports: Ports
    contacts: dict[str, Contact]
    ports_lost: int
    stalled_bytes: int


class Reporter:
    """Looks now and then, and says what has changed since."""

    def __init__(self, of: Told, config: Config, log: Log) -> None:
        self._of, self._config, self._log = of, config, log
        self._noise: dict[str, int] = {}
        self._taking, self._trouble = True, ""
        self._set_aside = self._expired = self._damaged = 0

    def look(self) -> None:
        """Says what has changed since the last look."""
        self._look_at_spool()
        self._look_at_noise()

    def _look_at_spool(self) -> None:
        """What has changed of the spool since the last look."""
        spool = self._of.spool
        aside = spool.medium.aside
        for path in spool.put_aside[self._set_aside :]:
            self._log.say("spool-set-aside", f"damaged; put aside as {path.name}; {aside.files} such files are kept")
        self._set_aside = len(spool.put_aside)
        if spool.expired > self._expired:
            expired = counted(spool.expired - self._expired, "envelope was", "envelopes were")
            self._log.say("spool-expired", f"{expired} too old and dropped")
        self._expired = spool.expired
        if spool.damaged > self._damaged:
            damaged = counted(spool.damaged - self._damaged, "envelope was", "envelopes were")
            self._log.say("spool-damaged", f"{damaged} changed on the disk; not sent")
        self._damaged = spool.damaged
        taking = spool.room("")
        if taking != self._taking or (spool.trouble and spool.trouble != self._trouble):
            self._taking, self._trouble = taking, spool.trouble
            if taking:
                self._log.say("spool-taking", "envelopes are taken again")
            elif spool.ready:
                self._log.say(
                    "spool-full", f"{counted(spool.count, 'envelope waits', 'envelopes wait')}: no more are taken"
                )
            else:
                self._log.say(
                    "spool-failing",
                    f"cannot be written ({spool.trouble}): nothing is kept here; with a broker envelopes pass by it, "
                    "without one devices keep them",
                )

    def _look_at_noise(self) -> None:
        """A line that says what is no frame: no device, another baud rate, or a bad cable."""
        for name, contact in self._of.contacts.items():
            noise = noise_of(contact.counts)
            before = self._noise.setdefault(name, 0)
            if noise - before >= WORTH_SAYING:
                self._noise[name] = noise
                self._log.say(
                    "port-noise",
                    f"{counted(noise - before, 'piece was', 'pieces were')} no frame, or beyond the limits",
                    port=name,
                )
        for name in [name for name in self._noise if name not in self._of.contacts]:
            del self._noise[name]

    def figures(self, now_s: float) -> Figures:
        """All figures of this moment."""
        spool = self._of.spool
        hub = self._of.hub.figures()
        return Figures(
            name=self._of.name,
            up_s=round(now_s - self._of.began_s, 3),
            broker=self._of.where.removeprefix("broker "),
            tls=self._config.broker.secure,
            connected=self._of.link.connected,
            broker_losses=self._of.link.losses,
            broker_refusals=self._of.link.refusals,
            spool_taking=self._taking,
            spool_envelopes=spool.count,
            spool_bytes=spool.size_bytes,
            spool_most_bytes=self._config.spool.most_bytes,
            spool_oldest_s=round(spool.oldest_age_s(), 3),
            spool_expired=spool.expired,
            spool_set_aside=len(spool.put_aside),
            spool_writable=spool.ready,
            spool_trouble=spool.trouble,
            aside_files=spool.medium.aside.files,
            aside_bytes=spool.medium.aside.bytes,
            aside_dropped=spool.medium.aside.dropped,
            ports_lost=self._of.ports_lost,
            ports_refused=self._of.ports.refused,
            stalled_bytes=self._of.stalled_bytes,
            in_flight=int(hub["in_flight"]),
            stalled_s=round(hub["stalled_s"], 3),
            counts={
                name.removeprefix("frame_"): n for name, n in hub.items() if name.startswith("frame_") or name in COUNTS
            },
            ports=tuple(self._port_figures()),
        )

    def _port_figures(self) -> list[PortFigures]:
        found = [
            PortFigures(
                name,
                "contact" if self._of.contacts[name].device else "open",
                line.read_bytes,
                line.written_bytes,
                dict(self._of.contacts[name].counts),
            )
            for name, line in self._of.ports.lines.items()
        ]
        return found + [PortFigures(name, "refused") for name in self._of.ports.waiting]
