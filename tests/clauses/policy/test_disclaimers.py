"""What a text says about risk, and what it changes: nothing."""

from __future__ import annotations

from cloud_sync.policy import load_policy
from tests.clauses.clause import clause
from tests.clauses.made import Made


@clause("MM-50", engine="controls", left_out="the portal's texts")
def test_mm_50(made: Made) -> None:
    """With a disclaimer among the company's own words all twenty controls stay required, and one that fails is missing as ever."""
    policy = load_policy(made.text("mm"))
    risk = '"what you hand over for it you hand over at your own risk"'
    said = "".join(f"{each} = {risk}\n" for each in sorted(policy.purposes))
    asked = "".join(f"{each} = {risk}\n" for each in sorted(policy.purposes) if policy.consent_rules(each))
    words = f"[text.en.purpose]\n{said}\n[text.en.question]\n{asked}\n[[roles."
    world = made.world("mm", ("[[roles.", words))
    controls = world.cloud.controls
    for each in controls.controls:
        if each.attested:
            controls.attest(each.name, by="dpo-1")
    assert [proof.passed and proof.fresh for proof in controls.test()] == [True] * 20
    assert controls.missing() == []
    world.cloud.config.keys.chmod(0o644)
    controls.test()
    assert controls.missing() == ["files_private"]
