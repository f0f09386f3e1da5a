"""The catalogue in words: examples, and the table of `docs/simulator/faults.md`."""

from __future__ import annotations

import json
from collections.abc import Iterable

from hw_sim.faults.fault import Fault, Parameter


def as_toml(fault: Fault) -> str:
    """An entry of a scenario that begins the fault a minute after the start, with the example's parameters."""
    lines = ["[[fault]]", f'name = "{fault.name}"', "at_s = 60"]
    if fault.lasts:
        lines.append("for_s = 30")
    if fault.example:
        values = ", ".join(f"{name} = {json.dumps(value)}" for name, value in fault.example.items())
        lines.append(f"parameters = {{ {values} }}")
    return "\n".join(lines)


def as_python(fault: Fault) -> str:
    """The same for a test with the fixtures of the pytest plugin."""
    values = "".join(f", {name}={value!r}" for name, value in fault.example.items())
    if not fault.lasts:
        return f'fault("{fault.name}"{values})\nboard.run(for_s=30)'
    return f'with fault("{fault.name}"{values}):\n    board.run(for_s=30)'


def table(faults: Iterable[Fault]) -> str:
    """A Markdown table of faults, part by part."""
    lines: list[str] = []
    part = ""
    for fault in faults:
        if fault.part != part:
            part = fault.part
            lines += ["", f"### {part}", "", "| fault | what happens | parameters | source |", "|---|---|---|---|"]
        parameters = "<br>".join(_parameter(name, p) for name, p in fault.parameters.items())
        summary = fault.summary if fault.lasts else f"{fault.summary} *At once.*"
        lines.append(f"| `{fault.name}` | {_cell(summary)} | {parameters} | {_cell(fault.source)} |")
    return "\n".join(lines).strip() + "\n"


def _parameter(name: str, parameter: Parameter) -> str:
    unit = f" {parameter.unit}" if parameter.unit else ""
    bounds = f" ({parameter.bounds})" if parameter.bounds else ""
    return _cell(f"`{name} = {json.dumps(parameter.default)}`{unit}{bounds}: {parameter.about}")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
