"""Commands for an agency's own offline backup: backup keys, backup check, restore."""

from __future__ import annotations

import os
from pathlib import Path

import click

from adapters.backup import back_up, check_backup, open_backup
from adapters.commands.base import home_option, opened
from adapters.home import SIGNING_ALGORITHMS, Home, HomeRefused, read_passphrase, read_token_pin
from adapters.restored_home import restore as restore_home
from adapters.runtime import system_clock
from keys.custody.place import TokenPlace
from keys.custody.secret import Secret, read_secret
from keys.uses import KeyUse

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
        differences = check_backup(found, adapter.follower.directory(), system_clock(), storage=adapter.keys.storage)
    if differences:
        raise HomeRefused("; ".join(differences))
    click.echo("every key in the backup is the one the directory lists")


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--token-module",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A hardware token's PKCS #11 library: the working keys are sealed by the token, a new signing key made in it.",
)
@click.option("--token-label", help="The label of the token.")
@click.option(
    "--algorithm",
    type=click.Choice(SIGNING_ALGORITHMS),
    default="Ed25519",
    show_default=True,
    help="What a new signing key signs with, where one is made.",
)
def restore(target: Path, token_module: Path | None, token_label: str | None, algorithm: str) -> None:
    """Make this adapter's home from a backup, in an empty folder and under new passphrases.

    Needs NRM_BACKUP_PASSPHRASE, NRM_ROOT_PASSPHRASE and NRM_ADAPTER_PASSPHRASE (or _FILE); with a token NRM_ADAPTER_PIN
    instead of the last, or a terminal to ask for it. Keys that stayed in a lost token are not in its backup: others are
    made and certified, and it says what to do with the file for the hub. Then move root.key offline again.

    \b
    Example: nrm-adapter --home police restore /media/safe/backup-2026
    """
    if (token_module is None) != (token_label is None):
        raise HomeRefused("a token is named by both --token-module and --token-label")
    token = None if token_module is None else TokenPlace(token_module.absolute(), token_label or "")
    found = open_backup(target, _passphrase())
    root = read_passphrase("NRM_ROOT_PASSPHRASE")
    unlocking = read_passphrase("NRM_ADAPTER_PASSPHRASE") if token is None else read_token_pin()
    done = restore_home(home_option(), found, root, unlocking, at=system_clock(), algorithm=algorithm, token=token)
    folder = done.home.folder
    if done.for_hub is None:
        click.echo(
            f"{done.home.agency} restored in {folder}; move root.key to offline storage, then run: nrm-adapter sync"
        )
        return
    click.echo(f"{done.home.agency} restored in {folder}; made anew, and certified by the root: {', '.join(done.made)}")
    click.echo(f"1. give the hub's operator {done.for_hub} (nrm-hub certify FILE): it ends the lost keys as well")
    click.echo("2. then run: nrm-adapter keys rotate signing, which takes the new keys into use")
    if KeyUse.WITNESS.value in done.made:
        click.echo(
            "3. then run: nrm-adapter keys rotate witness, which asks the other witnesses to approve the new ones"
        )
    click.echo("move root.key to offline storage, and make a new backup once this is done")


COMMANDS: tuple[click.Command, ...] = (backup, restore)
