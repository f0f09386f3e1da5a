"""Which status is answered with the offer of a release, and what a device says of one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from cloud_sync.directive.desk import DirectiveDesk, Outgoing
from cloud_sync.errors import StoreError
from cloud_sync.model import StatusReason, StatusReport, UpdateState
from cloud_sync.releases.store import OfferRow, ReleaseStore
from cloud_sync.wire.downlink import update_value
from cloud_sync.wire.release import Offer

log = logging.getLogger(__name__)

MOST_TOLD: Final = 50  # of one offer to one device: one that never takes it up is told no more
TERM_S: Final = 90 * 86_400  # of an offer; a release of last season is offered anew or not at all
_ENDS: Final = (UpdateState.ROLLED_BACK, UpdateState.REFUSED)


@dataclass
class Offers:
    """Answers a device's status while an offer to it stands. A broken store of releases stops no ingest."""

    store: ReleaseStore
    desk: DirectiveDesk

    def answer(self, device: str, report: StatusReport, now: float) -> list[Outgoing]:
        """The sealed offer where one is due, inside the transaction of the status."""
        try:
            self.store.note_version(device, report.firmware)
            for row in self.store.offers(device):
                if not row.done:
                    return self._answer(row, report, now)
        except StoreError as error:
            log.warning("no release is offered: %s", error)
        return []

    def _answer(self, row: OfferRow, report: StatusReport, now: float) -> list[Outgoing]:
        fetching = report.update is UpdateState.FETCHING
        begun = row.begun or (row.told > 0 and _begins(row, report))
        # 1. The end: it runs and was confirmed; or the device has given it up, and says so now [an old state is told at each
        #    start, of an update before this one].
        told_now = row.told > 0 and (begun or report.reason is StatusReason.UPDATE_CHANGED)
        runs = report.firmware == row.version and report.update is UpdateState.NONE
        done = runs or (told_now and report.update in _ENDS)
        done = done or row.told >= MOST_TOLD or now > row.offered + TERM_S
        if runs and not row.told:
            log.warning("a device already runs a release named %s: it is not offered", row.version)
        row = row._replace(begun=begun, state=report.update, done=done)
        # 2. Said again at each status until it is fetched [a downlink that is missed is missed for good]. A device that fetches
        #    is told too: it may be another release, which was withdrawn; of the one at hand it changes nothing. It counts once
        #    then, since a fetch may take more statuses than there are tellings.
        if done or report.update is UpdateState.ON_TRIAL:
            self.store.offer(row)
            return []
        outgoing = self.desk.send(row.device, update_value(Offer(row.id, row.chunks, row.size)))
        if outgoing is None:
            self.store.offer(row)
            return []
        self.store.offer(row._replace(told=max(1, row.told) if fetching else row.told + 1))
        return [outgoing]


def _begins(row: OfferRow, report: StatusReport) -> bool:
    """The status says that the device has taken up what it was told, not that it is still at the release before."""
    if report.update is UpdateState.FETCHING:
        return row.state is not UpdateState.FETCHING or report.reason is StatusReason.UPDATE_CHANGED
    return report.update is UpdateState.ON_TRIAL and report.firmware == row.version
