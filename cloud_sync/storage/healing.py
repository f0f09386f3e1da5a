"""What a healing leaves in the key store until it is over: wishes, offers, generations that an answer has begun."""

from __future__ import annotations

from dataclasses import astuple

from cloud_sync.model import HealingCandidate, HealingOffer, HealingWish
from cloud_sync.storage.engine import Engine, narrowed


class HealingRows(Engine):
    """The part of `cloud_sync.stores.KeyDatabase` that healing uses."""

    def put_wish(self, wish: HealingWish) -> None:
        """Insert or replace the wish of a device."""
        self.run(
            "INSERT INTO heal_wish (device, above, offered_at, first_epoch) VALUES (?, ?, ?, ?) ON CONFLICT (device) DO UPDATE"
            " SET above = excluded.above, offered_at = excluded.offered_at, first_epoch = excluded.first_epoch",
            astuple(wish),
        )

    def wish(self, device: str) -> HealingWish | None:
        """The wish of a device."""
        row = self.maybe("SELECT device, above, offered_at, first_epoch FROM heal_wish WHERE device = ?", (device,))
        return HealingWish(*row) if row else None

    def destroy_wish(self, device: str) -> int:
        """Forget the wish of a device; the number forgotten."""
        return self.run("DELETE FROM heal_wish WHERE device = ?", (device,))

    def put_offer(self, offer: HealingOffer) -> None:
        """Insert or replace the offer of (device, generation, number)."""
        self.run(
            "INSERT INTO heal_offer (device, generation, number, spine_epoch, first_epoch, wrapped) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (device, generation, number) DO UPDATE SET spine_epoch = excluded.spine_epoch,"
            " first_epoch = excluded.first_epoch, wrapped = excluded.wrapped",
            astuple(offer),
        )

    def offers(self, device: str) -> list[HealingOffer]:
        """The offers of a device, by generation and number."""
        rows = self.rows(
            "SELECT device, generation, number, spine_epoch, first_epoch, wrapped FROM heal_offer WHERE device = ?"
            " ORDER BY generation, number",
            (device,),
        )
        return [HealingOffer(*row) for row in rows]

    def destroy_offers(
        self, device: str | None = None, up_to: int | None = None, spine_epoch: int | None = None
    ) -> int:
        """Destroy, overwriting the pages: of one device or of all, of numbers and of spine epochs up to these; how many."""
        where, values = narrowed({"device = ?": device, "number <= ?": up_to, "spine_epoch <= ?": spine_epoch})
        return self.run("DELETE FROM heal_offer" + where, values)

    def put_candidate(self, candidate: HealingCandidate) -> None:
        """Insert or replace the one of the device."""
        self.run(
            "INSERT INTO heal_candidate (device, generation, first_epoch, epoch, counter, wrapped) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (device) DO UPDATE SET generation = excluded.generation, first_epoch = excluded.first_epoch,"
            " epoch = excluded.epoch, counter = excluded.counter, wrapped = excluded.wrapped",
            astuple(candidate),
        )

    def candidate(self, device: str) -> HealingCandidate | None:
        """The generation that an answer of the device has begun."""
        row = self.maybe(
            "SELECT device, generation, first_epoch, epoch, counter, wrapped FROM heal_candidate WHERE device = ?",
            (device,),
        )
        return HealingCandidate(*row) if row else None

    def destroy_candidate(self, device: str) -> int:
        """Destroy it, overwriting the page; the number destroyed."""
        return self.run("DELETE FROM heal_candidate WHERE device = ?", (device,))
