"""What a policy file permits, read off its TOML in plain words. It imports neither the gate nor the compiled policy.

One function, `permits`, answers one case. It is written to be checked against the file by eye, not to be fast; what depends on
the file alone is looked up once for each (category, purpose, role, action).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

LEVELS = {"exact": 0, "cell_100m": 1, "cell_1km": 2, "cell_10km": 3, "region": 4, "country": 5, "none": 6}
RELATIVES = {"parent", "account_holder", "user", "managed_user", "contact_person", "planner"}
MARKETING = {"marketing", "own_marketing", "partner_marketing", "newsletter", "loyalty", "market_study"}
CLASSES = {"safety_notice": "safety", "legal_notice": "legal", "security": "security", "rights_handling": "legal"} | {
    "theft_alarm": "safety",
    "geofence_alert": "safety",
    **dict.fromkeys(MARKETING, "marketing"),
    "partner_marketing": "partner_marketing",
}
STRICTEST = ["safety", "legal", "security", "service", "marketing", "partner_marketing"]


@dataclass(frozen=True)
class Case:
    """Everything that a decision may depend on, in plain values. The defaults are those of an ordinary read."""

    purpose: str
    category: str
    role: str
    action: str
    own: bool = True  # the actor is the person
    known: bool = True  # a device is enrolled
    given: tuple[bool, bool] = (True, True)  # consent at capture, at use
    consented: int = 0  # finest precision that the consent allows
    age_s: float = 0.0  # since the capture
    restricted: bool = False
    erased: bool = False
    child: bool = False
    wanted: int | None = None
    fields: frozenset[str] = frozenset()
    recipient: str | None = None
    reference: str = ""
    approvals: int = 0  # by others
    grant: str = "none"  # none, good, over, other, no ticket, opened by oneself
    related: bool = False
    mfa: bool = True
    content: frozenset[str] = frozenset()
    mails: int = 0


@lru_cache(maxsize=4096)
def over(term: str, now: float, age_s: float) -> bool:
    """Whether a term such as P30D or P12M has ended, by the calendar."""
    start = datetime.fromtimestamp(now - age_s, UTC)
    count, unit = int(term[1:-1]), term[-1]
    if unit == "D":
        return age_s >= count * 86_400
    months = start.month - 1 + count * (12 if unit == "Y" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    following = date(year + month // 12, month % 12 + 1, 1).toordinal() - date(year, month, 1).toordinal()
    return now >= start.replace(year=year, month=month, day=min(start.day, following)).timestamp()


class Oracle:
    """One file."""

    def __init__(self, text: str, now: float) -> None:
        self.raw: dict[str, Any] = tomllib.loads(text)
        self.now = now
        self._named: dict[tuple[str, str, str, str], dict[str, Any] | None] = {}

    def permits(self, case: Case) -> bool:
        """Whether the file permits the case; nothing that it does not name."""
        rule = self._rule(case)
        return (
            rule is not None
            and case.known
            and (case.role != "data_subject" or case.own)
            and not ((case.restricted and not self._looks(case)) or case.erased)
            and (rule["basis"] != "consent" or all(case.given))
            and not self._gone(rule, case)
            and case.fields <= set(rule["fields"])
            and self._fine(rule, case)
            and self._act(rule, case)
            and self._let_in(case)
            and not (case.child and case.purpose in MARKETING)
        )

    def _looks(self, case: Case) -> bool:
        """Whether the person reads or takes a copy of their own data, restricted or not (GDPR Art. 18(2))."""
        return case.role == "data_subject" and case.own and case.action in ("read", "export") and case.recipient is None

    def finest(self, rule: dict[str, Any], case: Case) -> int | None:
        """The finest position, None for a category without one: of file, rule, age, consent and childhood the coarsest."""
        if "lat" not in rule["fields"]:
            return None
        levels = [LEVELS[rule["precision"]], LEVELS[self.raw["location"]["precision"]]]
        for step, before in zip(rule.get("step", []), [rule, *rule.get("step", [])], strict=False):
            if over(before["retention"], self.now, case.age_s):
                levels.append(LEVELS[step["precision"]])
        if rule["basis"] == "consent":
            levels.append(case.consented)
        if case.child:
            levels.append(LEVELS["cell_1km"])
        return max(levels)

    def told(self, case: Case) -> tuple[int, set[str]]:
        """Precision (6 without positions) and fields that a permitted case lets out."""
        rule = self._rule(case)
        assert rule is not None
        finest = self.finest(rule, case)
        fields = set(case.fields or rule["fields"])
        if finest is None:
            return 6, fields
        precision = finest if case.wanted is None else max(finest, case.wanted)
        return precision, fields - ({"speed", "course"} if precision > 0 else set())

    def _rule(self, case: Case) -> dict[str, Any] | None:
        """The rule that names category and purpose, if some role table lets the role act for it."""
        key = (case.category, case.purpose, case.role, case.action)
        if key not in self._named:
            rules = [r for r in self.raw["rule"] if r["category"] == key[0] and key[1] in r["purpose"]]
            grants = self.raw["roles"].get(case.role, [])
            may = any(case.action in grant["actions"] and case.purpose in grant["purposes"] for grant in grants)
            self._named[key] = rules[0] if rules and may else None
        return self._named[key]

    def _gone(self, rule: dict[str, Any], case: Case) -> bool:
        """The last term is over. Terms of another clock than the capture have not begun in these cases."""
        if rule["clock"] != "captured":
            return False
        last = [rule, *rule.get("step", [])][-1]["retention"]
        return over(last, self.now, case.age_s) or (case.child and over("P30D", self.now, case.age_s))

    def _fine(self, rule: dict[str, Any], case: Case) -> bool:
        finest = self.finest(rule, case)
        if finest is None:
            return True
        if finest == LEVELS["none"] or (case.wanted is not None and case.wanted < finest):
            return False
        return not (case.fields & {"speed", "course"} and max(finest, case.wanted or 0) > 0)

    def _act(self, rule: dict[str, Any], case: Case) -> bool:
        """What single actions ask for beside the rest."""
        if case.action in ("sense", "ingest") and "stream" not in rule:
            return False
        if case.action == "terminal" and rule["basis"] != "consent":
            return False
        if case.action == "statistics":
            inputs = self.raw.get("stats", {}).get("inputs", [])
            if not all(f"{case.category}.{field}" in inputs for field in case.fields or rule["fields"]):
                return False
        if case.action == "mail" and not self._mail(case):
            return False
        if case.action == "disclose" and case.recipient is None:
            return False
        return case.recipient is None or self._received(rule, case)

    def _received(self, rule: dict[str, Any], case: Case) -> bool:
        found = [r for r in self.raw["recipient"] if r["id"] == case.recipient and r["id"] in rule["recipients"]]
        if not found or found[0]["region"] not in self.raw["transfer"]["allowed"]:
            return False
        if not found[0].get("enabled", True):
            return False
        if found[0]["kind"] == "authority" and not (case.reference and case.approvals >= 2):
            return False
        return all(f"{case.category}.{field}" in found[0]["fields"] for field in self.told(case)[1])

    def _mail(self, case: Case) -> bool:
        if not case.content:
            return False
        found = max(case.content, key=STRICTEST.index)
        meant = CLASSES.get(case.purpose, "service")
        return found == meant and (found in ("safety", "legal", "security") or case.mails < 4)

    def _let_in(self, case: Case) -> bool:
        """Staff by a grant and a second factor; relatives by a relation."""
        access = self.raw.get("access", {}).get("roles", [])
        if case.role in ("staff", "support") or case.role in access:
            return case.role in access and (case.action == "statistics" or case.grant == "good") and case.mfa
        return case.role not in RELATIVES or case.own or case.related
