"""The options that prove an answer, written once and shown by every command that records one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import typer

from cloud_sync.consent import Evidence


@dataclass(frozen=True)
class Proof:
    """Who answered, where, how, in which language and to which text; None is the notice of the policy in force."""

    by: Annotated[str, typer.Option("--by", help="Who acted: the person's pseudonym, or who may narrow for them.")]
    channel: Annotated[str, typer.Option(help="Where: app, portal, letter, …")]
    act: Annotated[str, typer.Option(help="What they did: tapped_allow, signed_letter, …")]
    language: Annotated[str, typer.Option(help="Language of the notice that was shown: en, da, …")]
    notice: Annotated[str | None, typer.Option(help="Version of the notice that was shown; default: the policy's.")] = (
        None
    )

    def evidence(self, notice: str) -> Evidence:
        """For the ledger; `notice` is the one in force."""
        return Evidence(self.by, self.notice or notice, self.channel, self.act, self.language)


def with_proof(command: Callable[..., None]) -> Callable[..., None]:
    """The command as the command line shall see it: the options of `Proof` stand in the place of its parameter `proof`."""
    shown: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        shown += _options() if parameter.name == "proof" else [_keyword(parameter)]
    names = [option.name for option in _options()]

    def run(**values: Any) -> None:
        command(proof=Proof(**{name: values.pop(name) for name in names}), **values)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    # `setattr`: a function's own signature is no attribute that types know of (PEP 362).
    setattr(run, "__signature__", inspect.Signature(shown))  # noqa: B010
    return run


def _options() -> list[inspect.Parameter]:
    hints = get_type_hints(Proof, include_extras=True)
    return [
        _keyword(parameter.replace(annotation=hints[name]))
        for name, parameter in inspect.signature(Proof).parameters.items()
    ]


def _keyword(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
