"""The consent ledger."""

from cloud_sync.consent.ledger import ConsentLedger
from cloud_sync.consent.record import Evidence
from cloud_sync.consent.standing import NOT_COVERED, Coverage, Standing

__all__ = ["NOT_COVERED", "ConsentLedger", "Coverage", "Evidence", "Standing"]
