"""The directive in force: what is permitted at this moment, and how a new directive takes its place.

Fails closed: with no directive, an expired lease, a record older than the highest version ever applied, an unanswered
question or a clock behind the epoch, nothing personal is sensed.
"""

from firmware.flash.rules import permitted
from firmware.minimise import Minimiser
from firmware.wire import directive as rule
from firmware.wire import report

# Personal streams, each with the sensors whose readings it carries.
_STREAM_SENSORS = ((1, (rule.GNSS, rule.CELL)), (2, (rule.TEMPERATURE, rule.LIGHT)), (3, (rule.MOTION,)))
_STREAM_OF = {sensor: stream for stream, sensors in _STREAM_SENSORS for sensor in sensors}


class InForce:
    """The directive in force over its store (`flash.rules.Rules`), with the purge that a withdrawal demands.

    `stop_sensing(lost)` is set by the app: it unpowers the personal sensors at once, drops the open batches of the
    streams in `lost` and seals the others. `paused` is set while the person at the device has stopped sensing.
    """

    def __init__(self, store, keystore, clock, challenge, spool):
        self._store = store
        self._keystore = keystore
        self._clock = clock
        self._challenge = challenge
        self._spool = spool
        self.stop_sensing = None
        self.directive = None
        self.minimiser = None
        self.asking = False
        self.paused = False

    @property
    def version(self) -> int:
        """Version in force, 0 for none."""
        return self.directive.version if self.directive else 0

    def resume(self, tick=None) -> None:
        """At boot, before the radio starts: finish an interrupted purge, then take up the stored directive."""
        self._purge(tick)
        stored = self._store.directive
        # A record below the highest version ever applied is a rolled-back or half-finished one [old flash restored].
        if stored is not None and stored.version < self._keystore.directive_high:
            stored = None
            self.asking = True
        self._take(stored)

    def apply(self, directive, tick=None) -> int:
        """Apply an authentic directive; the reason of the status that reports it, or 0. DirectiveError: refused."""
        # 1. Newer than any applied, and widening only with the current challenge. Without a directive in force the
        #    highest version is accepted again: a cut may have come between its number and its record, and the
        #    challenge, which is then needed, tells it from a replay.
        highest = self._keystore.directive_high
        if self.directive is None and highest:
            highest -= 1
        answered = len(directive.challenge) == 8 and self._challenge.answers(directive.challenge)
        if directive.judge(self.directive, highest, answered) == rule.ASK:
            return self._ask(directive, tick)
        if answered:
            self._clock.offer_server(directive.issued_at, directive.challenge)
        # 2. Stop; the open batch closes under the old directive, of a withdrawn stream it is dropped. From here until all
        #    is done nothing is permitted [flash that fails must not leave the old one in force, nor the batch].
        lost = self._withdrawn_by(directive)
        self.stop_sensing(lost)
        self.directive = self.minimiser = None
        # 3. Number first, then one record with directive and purge marks [a cut here fails closed, or resumes at boot].
        self._keystore.set_directive_high(directive.version)
        self._store.save(directive, lost)
        # 4. Wipe the streams' spool entries, clear the marks.
        self._purge(tick)
        # 5. Only now it permits anything.
        self.asking = False
        self._take(directive)
        return report.APPLIED

    def time_only(self) -> bool:
        """True while GNSS may run for time alone: no trusted time, and a lease that may still be running."""
        if self.directive is None or self.asking or self.paused or not self.directive.permits(rule.GNSS):
            return False
        return self._clock.now_s() is None and not self._clock.lease_over()

    def senses_location(self) -> bool:
        """True while the receiver may run for positions."""
        return self.senses(rule.GNSS)

    def senses(self, sensor: int) -> bool:
        """True while a sensor, by its bit in the directive, may run; the same questions for each of them."""
        directive = self.directive
        if directive is None or self.asking or self.paused or not directive.permits(sensor):
            return False
        if self._keystore.spent(_STREAM_OF[sensor]):  # its stream stops until the next epoch (wire-format section 2)
            return False
        now_s = self._clock.now_s()
        # PROTOCOL 8: a clock behind the epoch stops the personal streams until it heals.
        if now_s is None or self._clock.lease_over() or self._clock.behind_epoch():
            return False
        return not directive.closed_at(now_s)

    def _ask(self, directive, tick) -> int:
        """An authentic, newer directive that would widen and lacks the challenge: what it replaces no longer holds.

        What it takes away is gone at once, what it would add has to wait for the answer.
        """
        lost = self._withdrawn_by(directive)
        asked, self.asking = self.asking, True
        self.stop_sensing(lost)
        self._store.save(None, lost, directive)
        self._purge(tick)
        self._take(None)
        # Asked already: the next heartbeat asks again [question and wrong answer must not chase each other].
        return 0 if asked else report.CHALLENGE_WANTED

    def _withdrawn_by(self, directive) -> list:
        """Streams that lose a sensor to the directive of which readings may wait."""
        gone = self._store.had & ~permitted(directive)
        return [stream for stream, sensors in _STREAM_SENSORS if any(gone & sensor for sensor in sensors)]

    def _purge(self, tick) -> None:
        if self._store.purge:
            for stream in self._store.purge:
                self._spool.purge(stream, tick)
            self._store.purged()

    def _take(self, directive) -> None:
        self.directive = directive
        secret = self._keystore.blur_secret() if directive and directive.blur else b""
        self.minimiser = Minimiser(directive, secret) if directive else None
        self._clock.lease_until_s = directive.lease_until if directive else 0
