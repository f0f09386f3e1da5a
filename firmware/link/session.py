"""Session: one contact with the broker, from radio to good-bye."""

import asyncio
import time

from firmware import update
from firmware.const import const
from firmware.errors import DirectiveError, FirmwareError, LinkError
from firmware.link.links import link_of
from firmware.wire import downlink, envelope, report

_RADIO_TIMEOUT_MS = const(20_000)  # association with DHCP takes 2 to 8 s on a weak signal
_RADIO_POLL_MS = const(250)
_WINDOW = const(4)  # publishes at once: 4 KiB of envelopes in RAM, and one round trip for four
_VERDICT_MS = const(15_000)  # after the last envelope; what has no verdict by then is sent again at a later contact
_QUIET_MS = const(3_000)  # the server answers a status within a second; after this nothing more is to be expected
_MAX_RECEIVED = const(8)  # downlinks in RAM and not yet opened; before it takes one more the device opens these


class Session:
    """Contacts of one device. Built once; `run` is called for each contact.

    `node` is what a contact acts upon: `settings`, `keystore`, `sealer`, `spool`, `in_force`, `clock`, `challenge`, `sensors`,
    `seal_status(reason)`, `report_soon(reason)`, `reasons` (list of reasons that wait to be reported), `fetch` (of a
    release, or None), `moved()` and `feed()`.
    """

    def __init__(self, node, board, outbox):
        self._node = node
        self._board = board
        self._outbox = outbox
        self._received = []
        self._event = None
        self._broker = node.settings.get("broker") or {}
        device = node.keystore.device
        self._up = "bl/1/" + device + "/up"
        self._down = "bl/1/" + device + "/down"
        self._radio_part, self._client = link_of(node, board, self._on_message, self._wake)
        self._opened = 0  # downlinks that were authentic
        self._healing: tuple = ()  # what the answer to an offer waits for, and what begins then
        self.verdicts = 0
        self.faults = 0  # of the radio, until a status has told them

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
            await self._client.connect(self._broker.get("host"), self._broker.get("port"))
            self._node.moved()
            await self._client.subscribe(self._down, True)
            print("contact")
            self._outbox.begin()
            if self._node.fetch:
                self._node.fetch.begin()
            await self._exchange(stay)
        except LinkError:
            stay = stay and self._radio_part is self._board  # PPP does not notice that nobody answers any more
            raise
        finally:
            self._missed(True)
            await self._client.disconnect()
            self._event = None
            if not stay:
                await self._radio_off()

    async def _radio(self) -> None:
        radio = self._radio_part
        if not radio.radio_connected():
            try:
                radio.radio_connect(self._node.settings)
            except OSError:  # the radio's driver is in a state of its own; off and on again
                await self._radio_off()
                raise LinkError("radio does not start")
            waited_ms = 0
            while not radio.radio_connected():
                modem = radio is not self._board  # a wire is there at once
                failed = radio.failed if modem else ""
                if failed or waited_ms >= (radio.BOUND_MS if modem else _RADIO_TIMEOUT_MS):
                    self.faults |= radio.faults if modem else 0
                    await self._radio_off()  # the next try begins with a fresh association
                    raise LinkError(failed or "no radio link")
                await asyncio.sleep_ms(_RADIO_POLL_MS)
                waited_ms += _RADIO_POLL_MS
                self._node.moved()

    async def _radio_off(self) -> None:
        rest = self._radio_part.radio_off()
        if rest is not None:  # a modem takes its time
            await rest

    async def _exchange(self, stay: bool) -> None:
        """Report, send, take what comes, until there is nothing more to be expected."""
        last_ms = time.ticks_ms()
        if not self._node.reasons:
            self._node.report_soon(report.HEARTBEAT)
        while True:
            self._node.moved()
            self._event.clear()
            await self._client.rest()
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
            if await self._fetch():
                last_ms = time.ticks_ms()
                if self._received or self._node.fetch is None:
                    continue
            if self._node.fetch and self._node.fetch.complete:
                return  # it starts
            quiet_ms = time.ticks_diff(time.ticks_ms(), last_ms)
            asked = self._node.fetch and self._node.fetch.asked
            hold_ms = _VERDICT_MS if asked or self._outbox.unjudged() else _QUIET_MS
            if quiet_ms >= hold_ms:
                self._outbox.forget()
                self._missed(False)
                if not stay and not self._outbox.has_new():
                    return
                last_ms = time.ticks_ms()
                hold_ms, quiet_ms = _VERDICT_MS, 0
            await self._wait(hold_ms - quiet_ms)

    async def _fetch(self) -> bool:
        """One step of an update, after all that is to be sent; True if there was one."""
        fetch = self._node.fetch
        if not fetch or not await fetch.step(self._client):
            return False
        self._let_go()
        return True

    def _missed(self, broken: bool) -> None:
        """A chunk that was asked for has not come, if one was."""
        if self._node.fetch:
            self._node.fetch.missed(broken)
            self._let_go()

    def _let_go(self) -> None:
        """Of a release that was refused, or given up."""
        if self._node.fetch.over:
            self._node.fetch = None
            update.forget("fetch", "manifest")

    def _seal_reports(self, stay: bool) -> None:
        while self._node.reasons:
            reason = self._node.reasons.pop(0)
            self._node.seal_status(reason)
            self.faults = 0
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
            await self._client.rest()
            self._apply_received()  # verdicts make room in the outbox
        return sent

    async def _publish(self, envelope: bytes) -> None:
        await self._client.publish(self._up, envelope)

    def _on_message(self, topic: str, message: bytes, again) -> None:
        if self._node.fetch and self._node.fetch.take(topic, message):  # a chunk of a release
            self._wake()
        # An empty one clears what a broker retains: it is no downlink, and no forgery that is counted.
        if topic != self._down or not message or (again and self._is_known(message)):
            return
        if len(self._received) >= _MAX_RECEIVED:
            self._apply_received()  # what waited at the broker may be more than RAM holds, and the newest comes last
        self._received.append(message)
        self._wake()

    def _is_known(self, message: bytes) -> bool:
        """True for a downlink whose acknowledgement did not reach the broker: no forgery, so it is not counted as one."""
        keys = self._node.keystore
        try:
            generation, number = envelope.peek_downlink(message)
        except FirmwareError:
            return False
        return generation < keys.generation or (generation == keys.generation and number < keys.down_next)

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
        self._client.prove()
        if kind == downlink.VERDICTS:
            if not self.verdicts:
                print("answered")
            for verdict in content:
                judged = self._outbox.judge(*verdict[:5])
                self.verdicts += 1
                if judged and verdict[5] == downlink.STORED:
                    update.confirm(node, self._board, verdict[:4])
                if self._healing and self._healing[0] == verdict[:5]:
                    self._settle_healing(verdict[5])
        elif kind == downlink.TIME:
            if node.clock.offer_server(content[0], content[1]):
                node.on_time()
        elif kind == downlink.DIRECTIVE:
            self._apply_directive(content)
        elif kind == downlink.HEALING:
            self._answer_healing(content)
        elif kind == downlink.UPDATE:
            update.offer(node, self._board, content)

    def _answer_healing(self, offer) -> None:
        from firmware import heal  # a few times in a device's life: it is not kept

        self._healing = heal.answer(self._node, offer, self._board.random) or self._healing
        heal.forget("firmware.heal")

    def _settle_healing(self, code: int) -> None:
        from firmware import heal

        pending, self._healing = self._healing, ()
        heal.settle(self._node, pending, code)
        heal.forget("firmware.heal")

    def _apply_directive(self, directive) -> None:
        try:
            reason = self._node.in_force.apply(directive, self._node.feed)
        except DirectiveError:
            return  # not newer: a late answer to an earlier status
        print("directive", self._node.in_force.version)
        if reason:
            self._node.report_soon(reason)
        self._node.on_time()
