"""``nrm-adapter``: everything an agency does, by hand. Secrets come from the environment, words from files."""

from __future__ import annotations

from pathlib import Path

import click

from adapters.commands import (
    alarms,
    backups,
    break_glass,
    casework,
    console_access,
    emergency,
    enrolments,
    exclusions,
    keeping,
    key_ends,
    keys,
    notifying,
    panel,
    passkeys,
    people,
    policy,
    reading,
    reads,
    retention,
    retrieving,
    sharing,
    signing_in,
    witnesses,
)
from adapters.commands.base import Commands


@click.group(cls=Commands)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("adapter-home"),
    show_default=True,
    envvar="NRM_ADAPTER_HOME",
    help="The adapter's folder.",
)
@click.pass_context
def main(context: click.Context, home: Path) -> None:
    """Share what this agency knows of a child with the agencies of a case, sealed, and read what is shared with you.

    Passphrases come from NRM_ADAPTER_PASSPHRASE (NRM_ADAPTER_PIN where the keys are in a token), NRM_MEMBER_PASSPHRASE,
    NRM_BACKUP_PASSPHRASE and, for the root key only, NRM_ROOT_PASSPHRASE; or from a file descriptor or file that the
    same name with _FD or _FILE says.

    \b
    Example: nrm-adapter --home police sync
    """
    context.obj = home


for _module in (
    keeping,
    keys,
    key_ends,
    witnesses,
    policy,
    people,
    console_access,
    signing_in,
    notifying,
    passkeys,
    alarms,
    backups,
    retrieving,
    retention,
    enrolments,
    casework,
    sharing,
    reading,
    reads,
    exclusions,
    break_glass,
    emergency,
    panel,
):
    for _command in _module.COMMANDS:
        main.add_command(_command)


if __name__ == "__main__":
    main(prog_name="nrm-adapter")
