"""Logs: one line each, and nothing of anybody in them, whatever an error quotes."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from cloud_sync.logs import JsonLines, Sentences

FORMS = [JsonLines(), Sentences()]


def record(name: str, message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    """A record as `logging` makes it."""
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, info)


def failed() -> BaseException:
    """An error that quotes a person."""
    try:
        raise ValueError("no position 55.67,12.57 of s-1")
    except ValueError:
        caught = sys.exc_info()[1]
        assert caught is not None
        return caught


def test_a_line_has_time_level_place_and_event() -> None:
    """As JSON, and as a sentence."""
    made = record("cloud_sync.retention.sweep", "%d rows", 3)
    line = json.loads(JsonLines().format(made))
    assert (line["level"], line["from"], line["event"]) == ("error", "cloud_sync.retention.sweep", "3 rows")
    assert line["at"].endswith("Z") and "error" not in line
    assert Sentences().format(made).endswith("ERROR cloud_sync.retention.sweep: 3 rows")


@pytest.mark.parametrize("form", FORMS)
def test_an_error_is_told_without_its_words(form: logging.Formatter) -> None:
    """Its type and the line where it arose; not what it says."""
    text = form.format(record("cloud_sync.facade.running", "the sweep failed", error=failed()))
    assert "ValueError" in text and "test_logs.py:" in text and "failed" in text
    assert "55.67" not in text and "s-1" not in text and "\n" not in text


@pytest.mark.parametrize("form", FORMS)
def test_other_packages_are_not_quoted(form: logging.Formatter) -> None:
    """Only that one said something."""
    text = form.format(record("paho.mqtt.client", "payload %s", "s-1"))
    assert "paho.mqtt.client" in text and "another package" in text and "s-1" not in text


@pytest.mark.parametrize("form", FORMS)
def test_a_line_is_one_line(form: logging.Formatter) -> None:
    """Whatever is in it [a forged second line]."""
    assert "\n" not in form.format(record("cloud_sync.x", "one\ntwo"))
