"""`byleave policy new`: a policy file of one's own, from questions, from answers in a file, or from defaults."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

import cloud_sync.policy
from cloud_sync.cli.common import FINDINGS, fail, sentences
from cloud_sync.cli.files import read_text, write_new
from cloud_sync.errors import ConfigError
from cloud_sync.policy import lint, load_policy
from cloud_sync.policy.answers import QUESTIONS, answer, answers_of, settled, told
from cloud_sync.policy.draft import draft

_PROFILES = Path(cloud_sync.policy.__file__).parent / "profiles"


def new_policy(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")],
    profile: Annotated[
        str,
        typer.Option("--from", metavar="PROFILE", help="Take the defaults from ct, cg, mm, st, tt, demo or a file."),
    ] = "",
    answers: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="Answers as TOML or JSON; nothing is asked.")
    ] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Take every default; nothing is asked.")] = False,
) -> None:
    """Write a commented policy of your own from questions in plain words; it passes the check. Nothing is overwritten.

    Example: byleave policy new policy.toml
    """
    with sentences("policy"):
        if file.exists():  # before fifteen questions, not after them; `write_new` makes sure
            raise ConfigError(f"{file}: exists already and is not overwritten; name another file")
        usual = answers_of(load_policy(_profile(profile))) if profile else {}
        given = told(_read(answers)) if answers is not None else {}
        asked = answers is None and not defaults
        said = _asked(usual) if asked else settled(given, usual)
        write_new(file, draft(said).encode(), mode=0o644)
    if findings := lint(file):
        fail("\n".join(map(str, findings)), FINDINGS)
    typer.echo(f"wrote {file}; read it, then run: byleave policy check {file}")


def _profile(name: str) -> Path:
    """The file of a profile that comes with the product, or a policy file."""
    own = _PROFILES / f"{name}.toml"
    if name.isalnum() and own.is_file():
        return own
    if Path(name).is_file():
        return Path(name)
    known = ", ".join(sorted(path.stem for path in _PROFILES.glob("*.toml")))
    raise ConfigError(f"--from {name}: name one of {known}, or a policy file")


def _read(path: Path) -> Mapping[str, object]:
    text = read_text(path, "a TOML or JSON file of answers")
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f'{path}: is neither TOML nor JSON ({error}); write lines such as role = "controller"'
        ) from error
    return found if isinstance(found, dict) else {}


def _asked(usual: Mapping[str, str]) -> dict[str, str]:
    """Every question once, and again where the answer is none; an end of the input ends the command."""
    done: dict[str, str] = {}
    for question in QUESTIONS:
        typer.echo(f"\n{question.asks}\n  ({question.why})")
        default = usual.get(question.key) or question.default(done)
        while question.key not in done:
            try:
                done[question.key] = answer(question, typer.prompt(question.key, default=default))
            except ConfigError as error:
                typer.echo(str(error), err=True)
            except typer.Abort:
                raise ConfigError("no answers: use --defaults, or --answers FILE") from None
    return done
