"""How finely, and as what, values come in that no device sealed: CT-60, CG-07, MM-15, MM-28, ST-05, ST-08."""

from __future__ import annotations

import pytest

from cloud_sync.errors import ConfigError
from cloud_sync.policy.lint import lint
from tests.clauses.clause import clause
from tests.clauses.device.intake_world import export, parts, raw, refused, rows_of
from tests.clauses.made import Made, World

IP = "203.0.113.77"
AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Version/17.4 Mobile/15E148 Safari/604.1"
#: What people may write of themselves, whatever they were asked: belief, health, union, politics, origin, orientation.
SENSITIVE = (
    *("Friday prayer at the mosque", "dialysis at ten", "meeting of the union"),
    *("party congress", "papers for the asylum office", "pride week with my husband"),
)


@clause("CT-60", engine="intake", left_out="the portal's page")
def test_ct_60(made: Made) -> None:
    """Of an address the first three bytes are kept, and the person's copy has all five kinds of metadata."""
    world = made.world("ct")
    kinds = {
        "activity": "login",
        "cookie": "session",
        "ip_prefix": IP,
        "device_id": "d-77",
        "interface_use": "map opened",
    }
    for field, value in kinds.items():
        world.cloud.intake.take("metadata", {field: value, "browser": AGENT}, subject="u-1", source="website")
    rows = [row["fields"] for row in rows_of(export(world), "metadata")]
    assert {field for row in rows for field in row} >= set(kinds)
    assert {row["ip_prefix"] for row in rows if "ip_prefix" in row} == {"203.0.113.0/24"}
    assert IP.encode() not in raw(world) and b"203.0.113" not in raw(world)


@clause("MM-28", engine="intake")
def test_mm_28(made: Made) -> None:
    """An address is stored as its network, browser and telephone as their family."""
    world = made.world("mm")
    values = {"ip_prefix": IP, "platform": AGENT}
    world.cloud.intake.take("account", values, subject="u-1", source="site")
    world.cloud.intake.take("account", {"ip_prefix": "2001:db8:1:2:3::4"}, subject="u-1", source="site")
    rows = [row["fields"] for row in rows_of(export(world), "account")]
    assert {"ip_prefix": "203.0.113.0/24", "platform": "iOS"} in rows
    assert {"ip_prefix": "2001:db8:1::/48"} in rows
    with refused(world, "precision_too_fine"):
        world.cloud.intake.take("account", {"ip_prefix": f"{IP} of Anna"}, subject="u-1", source="site")


@clause("CG-07", engine="intake")
def test_cg_07(made: Made) -> None:
    """An area with five decimals is refused; a cell of ten kilometres and the code of a county pass."""
    world = made.world("cg")

    def area(value: str) -> None:
        fields = {"number": "+40700000000", "area": value}
        world.cloud.intake.take("traffic_area", fields, subject="u-1", source="app")

    for fine in ("44.43225,26.10626", "44.4,26.1", "cell_1km/4443/2610", "Strada Exemplu 5"):
        with refused(world, "precision_too_fine"):
            area(fine)
    area("cell_10km/444/261")
    area("RO-B")
    assert parts(world, "traffic_area") == 2


def six_marked(made: Made, world: World, profile: str, source: str, *fields: tuple[str, str]) -> None:
    """Six texts into these fields in turn: each is marked, none lies in the files in the clear, and a policy that counts one
    of the fields is refused.
    """
    cloud = world.cloud
    for text, (category, field) in zip(SENSITIVE, fields * 6, strict=False):
        cloud.intake.take(category, {field: text}, subject="u-1", source=source)
    copy = export(world)
    rows = [row for category in dict(fields) for row in rows_of(copy, category)]
    assert {text for row in rows for text in row["fields"].values()} >= set(SENSITIVE)
    assert all(row.get("may_be_sensitive") == sorted(row["fields"]) for row in rows)
    copied = b"".join((copy.folder / file.name).read_bytes() for file in copy.files)
    stored = raw(world)
    for text in SENSITIVE:
        assert text.encode() in copied and text.encode() not in stored
    for category, field in fields:
        counted = made.text(profile, ("\ninputs = [", f'\ninputs = ["{category}.{field}", '))
        assert [finding.message for finding in lint(counted)] == [
            f"{category}.{field} is what people write or picture freely"
        ]


@clause("MM-15", engine="intake", left_out="the portal's fields")
def test_mm_15(made: Made) -> None:
    """Chat, goal and the label of a picture are marked by what they are, not by what is read in them; nothing indexes them."""
    world = made.world("mm")
    world.tracker()
    six_marked(made, world, "mm", "product_a", ("chat", "text"), ("application", "goal"), ("image", "label"))


@clause("ST-08", engine="intake")
def test_st_08(made: Made) -> None:
    """Six notes of an account: six marks, and none of them is indexed."""
    world = made.world("st")
    notes = next(rule for rule in world.cloud.policy.rules if rule.fields == ("note",))
    six_marked(made, world, "st", "given", (notes.category, "note"))


@clause("ST-05", engine="intake", left_out="the portal's form")
def test_st_05(made: Made) -> None:
    """Name, telephone, e-mail and address of the network are declared; a form that asks for a fifth is refused before
    it is shown.
    """
    cloud = made.world("st").cloud
    cloud.intake.check_form("contact", ["name", "phone", "email"])
    cloud.intake.check_form("ip", ["ip_prefix"])
    with pytest.raises(ConfigError, match="birthday"):
        cloud.intake.check_form("contact", ["name", "phone", "email", "birthday"])
