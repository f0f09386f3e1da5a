"""Keys, spool, rules and directive of a device against a plain model, in any order, with the power cut at any flash operation.

After every step: no key and no number twice; what was spooled is there until a verdict, a purge or a counted loss, in its order;
floors, counters and downlink numbers rise; flash holds no key of the past; nothing is permitted that the model does not
permit, and nothing was ever widened without the challenge. `BYLEAVE_STATE_EXAMPLES=1000` runs for longer.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from cloud_sync.wire import codec, envelope
from tests.properties.device_model import AGES_S, INTERVALS_S, SENSORS_OF, Rules, Terms, Waiting
from tests.properties.device_power import BITS, Powered
from tests.properties.device_world import DAY_S, LOCATION, STATUS, STREAMS, Offer

LONG = "BYLEAVE_STATE_EXAMPLES"  # in the environment: so many, other ones each time
EXAMPLES = int(os.environ.get(LONG, "150"))
STEPS = 40
STORED, DROP, CLOSED = 0, 1, 2


class Letter(NamedTuple):
    """A sealed directive, as a broker may deliver it now, later, or again."""

    generation: int
    number: int
    terms: Terms
    challenge: bytes
    message: bytes


class Answer(NamedTuple):
    """A device's answer to an offer of healing."""

    number: tuple[int, ...]
    digest: bytes
    heads: dict[int, bytes]


class Device(Powered):
    """What is sealed, said and judged, in any order."""

    @initialize(seed=st.integers(0, 2**32 - 1), granted=st.booleans())
    def enrol(self, seed: int, granted: bool) -> None:
        """A device behind its enrolment, or with its first directive and something of each stream in the spool."""
        self.enrolled(seed)
        self.letters: list[Letter] = []
        self.answer: Answer | None = None
        if granted:
            self.direct(15, 10, 30 * DAY_S, AGES_S[1], 1, "right", False)
            for stream in SENSORS_OF:
                self.seal(stream, 100)

    # --- what it seals

    @rule(stream=st.sampled_from((LOCATION, LOCATION, *STREAMS)), size=st.integers(1, 300))
    def seal(self, stream: int, size: int) -> None:
        """One envelope, if the stream is permitted: durable, last in the spool, and nothing but the oldest gives way."""
        unit, before = self.unit, list(self.model.pending)
        if stream != STATUS and not any(unit.in_force.senses(bit) for bit in BITS if SENSORS_OF[stream] & bit):
            return
        plaintext = b"byleave".ljust(size, b".")
        begun, free = len(unit.begun), unit.spool.bytes_free()
        time_s = unit.clock.now_s() or unit.keystore.floor_s

        def act() -> None:
            unit.on_time()
            unit.sealer.seal(stream, plaintext, unit.in_force.version, time_s)

        done = self.attempt(act)
        real, tried = self.waiting(), unit.begun[begun:]
        fresh = [entry for entry in real if entry not in before]
        assert [entry.envelope for entry in fresh] == (tried if done else tried[: len(fresh)])
        assert real[len(real) - len(fresh) :] == fresh
        assert all(self.world.keys.open(entry.envelope) == plaintext for entry in fresh)
        missing = [entry for entry in before if entry not in real]
        assert missing == before[: len(missing)], "the oldest go first"
        assert not (missing and tried and 16 + len(tried[0]) + 3 <= free), "given up though there was room"
        self.model.without(missing)
        self.model.lost += len(missing)
        self.model.pending += fresh
        self.model.spooled += len(fresh)

    @rule(sizes=st.lists(st.integers(1, 300), min_size=3, max_size=10))
    def report(self, sizes: list[int]) -> None:
        """Status upon status, until the oldest that wait give way."""
        for size in sizes:
            self.seal(STATUS, size)
            self.the_spool_is_the_models()

    @rule(days=st.sampled_from((1, 2, 8)))
    def expire(self, days: int) -> None:
        """What waits for longer is wiped, and counted."""
        before_s = self.world.now_s - days * DAY_S
        old = [entry for entry in self.model.pending if entry.time_s < before_s]
        done = self.attempt(lambda: self.unit.spool.expire(before_s))
        self.model.lost += self.go(old, whole=done)

    @rule(data=st.data(), code=st.sampled_from((STORED, STORED, DROP, CLOSED)), forged=st.booleans())
    def contact(self, data: st.DataObject, code: int, forged: bool) -> None:
        """All that waits is sent, once; verdicts release what they name by number and digest, and nothing else."""
        sent = self.send_all()
        sent = [entry for entry in sent if self.answer is None or number_of(entry) != self.answer.number]
        if not sent:
            return
        picked = data.draw(st.lists(st.integers(0, len(sent) - 1), unique=True, min_size=1, max_size=12))
        judged = [sent[index] for index in picked]
        spoilt = judged[:1] if forged else []
        digests = [envelope.digest8(entry.envelope) for entry in judged]
        lines = [
            [*number_of(entry), bytes(8) if entry in spoilt else digest, code]
            for entry, digest in zip(judged, digests, strict=True)
        ]
        done = self.down_message([1, *lines])
        self.model.released += self.go([entry for entry in judged if entry not in spoilt], whole=done)

    def send_all(self) -> list[Waiting]:
        """A contact's sending; the entries in the order in which they went."""
        unit = self.unit
        unit.outbox.begin()
        unit.sealer.begin()
        sent = []
        while (entry := unit.outbox.next()) is not None:
            sent.append(Waiting(entry.position, entry.stream, bytes(entry.envelope), entry.time_s))
        assert sorted(sent, key=lambda entry: entry.position) == self.model.pending
        return sent

    # --- time

    @rule(seconds=st.sampled_from((1, 60, 3600, 5 * 3600, DAY_S, 3 * DAY_S)))
    def wait(self, seconds: int) -> None:
        """Time passes; what the keeper does each minute."""
        self.world.pass_s(seconds)
        unit = self.unit

        def act() -> None:
            unit.on_time()
            unit.clock.persist()

        if self.attempt(act) and self.unit.clock.now_s() is not None:
            assert self.model.epoch == self.world.now_s // DAY_S

    @rule(right=st.sampled_from((True, True, True, False)))
    def tell_time(self, right: bool) -> None:
        """The server's time, with the challenge or another one."""
        before, challenge = self.unit.clock.now_s(), self.unit.challenge.value
        done = self.down_message([3, self.world.now_s, challenge if right else bytes(8)])
        if done and right:
            self.model.confirmed = True
            assert self.unit.challenge.value != challenge
        elif done:
            assert (self.unit.clock.now_s(), self.unit.challenge.value) == (before, challenge)

    @rule()
    def receive_time(self) -> None:
        """The receiver's time, which is true; the device may doubt it."""
        now_s = self.world.now_s
        if self.unit.clock.offer_gnss(now_s, True, True, True, True):
            assert self.unit.clock.now_s() == now_s
        self.attempt(self.unit.on_time)

    # --- downlinks

    @rule(
        sensors=st.sampled_from((0, 1, 1, 3, 9, 14, 15, 15)),
        interval_s=st.sampled_from(INTERVALS_S),
        lease=st.sampled_from((0, 3600, 2 * DAY_S, 30 * DAY_S, 30 * DAY_S)),
        age_s=st.sampled_from(AGES_S),
        step=st.sampled_from((1, 1, 1, 2, 0, -1, 4096, 4097)),
        challenge=st.sampled_from(("right", "right", "none", "wrong")),
        withheld=st.sampled_from((False, False, True)),
    )
    def direct(
        self, sensors: int, interval_s: int, lease: int, age_s: int, step: int, challenge: str, withheld: bool
    ) -> None:
        """A directive: narrower or wider, of any version, with the challenge or without; a lease of 0 keeps its end."""
        now_s, rules = self.world.now_s, self.model.rules
        lease_s = now_s + lease
        if not lease and rules.terms is not None:
            lease_s = max(rules.terms.lease_s, now_s)
        terms = Terms(max(1, rules.highest + step), now_s, lease_s, sensors, interval_s, age_s)
        answer = {"right": self.unit.challenge.value, "none": b"", "wrong": bytes(8)}[challenge]
        generation, number, message = self.numbered(terms.value(answer))
        letter = Letter(generation, number, terms, answer, message)
        self.letters = [*self.letters[-7:], letter]
        if not withheld:
            self.deliver(letter)

    @precondition(lambda self: self.letters)
    @rule(data=st.data())
    def redeliver(self, data: st.DataObject) -> None:
        """The broker delivers a directive that it kept back, or once more."""
        letter = self.letters[data.draw(st.integers(0, len(self.letters) - 1))]
        # A challenge that still holds would set the clock to when it was said: what a broker can do by being slow.
        assume(letter.challenge != self.unit.challenge.value)
        self.deliver(letter)

    def deliver(self, letter: Letter) -> None:
        """The rules behind it are the model's; behind a cut those of before, of after, or none."""
        before, unit = self.model.rules, self.unit
        terms, answered = letter.terms, letter.challenge == unit.challenge.value
        fresh = letter.generation == self.model.generation and letter.number >= unit.keystore.down_next
        verdict = before.judge(terms, answered) if fresh else "refuse"
        after = before.after(terms, answered) if fresh else before
        gone = [entry for entry in self.model.pending if entry.stream in before.lost(terms.sensors)]
        refused = unit.keystore.refused
        done = self.attempt(lambda: unit.take(letter.message))
        if done:
            assert unit.keystore.refused == refused + (not fresh)
            self.model.confirmed |= verdict == "apply" and answered
            self.model.rules = after
        else:
            self.model.rules = self.found(before, after, terms if verdict == "apply" else None)
        took = verdict != "refuse" and self.model.rules == after and (done or after != before)
        self.model.purged += self.go(gone if took else [], whole=True)

    def found(self, before: Rules, after: Rules, applied: Terms | None) -> Rules:
        """What a start found behind a cut in a directive: the old rules, the new ones, or none [the number is written first]."""
        unit, options = self.unit, [before, after]
        if applied is not None:
            options.append(Rules(None, applied.version, before.had))
        state = (unit.in_force.version, unit.keystore.directive_high, unit.store.had)
        for rules in options:
            if state == (rules.terms.version if rules.terms else 0, rules.highest, rules.had):
                return rules
        raise AssertionError(f"{state} is none of {options}")

    @precondition(lambda self: self.letters)
    @rule(at=st.integers(0, 10_000), bit=st.integers(0, 7))
    def forge(self, at: int, bit: int) -> None:
        """A downlink with one bit turned changes nothing but the count of those refused."""
        *_, message = self.numbered([3, self.world.now_s, self.unit.challenge.value])
        damaged = bytearray(message)
        damaged[at % len(message)] ^= 1 << bit
        unit = self.unit
        before = unit.keystore.refused, unit.keystore.down_next, unit.challenge.value, unit.clock.now_s()
        if self.attempt(lambda: unit.take(bytes(damaged))):
            after = unit.keystore.refused, unit.keystore.down_next, unit.challenge.value, unit.clock.now_s()
            assert after == (before[0] + 1, *before[1:])

    def numbered(self, value: list[Any]) -> tuple[int, int, bytes]:
        """(generation, number, message) of the next downlink; a few numbers were lost on the way."""
        generation, lowest = self.model.generation, max(self.down[1], self.unit.keystore.down_next)
        sent = [letter.number + 1 for letter in self.letters if letter.generation == generation]
        number = max(lowest, *sent, 0) + self.world.rng.randrange(3)
        return generation, number, self.world.keys.seal(generation, number, value, self.world.rng.randbytes(13))

    def down_message(self, value: list[Any]) -> bool:
        """Send a downlink that has to be accepted; False if the power went."""
        unit = self.unit
        generation, number, message = self.numbered(value)
        done = self.attempt(lambda: unit.take(message))
        if done and unit.keystore.generation == generation:
            assert unit.keystore.down_next == number + 1
        return done

    # --- healing

    @rule(ahead=st.integers(1, 3))
    def offer(self, ahead: int) -> None:
        """The server offers a new generation; the device's answer waits in the spool, and the device goes on in the old one."""
        unit, before = self.unit, list(self.model.pending)
        offer, begun = Offer(self.world.rng, self.model.epoch, ahead), len(unit.begun)
        self.down_message(offer.value())
        real = self.waiting()
        fresh = [entry for entry in real if entry not in before]
        missing = [entry for entry in before if entry not in real]
        assert len(fresh) <= 1 and [entry.envelope for entry in fresh] == unit.begun[begun:][: len(fresh)]
        assert missing == before[: len(missing)] and self.unit.keystore.generation == self.model.generation
        self.model.without(missing)
        self.model.lost += len(missing)
        self.model.pending += fresh
        self.model.spooled += len(fresh)
        if fresh:
            plaintext = self.world.keys.open(fresh[0].envelope)
            assert codec.unpack(plaintext)[0] == 16
            heads = offer.heads(self.world.keys, self.model.generation, plaintext)
            self.answer = Answer(number_of(fresh[0]), envelope.digest8(fresh[0].envelope), heads)

    @precondition(lambda self: self.answer is not None)
    @rule(code=st.sampled_from((STORED, STORED, STORED, DROP)))
    def judge_answer(self, code: int) -> None:
        """The verdict for the answer: the generation begins only if it was stored, on its day, in the run that answered."""
        answer, unit, model = self.answer, self.unit, self.model
        assert answer is not None
        self.answer = None
        if answer.number[0] != model.generation:
            return
        self.send_all()
        named = [entry for entry in model.pending if number_of(entry) == answer.number]
        waits = bool(unit.session._healing) and unit.session._healing[0] == (*answer.number, answer.digest)
        today = unit.clock.now_s() is None or self.world.now_s // DAY_S == answer.number[2]
        begins = waits and code == STORED and model.epoch == answer.number[2] and today
        done = self.down_message([1, [*answer.number, answer.digest, code]])
        model.released += self.go(named, whole=done)
        generation = self.unit.keystore.generation
        assert (
            generation == model.generation + begins
            if done
            else generation in (model.generation, model.generation + begins)
        )
        if generation != model.generation:
            self.bury(model.generation, spines=True)
            model.generation = generation
            self.world.keys.begin(generation, model.epoch, answer.heads)
            self.letters = self.letters[-2:]  # those of the old generation open no more
            self.down = (generation, 0)


def number_of(entry: Waiting) -> tuple[int, ...]:
    """(generation, stream, epoch, counter)."""
    return tuple(envelope.parse_uplink(entry.envelope).header[:4])


TestDevice = Device.TestCase
TestDevice.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=LONG not in os.environ,
    phases=(Phase.generate, Phase.shrink),  # to explain a failure takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
