"""The words of the reports in one language: those of the policy file first, then those that come with the product."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from cloud_sync.policy import Period, Policy, Rule

LANGUAGES: Final = ("en", "da")
#: Markdown's own marks: a word of the policy file must not become a link, a heading or a tag.
_MARKS: Final = re.compile(r"([\\`*_{}\[\]<>()#!|~])")
_UNITS: Final = (("hour", 3600), ("minute", 60), ("second", 1))
_KIB: Final = 1024


@cache
def texts(language: str) -> Mapping[str, Mapping[str, str]]:
    """The product's words in a language of `LANGUAGES`, by section."""
    text = resources.files(__package__).joinpath("texts", f"{language}.toml").read_text("utf-8")
    return MappingProxyType({name: MappingProxyType(section) for name, section in tomllib.loads(text).items()})


def escaped(text: str) -> str:
    """A text of the policy file as Markdown that shows it and does nothing else."""
    return _MARKS.sub(r"\\\1", text)


class Words:
    """What to call what, in one language. Names that nobody translated stand as they are, without their underscores."""

    def __init__(self, policy: Policy, language: str) -> None:
        self.language = language
        self._texts = texts(language)
        self._own = policy.texts.get(language)

    def head(self, key: str, **names: str) -> str:
        """A heading."""
        return self._texts["head"][key].format(**names)

    def say(self, key: str, **names: object) -> str:
        """A sentence, with names of the policy filled in."""
        return self._texts["say"][key].format(**names)

    def of(self, section: str, name: str) -> str:
        """A closed word of the product, as in `of("basis", "consent")`."""
        return self._texts[section][name]

    def purpose(self, name: str) -> str:
        """What a purpose is."""
        return self._named("purpose", name, self._own.purpose if self._own else {})

    def category(self, name: str) -> str:
        """What a category is."""
        return self._named("category", name, self._own.category if self._own else {})

    def recipient(self, name: str) -> str:
        """Who a recipient is."""
        own = self._own.recipient if self._own else {}
        return escaped(own.get(name) or name.replace("_", " "))

    def question(self, purpose: str) -> str:
        """The question that a consent to a purpose answers."""
        own = self._own.question.get(purpose) if self._own else None
        return escaped(own) if own else self.say("asked", purpose=self.purpose(purpose))

    def _named(self, section: str, name: str, own: Mapping[str, str]) -> str:
        said = own.get(name)
        return escaped(said) if said else self._texts[section].get(name, escaped(name.replace("_", " ")))

    def field(self, rule: Rule, name: str) -> str:
        """A field of a rule, with its unit where a stream has it; its name in the file stands behind it."""
        stream = rule.stream.name.lower() if rule.stream is not None else ""
        said = self._texts["field"].get(f"{stream}.{name}")
        return f"{said} `{name}`" if said else f"`{name}`"

    def taken(self, qualified: str) -> str:
        """A field of a stream, as `stream.field`."""
        said = self._texts["field"].get(qualified)
        return f"{said} `{qualified}`" if said else f"`{qualified}`"

    def region(self, code: str) -> str:
        """A region, with its code."""
        said = self._texts["region"].get(code)
        return f"{said} (`{code}`)" if said else f"`{code}`"

    def period(self, period: Period) -> str:
        """A term in words, with what the file says behind it."""
        return f"{self._spelt(period)} (`{period}`)"

    def seconds(self, seconds: int) -> str:
        """A span of seconds in words."""
        return self._spelt(Period(f"PT{seconds}S", 0, 0, seconds))

    def _spelt(self, period: Period) -> str:
        years, months = divmod(period.months, 12) if period.months % 12 == 0 else (0, period.months)
        parts = [(years, "year"), (months, "month"), (period.days, "day")]
        rest = period.seconds
        if rest % 86_400 == 0:
            parts[-1], rest = (period.days + rest // 86_400, "day"), 0
        for unit, length in _UNITS:
            count, rest = divmod(rest, length)
            parts.append((count, unit))
        said = [f"{count} {self.of('period', unit if count == 1 else unit + 's')}" for count, unit in parts if count]
        return f" {self.of('period', 'and')} ".join(said) or self.of("period", "nothing")

    def size(self, octets: int) -> str:
        """A number of bytes as people say it."""
        if octets < _KIB:
            return f"{octets} B"
        return f"{octets / _KIB:.1f} KiB" if octets < _KIB * _KIB else f"{octets / _KIB / _KIB:.1f} MiB"


def listed(parts: Iterable[str]) -> str:
    """Parts as one line."""
    return ", ".join(parts)
