"""The page of an export that a person reads first: what is in which file, and what is in none, and why."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from cloud_sync.policy import Policy
from cloud_sync.read.rows import iso

if TYPE_CHECKING:
    from cloud_sync.disclosure.copied import Export

_WORDS: Final = {
    "location": "Positions of your devices",
    "places": "Places that were entered and left",
    "environment": "Temperature and light",
    "motion": "Motion and shocks",
    "status": "What your devices said about themselves",
    "consent_ledger": "Your answers, each with its proof",
    "audit": "Entries of the tamper-evident log about you",
    "reads": "Who used your data, when and for what, and who was refused",
    "disclosures": "To whom your data went",
    "staff": "When staff were let in, and for which ticket",
    "relations": "Who may see your data by a relation to you",
    "devices": "Your devices",
    "policy": "Purposes, grounds, terms, recipients, rights",
    "limits": "The zones and hours that you set",
    "alarms": "The alarms that you set",
    "holds": "What is kept for a legal claim or an authority",
    "cases": "What you asked under your rights, and what became of it",
    "restrictions": "What is stored and not used, and since when",
    "groups_and_age": "Groups that you belong to, and who answers for you",
}
_STYLE: Final = (
    "body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
    "td,th{padding:.2em 1em .2em 0;text-align:left}"
)


def index_page(export: Export, policy: Policy) -> str:
    """HTML without scripts and without anything that is fetched."""
    title = "A copy of your data" if export.kind.value == "access" else "Your data, to take elsewhere"
    files = "".join(
        f"<tr><td><a href='{escape(file.name)}'>{escape(file.name)}</a><td>{escape(_WORDS.get(file.about, file.about))}"
        f"<td>{escape(file.purpose)}<td>{file.count}<td>{escape(_remarks(file.stopped, file.unreadable))}"
        for file in export.files
    )
    withheld = "".join(
        f"<tr><td>{escape(_WORDS.get(what, what))}<td>{escape(purpose)}<td>{escape(why.replace('_', ' '))}"
        for what, purpose, why in export.withheld
    )
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title><style>{_STYLE}</style>"
        f"<h1>{title}</h1><p>Of {escape(export.subject)}, as of {iso(export.at)}, under policy {escape(policy.id)} of"
        f" {escape(policy.version)}. Times are UTC. Each file is JSON, a record a line. This folder is yours: no term of the"
        " policy reaches it, so delete it when you need it no longer.</p>"
        f"<table><tr><th>file<th>what<th>for<th>records<th>{files}</table>"
        + (f"<h2>Not in this copy</h2><table><tr><th>what<th>for<th>why{withheld}</table>" if withheld else "")
        + f"<p>You may complain to the supervisory authority ({escape(policy.authority)}).</p></html>\n"
    )


def _remarks(stopped: str, unreadable: int) -> str:
    parts = [f"ended early: {stopped.replace('_', ' ')}"] if stopped else []
    if unreadable:
        parts.append(f"{unreadable} envelopes did not open")
    return "; ".join(parts)
