"""The gateway's one loop: ports, broker, spool and who asks, in one thread, and none of them waits for another.

A turn reads every port that has something, gives it to the hub, lets the hub commit what came as one piece, and writes what there
is to say. After a turn in which a port was read the loop rests for REST_S, so that bytes gather: 32 lines at 115 200 baud would
else wake it six thousand times a second.
"""

from __future__ import annotations

import signal
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from select import POLLIN, POLLOUT, poll

from agent.errors import LinkLost, PortBusy
from agent.gateway.config import Config
from agent.gateway.connection import Connection
from agent.gateway.contact import Contact
from agent.gateway.credentials import identity
from agent.gateway.dialer import Dialer
from agent.gateway.doors import Doors
from agent.gateway.hub import Hub
from agent.gateway.link import Link
from agent.gateway.local import Answers
from agent.gateway.log import Log
from agent.gateway.metrics import Figures
from agent.gateway.notify import Notify
from agent.gateway.reporting import Reporter
from agent.gateway.serialports import Line, Ports
from agent.gateway.spool import Spool
from agent.words import counted

# Linux keeps 4096 bytes of a port: at 115 200 baud the rest, and a commit on a slow card, have 350 ms together; at 921 600 44.
REST_S = 0.03
SCAN_S = 2.0  # ports are looked for
LONGEST_TURN_S = 1.0
STALLED_S = 60.0  # a broker that has acknowledged nothing for so long is connected to anew
OVERDUE_S = 600.0  # and one that has left out a single one; a window of 64 KiB takes a minute at 10 kbit/s
LAST_WORDS_S = 1.0  # until ports have taken STATE 0; a frame takes 1 ms at 115 200 baud
SPOOL = "spool.db"


class Gateway:
    """One running gateway on its spool folder. `run` it, or call `turn`; `close` it."""

    def __init__(
        self,
        config: Config,
        *,
        account: tuple[str, str] | None,
        context: ssl.SSLContext | None,
        log: Log,
        notify: Notify,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """GatewayBusy, or what the spool says, when the folder cannot be had; AgentConfigError for the metrics' port."""
        self._config, self._log, self._notify, self._now_s = config, log, notify, now_s
        self.began_s = now_s()
        # 1. The spool, and with it the folder's lock [two gateways would each send what the other has accepted].
        bounds = config.spool
        self.spool = Spool(
            config.folder / SPOOL,
            most_bytes=bounds.most_bytes,
            most_age_s=bounds.most_age_days * 86_400.0,
            now_s=now_s,
        )
        with ExitStack() as held:
            held.callback(self.spool.close)
            # 2. Who asks, before any port is opened [a port number that is taken is known before a device is heard].
            self._doors = Doors(config.folder, config.metrics_port, log, self.figures)
            held.callback(self._doors.close)
            # 3. The broker.
            self.name = config.broker.name or identity(config.folder)
            host, port = config.broker.address
            where = f"broker {host}:{port}"
            self.where = where
            dialer = Dialer((host, port), context)
            self.link = Link(dialer, self.name, account, log, where=where, now_s=now_s)
            self.hub = Hub(self.spool, self.link, now_s=now_s, limits=config.limits, baudrate=config.baudrate)
            self.link.tell(self.hub)
            held.pop_all()
        # 4. The ports, in the first turn.
        self._unsaid: list[str] = []  # what the first look at ports has found
        self.ports = Ports(config.ports, config.baudrate, self._refused)
        self.contacts: dict[str, Contact] = {}  # by the line's name
        self._scan_at_s = self.began_s
        self._next_s = self.began_s
        self._started = self._stopping = False
        self._wake: socket.socket | None = None
        self.ports_lost = self.stalled_bytes = 0
        self._reporter = Reporter(self, config, log)

    # Life

    def run(self, ends: Sequence[signal.Signals] = ()) -> None:
        """Works until `stop`, or one of these signals, and ends in order."""
        wake_in, wake_out = socket.socketpair()
        wake_in.setblocking(False)
        wake_out.setblocking(False)
        self._wake = wake_in
        before = {number: signal.signal(number, lambda *_: self.stop()) for number in ends}
        signal.set_wakeup_fd(wake_out.fileno(), warn_on_full_buffer=False)
        try:
            self.start()
            while not self._stopping:
                self.turn()
        finally:
            self._notify.stopping()
            self.close()  # and a second Ctrl-C does not cut it short: it takes seconds at most
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            wake_in.close()
            wake_out.close()

    def start(self) -> None:
        """Looks for ports, connects, and tells the service manager.

        PortBusy when each port that was named is held by another program [two gateways, or one beside a monitor: whoever
        typed it is told at once], unless the configuration says to wait.
        """
        config = self._config
        fresh, _ = self.ports.scan(self._now_s())
        if not config.wait and (held := self.ports.held):
            raise PortBusy(f"{held}; or let the gateway wait for it with --wait")
        self._started = True
        secure = "with TLS" if config.broker.secure else "without TLS"
        self._log.say(
            "started",
            f"gateway {self.name}, {self.where} {secure}, {counted(self.spool.count, 'envelope')} in the spool",
        )
        for text in self._unsaid:
            self._refused(text)
        if not config.broker.secure and not config.broker.here:
            self._log.say("broker-plain", f"{self.where}: without TLS others on the way see who sends, and when")
        self.link.start()
        self._attach(fresh)
        self._reporter.look()
        self._scan_at_s = self._now_s() + SCAN_S
        self._notify.ready(self.figures().line)

    def stop(self) -> None:
        """`run` ends after this turn."""
        self._stopping = True

    def close(self) -> None:
        """Takes no more, commits, says STATE 0 on each port, disconnects. Ends within some seconds whatever is stuck."""
        if self._started:
            self._log.say("stopping", "no more envelopes are taken")
        self.hub.close()
        until_s = self._now_s() + LAST_WORDS_S
        waiting = dict(self.contacts)
        while waiting and self._now_s() < until_s:
            self._write_lines(self._now_s())
            waiting = {
                name: contact
                for name, contact in self.contacts.items()
                if contact.waiting or not self.ports.lines[name].said
            }
            if waiting:
                time.sleep(0.01)
        self.link.close()
        self.ports.close()
        self._doors.close()
        if self._started:
            self._log.say("stopped", f"{counted(self.spool.count, 'envelope stays', 'envelopes stay')} in the spool")
        self._notify.close()

    # A turn

    def turn(self) -> None:
        """One round: waits for something to do, LONGEST_TURN_S at most, and does all that there is."""
        ready = self._wait()
        now_s = self._now_s()
        heard = False
        for fd, events, owner in ready:
            # A port that can be written to and has said nothing must not be read: nothing is how an unplugged one ends.
            if events != POLLOUT or not isinstance(owner, Line):
                heard = self._serve(fd, owner, now_s) or heard
        for connection in self.link.connections:
            if connection.buffered:
                connection.read(now_s)
        self._keep_house(now_s)
        self._next_s = self._now_s() + min(self.hub.turn(), LONGEST_TURN_S)
        for connection in self.link.connections:
            if connection.wants_write:
                connection.write(now_s)
        self._write_lines(now_s)
        self._notify.alive(self._now_s())
        if heard and not self._stopping:
            time.sleep(REST_S)

    def _serve(self, fd: int, owner: object, now_s: float) -> bool:
        """Whether a port was heard."""
        if isinstance(owner, Line):
            return self._read_line(owner, now_s)
        if isinstance(owner, Connection):
            owner.read(now_s)
        elif isinstance(owner, Answers):
            owner.ready(fd, now_s)
        elif isinstance(owner, Dialer):
            self.link.dialed()
        elif isinstance(owner, socket.socket):
            owner.recv(4096)
        return False

    def _wait(self) -> list[tuple[int, int, object]]:
        """What is ready, and whose it is. All is registered anew: sockets and ports change their numbers at any time."""
        poller = poll()
        owners: dict[int, object] = {}
        for line in self.ports.lines.values():
            owners[line.fileno()] = line
            poller.register(line.fileno(), POLLIN if line.idle else POLLIN | POLLOUT)
        pending = False
        for connection in self.link.connections:
            if (fd := connection.fileno()) >= 0:
                owners[fd] = connection
                pending = pending or connection.buffered
                poller.register(fd, POLLIN | POLLOUT if connection.wants_write else POLLIN)
        for door in self._doors:
            for fd, events in door.polled().items():
                owners[fd] = door
                poller.register(fd, events)
        for other in (self.link.dialer, self._wake):
            if other is not None:
                owners[other.fileno()] = other
                poller.register(other.fileno(), POLLIN)
        wait_s = 0.0 if pending else max(0.0, self._next_s - self._now_s())
        return [(fd, events, owners[fd]) for fd, events in poller.poll(wait_s * 1000)]

    def _read_line(self, line: Line, now_s: float) -> bool:
        """Whether anything was heard."""
        try:
            data = line.read()
        except LinkLost:
            self._lose(line, now_s)
            return False
        if data:
            self.contacts[line.name].heard(data)
        return bool(data)

    def _write_lines(self, now_s: float) -> None:
        for line in list(self.ports.lines.values()):
            contact = self.contacts[line.name]
            if line.idle and not contact.waiting:
                continue
            try:
                stalled = line.write(contact.outgoing() if line.idle else b"", now_s)
            except LinkLost:
                self._lose(line, now_s)
                continue
            if stalled:
                self.stalled_bytes += stalled
                self._log.say("port-stalled", f"takes nothing; {stalled} bytes thrown away", port=line.name)

    def _lose(self, line: Line, now_s: float) -> None:
        self.ports_lost += 1
        self.hub.detach(self.contacts.pop(line.name))
        self.ports.drop(line, now_s)
        self._log.say("port-gone", "unplugged, or it fails; looked for again", port=line.name)

    # What is due by time

    def _keep_house(self, now_s: float) -> None:
        self.link.tick()
        forwarder = self.hub.forwarder
        if forwarder.stalled_s() >= STALLED_S or forwarder.overdue_s() >= OVERDUE_S:
            self.link.renew()
        for door in self._doors:
            door.tick(now_s)
        if now_s >= self._scan_at_s:
            self._scan(now_s)
            self._notify.status(self.figures().line)

    def _scan(self, now_s: float) -> None:
        self._scan_at_s = now_s + SCAN_S
        fresh, gone = self.ports.scan(now_s)
        for line in gone:
            self._lose(line, now_s)
        self._attach(fresh)
        self._doors.look()
        self._reporter.look()

    def _attach(self, fresh: Sequence[Line]) -> None:
        for line in fresh:
            self.contacts[line.name] = self.hub.attach(line.name)
            self._log.say("port-open", f"at {self._config.baudrate} baud", port=line.name)

    def _refused(self, text: str) -> None:
        """A port that cannot be had; before `started` it is not known yet whether the gateway does."""
        if self._started:
            port, _, why = text.partition(": ")
            self._log.say("port-refused", why, port=port)
        else:
            self._unsaid.append(text)

    def figures(self) -> Figures:
        """All figures of this moment."""
        return self._reporter.figures(self._now_s())
