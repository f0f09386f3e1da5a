"""One HTML document that asks nobody for anything: nothing is loaded, nothing runs, the one style sheet is named by its digest."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from hw_sim.errors import HwSimError
from hw_sim.picture.markup import Html, el


def document(title: str, body: Html, style: str) -> str:
    """The whole document as text."""
    sheet = Html("\n" + style)
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("link", rel="icon", href="data:,"),
        el("title", title),
        el("style", sheet),
    )
    return "<!DOCTYPE html>\n" + el("html", head, body, lang="en") + "\n"


def put(text: str, path: Path, what: str) -> int:
    """Writes a page, in a new folder if need be; its size in bytes. HwSimError says why it cannot be written."""
    data = text.encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise HwSimError(f"cannot write the {what} to {path}: {error.strerror}") from error
    return len(data)
