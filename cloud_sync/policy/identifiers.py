"""Fields that tell of a person only indirectly: numbers of devices, cards, vehicles, customers, and network addresses.

GDPR Art. 4(1) names identification numbers, location data and online identifiers; a network address is one even where
somebody else holds the list of names (Court of Justice, C-582/14). So each such field is tagged personal, and a file is refused
that has one without the tag. Beside them stand the fields that people fill freely: these are no input of statistics either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cloud_sync.policy.checks import Gap, Raw, table, tables, words

#: Names, and parts of names between underscores, by which such a field is known [`modem_imei` is an IMEI too].
IDENTIFYING: Final = frozenset(
    [
        *("imei", "iccid", "imsi", "msisdn", "serial", "cell_id", "ip", "mac", "sim", "plate"),
        *("customer_no", "device_id", "mobile_id", "cookie", "account_no"),
    ]
)
#: The tag. What has it is sealed under the person's key, stands in no log, and is no input of statistics.
PERSONAL: Final = frozenset(
    [
        *(
            "imei",
            "iccid",
            "imsi",
            "msisdn",
            "serial",
            "device_serial",
            "sim",
            "sim_id",
            "cell_id",
            "ip",
            "ip_prefix",
            "address_prefix",
            "mac",
        ),
        *("plate", "vehicle_plate", "customer_no", "device_id", "mobile_id", "cookie", "account_no"),
    ]
)
#: What people write or picture freely: it may tell of belief or health, whatever it was meant for (X-22). It is marked as such by
#: its field, never by its content: nothing here reads it for what it might reveal.
FREE: Final = frozenset(
    [
        *("note", "notes", "remark", "text", "question", "message", "subject_matter", "goal", "activity", "label"),
        *("file", "image", "picture", "masked_copy", "comment", "description", "letter", "claim"),
    ]
)


def identifies(field: str) -> bool:
    """Whether a field of this name, or whole parts of it between underscores, tell of a person indirectly."""
    return any(f"_{name}_" in f"_{field}_" for name in IDENTIFYING)


def identifiers_tagged(raw: Raw) -> Iterator[Gap]:
    """Each field that identifies somebody has the tag; none that has it, and no free text, is an input of statistics."""
    for n, rule in enumerate(tables(raw.get("rule"))):
        for k, field in enumerate(words(rule.get("fields"))):
            if identifies(field) and field not in PERSONAL:
                fix = "add it to PERSONAL in cloud_sync/policy/identifiers.py, or give the field a name that says what it is"
                yield Gap(("rule", n, "fields", k), f"{field} identifies somebody and lacks the tag personal", fix)
    for k, name in enumerate(words(table(raw, "stats").get("inputs"))):
        field = name.rpartition(".")[2]
        if field in PERSONAL:
            fix = "take it out: a number of somebody's is no statistic"
            yield Gap(("stats", "inputs", k), f"{name} is tagged personal", fix)
        if field in FREE:
            fix = "take it out: it may tell of belief or health, and nothing reads it for that"
            yield Gap(("stats", "inputs", k), f"{name} is what people write or picture freely", fix)


IDENTIFIER_CHECKS: Final[tuple[Callable[[Raw], Iterator[Gap]], ...]] = (identifiers_tagged,)
