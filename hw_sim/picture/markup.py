"""HTML and SVG as text. Everything from outside is escaped: only `el` makes markup, and only markup does it take as it is."""

from __future__ import annotations

from html import escape
from typing import TypeAlias

VOID = frozenset({"meta", "link", "br"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child: TypeAlias = "str | int | float | None"  # an Html is taken as it is, everything else as text
Attribute: TypeAlias = "str | int | float | None"


def text(value: object) -> Html:
    """Any value as text of a page; control characters, which HTML does not have, as a replacement character."""
    plain = "".join(c if c >= " " or c in "\n\t" else "\ufffd" for c in str(value))
    return value if isinstance(value, Html) else Html(escape(plain, quote=True))


def el(tag: str, *children: Child, **attributes: Attribute) -> Html:
    """One element. An attribute's `_` stands for `-`, one at its end is dropped (`class_`); None leaves it out."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text(_number(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(*children)}</{tag}>")


def join(*children: Child) -> Html:
    """Children one after the other; None is nothing."""
    return Html("".join(text(_number(child)) for child in children if child is not None))


def svg(name: str, title: str, description: str, width: float, height: float, *children: Child) -> Html:
    """A picture that says what it shows: `name` is unique on the page."""
    return el(
        "svg",
        el("title", title, id=f"{name}-title"),
        el("desc", description, id=f"{name}-desc"),
        *children,
        viewBox=f"0 0 {_number(width)} {_number(height)}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        class_="pic",
    )


def table(caption: str, heads: list[str], rows: list[list[Child]], *, numbers: int = 0) -> Html:
    """The numbers behind a figure, folded away; the last `numbers` columns are flush right."""
    first = len(heads) - numbers

    def cell(tag: str, at: int, child: Child) -> Html:
        return el(tag, child, class_="n" if at >= first else None, scope="col" if tag == "th" else None)

    head = el("tr", *[cell("th", at, name) for at, name in enumerate(heads)])
    body = [el("tr", *[cell("td", at, child) for at, child in enumerate(row)]) for row in rows]
    inner = el("table", el("caption", caption, class_="sr"), el("thead", head), el("tbody", *body))
    return folded(caption, el("div", inner, class_="scroll", tabindex=0, role="region", aria_label=caption))


def folded(summary: str, *children: Child) -> Html:
    """More, for whoever opens it."""
    return el("details", el("summary", summary), *children)


def path(points: list[tuple[float, float]]) -> str:
    """Path data through points, to a tenth of a unit."""
    if not points:
        return ""
    (x, y), *rest = points
    return f"M{x:.1f} {y:.1f}" + "".join(f"L{x:.1f} {y:.1f}" for x, y in rest)


def _number(value: Child) -> Child:
    """Coordinates to a hundredth: nobody sees more, and the file stays small."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
