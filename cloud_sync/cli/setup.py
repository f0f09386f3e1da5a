"""`sync init`: a new installation in a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli import session
from cloud_sync.cli.common import AsJson, address, print_json, sentences
from cloud_sync.cli.files import DEMO_POLICY, write_new
from cloud_sync.config import DEFAULT_PORT, Config
from cloud_sync.errors import ConfigError
from cloud_sync.policy import load_policy
from cloud_sync.service import CloudSync

CONFIG_NAME, POLICY_NAME = "cloud-sync.toml", "policy.toml"

TEMPLATE = """\
# One installation of byleave's server side. Relative paths count from the folder of this file; "byleave sync" and
# CloudSync.open(Config.from_toml(...)) read it. What to back up, and what never: docs/operating.md.

# What is permitted; whatever it does not name is denied. After a change restart the service: a policy that takes more
# closes consents until people have given them anew.
policy = "policy.toml"

# Policy files of the past, by their hash: a consent refers to the very text that was agreed to.
policies = "policies"

# The telemetry database: sealed envelopes as they came, devices, consent ledger, audit log. Nobody reads a position in it
# without the key store.
database = "telemetry.db"

# The key store: day keys, each wrapped under the key-encryption key. In earnest on another disk than the database, and
# in none of its backups.
keys = "keys.db"

# What was erased, for good: replayed over every store that is restored. Keep it where no restore turns it back.
tombstones = "tombstones.db"

# Where stores and broker are: a country of two letters, or EEA. Of one that is elsewhere: database_region, keys_region,
# tombstones_region, and region below [broker]. Outside the regions of the policy nothing starts.
region = {region}

# The root key, which opens the ring of keys that wrap all others. A file; in earnest on a volume that is mounted for the service
# alone. Or "env:NAME", "pkcs11:…" for a hardware module, or the URI of a key service: docs/operating.md. Beside the audit
# log's signing key (itself wrapped) lies the ring, keys.ring: without it nothing opens.
key_encryption_key = "kek"
audit_key = "audit.key"

# Name of this log in its checkpoints and proofs; once there are proofs, leave it as it is.
origin = "byleave"

[broker]
host = {host}
port = {port}
# One server, one name: the broker keeps what arrives for this name while the service is down.
client_id = "cloud-sync"
# user = "cloud-sync"
# password_file = "/etc/byleave/broker.password"     # the password alone, mode 0600
# tls = true                                         # without a port: 8883
# ca_file = "/etc/byleave/ca.pem"                    # without it: the authorities of this machine
"""


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.")],
    policy: Annotated[Path | None, typer.Option(help="Policy to copy; without it the demo policy.")] = None,
    region: Annotated[
        str | None, typer.Option(help="Where stores and broker are; without it the company's country.")
    ] = None,
    broker: Annotated[str, typer.Option(metavar="HOST:PORT", help="The MQTT broker.")] = f"localhost:{DEFAULT_PORT}",
    as_json: AsJson = False,
) -> None:
    """Make a new installation: configuration, policy, keys (mode 0600) and empty stores. Nothing is overwritten.

    Example: byleave sync init depot --policy policy.toml --broker mqtt.example:1883
    """
    with sentences():
        host, port = address(broker, "--broker")
        loaded = load_policy(policy or DEMO_POLICY)
        _make_directory(directory)
        write_new(directory / POLICY_NAME, (policy or DEMO_POLICY).read_bytes(), mode=0o644)
        text = TEMPLATE.format(host=json.dumps(host), port=port, region=json.dumps(region or loaded.country))
        write_new(directory / CONFIG_NAME, text.encode(), mode=0o644)
        config = Config.from_toml(directory / CONFIG_NAME)
        with CloudSync.open(
            config, clock=session.CLOCK
        ) as cloud:  # makes the keys and stores, and proves that they open
            key = cloud.audit.public_key
    path = directory / CONFIG_NAME
    if as_json:
        print_json({"config": str(path), "policy": loaded.id, "demo_policy": policy is None, "audit_key": key})
        return
    typer.echo(f"made {path}, with its stores and keys")
    if policy is None:
        typer.echo(f"the policy is the demo's: read and replace {directory / POLICY_NAME} before you track real people")
    typer.echo(f"verifier key of the audit log, for whoever shall check proofs: {key}")
    typer.echo(f"keep {config.key_encryption_key} apart from the stores: whoever has both reads everything")
    typer.echo(f"next: byleave sync serve -c {path}")


def _make_directory(directory: Path) -> None:
    """A folder for the owner alone; one with anything in it is refused."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise ConfigError(f"{directory}: is not empty, and nothing is overwritten; name a new folder")
    except OSError as error:
        raise ConfigError(f"{directory}: cannot be made ({error.strerror}); name another folder") from error
