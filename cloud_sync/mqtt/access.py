"""How a client is let in by the broker: user, password and TLS, as the configuration has them."""

from __future__ import annotations

import ssl
from pathlib import Path

import paho.mqtt.client as paho

from cloud_sync.config import BrokerConfig
from cloud_sync.errors import ConfigError

CONNECT_TIMEOUT_S = 5.0  # TCP and TLS; a broker that takes longer is treated as away


def prepare(client: paho.Client, broker: BrokerConfig) -> None:
    """Give a client what it is let in by; ConfigError names the key whose file cannot be used."""
    client.connect_timeout = CONNECT_TIMEOUT_S
    if broker.user:
        client.username_pw_set(broker.user, _password(broker))
    if broker.tls:
        try:
            client.tls_set_context(ssl.create_default_context(cafile=broker.ca_file or None))
        except OSError as error:
            raise ConfigError(f"broker.ca_file: {broker.ca_file} cannot be used ({error}); name a PEM file") from error


def _password(broker: BrokerConfig) -> str:
    if not broker.password_file:
        raise ConfigError("broker.user without broker.password_file; name a file that holds the password alone")
    try:
        return Path(broker.password_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"broker.password_file: {broker.password_file} cannot be read ({error.strerror})") from error
