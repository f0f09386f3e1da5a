"""Where the root of all stored keys comes from: a file, the environment, a hardware module, or a key service.

A provider is named by a path or by a URI, of which the scheme says the kind:

- `kek` or `file:/etc/byleave/kek`: 32 random bytes in a file of mode 0600;
- `env:BYLEAVE_KEK`: 32 bytes in base64, for orchestrators that hand secrets over so;
- `pkcs11:token=…;object=…?module-path=…&pin-source=file:…` (RFC 7512): a key that never leaves its module;
- any other scheme: a cloud's key service, by whoever installed a package with an entry point of that name in the group
  `byleave.keys`: a callable that takes the URI and returns a `KeyEncryptionKey`.

What a provider wraps is little: the keys of the ring (`keys.ring`) and the audit log's. So a module or a service that
answers slowly is asked at the start of a process, and not for each envelope.
"""

from __future__ import annotations

import base64
import binascii
import os
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from cloud_sync.errors import ConfigError
from cloud_sync.keys.wrap import KEY_BYTES, AesKeyEncryptionKey, FileKeyEncryptionKey, KeyEncryptionKey

GROUP = "byleave.keys"


def open_provider(where: str | Path, *, create: bool = False) -> KeyEncryptionKey:
    """The provider of this path or URI; `create` makes a file that is not there. ConfigError says what to do."""
    if is_file(where):
        path = _path(where)
        return FileKeyEncryptionKey.create(path) if create and not path.exists() else FileKeyEncryptionKey.open(path)
    scheme, _, rest = str(where).partition(":")
    if scheme == "env":
        return _environment(rest)
    if scheme == "pkcs11":
        module: KeyEncryptionKey = module_of_pkcs11().open_pkcs11(str(where))
        return module
    return _service(scheme, str(where))


def make_key(where: str | Path) -> KeyEncryptionKey:
    """A new key at this path or URI, by whoever can make one here; one that is there is never overwritten."""
    if is_file(where):
        return FileKeyEncryptionKey.create(_path(where))
    if str(where).startswith("pkcs11:"):
        module: KeyEncryptionKey = module_of_pkcs11().create_pkcs11(str(where))
        return module
    raise ConfigError(f"{str(where).partition(':')[0]}: makes its keys itself; make one there, then name it")


def module_of_pkcs11() -> Any:
    """`keys.pkcs11`, loaded when it is asked for: the library behind it is an extra."""
    try:
        return import_module("cloud_sync.keys.pkcs11")
    except ImportError:
        raise ConfigError("hardware modules need one more package: pip install 'byleave[hsm]'") from None


def shown(where: str | Path) -> str:
    """A provider as it may be told to anybody: of a service's URI the scheme alone, since nobody here knows what it holds."""
    scheme = str(where).partition(":")[0]
    told = is_file(where) or scheme == "env" or (scheme == "pkcs11" and "pin-value" not in str(where))
    return str(where) if told else f"{scheme}:…"


def is_file(where: str | Path) -> bool:
    """Whether a provider is a file, which an empty installation makes for itself."""
    return isinstance(where, Path) or ":" not in where or where.startswith("file:")


def _path(where: str | Path) -> Path:
    return where if isinstance(where, Path) else Path(where.removeprefix("file:").removeprefix("//"))


def _environment(name: str) -> KeyEncryptionKey:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigError(f"the environment has no {name}; set it to {KEY_BYTES} random bytes in base64")
    try:
        key = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:  # without the value: messages are logged
        raise ConfigError(f"{name} does not hold {KEY_BYTES} bytes in base64; make them with: openssl rand -base64 32")
    return AesKeyEncryptionKey(key)


def _service(scheme: str, where: str) -> KeyEncryptionKey:
    for entry in entry_points(group=GROUP, name=scheme):
        provider: KeyEncryptionKey = entry.load()(where)
        return provider
    raise ConfigError(
        f"nobody provides keys for {scheme}: known are a path, file:, env:, pkcs11:, and what packages add as {GROUP}"
    )
