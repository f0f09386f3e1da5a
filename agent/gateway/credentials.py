"""Who is who: our name and password at the broker, the broker's certificate for us."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from agent.errors import AgentConfigError, AgentError
from agent.files import read_bounded, read_private, write_private
from agent.gateway.config import Broker

PASSWORD_LIMIT_BYTES = (
    1024  # MQTT 3.1.1 section 3.1.3.5 allows 65,535; nobody types so many, and a wrong file is longer
)
CREDENTIAL = "broker-password"  # its name in $CREDENTIALS_DIRECTORY (systemd.exec, LoadCredential=)
NAME = "name"  # a file in the spool folder


def password(broker: Broker, environment: Mapping[str, str]) -> str | None:
    """The broker's password, or None without a user. AgentConfigError for a file that others could read, and the like.

    Without `password_file` it is the credential `broker-password` that the service manager has handed over.
    """
    if not broker.user:
        return None
    if broker.password_file is not None:
        return _secret(broker.password_file, ours=True)
    if folder := environment.get("CREDENTIALS_DIRECTORY"):
        return _secret(Path(folder) / CREDENTIAL, ours=False)
    raise AgentConfigError(
        "broker.user without a password: name broker.password_file, a file that holds it alone, or hand over the "
        f"credential {CREDENTIAL} (systemd: LoadCredential={CREDENTIAL}:FILE)"
    )


def _secret(path: Path, *, ours: bool) -> str:
    """One line of a file; `ours`: its rights are checked [systemd's credentials have theirs from an access list]."""
    instead = "write the password alone into a file of mode 0600"
    if ours:
        data = read_private(
            path,
            limit_bytes=PASSWORD_LIMIT_BYTES,
            holds="the broker's password",
            instead=instead,
            refusal=AgentConfigError,
        )
    else:
        data = read_bounded(path, limit_bytes=PASSWORD_LIMIT_BYTES, instead=instead, refusal=AgentConfigError)
    if len(data) > PASSWORD_LIMIT_BYTES:
        raise AgentConfigError(f"{path}: is longer than {PASSWORD_LIMIT_BYTES} bytes; it is to hold the password alone")
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise AgentConfigError(f"{path}: is no text") from None
    if not text or "\n" in text or "\0" in text:
        raise AgentConfigError(f"{path}: is to hold one line, the password")
    return text


def tls_context(broker: Broker) -> ssl.SSLContext | None:
    """How the broker's certificate and name are checked, or None without TLS. AgentConfigError for a bad CA file."""
    if not broker.secure:
        return None
    try:
        context = ssl.create_default_context(cafile=str(broker.ca_file) if broker.ca_file else None)
    except OSError as error:
        reason = "no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror
        raise AgentConfigError(f"broker.ca_file: {broker.ca_file}: {reason}; name a PEM file") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996 ends what came before it
    return context


def identity(folder: Path) -> str:
    """This gateway's name at the broker: drawn once, kept in the spool folder [two of one name end each other's connection]."""
    path = folder / NAME
    with suppress(OSError, UnicodeDecodeError):
        name = path.read_text(encoding="ascii").strip()
        if name.isalnum() and len(name) == 12:
            return name
    name = secrets.token_hex(6)
    with suppress(AgentError):  # a disk that takes nothing: another name next time does no harm
        write_private(path, (name + "\n").encode("ascii"))
    return name
