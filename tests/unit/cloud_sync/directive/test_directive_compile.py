"""From policy and consents to a permission: every combination, and nothing beyond what a rule opens."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from cloud_sync.directive import Permission, compile_directive, compile_permission
from cloud_sync.model import LocationField, Precision, Sensor, Stream
from cloud_sync.policy import Policy, load_policy
from cloud_sync.wire.directive import from_wire, to_wire

DEMO = Path("cloud_sync/policy/profiles/demo.toml")
TEXT = DEMO.read_text(encoding="utf-8")
POLICY = load_policy(DEMO)
NOTHING = Permission(Sensor(0), Precision.NONE, LocationField(0))


def exact(tmp_path: Path, extra: str = "") -> Policy:
    """The demo policy with exact positions, speed and course, and what `extra` adds."""
    text = TEXT.replace('precision = "cell_100m"', 'precision = "exact"')
    text = text.replace('never = ["location.speed", "location.course"]', "never = []")
    text = text.replace('"lon", "quality"]\np', '"lon", "quality", "speed", "course"]\np')
    path = tmp_path / "exact.toml"
    path.write_text(
        text.replace('purposes = ["marketing"]', 'purposes = ["marketing", "dispatch"]') + extra if extra else text
    )
    return load_policy(path)


DISPATCH = """
[[roles.data_subject]]
actions = ["read"]
purposes = ["dispatch"]

[[rule]]
category = "position"
stream = "location"
sensors = ["gnss"]
fields = ["time", "lat", "lon"]
purpose = ["dispatch"]
basis = "contract"
precision = "cell_10km"
retention = "P30D"
clock = "captured"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true
"""


def test_without_consent_nothing_is_sensed() -> None:
    """No consent, no sensor, no position."""
    assert compile_permission(POLICY, {}) == NOTHING


@pytest.mark.parametrize("purposes", list(itertools.product((False, True), repeat=4)), ids=str)
def test_each_consent_opens_its_own_sensors_and_no_other(purposes: tuple[bool, ...]) -> None:
    """Over all sets of consents the sensors are exactly those of the rules that they open."""
    names = ("tracking", "condition_monitoring", "theft_alarm", "marketing")
    opens = (Sensor.GNSS, Sensor.TEMPERATURE | Sensor.LIGHT, Sensor.MOTION, Sensor(0))
    consents = {name: Precision.EXACT for name, given in zip(names, purposes, strict=True) if given}
    expected = Sensor(0)
    for sensors, given in zip(opens, purposes, strict=True):
        expected |= sensors if given else Sensor(0)
    permission = compile_permission(POLICY, consents)
    assert permission.sensors == expected
    assert permission.precision == (Precision.CELL_100M if purposes[0] else Precision.NONE)
    assert compile_permission(POLICY, consents, restricted=True) == NOTHING


@pytest.mark.parametrize("consented", list(Precision))
def test_precision_is_the_coarser_of_policy_and_consent(consented: Precision) -> None:
    """A person narrows and never widens; country and none need no receiver."""
    permission = compile_permission(POLICY, {"tracking": consented})
    if consented > Precision.REGION:
        assert permission == NOTHING
    else:
        assert permission.precision == max(consented, Precision.CELL_100M)
        assert permission.sensors == Sensor.GNSS


def test_speed_and_course_go_with_exact_alone(tmp_path: Path) -> None:
    """Side fields are permitted where the rule lists them and the position stays exact."""
    policy = exact(tmp_path)
    fine = compile_permission(policy, {"tracking": Precision.EXACT})
    assert (fine.precision, fine.fields) == (Precision.EXACT, LocationField.SPEED_COURSE)
    coarse = compile_permission(policy, {"tracking": Precision.CELL_1KM})
    assert (coarse.precision, coarse.fields) == (Precision.CELL_1KM, LocationField(0))


def test_the_finest_open_purpose_decides(tmp_path: Path) -> None:
    """A rule on contract is open without consent, at its own precision; a consent to a finer purpose makes it finer."""
    policy = exact(tmp_path, DISPATCH)
    assert compile_permission(policy, {}).precision is Precision.CELL_10KM
    assert compile_permission(policy, {"tracking": Precision.CELL_100M}).precision is Precision.CELL_100M
    assert compile_permission(policy, {"tracking": Precision.REGION}).precision is Precision.CELL_10KM
    assert compile_permission(policy, {}, restricted=True) == NOTHING


def test_a_directive_says_what_the_policy_says() -> None:
    """Settings and lease come from the policy, and the directive is one that the wire format accepts."""
    permission = compile_permission(POLICY, {"tracking": Precision.EXACT}, zones=((1, 2),), hours=((0, 60),))
    directive = compile_directive(POLICY, permission, version=7, now=1_800_000_123.9)
    assert (directive.version, directive.issued_at, directive.challenge) == (7, 1_800_000_123, b"")
    assert 0 <= 1_800_000_123 + 30 * 86_400 - directive.lease_until < 600
    assert (directive.interval_s, directive.batch, directive.batch_age_s) == (10, 20, 600)
    assert (directive.spool_age_s, directive.heartbeat_s) == (30 * 86_400, 900)
    assert (directive.zones, directive.hours) == (((1, 2),), ((0, 60),))
    assert from_wire(to_wire(directive)) == directive


def test_the_parts_of_a_permission_by_stream() -> None:
    """Precision and side fields belong to the location stream alone."""
    permission = Permission(Sensor.GNSS | Sensor.LIGHT, Precision.EXACT, LocationField.SPEED_COURSE)
    assert permission.of_stream(Stream.LOCATION) == (Sensor.GNSS, Precision.EXACT, LocationField.SPEED_COURSE)
    assert permission.of_stream(Stream.ENVIRONMENT) == (Sensor.LIGHT, Precision.NONE, LocationField(0))
    assert permission.of_stream(Stream.MOTION) == (Sensor(0), Precision.NONE, LocationField(0))


def test_a_purpose_that_the_person_objects_to_opens_nothing(tmp_path: Path) -> None:
    """Under a contract and under a consent alike; a rule with another purpose as well stays open."""
    old, new = (f'purpose = ["theft_alarm"]\nbasis = "{basis}"' for basis in ("consent", "contract"))
    assert old in TEXT
    path = tmp_path / "policy.toml"
    path.write_text(TEXT.replace(old, new), "utf-8")
    policy, consents = load_policy(path), {"tracking": Precision.EXACT}
    assert compile_permission(policy, consents).sensors == Sensor.GNSS | Sensor.MOTION
    assert compile_permission(policy, consents, closed=frozenset({"theft_alarm"})).sensors == Sensor.GNSS
    assert compile_permission(policy, consents, closed=frozenset({"tracking"})).sensors == Sensor.MOTION


def test_a_purpose_that_the_person_objects_to_makes_nothing_finer() -> None:
    """Of two purposes of one rule the finer is objected to: the position is as coarse as the other needs it."""
    policy = load_policy(DEMO.with_name("ct.toml"))
    consents = {"product_statistics": Precision.CELL_10KM, "market_statistics": Precision.REGION}
    contract = {
        rule.purposes[0] for rule in policy.rules if rule.stream is Stream.LOCATION and rule.basis == "contract"
    }
    assert compile_permission(policy, consents, closed=frozenset(contract)).precision is Precision.CELL_10KM
    closed = frozenset({*contract, "product_statistics"})
    assert compile_permission(policy, consents, closed=closed).precision is Precision.REGION
