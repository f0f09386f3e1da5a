"""What a key of a policy file may hold: names, periods, regions, and the closed words of the product.

Durations on the wire are whole seconds (docs/wire-format.md section 7), so a device takes only periods without months.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from cloud_sync.policy.period import Period
from cloud_sync.policy.vocabulary import PRECISIONS, SENSORS, STREAMS


def _period(value: Any) -> Period:
    if isinstance(value, Period):
        return value
    if not isinstance(value, str):
        raise ValueError("a period is text such as P90D")
    return Period.parse(value)


def _exact_seconds(period: Period) -> Period:
    if period.months:
        raise ValueError("a device counts seconds: use days or hours, not months or years")
    return period


def _some(period: Period) -> Period:
    if period.longest_s == 0:
        raise ValueError("must be longer than zero")
    return period


def _member(words: Any) -> BeforeValidator:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"unknown; one of {', '.join(words)}")
        return value

    return BeforeValidator(check)


# Names end in audit entries, directory listings and tables: no spaces, no control characters, at most 40.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
QualifiedField = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}$")]
Reference = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./()-]{0,79}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
# As it stands on the published text, "1.0/2022" among others; it is shown, and names no file.
Edition = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,39}$")]
Label = Annotated[str, Field(pattern=r"^\w[\w .,'/()-]{0,59}$")]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2,3}$")]
# A name of a machine in lower case, as a certificate has it.
Host = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
# A sentence for people: one line, no control characters; what a report makes of it is escaped there.
Words = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
Email = Annotated[str, Field(max_length=120, pattern=r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$")]
Phone = Annotated[str, Field(pattern=r"^\+[0-9][0-9 ]{5,23}$")]
Term = Annotated[Period, BeforeValidator(_period)]
Span = Annotated[Period, BeforeValidator(_period), AfterValidator(_some)]
Seconds = Annotated[Period, BeforeValidator(_period), AfterValidator(_exact_seconds), AfterValidator(_some)]
PrecisionName = Annotated[str, _member(PRECISIONS)]
SensorName = Annotated[str, _member(SENSORS)]
StreamName = Annotated[str, _member(STREAMS)]


class Table(BaseModel):
    """A table of a policy file: unknown keys are errors, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=False)
