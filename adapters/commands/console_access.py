"""The command that lets an information governance officer of this agency look in the hub's console, or ends it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from adapters.commands.base import home_option, opened
from adapters.commands.keeping import members
from adapters.console_access import carry_out_access, plan_access, plan_end
from keys.console_access import MAX_SUBJECT_CHARS
from policies.model import require_id

DEFAULT_DAYS = 180


@members.command(name="console-access")
@click.option("--member", required=True, help="The person, by the id that members list shows; certified as ig_officer.")
@click.option("--provider", required=True, help="The identity provider's own name of itself (its issuer), as a URL.")
@click.option(
    "--subject-file",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="A file with who they are at the provider (sub), - for standard input: it stands in no list of processes.",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help=f"The day on which it ends, at most a year ahead. Without it {DEFAULT_DAYS} days from now.",
)
@click.option("--end", is_flag=True, help="End it now instead.")
@click.option("--dry-run", is_flag=True, help="Say in plain words what it would do, and send nothing.")
def console_access(
    member: str, provider: str, subject_file: Path, until: datetime | None, end: bool, dry_run: bool
) -> None:
    """Let one of this agency's information governance officers sign in to the hub's console, or end that.

    They try to sign in there first: the page that refuses them shows provider and subject.

    \b
    Example: nrm-adapter members console-access --member 8d1f… --provider https://id.example --subject-file o --dry-run
    Example: nrm-adapter members console-access --member 8d1f… --provider https://id.example --subject-file o --end
    """
    require_id(member, "member")
    if end and until is not None:
        raise click.ClickException("--end ends it now; leave --until")
    subject = _read_subject(subject_file)
    with opened(home_option()) as adapter:
        if end:
            plan = plan_end(adapter, member, provider, subject)
        else:
            last = until.replace(tzinfo=UTC) if until else _days_from(adapter.clock(), DEFAULT_DAYS)
            plan = plan_access(adapter, member, provider, subject, last)
        for sentence in plan.summary:
            click.echo(sentence)
        if dry_run:
            click.echo("Nothing was sent: this was a dry run.")
            return
        position = carry_out_access(adapter, plan)
        click.echo(f"recorded and proven: it stands in the log at position {position}")


def _days_from(now: datetime, days: int) -> datetime:
    return (now + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)


def _read_subject(path: Path) -> str:
    limit = MAX_SUBJECT_CHARS + 2
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(limit + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(limit + 1)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read") from error
    if len(raw) > limit:
        raise click.ClickException(f"subject: expected at most {MAX_SUBJECT_CHARS} characters")
    return raw.decode("ascii", "replace").strip("\r\n")


COMMANDS: tuple[click.Command, ...] = (members,)
