"""`byleave policy new`: questions, answers of a file, defaults of a profile; each file that it writes has no gap."""

from __future__ import annotations

import itertools
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud_sync.cli.policy import policy as command
from cloud_sync.errors import ConfigError
from cloud_sync.model import LawfulBasis, Precision, Stream
from cloud_sync.policy import lint, load_policy
from cloud_sync.policy.answers import KEYS, QUESTIONS, answers_of, settled, told
from cloud_sync.policy.draft import draft
from tests.unit.cloud_sync.policy.policy_world import loaded

RUNNER = CliRunner()


def new(path: Path, *options: str, text: str | None = None) -> Any:
    """Run the command on a file; `text` is what somebody types."""
    return RUNNER.invoke(command, ["new", str(path), *options], input=text)


def test_without_questions_the_defaults_make_a_policy(tmp_path: Path) -> None:
    """It loads, and its comments name every question with its reason."""
    path = tmp_path / "p.toml"
    result = new(path, "--defaults")
    assert result.exit_code == 0, result.output
    assert lint(path) == []
    said = " ".join(path.read_text("utf-8").replace("\n#", "").split())
    for question in QUESTIONS:
        assert f"{question.key}: " in said
        assert question.why in said


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Not by defaults, not by answers, and before a question is asked."""
    path = tmp_path / "p.toml"
    path.write_text("mine")
    for options in (["--defaults"], []):
        result = new(path, *options, text="\n" * 40)
        assert result.exit_code == 1
        assert "is not overwritten" in result.output
        assert "called?" not in result.output
    assert path.read_text() == "mine"


def test_each_question_has_a_default_and_a_reason(tmp_path: Path) -> None:
    """Return at each question is the same as --defaults; question, reason and default are shown."""
    asked, plain = tmp_path / "asked.toml", tmp_path / "plain.toml"
    result = new(asked, text="\n" * len(QUESTIONS))
    assert result.exit_code == 0, result.output
    new(plain, "--defaults")
    assert asked.read_bytes() == plain.read_bytes()
    usual = settled({})
    for question in QUESTIONS:
        assert question.asks in result.output
        assert f"({question.why})" in result.output
        assert f"{question.key} [{usual[question.key]}]" in result.output


def test_typed_answers_reach_the_file_and_a_wrong_one_is_asked_again(tmp_path: Path) -> None:
    """A processor in Romania tracks goods; three answers are none at first, each with a sentence."""
    path = tmp_path / "p.toml"
    typed = {"name": "Freight & Söhne", "role": "controler\nprocessor", "country": "XX\nro", "tracked": "goods"}
    typed |= {"sensors": "position light", "keep": "for ever\nP30D", "recipients": "host:sub_processor", "groups": "y"}
    result = new(path, text="".join(typed.get(key, "") + "\n" for key in KEYS))
    assert result.exit_code == 0, result.output
    assert result.output.count("is no answer") == 3
    policy = load_policy(path)
    assert (policy.role, policy.country, policy.controller and policy.controller.name) == (
        "processor",
        "RO",
        "Freight & Söhne",
    )
    rules = {rule.category: rule for rule in policy.rules if rule.stream not in (None, Stream.STATUS)}
    assert set(rules) == {"position", "environment"}
    assert rules["environment"].fields == ("time", "light")
    assert rules["position"].instruction
    assert rules["position"].retention.text == "P30D"
    assert policy.recipients["host"].agreement
    assert "account_holder" in {role for role, _, _ in policy.grants}


def test_an_end_of_the_input_is_told_and_writes_nothing(tmp_path: Path) -> None:
    """Without a terminal and without answers the command says what to do."""
    path = tmp_path / "p.toml"
    result = new(path, text="Some name\n")
    assert result.exit_code == 1
    assert "use --defaults, or --answers FILE" in result.output
    assert not path.exists()


@pytest.mark.parametrize("form", ["toml", "json"])
def test_answers_of_a_file_need_no_question(tmp_path: Path, form: str) -> None:
    """Texts, true and false, lists; what is missing is the default."""
    said = {
        "tracked": "people",
        "children": True,
        "sensors": ["position", "motion"],
        "news": True,
        "name": 'A "B" \\ C',
    }
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in said.items())
    file, path = tmp_path / f"a.{form}", tmp_path / "p.toml"
    file.write_text(json.dumps(said) if form == "json" else lines)
    result = new(path, "--answers", str(file))
    assert result.exit_code == 0, result.output
    policy = load_policy(path)
    assert policy.controller is not None
    assert policy.controller.name == 'A "B" \\ C'
    assert policy.precision is Precision.CELL_1KM
    assert {rule.basis for rule in policy.rules_of("position")} == {LawfulBasis.CONSENT}
    assert policy.consent_rules("newsletter")
    assert tomllib.loads(path.read_text("utf-8"))["children"]["policy_floor"] == {"other": 16}


# what a file says: the sentence
REFUSED = {
    'colour = "red"': "colour: nobody asks for it",
    'role = "owner"': "role: 'owner' is no answer; write one of controller, processor",
    'country = "US"': "country of the European Economic Area",
    'keep = "P30Y"': "P1D to P3Y",
    'keep = "PT1H"': "P1D to P3Y",
    'deadline = "P30D"': "P30D is later than a month",
    'recipients = "host:friend"': "a kind is one of",
    'recipients = "host:processor, host:authority"': "each recipient once",
    'sensors = "camera"': "some of position, temperature, light, motion",
    "keep = 90": "write a text, true or false, or a list of texts",
    'name = "two\\nlines"': "one line",
    'email = "somebody"': "an address of the company",
    "role = ": "neither TOML nor JSON",
    '{"role": ': "neither TOML nor JSON",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_wrong_file_of_answers_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    """Exit code 1, no file, and the name of what is wrong."""
    file, path = tmp_path / "a.toml", tmp_path / "p.toml"
    file.write_text(text)
    result = new(path, "--answers", str(file))
    assert result.exit_code == 1
    assert REFUSED[text] in result.output
    assert not path.exists()


@pytest.mark.parametrize("profile", ["ct", "cg", "mm", "st", "tt", "demo"])
def test_a_profile_gives_the_defaults(tmp_path: Path, profile: str) -> None:
    """Role, country and deadline are the profile's; nothing of it is called stated, and its name is nowhere."""
    path = tmp_path / "p.toml"
    result = new(path, "--from", profile, "--defaults")
    assert result.exit_code == 0, result.output
    assert lint(path) == []
    made, source = load_policy(path), load_policy(f"cloud_sync/policy/profiles/{profile}.toml")
    assert (made.role, made.country, made.rights.deadline) == (source.role, source.country, source.rights.deadline)
    assert made.origin is None
    assert source.controller is not None
    assert source.controller.name not in path.read_text("utf-8")


def test_an_answer_goes_before_the_profiles(tmp_path: Path) -> None:
    """--from and --answers together: the file of answers wins; a policy file may stand for a profile."""
    file, path = tmp_path / "a.toml", tmp_path / "p.toml"
    file.write_text('country = "NL"')
    assert new(path, "--from", "cloud_sync/policy/profiles/cg.toml", "--answers", str(file)).exit_code == 0
    policy = load_policy(path)
    assert policy.country == "NL"
    assert policy.precision is Precision.EXACT


def test_an_unknown_profile_is_told_of(tmp_path: Path) -> None:
    """With the names that there are."""
    result = new(tmp_path / "p.toml", "--from", "xx", "--defaults")
    assert result.exit_code == 1
    assert "name one of cg, ct, demo, mm, st, tt, or a policy file" in result.output


def test_every_combination_of_answers_has_no_gap(tmp_path: Path) -> None:
    """Whoever is tracked, by whomever, with whatever sensors: no finding, and the ground that the answers call for."""
    path, seen = tmp_path / "p.toml", set()
    sensors = ("none", "position", "temperature", "light, motion", "position, temperature, light, motion")
    rest = itertools.cycle([("no", "none", "P1D"), ("yes", "a:processor, b:third_party, c:authority", "P1M")])
    for role, tracked, employees, sensed in itertools.product(
        ("controller", "processor"), ("people", "vehicles", "goods"), ("yes", "no"), sensors
    ):
        each, recipients, keep = next(rest)
        said = {"role": role, "tracked": tracked, "employees": employees, "sensors": sensed, "recipients": recipients}
        said |= {"keep": keep, "children": each, "groups": each, "news": each}
        path.write_text(draft(settled(said)), "utf-8")
        assert lint(path) == [], said
        for rule in load_policy(path).rules:
            if rule.stream not in (None, Stream.STATUS):
                seen.add((role, tracked, employees, rule.basis))
    for role, tracked, employees, basis in seen:
        if employees == "yes":
            assert basis is LawfulBasis.LEGITIMATE_INTEREST
        elif (role, tracked) == ("controller", "people"):
            assert basis is LawfulBasis.CONSENT
        else:
            assert basis is LawfulBasis.CONTRACT
    assert len(seen) == 12


def test_answers_are_read_off_a_policy() -> None:
    """CT: processor in Denmark, exact positions for ninety days, all four sensors, people who share an account."""
    found = answers_of(load_policy("cloud_sync/policy/profiles/ct.toml"))
    assert dict(found) == {
        "role": "processor",
        "country": "DK",
        "deadline": "P1M",
        "sensors": "position, temperature, light, motion",
        "precision": "exact",
        "keep": "P90D",
        "groups": "yes",
        "news": "no",
    }


def test_what_is_no_answer_is_no_default(tmp_path: Path) -> None:
    """A policy of joint controllers has no answer to the question of the role: it stays the question's own default."""
    text = Path("cloud_sync/policy/profiles/demo.toml").read_text("utf-8")
    assert answers_of(loaded(tmp_path, text))["role"] == "controller"
    joint = text.replace('role = "controller"', 'role = "joint_controller"')
    joint = joint.replace("visible_to_user = true", 'visible_to_user = true\narrangement = "JCA-1"')
    assert "role" not in answers_of(loaded(tmp_path, joint))


def test_values_of_other_kinds_are_no_answers() -> None:
    """A date, a table, a list of numbers."""
    values: tuple[object, ...] = ({}, [1], 1.5, None)
    for value in values:
        with pytest.raises(ConfigError, match="write a text"):
            told({"keep": value})
