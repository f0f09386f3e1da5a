"""The consent ledger, and what bounds it."""

from cloud_sync.consent.bounds import UNBOUNDED, Bounds, Narrowing
from cloud_sync.consent.ledger import ConsentLedger
from cloud_sync.consent.record import Evidence
from cloud_sync.consent.standing import NOT_COVERED, Coverage, Standing

__all__ = ["NOT_COVERED", "UNBOUNDED", "Bounds", "ConsentLedger", "Coverage", "Evidence", "Narrowing", "Standing"]
