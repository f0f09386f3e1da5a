"""What a policy file says, written for those who must know it: the record of processing, the notice, DPV. One source for all."""

from cloud_sync.report.write import reports, write_reports

__all__ = ["reports", "write_reports"]
