"""Commands for an agency's own offline backup: backup keys, backup check, restore."""

from __future__ import annotations

import os
from pathlib import Path

import click

from adapters.backup import back_up, check_backup, open_backup
from adapters.backup import restore as restore_home
from adapters.commands.base import home_option, opened
from adapters.home import Home, HomeRefused, read_passphrase
from adapters.runtime import system_clock
from keys.custody.secret import Secret, read_secret

PASSPHRASE = "NRM_BACKUP_PASSPHRASE"  # noqa: S105 - the name of a variable


def _passphrase() -> Secret:
    return read_secret(PASSPHRASE, "passphrase of the backup", ask=True)


@click.group()
def backup() -> None:
    """The agency's offline backup of its root key and working keys. Nothing of it goes to the hub.

    \b
    Example: nrm-adapter --home police backup keys /media/safe/backup-2026
    """


@backup.command(name="keys")
@click.argument("target", type=click.Path(path_type=Path))
def keys(target: Path) -> None:
    """Write the keys to a new folder on an offline medium, under NRM_BACKUP_PASSPHRASE(_FILE); print a recovery sheet.

    Needs the root key in the home, and NRM_ROOT_PASSPHRASE and NRM_ADAPTER_PASSPHRASE. The backup's passphrase is
    another one. The sheet holds fingerprints only: print it, and keep it apart.

    \b
    Example: nrm-adapter --home police backup keys /media/safe/backup-2026
    """
    passphrase, home = _passphrase(), Home.load(home_option())
    for variable in ("NRM_ROOT_PASSPHRASE", "NRM_ADAPTER_PASSPHRASE"):
        if passphrase == os.environ.get(variable):
            raise HomeRefused("the backup needs a passphrase of its own, not that of the root or the working keys")
    click.echo(back_up(home, target, passphrase, os.environ, system_clock()).sheet())


@backup.command(name="check")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Only open it and print its sheet; compare with the printed one by eye.")
def check(target: Path, offline: bool) -> None:
    """Prove that a backup opens and holds the keys that the log's directory lists. Nothing is restored.

    Needs NRM_BACKUP_PASSPHRASE(_FILE), and without --offline the adapter's home with its own passphrase.

    \b
    Example: nrm-adapter --home police backup check /media/safe/backup-2026
    """
    found = open_backup(target, _passphrase())
    click.echo(found.sheet())
    if offline:
        return
    with opened(home_option()) as adapter:
        if adapter.home.agency != found.agency:
            raise HomeRefused(f"this is the backup of {found.agency}, not of {adapter.home.agency}")
        differences = check_backup(found, adapter.follower.directory(), system_clock())
    if differences:
        raise HomeRefused("; ".join(differences))
    click.echo("every key in the backup is the one the directory lists")


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
def restore(target: Path) -> None:
    """Make this adapter's home from a backup, in an empty folder and under new passphrases.

    Needs NRM_BACKUP_PASSPHRASE, NRM_ROOT_PASSPHRASE and NRM_ADAPTER_PASSPHRASE (or _FILE). Then move root.key offline
    again, and run: sync.

    \b
    Example: nrm-adapter --home police restore /media/safe/backup-2026
    """
    found = open_backup(target, _passphrase())
    root, working = (read_passphrase(name) for name in ("NRM_ROOT_PASSPHRASE", "NRM_ADAPTER_PASSPHRASE"))
    home = restore_home(home_option(), found, root, working)
    click.echo(f"{home.agency} restored in {home.folder}; move root.key to offline storage, then run: nrm-adapter sync")


COMMANDS: tuple[click.Command, ...] = (backup, restore)
