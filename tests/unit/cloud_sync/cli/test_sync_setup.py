"""`sync init`, `enrol`, `devices`, and what goes wrong around an installation."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path

import pytest

from cloud_sync.cli import policy, sync
from cloud_sync.cli.atwork import at_work, policy_at_work
from cloud_sync.config import Config
from cloud_sync.wire import codec
from tests.unit.cloud_sync.cli.cli_world import PROOF, RUNNER, Installation
from tests.unit.cloud_sync.ingest.ingest_world import POLICY

READ = ("read", "s-1", "--purpose", "tracking", "--actor", "s-1", "--role", "data_subject")


def mode(path: Path) -> int:
    """Permission bits."""
    return path.stat().st_mode & 0o777


def test_init_makes_an_installation_that_opens(depot: Installation) -> None:
    """Keys and stores are private, the configuration is commented and read back, the policy is the demo's, and says so."""
    for name in ("kek", "audit.key", "telemetry.db", "keys.db", "tombstones.db"):
        assert mode(depot.home / name) == 0o600, name
    assert mode(depot.home) == 0o700
    assert (depot.home / "policy.toml").read_bytes() == POLICY.read_bytes()
    text = depot.config_file.read_text()
    assert all(name in text for name in ("# The key store", "password_file", "docs/operating.md"))
    broker = Config.from_toml(depot.config_file).broker
    assert broker is not None and broker.address == ("127.0.0.1", 1)
    assert depot.ask("audit", "check") == {"holds": True, "entries": 1, "against": None}
    told = RUNNER.invoke(sync, ["init", str(depot.directory / "other")]).stdout
    assert "the policy is the demo's" in told and "next: byleave sync serve -c" in told


def test_init_takes_a_policy_and_an_ipv6_broker(depot: Installation, tmp_path: Path) -> None:
    """The policy named is copied, and the demo's is not spoken of."""
    own = tmp_path / "own.toml"
    own.write_text(POLICY.read_text() + "\n# ours\n")
    result = RUNNER.invoke(sync, ["init", str(tmp_path / "b"), "--policy", str(own), "--broker", "[::1]:8883"])
    assert result.exit_code == 0 and "demo" not in result.stdout
    assert (tmp_path / "b" / "policy.toml").read_bytes() == own.read_bytes()
    broker = Config.from_toml(tmp_path / "b" / "cloud-sync.toml").broker
    assert broker is not None and broker.address == ("::1", 8883)


def test_init_refuses_what_it_would_overwrite_or_cannot_use(depot: Installation, tmp_path: Path) -> None:
    """A folder with something in it, a broker without a port: 1; a policy with a gap: 2. Nothing is left behind."""
    before = depot.config_file.read_bytes()
    again = RUNNER.invoke(sync, ["init", str(depot.home)])
    assert again.exit_code == 1 and "is not empty" in again.stderr
    assert depot.config_file.read_bytes() == before
    for broker in ("localhost", "localhost:0", "localhost:70000", ":1883"):
        wrong = RUNNER.invoke(sync, ["init", str(tmp_path / "x"), "--broker", broker])
        assert wrong.exit_code == 1 and "write HOST:PORT" in wrong.stderr
    gap = tmp_path / "gap.toml"
    gap.write_text(POLICY.read_text().replace('retention = "P90D"\n', "", 1))
    refused = RUNNER.invoke(sync, ["init", str(tmp_path / "x"), "--policy", str(gap)])
    assert refused.exit_code == 2 and "rule[0].retention" in refused.stderr
    assert not (tmp_path / "x").exists()


def test_enrol_writes_a_private_file_and_tells_no_secret(depot: Installation, tmp_path: Path) -> None:
    """Mode 0600, the documented array; neither the root nor a password is in the output; the warning is."""
    out = tmp_path / "e"
    told = depot.do("enrol", "s-1", "--settings", str(depot.settings), "--out", str(out)).output
    _, device, root, _, _, _, settings = codec.unpack(out.read_bytes())
    assert mode(out) == 0o600 and "correct-horse" in settings
    assert device in told and "delete it" in told
    for secret in (root.hex(), base64.b64encode(root).decode(), "correct-horse", "staple"):
        assert secret not in told
    [row] = depot.ask("devices")
    assert (row["device"], row["subject"], row["directive_sent"], row["revoked_at"]) == (device, "s-1", 0, None)
    assert depot.ask("devices", "--subject", "s-2") == []
    assert device in depot.do("devices").stdout


def test_enrol_overwrites_nothing_and_enrols_nothing_then(depot: Installation, tmp_path: Path) -> None:
    """An existing file stays as it is; with settings that are no object no file is left; no device comes of either."""
    taken = tmp_path / "taken"
    taken.write_text("mine")
    refused = depot.do("enrol", "s-1", "--settings", str(depot.settings), "--out", str(taken), code=1)
    assert "exists already" in refused.stderr and taken.read_text() == "mine"
    for text, why in (
        ("[1]", "JSON object"),
        ('{"key": "hunter2"', "is not JSON"),
        ('{"a": "' + "x" * 5000 + '"}', "longer"),
    ):
        depot.settings.write_text(text)
        wrong = depot.do("enrol", "s-1", "--settings", str(depot.settings), "--out", str(tmp_path / "new"), code=1)
        assert why in wrong.stderr and "hunter2" not in wrong.output
        assert not (tmp_path / "new").exists()
    assert depot.ask("devices") == []


@pytest.mark.parametrize("name", ["Anna Jensen", "a@b.dk", "", "x" * 65])
def test_a_subject_is_a_pseudonym(depot: Installation, name: str) -> None:
    """A name or an address is refused before anything is stored, with 1 and not with the 2 of a denial."""
    for words in (
        ("enrol", name, "--settings", "x", "--out", "y"),
        ("consent", "show", name),
        ("erase", name, "--yes"),
    ):
        assert "never a name or an address" in re.sub(r"[\s│]+", " ", depot.do(*words, code=1).stderr)
    assert depot.ask("devices") == []


def test_a_mistyped_command_is_an_error_and_no_denial(depot: Installation) -> None:
    """An option that is missing or unknown ends with 1; the same read, denied, with 2."""
    depot.do(*READ, "--nonsense", code=1)
    depot.do(*READ[:-2], code=1)
    depot.do(*READ, "--precision", "street", code=1)
    depot.do("consent", "give", "s-1", "tracking", code=1)
    depot.do(*READ, code=2)


def test_a_missing_installation_or_store_says_what_to_do(depot: Installation) -> None:
    """No configuration: how to make one. A store that is gone is never replaced by an empty one."""
    nowhere = RUNNER.invoke(sync, ["devices", "-c", str(depot.directory / "none.toml")])
    assert nowhere.exit_code == 1 and "byleave sync init" in nowhere.stderr
    for name in ("telemetry.db", "keys.db", "tombstones.db"):
        kept = depot.home / f"{name}.away"
        shutil.move(depot.home / name, kept)
        assert "the store is missing" in depot.do("devices", code=1).stderr
        assert "the store is missing" in depot.do("serve", code=1).stderr
        assert not (depot.home / name).exists()
        shutil.move(kept, depot.home / name)
    depot.do("devices")


def test_the_installation_is_found_by_its_variable(depot: Installation) -> None:
    """BYLEAVE_CLOUD_SYNC stands for -c."""
    found = RUNNER.invoke(sync, ["devices", "--json"], env={"BYLEAVE_CLOUD_SYNC": str(depot.config_file)})
    assert (found.exit_code, found.stdout) == (0, "[]\n")


def test_a_service_that_runs_is_neither_doubled_nor_contradicted(depot: Installation) -> None:
    """While it runs: no second one, and no command under another policy file than the one it holds."""
    assert policy_at_work(depot.config) == ""
    depot.enrol()
    with at_work(depot.config):
        assert "already runs" in depot.do("serve", code=1).stderr
        depot.do("devices")
        policy_file = depot.home / "policy.toml"
        policy_file.write_text(POLICY.read_text() + "\n# wider\n")
        for words in (("devices",), ("consent", "give", "s-1", "tracking", "--by", "s-1", *PROOF)):
            assert "restart the service" in depot.do(*words, code=1).stderr
        policy_file.write_bytes(POLICY.read_bytes())
        depot.give()
    assert policy_at_work(depot.config) == ""


def test_a_service_that_died_holds_nothing(depot: Installation) -> None:
    """What it left in the lock file counts only while the lock is held."""
    (depot.home / "telemetry.running").write_text("0" * 64)
    assert policy_at_work(depot.config) == ""
    depot.do("devices")


def test_policy_new_makes_a_policy_without_a_gap_and_overwrites_nothing(tmp_path: Path) -> None:
    """It passes the check; the second time it is refused and stays."""
    file = tmp_path / "policy.toml"
    assert RUNNER.invoke(policy, ["new", str(file), "--defaults"]).exit_code == 0
    assert RUNNER.invoke(policy, ["check", str(file)]).exit_code == 0
    file.write_text("mine")
    assert RUNNER.invoke(policy, ["new", str(file), "--defaults"]).exit_code == 1
    assert file.read_text() == "mine"
