"""What a file must say before anything starts: roles, laws, risk, classes, contacts, what people may see."""

from __future__ import annotations

import json

from cloud_sync.policy import load_policy
from cloud_sync.report.write import reports
from tests.clauses.clause import clause
from tests.clauses.made import Made
from tests.clauses.policy.policy_world import instead, opens_nothing, put, refused, rule, without


@clause("CT-07", engine="lint")
def test_ct_07(made: Made) -> None:
    """The processor adds a purpose of its own without an instruction: refused, exit status 2, and nothing starts."""
    block = rule("ct", "temperature")
    change = without(block, "instruction")
    refused(made.text("ct"))
    refused(made.text("ct", change), "role")
    opens_nothing(made, "ct", change)


@clause("CT-31", engine="lint", left_out="the data map's page; the record of processing is shown in its place")
def test_ct_31(made: Made) -> None:
    """Of two rules on a legal obligation one names no law: one finding at its ground; with both the record of processing
    shows both.
    """
    block = rule("ct", "billing")
    refused(made.text("ct"))
    refused(made.text("ct", without(block, "legal_ref")), "basis")
    kept = json.loads(reports(load_policy(made.text("ct")))["record.json"])["activities"]
    named = {each["category"]: each["reference"] for each in kept if each["basis"] == "legal_obligation"}
    assert set(named) == {"billing", "consent_ledger", "audit"} and all(named.values())


@clause("CT-44", engine="lint")
def test_ct_44(made: Made) -> None:
    """Exact positions are of high risk: unsealed, with easier access or under older keys they are refused; keys of 91 days
    raise one alarm.

    The table alarms at keys older than 90 days, whatever their device; a healed device has new ones.
    """
    block = rule("ct", "exact_location")
    assert 'risk = "high"' in block
    refused(made.text("ct"))
    refused(made.text("ct", instead(block, "encryption", '"none"')), "encryption")
    second = ('staff_mfa = "required"', 'staff_mfa = "offered"')
    refused(made.text("ct", second), *["risk"] * 4)
    refused(made.text("ct", ("[security]\n", '[security]\ndevice_key_max = "P120D"\n')), *["risk"] * 4)
    world = made.world("ct")
    world.tracker()
    world.later(days=89)
    world.sweep()
    assert world.logged("keys.aged") == []
    for _ in range(2):
        world.later(days=2)
        world.sweep()
        assert len(world.logged("keys.aged")) == 1


@clause("CT-54", engine="lint")
def test_ct_54(made: Made) -> None:
    """Each field has a class, entered, sensed or metadata: one without, one with two, and one that is not there are findings."""
    refused(made.text("ct"))
    rest = ('sensor = ["cell_info", ', 'sensor = ["cell_info.time", "cell_info.cell", ')
    refused(made.text("ct", rest), "fields[2]")
    twice = ('sensor = ["cell_info", ', 'sensor = ["cell_info", "metadata", ')
    refused(made.text("ct", twice), "sensor[1]", "metadata[0]")
    gone = ('sensor = ["cell_info", ', 'sensor = ["cell_info", "diary", ')
    refused(made.text("ct", gone), "sensor[1]")


@clause("CT-66", engine="lint", left_out="the portal's page")
def test_ct_66(made: Made) -> None:
    """Without the officer's contact the file is refused; with it, it stands once in the notice."""
    address = 'dpo_email = "dpo@ct.example"\n'
    refused(made.text("ct"))
    refused(made.text("ct", (address, "")), "required")
    opens_nothing(made, "ct", (address, ""))
    assert reports(load_policy(made.text("ct")))["notice.en.md"].count("dpo@ct.example") == 1


@clause("CG-31", engine="lint", left_out="the data map's page; the record of processing is shown in its place")
def test_cg_31(made: Made) -> None:
    """Ten rows of traffic under a file that names no law for them: refused; with it each row's category shows the law."""
    block = rule("cg", "traffic_area")
    refused(made.text("cg", without(block, "legal_ref")), "category")
    world = made.world("cg")
    for n in range(10):
        put(world, "traffic_area", str(n).encode())
    rows = world.cloud.records.of("u-1", "traffic_area")
    kept = json.loads(reports(world.cloud.policy)["record.json"])["activities"]
    laws = {each["category"]: each["reference"] for each in kept}
    assert [laws[row.category] for row in rows] == ["RO Law 506/2004"] * 10


@clause("MM-02", engine="lint")
def test_mm_02(made: Made) -> None:
    """A controller without name, country or registration is refused, each by a finding of its own."""
    refused(made.text("mm"))
    text = made.text("mm").read_text("utf-8")
    lines = {key: next(line for line in text.splitlines() if line.startswith(f"{key} = ")) for key in _SAID}
    for key, (found, more) in _SAID.items():
        refused(made.text("mm", (f"{lines[key]}\n", ""), *more), *found)
    assert load_policy(made.text("mm")).role == "controller"


#: Lines of MM's head, by key: the findings without the line, and what else of the file speaks of it.
_SAID: dict[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...]]] = {
    "name": (("name",), ()),
    "country": (("country",), (('  "policy.country",\n', ""), ('"policy.country" = ["MM-02", "MM-03"]\n', ""))),
    "registration": (("required",), ()),
}


@clause("MM-03", engine="lint")
def test_mm_03(made: Made) -> None:
    """A legal obligation whose law is left empty: one finding, and nothing starts."""
    change = instead(rule("mm", "billing"), "legal_ref", '""')
    refused(made.text("mm"))
    refused(made.text("mm", without(rule("mm", "billing"), "legal_ref")), "basis")
    opens_nothing(made, "mm", change)


@clause("MM-26", engine="lint")
def test_mm_26(made: Made) -> None:
    """Every field is visible, or hidden for maintenance or invoicing: one with neither is a finding, as is a third reason."""
    block = rule("mm", "crm_contact")
    hidden = instead(block, "visible_to_user", "false")
    refused(made.text("mm"))
    refused(made.text("mm", hidden), "visible_to_user")
    refused(made.text("mm", (block, f'{hidden[1]}reason = "analytics"\n')), "reason")
    refused(made.text("mm", (block, f'{hidden[1]}reason = "maintenance"\n')))


@clause("ST-02", engine="reports")
def test_st_02(made: Made) -> None:
    """The register names one controller, in the Netherlands."""
    printed = reports(made.world("st").cloud.policy)
    who = json.loads(printed["record.json"])["controller"]
    assert {key: who.get(key) for key in ("role", "country")} == {"role": "controller", "country": "NL"}
    responsible = printed["notice.en.md"].split("\n## ")[1]
    assert responsible.startswith("Who is responsible") and responsible.count("SmartTrackers") == 1


@clause("ST-13", engine="lint")
def test_st_13(made: Made) -> None:
    """Seven purposes without a ground are seven findings; the profile supplies a ground for each, marked as a default of
    its own.
    """
    seven = ("contact", "enquiry", "given_freely", "account", "order", "environment", "motion")
    refused(made.text("st"))
    refused(made.text("st", *(without(rule("st", each), "basis") for each in seven)), *["basis"] * 7)
    stated = [each.category for each in load_policy(made.text("st")).rules if "basis" in each.stated]
    assert not set(seven) & set(stated)


@clause("TT-02", engine="lint")
def test_tt_02(made: Made) -> None:
    """Of twelve categories with a role each one has it empty: one finding; with all twelve the file passes, and the role is
    the rule's own.
    """
    twelve = ("contact", "order", "billing", "service", "traffic", "country", "flow_raw", "flow_totals", "support_case")
    changes = [
        instead(rule("tt", each), "role", '"controller"') for each in (*twelve, "cookies", "claims", "newsletter")
    ]
    passing = made.text("tt", *changes)
    refused(passing)
    block, changed = changes[-1]
    refused(made.text("tt", *changes[:-1], (block, changed.replace('role = "controller"', 'role = ""'))), "role")
    assert {each.role.value for each in load_policy(passing).rules} == {"controller", "joint_controller"}


@clause("TT-17", engine="lint")
def test_tt_17(made: Made) -> None:
    """Numbers of telephones are personal and under the law on telecommunication: without the law, or the tag, the file is
    refused.
    """
    block = rule("tt", "service")
    _, numbered = instead(
        block, "fields", '["name", "number", "address", "email", "company_no", "customer_no", "msisdn"]'
    )
    refused(made.text("tt", (block, f'{numbered}legal_ref = "DK Telecom Act"\n')))
    refused(made.text("tt", (block, numbered)), "category")
    refused(made.text("tt", without(rule("tt", "traffic"), "legal_ref")), "category")
    untagged = numbered.replace('"msisdn"', '"other_msisdn"')
    refused(made.text("tt", (block, f'{untagged}legal_ref = "DK Telecom Act"\n')), "fields[6]")


@clause("TT-59", engine="lint")
def test_tt_59(made: Made) -> None:
    """Without the officer's contact the file is refused, and nothing starts."""
    address = 'dpo_email = "dpo@tt.example"\n'
    refused(made.text("tt"))
    refused(made.text("tt", (address, "")), "required")
    opens_nothing(made, "tt", (address, ""))
