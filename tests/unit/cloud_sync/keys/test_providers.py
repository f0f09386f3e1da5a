"""Where the root of all keys comes from: files, the environment, a hardware module, and services that packages add."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError, SealBroken
from cloud_sync.keys import providers
from cloud_sync.keys.providers import is_file, open_provider
from cloud_sync.keys.ring import KeyRing
from cloud_sync.keys.wrap import AesKeyEncryptionKey

KEY = bytes(range(32, 64))
SOFTHSM = next(
    (
        path
        for path in map(Path, ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"))
        if path.exists()
    ),
    None,
)


def holds(provider: object) -> None:
    """What every provider does: what it wraps opens under its identity, and under no other."""
    assert hasattr(provider, "wrap") and hasattr(provider, "unwrap")
    wrapped = provider.wrap(KEY, b"ring/1")
    assert provider.unwrap(wrapped, b"ring/1") == KEY and KEY not in wrapped
    for data, identity in (
        (wrapped, b"ring/2"),
        (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), b"ring/1"),
        (b"", b"ring/1"),
    ):
        with pytest.raises(SealBroken):
            provider.unwrap(data, identity)


def test_a_file_by_path_or_uri(tmp_path: Path) -> None:
    """Made where asked for, and the same key again; without being asked, a missing one is an error."""
    with pytest.raises(ConfigError, match="restore"):
        open_provider(tmp_path / "kek")
    made = open_provider(tmp_path / "kek", create=True)
    wrapped = made.wrap(KEY, b"x")
    for where in (tmp_path / "kek", str(tmp_path / "kek"), f"file:{tmp_path}/kek", f"file://{tmp_path}/kek"):
        assert is_file(where) and open_provider(where).unwrap(wrapped, b"x") == KEY
    holds(made)


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """32 bytes in base64; anything else is refused, and never told."""
    monkeypatch.setenv("BYLEAVE_KEK", base64.b64encode(bytes(range(32))).decode())
    assert not is_file("env:BYLEAVE_KEK")
    holds(open_provider("env:BYLEAVE_KEK"))
    for value in ("", "c2hvcnQ=", "not base64!", base64.b64encode(bytes(33)).decode()):
        monkeypatch.setenv("BYLEAVE_KEK", value)
        with pytest.raises(ConfigError, match="BYLEAVE_KEK") as told:
            open_provider("env:BYLEAVE_KEK")
        assert not value or value not in str(told.value)


def test_a_service_that_a_package_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point of the scheme's name gets the URI; a scheme that nobody provides is an error that names what there is."""
    asked: list[str] = []

    def service(uri: str) -> AesKeyEncryptionKey:
        asked.append(uri)
        return AesKeyEncryptionKey(bytes(range(32)))

    monkeypatch.setattr(EntryPoint, "load", lambda _: service)
    point = EntryPoint("gcpkms", "somewhere:open", providers.GROUP)
    monkeypatch.setattr(providers, "entry_points", lambda group, name: [point] if name == point.name else [])
    holds(open_provider("gcpkms:projects/p/keys/k"))
    assert asked == ["gcpkms:projects/p/keys/k"]
    with pytest.raises(ConfigError, match="pkcs11"):
        open_provider("awskms:alias/k")


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new token of SoftHSM (the reference module of OpenDNSSEC), and the URI of a key in it that is not made yet."""
    tool = shutil.which("softhsm2-util")
    if SOFTHSM is None or tool is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI has no SoftHSM: apt install softhsm2")
        pytest.skip("no SoftHSM: apt install softhsm2")
    pytest.importorskip("pkcs11", reason="pip install 'byleave[hsm]'")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    label = "byleave-test"
    subprocess.run(
        [tool, "--init-token", "--free", "--label", label, "--pin", "1234", "--so-pin", "5678"],
        check=True,
        capture_output=True,
    )
    pin = tmp_path / "pin"
    pin.touch(0o600)
    pin.write_text("1234\n")
    return f"pkcs11:token={label};object=kek?module-path={SOFTHSM}&pin-source=file:{pin}"


def test_a_key_that_never_leaves_its_module(token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made once, not extractable; it wraps a ring; a second of the same label, a wrong PIN and a wrong name are refused.

    One test for all of it, since a module is loaded and initialised once in a process.
    """
    with pytest.raises(ConfigError, match="no secret key"):
        open_provider(token)
    module = providers.module_of_pkcs11()
    made = module.create_pkcs11(token)
    holds(made)
    with made._key() as (secret, _), pytest.raises(Exception, match=r"^$|[Ss]ensitive|[Aa]ttribute"):
        secret[module.pkcs11.Attribute.VALUE]
    with pytest.raises(ConfigError, match="already"):
        module.create_pkcs11(token)
    ring = KeyRing.create(tmp_path / "ring.json", open_provider(token), 1000.0)
    wrapped = ring.wrap(KEY, b"x")
    assert KeyRing(tmp_path / "ring.json", open_provider(token)).unwrap(wrapped, b"x") == KEY
    with pytest.raises(ConfigError, match="token"):
        open_provider(token.replace("token=byleave", "token=byeleave"))
    monkeypatch.setenv("PIN", "9999")
    with pytest.raises(ConfigError, match="PIN"):
        open_provider(token.partition("&pin-source")[0] + "&pin-source=env:PIN")
    (tmp_path / "pin").chmod(0o644)
    with pytest.raises(ConfigError, match="0600"):
        open_provider(token)


@pytest.mark.parametrize(
    "uri",
    [
        "pkcs11:object=k?module-path=/m&pin-source=env:P",
        "pkcs11:token=t?module-path=/m&pin-source=env:P",
        "pkcs11:token=t;object=k?pin-source=env:P",
        "pkcs11:token=t;object=k?module-path=/m",
        "pkcs11:token=t;token=u;object=k?module-path=/m&pin-source=env:P",
        "pkcs11:token=t;object=k?module-path=/m&pin-value=1234&pin-source=env:P",
    ],
)
def test_a_uri_of_a_module_that_lacks_or_repeats_something(uri: str) -> None:
    """One attribute of a valid URI is missing, doubled, or a PIN in the clear: refused, and no PIN is told."""
    pytest.importorskip("pkcs11", reason="pip install 'byleave[hsm]'")
    module = providers.module_of_pkcs11()
    assert module.parse("pkcs11:token=a%20b;object=k?module-path=/m&pin-source=env:P")["token"] == "a b"
    with pytest.raises(ConfigError, match="pkcs11") as told:
        module.parse(uri)
    assert "1234" not in str(told.value)
