"""A key-encryption key inside a hardware module (PKCS #11 3.0), named by a URI of RFC 7512.

The key is made in the module, sensitive and not extractable: whoever copies the disk, the database and the memory of the
server has nothing that opens a backup of them elsewhere.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pkcs11

from cloud_sync.errors import ConfigError, SealBroken, StoreError
from cloud_sync.keys.wrap import KEY_BYTES, NONCE_BYTES, TAG_BYTES

_PATH_ATTRIBUTES = frozenset({"token", "object", "type"})
_QUERY_ATTRIBUTES = frozenset({"module-path", "pin-source"})


class Pkcs11KeyEncryptionKey:
    """AES-256-GCM by the module: nonce (12) ‖ ciphertext (32) ‖ tag (16). Calls run one after the other."""

    def __init__(self, token: Any, label: str, pin: str) -> None:
        self._token, self._label, self._pin = token, label, pin
        self._lock = threading.Lock()
        with self._key():
            pass  # a wrong PIN or label is told now, not at the first use

    def wrap(self, key: bytes, identity: bytes) -> bytes:
        """`key` sealed for storage and bound to `identity`."""
        nonce = os.urandom(NONCE_BYTES)
        with self._key() as (secret, gcm):
            return nonce + bytes(secret.encrypt(key, **gcm(nonce, identity)))

    def unwrap(self, wrapped: bytes, identity: bytes) -> bytes:
        """The key again; `SealBroken` if the bytes or the identity differ from those wrapped."""
        if len(wrapped) != NONCE_BYTES + KEY_BYTES + TAG_BYTES:
            raise SealBroken("a wrapped key of the wrong length")
        refusals = pkcs11.exceptions
        with self._key() as (secret, gcm):
            try:
                return bytes(secret.decrypt(wrapped[NONCE_BYTES:], **gcm(wrapped[:NONCE_BYTES], identity)))
            # Modules differ in what they call a tag that does not fit.
            except (refusals.EncryptedDataInvalid, refusals.EncryptedDataLenRange, refusals.GeneralError):
                raise SealBroken("a wrapped key does not open under this key-encryption key and identity") from None

    @contextmanager
    def _key(self) -> Iterator[Any]:
        def gcm(nonce: bytes, identity: bytes) -> dict[str, Any]:
            return {"mechanism": pkcs11.Mechanism.AES_GCM, "mechanism_param": pkcs11.GCMParams(nonce, identity)}

        try:
            # A session of its own each time: one that a module has dropped meanwhile heals by itself.
            with self._lock, self._token.open(user_pin=self._pin) as session:
                yield session.get_key(label=self._label, object_class=pkcs11.ObjectClass.SECRET_KEY), gcm
        except (pkcs11.exceptions.PinIncorrect, pkcs11.exceptions.PinLocked) as error:
            raise ConfigError(
                f"the hardware module refuses the PIN ({type(error).__name__}); mend pin-source"
            ) from None
        except pkcs11.exceptions.NoSuchKey:
            raise ConfigError(f"the token has no secret key {self._label!r}; name another object, or make it") from None
        except pkcs11.exceptions.PKCS11Error as error:
            raise StoreError(f"the hardware module does not answer: {type(error).__name__}") from error


def open_pkcs11(uri: str) -> Pkcs11KeyEncryptionKey:
    """The key that a URI names; ConfigError says which part of it is wrong."""
    token, parts = _token(uri)
    return Pkcs11KeyEncryptionKey(token, parts["object"], _pin(parts["pin-source"]))


def create_pkcs11(uri: str) -> Pkcs11KeyEncryptionKey:
    """Make the key that a URI names in its module; ConfigError if there is one of that label."""
    token, parts = _token(uri)
    pin, label = _pin(parts["pin-source"]), parts["object"]
    try:
        with token.open(rw=True, user_pin=pin) as session:
            if list(session.get_objects({pkcs11.Attribute.LABEL: label})):
                raise ConfigError(f"the token has an object {label!r} already; name another one")
            session.generate_key(
                pkcs11.KeyType.AES,
                8 * KEY_BYTES,
                label=label,
                store=True,
                template={pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False},
            )
    except pkcs11.exceptions.PKCS11Error as error:
        raise ConfigError(f"the hardware module makes no key: {type(error).__name__}") from error
    return Pkcs11KeyEncryptionKey(token, label, pin)


def parse(uri: str) -> dict[str, str]:
    """The attributes of a URI (RFC 7512 section 2.3) by name. ConfigError for one that is unknown, double or missing."""
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    found: dict[str, str] = {}
    for text, known in ((path.split(";"), _PATH_ATTRIBUTES), (query.split("&"), _QUERY_ATTRIBUTES)):
        for attribute in filter(None, text):
            name, equals, value = attribute.partition("=")
            if not equals or name not in known or name in found:
                raise ConfigError(f"pkcs11: attribute {name!r} is unknown or stands twice here (RFC 7512)")
            found[name] = unquote(value)
    for name in ("token", "object", "module-path", "pin-source"):
        if not found.get(name):
            raise ConfigError(
                f"pkcs11: the URI lacks {name}; write pkcs11:token=…;object=…?module-path=…&pin-source=file:…"
            )
    return found


def _token(uri: str) -> tuple[Any, dict[str, str]]:
    parts = parse(uri)
    try:
        return pkcs11.lib(parts["module-path"]).get_token(token_label=parts["token"]), parts
    except (pkcs11.exceptions.NoSuchToken, pkcs11.exceptions.MultipleTokensReturned):
        raise ConfigError(
            f"the module has not exactly one token {parts['token']!r}; name it as the module does"
        ) from None
    except (pkcs11.exceptions.PKCS11Error, RuntimeError) as error:
        raise ConfigError(f"{parts['module-path']}: is no PKCS #11 module that can be loaded: {error}") from error


def _pin(source: str) -> str:
    """The PIN out of a file of mode 0600 or an environment variable; never out of the URI, which stands in logs."""
    scheme, _, rest = source.partition(":")
    if scheme == "env" and os.environ.get(rest):
        return os.environ[rest]
    path = Path(rest.removeprefix("//"))
    try:
        if scheme == "file" and not path.stat().st_mode & 0o077:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"pkcs11: the PIN cannot be read from {path}: {error}") from error
    raise ConfigError("pkcs11: pin-source is file:PATH, of mode 0600, or env:NAME, and must be there")
