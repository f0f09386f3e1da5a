"""Whether a mail domain is guarded against others who write in its name: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489).

The TXT records are looked up by whoever calls: nothing here talks to a name server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: TXT records of a name; empty where there are none.
LookUp = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class DomainGuard:
    """What was found; `policy` is that of DMARC, empty without one."""

    spf: bool
    dkim: bool
    policy: str

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not there or guards nothing; empty for a domain that is guarded."""
        found = {
            "spf": self.spf,
            "dkim": self.dkim,
            "dmarc": bool(self.policy),
            "dmarc policy": self.policy not in ("", "none"),
        }
        return tuple(name for name, there in found.items() if not there)


def check_domain(domain: str, selector: str, look_up: LookUp) -> DomainGuard:
    """Look at the three records; `selector` is the one that the domain's own mail is signed with."""
    spf = [text for text in look_up(domain) if text.lower().startswith("v=spf1 ")]
    keys = [_tags(text).get("p", "") for text in look_up(f"{selector}._domainkey.{domain}")]
    dmarc = [_tags(text) for text in look_up(f"_dmarc.{domain}") if text.startswith("v=DMARC1")]
    # More than one SPF or DMARC record counts as none (RFC 7208 section 4.5, RFC 7489 section 6.6.3).
    return DomainGuard(len(spf) == 1, any(keys), dmarc[0].get("p", "").lower() if len(dmarc) == 1 else "")


def _tags(text: str) -> dict[str, str]:
    """Tags of a DKIM or DMARC record: `name=value`, with semicolons between."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}
