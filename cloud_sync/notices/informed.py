"""Whether a person had been told at a moment: a receipt since which nothing significant was published. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cloud_sync.model.notices import NoticeReceipt, Publication


def owed_since(publications: Iterable[Publication], at: float) -> Publication | None:
    """The last publication up to `at` that whoever had an earlier one is owed; None before the first."""
    return next((each for each in reversed([*publications]) if each.significant and each.at <= at), None)


def informed(receipts: Sequence[NoticeReceipt], publications: Sequence[Publication], at: float) -> bool:
    """Whether a receipt up to `at` is of a notice that nothing significant has taken the place of by then (X-33, V-33).

    A new version that changes nothing of what the policy calls significant leaves earlier receipts as they are. A receipt counts by
    its time and by the policy that it is of [one of a clock that was ahead, which would be of editions to come].
    """
    last = owed_since(publications, at)
    if last is None:
        return any(receipt.at <= at for receipt in receipts)
    of = {each.policy for each in publications[publications.index(last) :]}
    return any(last.at <= receipt.at <= at and receipt.policy in of for receipt in receipts)


def turning_points(receipts: Iterable[NoticeReceipt], publications: Iterable[Publication]) -> list[float]:
    """Unix seconds at which the answer can change."""
    return [*(each.at for each in receipts), *(each.at for each in publications if each.significant)]
