"""CloudSync: everything behind one object, for integrators.

    with CloudSync.open(Config.from_toml("cloud-sync.toml"), clock=SystemClock()) as cloud:
        enrolment = cloud.enrol(subject="s-1", settings={...})
        cloud.consent.give("s-1", "tracking", Evidence("s-1", "demo-1", "app", "tapped_allow", "en"))
        cloud.start()

Opening checks keys, schema and policy, and replays the tombstones over whatever store it finds, before anything is served.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from cloud_sync.audit import AuditLog, Continuity
from cloud_sync.backups import keys_horizon
from cloud_sync.config import Config
from cloud_sync.consent import ConsentLedger
from cloud_sync.directive import DirectiveDesk, SealedAtRest
from cloud_sync.erasure.erase import Eraser
from cloud_sync.erasure.witness import Witness
from cloud_sync.facade.admitting import Admitting
from cloud_sync.facade.aggregating import Aggregating
from cloud_sync.facade.alarms import Alarming
from cloud_sync.facade.backups import Backing
from cloud_sync.facade.bounds import Ages, BoundDesk, Groups
from cloud_sync.facade.boundwitness import BoundWitness
from cloud_sync.facade.consents import Consents
from cloud_sync.facade.devices import Enrolment
from cloud_sync.facade.erasing import Erasing
from cloud_sync.facade.guarding import Guarding
from cloud_sync.facade.keeping import Keeping
from cloud_sync.facade.keyroom import KeyRoom
from cloud_sync.facade.limits import PersonLimits
from cloud_sync.facade.live import Live, Lives
from cloud_sync.facade.notices import Noticing
from cloud_sync.facade.opening import check_regions, check_together, provider, ring, signer, wrap_signer_anew
from cloud_sync.facade.outlets import Outlets
from cloud_sync.facade.reads import Reads
from cloud_sync.facade.rights import Rights
from cloud_sync.facade.starting import Starting
from cloud_sync.gate import Gate
from cloud_sync.ingest.answers import Answers
from cloud_sync.ingest.downlinks import DownlinkSealer
from cloud_sync.ingest.healing import Healing
from cloud_sync.ingest.hello import DeskLater
from cloud_sync.ingest.leave import Leave
from cloud_sync.ingest.pipeline import Ingest
from cloud_sync.keys.generations import Generations
from cloud_sync.keys.invitations import InvitationKeys
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.keys.ring import KeyRing
from cloud_sync.keys.rotation import Rotation
from cloud_sync.keys.wrap import KeyEncryptionKey
from cloud_sync.mqtt.publisher import MqttDownlinks
from cloud_sync.policy import Policy, PolicyArchive
from cloud_sync.read.reader import Reader
from cloud_sync.releases.offers import Offers
from cloud_sync.releases.store import FILE as RELEASES
from cloud_sync.releases.store import ReleaseStore
from cloud_sync.retention.sweep import SweepReport
from cloud_sync.retention.terms import Terms
from cloud_sync.statistics import Statistics
from cloud_sync.storage.open import open_keys, open_telemetry, open_tombstones
from cloud_sync.stores import Clock, Downlinks

__all__ = ["CloudSync", "Enrolment", "SystemClock"]

REWRAPPED_A_SWEEP = 20_000  # rows: about a second, in pieces that let ingest in between


class SystemClock:
    """The machine's clock, for production."""

    def now(self) -> float:
        """Unix seconds, UTC."""
        return time.time()


class CloudSync(Reads, Lives, Admitting, KeyRoom, Guarding, Outlets, Erasing, Backing, Noticing, Alarming, Starting):
    """The server. Its methods may be called from any thread."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock,
        policy: Policy,
        archive: PolicyArchive,
        root: KeyEncryptionKey,
        link: Downlinks | None,
    ) -> None:
        """Use `open`."""
        self.config, self.clock, self.policy = config, clock, policy
        with ExitStack() as stack:
            self._open_stores(stack)
            self._compose(policy, archive, root, link)
            self._stores = stack.pop_all()

    def _open_stores(self, stack: ExitStack) -> None:
        """All three, closed by `stack` again when the next one cannot be opened."""
        self.database = open_telemetry(self.config.database)
        stack.callback(self.database.close)
        self._store = open_keys(self.config.keys)
        stack.callback(self._store.close)
        self._tombstones = open_tombstones(self.config.tombstones)
        stack.callback(self._tombstones.close)

    def _compose(self, policy: Policy, archive: PolicyArchive, root: KeyEncryptionKey, link: Downlinks | None) -> None:
        """Each part stands on those before it; where it must ask a later one, it is handed a function that does."""
        kek = ring(self.config, root, self._store, self.clock.now())
        people = PersonKeys(self._store, kek, self.clock)
        terms = Terms(policy)
        self._prepare_log(kek)
        self._prepare_leave(archive, kek)
        self._prepare_downlinks(kek, people, link)
        self._prepare_ingest(kek, terms)
        self._prepare_reading(terms)
        self._prepare_outlets()
        self._prepare_erasing()
        self._prepare_backups(self._tombstones)
        self._prepare_rights(people)
        self._prepare_alarms(people)
        self._prepare_guarding(people)
        self._prepare_notices(archive, people=self._people, settle=self.settle, done=self._consented)
        self._eraser = Eraser(**self._sealed(), tombstones=self._tombstones, audit=self.audit, parts=self._register)
        self._prepare_to_run()

    def _prepare_log(self, kek: KeyRing) -> None:
        config = self.config
        self.rotation = Rotation(
            self._store, kek, self.clock, keys_horizon(self.policy).end, lambda: wrap_signer_anew(config, kek)
        )
        self.audit = AuditLog(self.database, self.clock, signer(config, kek, self.database.leaf_count()))
        self.continuity = Continuity(self.database, self._tombstones, self.clock)
        self.audit.witnessed_by(self.continuity.signed)

    def _prepare_leave(self, archive: PolicyArchive, kek: KeyRing) -> None:
        """Answers and their bounds, what is restricted and held, and the gate over all of it."""
        told: dict[str, Any] = {"settle": self.settle, "done": self._consented}
        parts: dict[str, Any] = {"database": self.database, "policy": self.policy, "clock": self.clock}
        self._bounds = BoundWitness(self.database, self._tombstones)
        self.ledger = ConsentLedger(
            self.database,
            self.clock,
            self.policy,
            policies=archive.by_hash,
            bounds=self.database,
            child_lost=self._bounds.child_lost,
        )
        parts |= {"ledger": self.ledger, "audit": self.audit} | told
        self._keeping = Keeping(**parts, store=self._store, kek=kek, witness=self._tombstones)
        self.restrictions, self.holds = self._keeping.restrictions, self._keeping.holds
        self.records = self._keeping.records
        self._prepare_guard()
        self.gate = Gate(self.policy, self.ledger, self.database, known=self._prepare_access())
        self._keeping.behind(self.gate)
        self.consent = Consents(
            self.database, self.ledger, self.audit, **told, clock=self.clock, policies=archive.by_hash
        )
        bounds = BoundDesk(**parts, witness=self._bounds)
        self.groups, self.ages = Groups(bounds), Ages(bounds)

    def _prepare_downlinks(self, kek: KeyRing, people: PersonKeys, link: Downlinks | None) -> None:
        """What devices are told, and how it is sealed and sent."""
        self._keys = LadderKeys(self._store, kek, self._tombstones)
        self._mqtt_link = MqttDownlinks()
        self.link: Downlinks = link or self._mqtt_link
        self._sealer = DownlinkSealer(self.database, self._keys, self.link)
        self._at_rest = SealedAtRest(self.database, people)
        self._desk = DirectiveDesk(self.database, self.policy, self.clock, self._sealer.seal, self._at_rest)
        self.limits = PersonLimits(
            database=self.database,
            keys=self._keys,
            people=people,
            witness=self._tombstones,
            desk=self._desk,
            audit=self.audit,
            settle=self.settle,
            done=self._consented,
        )

    def _prepare_ingest(self, kek: KeyRing, terms: Terms) -> None:
        """What devices say: one way in, and a second that answers a hello later (`Admitting`)."""
        self._generations = Generations(self._store, kek, self._keys)
        self._invitations = InvitationKeys(self._store, kek)
        self.releases = ReleaseStore(self.config.folder / RELEASES)
        self._answers = Answers(
            database=self.database,
            keys=self._keys,
            desk=self._desk,
            permission=self.permission,
            audit=self.audit,
            healing=Healing(database=self.database, generations=self._generations, desk=self._desk, audit=self.audit),
            updates=Offers(self.releases, self._desk).answer,
        )
        self.live = Live(self.database)
        taking: dict[str, Any] = {
            "database": self.database,
            "keys": self._keys,
            "clock": self.clock,
            "leave": Leave(self.gate, self.policy, self.database),
            "audit": self.audit,
            "terms": terms,
            "committed": self._committed,
        }
        self.ingest = Ingest(**taking, desk=self._answers)
        self._hellos = Ingest(**taking, desk=DeskLater())

    def _prepare_reading(self, terms: Terms) -> None:
        """What is stored: how long, who reads it, and what is counted of it."""
        known: dict[str, Any] = {"policy": self.policy, "audit": self.audit}
        self._witness = Witness(self.database, self._tombstones)
        self._sweeper = self._keeping.sweeper(self._store, self._keys, self._tombstones, terms, self._witness)
        self._reader = Reader(**self._sealed(), **known, tombstones=self._tombstones, gate=self.gate)
        self.statistics = Statistics(
            **known, database=self.database, witness=self._tombstones, reader=self._reader, clock=self.clock
        )
        self._aggregating = Aggregating(
            **known,
            database=self.database,
            store=self._store,
            keys=self._keys,
            terms=terms,
            statistics=self.statistics,
        )

    def _sealed(self) -> dict[str, Any]:
        """What opens envelopes: rows, keys and the time."""
        return {"database": self.database, "store": self._store, "keys": self._keys, "clock": self.clock}

    @classmethod
    def open(cls, config: Config, *, clock: Clock, link: Downlinks | None = None) -> CloudSync:
        """Open the stores, replay tombstones, record what the policy ended; `link` replaces the broker in tests.

        A database that was restored from a backup is served only after every directive has jumped and every consent of which
        an answer is lost has been closed. ConfigError, PolicyError or StoreError say what is missing and what to do.
        """
        check_together(config)
        archive = PolicyArchive(config.policies)
        policy = archive.keep(config.policy)
        check_regions(config, policy)
        root = provider(config)
        cloud = cls(config, clock=clock, policy=policy, archive=archive, root=root, link=link)
        try:
            cloud._make_ready(archive)
        except BaseException:
            cloud.close()
            raise
        return cloud

    # Retention; reading is in `Reads`, erasure in `Erasing`

    def sweep(self, *, clock_confirmed: bool = False) -> SweepReport:
        """Destroy what has outlived its term, and record consents that have lapsed; hourly, or at any time."""
        self.breaches.alarm()
        self.rights.alarm()  # also where nothing is destroyed: no deadline waits for a clock to be confirmed
        self._cases = self.rights.counts()
        self.overdue.alarm()
        halts = self._sweeper.halts(clock_confirmed=clock_confirmed)
        over = [] if halts else self._aggregating.before(self.clock.now())
        report = self._sweeper.sweep(clock_confirmed=clock_confirmed)
        if not report.halted:
            self._aggregating.after(over)
            self._settle_consents()
            self._erase_waiting()
            self._erase_reported()
            self.logins.close_unused()
            self.confirmations.escalate()
            self.notices.restrict_overdue()  # not while a clock that leapt may have made it so
            self.notices.expire()
            self._expire_invitations()
            self.recipients.look_after()
            self._keep_horizons()
            self.upkeep.alarm()
            self._witness.note_sweep(report.at)
            self.rotation.work(REWRAPPED_A_SWEEP)
        self._sweep_alarms(halted=report.halted)
        self._witness.note()
        self._swept = report
        return report

    def close(self) -> None:
        """Stop, end all subscriptions, and close the stores."""
        self.stop()
        self.alarms.stop()
        self.live.close()
        self._stores.close()

    def __enter__(self) -> CloudSync:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Parts

    def _prepare_rights(self, people: PersonKeys) -> None:
        self.rights = Rights(
            database=self.database,
            people=people,
            audit=self.audit,
            clock=self.clock,
            policy=self.policy,
            gate=self.gate,
            restrictions=self.restrictions,
            records=self.records,
            exporter=self._exporter,
            erase=self.erase,
            controls=lambda: self.controls.proofs(),  # noqa: PLW0108 - made after the rights
            consented=lambda subject, purpose: purpose in self.ledger.open_now(subject),
            folder=self.config.folder,
        )
