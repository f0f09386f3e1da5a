"""Security as lists that can be held against something: CT-09, ST-61."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from cloud_sync.access.controls import BASELINE_1
from cloud_sync.cli.release import release as release_cli
from cloud_sync.releases.advisories import overdue, read_advisories
from tests.clauses.clause import clause
from tests.clauses.made import DAY, Made, at
from tests.unit.firmware.update.update_world import FACTORY, Client, World, broker, release

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "docs" / "controls.toml"


def named_in(module: Path) -> set[str]:
    """Names of the tests in a file."""
    tree = ast.parse(module.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_each_control_names_a_test_that_there_is() -> None:
    """The table has the twenty controls of the baseline, in its order, and every test that it names."""
    named = tomllib.loads(TABLE.read_text("utf-8"))["controls"]
    assert list(named) == [control.name for control in BASELINE_1] and len(named) == 20
    for control, test in named.items():
        module, _, name = test.partition("::")
        assert name in named_in(ROOT / module), control


@clause("CT-09", engine="control_proofs", left_out="the agent, the organisation's own proof")
def test_ct_09(made: Made) -> None:
    """Twenty of twenty stand with fresh proof; after thirty-one days none does, and a key file that others may read is found."""
    world = made.world("ct")
    world.tracker()
    controls = world.cloud.controls
    assert len(controls.missing()) == 20
    world.sweep()
    controls.test()
    assert controls.missing() == ["disks_encrypted", "restore_tried"]
    for name in ("disks_encrypted", "restore_tried"):
        controls.attest(name, by="dpo-1")
    proofs = controls.proofs()
    assert len(proofs) == 20 and all(proof.passed and proof.fresh for proof in proofs)
    world.later(days=31)
    assert len(controls.missing()) == 20
    world.sweep()
    world.cloud.config.keys.chmod(0o644)
    controls.test()
    assert "files_private" in controls.missing() and "tags_hold" not in controls.missing()


@clause("ST-61", engine="signatures", left_out="the agent, the organisation's own proof")
def test_st_61(made: Made) -> None:
    """A device takes a signed release of a higher count; one of a stranger, a damaged one and an older one it refuses.

    A build with a critical fault that has been known for seven days fails, on the day before it does not.
    """
    board = World()
    assert board.start() == FACTORY
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
    for refused in (release("0.3.0", key=stranger), release("0.3.1", security=0)):
        board.offer(refused)
        assert not board.contact(Client(broker(refused))), refused.offer
        assert board.start() == FACTORY
    board.install(release("0.2.0", security=2))
    newest = board.running
    assert newest != FACTORY
    older = release("0.1.9", security=1)
    board.offer(older)
    assert not board.contact(Client(broker(older))) and board.start() == newest

    policy = made.world("st").cloud.policy
    path = made.folder / "advisories.toml"
    path.write_text(
        '[[advisory]]\nid = "CVE-2026-0001"\nseverity = "critical"\npublished = 2026-01-15\n'
        '[[advisory]]\nid = "CVE-2026-0002"\nseverity = "critical"\npublished = 2026-01-15\nmended = 2026-01-20\n'
        '[[advisory]]\nid = "CVE-2026-0003"\nseverity = "other"\npublished = 2026-01-15\n'
    )
    known, published = read_advisories(path), at("2026-01-15T00:00")
    assert overdue(policy, known, published + 7 * DAY - 1) == []
    assert [each.id for each in overdue(policy, known, published + 7 * DAY)] == ["CVE-2026-0001"]
    assert [each.id for each in overdue(policy, known, published + 30 * DAY)] == ["CVE-2026-0001", "CVE-2026-0003"]
    told = CliRunner().invoke(release_cli, ["check", str(path), "--policy", str(made.text("st"))])
    assert told.exit_code == 2 and "CVE-2026-0001" in told.output
