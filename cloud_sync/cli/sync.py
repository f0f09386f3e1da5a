"""Group `sync`, put together."""

from __future__ import annotations

import typer

from cloud_sync.cli.access import access
from cloud_sync.cli.alarms import alarms
from cloud_sync.cli.audit import audit
from cloud_sync.cli.backups import backup
from cloud_sync.cli.breaches import breaches
from cloud_sync.cli.common import Group
from cloud_sync.cli.consent import consent
from cloud_sync.cli.devices import devices, enrol, hand_over, heal
from cloud_sync.cli.effective import config
from cloud_sync.cli.export import export
from cloud_sync.cli.groups import group
from cloud_sync.cli.holds import hold, lift, restrict
from cloud_sync.cli.invitations import admit, invitations, invite
from cloud_sync.cli.keep import erase, sweep
from cloud_sync.cli.keys import keys
from cloud_sync.cli.limits import limits
from cloud_sync.cli.move import move
from cloud_sync.cli.notices import notices
from cloud_sync.cli.read import read
from cloud_sync.cli.recipients import recipient
from cloud_sync.cli.records import records
from cloud_sync.cli.release import release
from cloud_sync.cli.rights import rights
from cloud_sync.cli.security import security
from cloud_sync.cli.serve import serve
from cloud_sync.cli.setup import init
from cloud_sync.cli.staff import staff
from cloud_sync.cli.statistics import statistics
from cloud_sync.cli.upkeep import upkeep

sync = typer.Typer(cls=Group, no_args_is_help=True, help="Operate the server side of an installation.")


@sync.callback()
def _sync() -> None:
    """Operate the server side: devices, consents, reads, retention, erasure and the audit log.

    Every command finds the installation by -c, by BYLEAVE_CLOUD_SYNC, or as cloud-sync.toml in the current folder.

    Exit codes: 0 done; 1 an error, with a sentence that says what to do; 2 findings, a denial or a proof that fails.

    Example: byleave sync init depot
    """


for command in (
    *(init, serve, config, invite, admit, invitations, enrol, hand_over, heal, devices, read, export),
    *(sweep, upkeep, erase, restrict, lift, move),
):
    sync.command()(command)
sync.add_typer(consent, name="consent")
sync.add_typer(group, name="group")
sync.add_typer(limits, name="limits")
sync.add_typer(hold, name="hold")
sync.add_typer(records, name="records")
sync.add_typer(rights, name="rights")
sync.add_typer(breaches, name="breaches")
sync.add_typer(alarms, name="alarms")
sync.add_typer(notices, name="notices")
sync.add_typer(recipient, name="recipient")
sync.add_typer(release, name="release")
sync.add_typer(keys, name="keys")
sync.add_typer(backup, name="backup")
sync.add_typer(statistics, name="statistics")
sync.add_typer(access, name="access")
sync.add_typer(staff, name="staff")
sync.add_typer(security, name="security")
sync.add_typer(audit, name="audit")
