"""Session: one contact with the broker, from radio to good-bye."""

import asyncio
import time

from firmware.const import const
from firmware.errors import DirectiveError, FirmwareError, LinkError
from firmware.link.mqtt import MqttClient
from firmware.link.transport import TcpTransport
from firmware.wire import downlink, report

_RADIO_TIMEOUT_MS = const(20_000)  # association with DHCP takes 2 to 8 s on a weak signal
_RADIO_POLL_MS = const(250)
_WINDOW = const(4)  # publishes at once: 4 KiB of envelopes in RAM, and one round trip for four
_VERDICT_MS = const(15_000)  # after the last envelope; what has no verdict by then is sent again at a later contact
_QUIET_MS = const(3_000)  # the server answers a status within a second; after this nothing more is to be expected
_MAX_RECEIVED = const(8)  # downlinks not yet opened; what a flood adds is dropped, the server says it again


class Session:
    """Contacts of one device. Built once; `run` is called for each contact.

    `node` is what a contact acts upon: `settings`, `keystore`, `sealer`, `spool`, `in_force`, `clock`, `challenge`,
    `seal_status(reason)`, `report_soon(reason)`, `reasons` (list of reasons that wait to be reported), `moved()` and
    `feed()`.
    """

    def __init__(self, node, board, outbox):
        self._node = node
        self._board = board
        self._outbox = outbox
        self._received = []
        self._event = None
        self._broker = broker = node.settings["broker"]
        device = node.keystore.device
        self._up = "bl/1/" + device + "/up"
        self._down = "bl/1/" + device + "/down"
        transport = TcpTransport(board.socket_module)
        user, password = broker.get("user") or "", broker.get("password") or ""
        self._client = MqttClient(transport, device, user, password, on_message=self._on_message, on_change=self._wake)
        self._opened = 0  # downlinks that were authentic
        self.verdicts = 0

    def wake(self) -> None:
        """Tell a running contact that there is something to send."""
        self._wake()

    async def run(self, stay: bool) -> None:
        """One contact. With `stay` it lasts until the link breaks. LinkError when it fails before its end."""
        self._event = asyncio.Event()
        self._received = []
        self._node.sealer.begin()
        try:
            await self._radio()
            await self._client.connect(self._broker["host"], self._broker["port"])
            await self._client.subscribe(self._down)
            self._outbox.begin()
            await self._exchange(stay)
        finally:
            await self._client.disconnect()
            self._event = None
            if not stay:
                self._board.radio_off()

    async def _radio(self) -> None:
        if not self._board.radio_connected():
            try:
                self._board.radio_connect(self._node.settings)
            except OSError:  # the radio's driver is in a state of its own; off and on again
                self._board.radio_off()
                raise LinkError("radio does not start")
            waited_ms = 0
            while not self._board.radio_connected():
                if waited_ms >= _RADIO_TIMEOUT_MS:
                    self._board.radio_off()  # the next try begins with a fresh association
                    raise LinkError("no radio link")
                await asyncio.sleep_ms(_RADIO_POLL_MS)
                waited_ms += _RADIO_POLL_MS
                self._node.moved()

    async def _exchange(self, stay: bool) -> None:
        """Report, send, take what comes, until there is nothing more to be expected."""
        last_ms = time.ticks_ms()
        if not self._node.reasons:
            self._node.report_soon(report.HEARTBEAT)
        while True:
            self._node.moved()
            self._event.clear()
            opened = self._opened
            self._apply_received()
            self._seal_reports(stay)
            # Only what was sent or opened goes on [whoever writes to the topic must not keep the radio on for ever].
            if await self._send() or self._opened != opened:
                last_ms = time.ticks_ms()
            if self._client.error is not None:
                raise self._client.error
            if self._received or self._node.reasons:
                continue
            quiet_ms = time.ticks_diff(time.ticks_ms(), last_ms)
            hold_ms = _VERDICT_MS if self._outbox.unjudged() else _QUIET_MS
            if quiet_ms >= hold_ms:
                self._outbox.forget()
                if not stay and not self._outbox.has_new():
                    return
                last_ms = time.ticks_ms()
                hold_ms, quiet_ms = _VERDICT_MS, 0
            await self._wait(hold_ms - quiet_ms)

    def _seal_reports(self, stay: bool) -> None:
        while self._node.reasons:
            reason = self._node.reasons.pop(0)
            self._node.seal_status(reason)
            if stay and reason == report.HEARTBEAT:
                # A long contact says again what has no verdict, once in a heartbeat.
                self._outbox.begin()
                self._node.sealer.begin()

    async def _wait(self, timeout_ms: int) -> None:
        """Until something happens, or for the time."""
        try:
            await asyncio.wait_for_ms(self._event.wait(), timeout_ms)
        except asyncio.TimeoutError:
            pass

    async def _send(self) -> bool:
        """Send what is due, a window at a time; True if anything was sent. A PUBACK releases nothing."""
        sent = False
        while self._client.connected:
            window: list = []
            while len(window) < _WINDOW:
                entry = self._outbox.next()
                if entry is None:
                    break
                window.append(self._publish(entry.envelope))
            if not window:
                break
            sent = True
            await asyncio.gather(*window, return_exceptions=True)
            self._node.moved()
            self._apply_received()  # verdicts make room in the outbox
        return sent

    async def _publish(self, envelope: bytes) -> None:
        await self._client.publish(self._up, envelope)

    def _on_message(self, topic: str, message: bytes) -> None:
        if topic == self._down and len(self._received) < _MAX_RECEIVED:
            self._received.append(message)
            self._wake()

    def _wake(self) -> None:
        if self._event is not None:
            self._event.set()

    def _apply_received(self) -> None:
        while self._received:
            self._apply(self._received.pop(0))

    def _apply(self, message: bytes) -> None:
        """Open one downlink and do what it says; one that does not open or may not be applied changes nothing."""
        node = self._node
        try:
            kind, content = downlink.parse(node.sealer.open(message, node.feed))
        except FirmwareError:
            return  # counted by the sealer; whoever sent it learns nothing
        self._opened += 1
        if kind == downlink.VERDICTS:
            for verdict in content:
                self._outbox.judge(*verdict[:5])
                self.verdicts += 1
        elif kind == downlink.TIME:
            if node.clock.offer_server(content[0], content[1]):
                node.on_time()
        elif kind == downlink.DIRECTIVE:
            self._apply_directive(content)

    def _apply_directive(self, directive) -> None:
        try:
            reason = self._node.in_force.apply(directive, self._node.feed)
        except DirectiveError:
            return  # not newer: a late answer to an earlier status
        if reason:
            self._node.report_soon(reason)
        self._node.on_time()
