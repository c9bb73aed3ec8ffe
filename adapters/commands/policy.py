"""Commands around the agreement: which one decides, what another would change, approve it, write its files out."""

from __future__ import annotations

import re
from pathlib import Path

import click

from adapters.agreements import FORBIDS
from adapters.bundle_approvals import approve, list_waiting, plan_change, waiting_files
from adapters.commands.base import count, home_option, opened
from adapters.runtime import Adapter
from policies.bundle_files import load_files
from policies.explain import say_unconfirmed
from policies.model import require_id

_DIGEST = re.compile(r"[0-9a-f]{64}")


@click.group()
def policy() -> None:
    """The agreement by which everything is decided: show it, compare another with it, approve that one.

    \b
    Example: nrm-adapter --home police policy show
    """


@policy.command(name="show")
def show() -> None:
    """Show which agreement decides, since when, and what this agency forbids besides for its own fragments.

    \b
    Example: nrm-adapter --home police policy show
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync()
        active, bundle = adapter.follower.active_bundle(), adapter.agreements.active()
        since = "" if active is None else f", active since log position {active.log_index}"
        click.echo(f"“{bundle.agreement}”, version {bundle.version}{since}")
        click.echo(
            f"digest {bundle.digest}; {count(len(bundle.rules), 'rule')}, {count(len(bundle.rows), 'row')} of tests"
        )
        unchecked = say_unconfirmed(bundle)
        if unchecked:
            click.echo(unchecked)
        own = adapter.agreements.for_sharing()
        names = sorted(set(own.rules) - set(bundle.rules))
        for name in names:
            click.echo(f"our own: {name}: {own.rules[name].sentence}")
        if not names:
            click.echo(f"no forbids of our own ({FORBIDS}/ in the adapter's folder)")


@policy.command(name="check")
@click.argument("wanted", metavar="FOLDER_OR_DIGEST")
def check(wanted: str) -> None:
    """Run another agreement's own tests and say what it newly allows and refuses. Changes nothing, sends nothing.

    \b
    Example: nrm-adapter --home police policy check ./agreement-2
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync()
        for line in plan_change(adapter, _contents(adapter, wanted)).summary:
            click.echo(line)


@policy.command(name="approve")
@click.argument("wanted", metavar="FOLDER_OR_DIGEST")
@click.option(
    "--member", required=True, help="The officer, by the id that members list shows; certified as ig_officer."
)
@click.option("--dry-run", is_flag=True, help="Say what it changes, and send nothing.")
@click.option("--yes", is_flag=True, help="Approve without asking, for somebody who has read what it changes.")
def approve_(wanted: str, member: str, dry_run: bool, yes: bool) -> None:
    """Approve another agreement as an information governance officer, after reading what it changes.

    It decides once enough agencies have approved it. The officer's passphrase is asked for as everywhere.

    \b
    Example: nrm-adapter --home police policy approve ./agreement-2 --member 8d1f… --dry-run
    Example: nrm-adapter --home care policy approve 5f1c… --member 8d1f…
    """
    require_id(member, "member")
    with opened(home_option()) as adapter:
        adapter.follower.sync()
        plan = plan_change(adapter, _contents(adapter, wanted))
        for line in plan.summary:
            click.echo(line)
        if dry_run:
            click.echo("Nothing was sent: this was a dry run.")
            return
        if not yes:
            click.confirm("Approve this change of the agreement?", abort=True)
        for line in approve(adapter, plan, member):
            click.echo(line)


@policy.command(name="waiting")
def waiting() -> None:
    """List the agreements that wait for approvals at the hub, and whose officers have approved them.

    \b
    Example: nrm-adapter --home care policy waiting
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync()
        found = list_waiting(adapter)
        for item in found:
            who = ", ".join(item.agencies) or "nobody"
            click.echo(f"version {item.version}  {item.bundle}  approved by {who}; {item.needed} agencies are needed")
        if not found:
            click.echo("no other agreement waits")


@policy.command(name="fetch")
@click.argument("digest")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def fetch(digest: str, folder: Path) -> None:
    """Write the files of an agreement to a new folder: the one that decides, an earlier one, or one that waits.

    \b
    Example: nrm-adapter --home care policy fetch 5f1c… ./agreement
    """
    with opened(home_option()) as adapter:
        contents = waiting_files(adapter, digest)
    try:
        folder.mkdir(parents=True)
        for name, data in contents.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    except FileExistsError as error:
        raise click.ClickException(f"{folder} is there already; name a new folder") from error
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written") from error
    click.echo(f"{count(len(contents), 'file')} in {folder}")


def _contents(adapter: Adapter, wanted: str) -> dict[str, bytes]:
    if _DIGEST.fullmatch(wanted):
        return waiting_files(adapter, wanted)
    return load_files(Path(wanted))


COMMANDS: tuple[click.Command, ...] = (policy,)
