"""Commands on people's passkeys, for an administrator: list them, and remove those that were lost or stolen."""

from __future__ import annotations

import click

from adapters.commands.base import count, echo_line, home_option, opened
from adapters.commands.signing_in import dry_run_option, people
from adapters.store.passkeys import PasskeyRecord, delete_passkey, passkeys_of_member
from adapters.workspace.refusal import PeopleRefused
from policies.model import require_id


@people.group()
def passkeys() -> None:
    """People's passkeys: each lets one person in as second factor, and may open that person's key.

    \b
    Example: nrm-adapter --home police people passkeys list
    """


@passkeys.command(name="list")
@click.option("--member", help="Only this person's, by the id members list shows.")
def list_(member: str | None) -> None:
    """List passkeys: whose, id, when added and last used, whether it opens their key, and the name they gave it.

    \b
    Example: nrm-adapter --home police people passkeys list
    """
    if member is not None:
        require_id(member, "member")
    with opened(home_option()) as adapter, adapter.store.write() as session:
        for item in passkeys_of_member(adapter.store, session, member):
            echo_line(f"{item.member} {_describe(item)}")


@passkeys.command()
@click.option("--member", required=True, help="Whose, by the id members list shows.")
@click.option("--passkey", help="Only this one, by the id passkeys list shows; without it all of theirs.")
@dry_run_option
def remove(member: str, passkey: str | None, dry_run: bool) -> None:
    """Remove passkeys of somebody who lost them, and sign them out everywhere. Their passphrase still opens their key.

    Check who asks, as before binding them: afterwards a passkey can be added with their sign-in and passphrase.

    \b
    Example: nrm-adapter people passkeys remove --member 9c… --passkey 41…
    """
    from adapters.workspace.sessions import Sessions

    require_id(member, "member")
    if passkey is not None:
        require_id(passkey, "passkey")
    with opened(home_option()) as adapter:
        with adapter.store.write() as session:
            held = passkeys_of_member(adapter.store, session, member)
        chosen = [item for item in held if passkey in (None, item.passkey)]
        if not chosen:
            raise PeopleRefused(
                f"member {member[:8]} has no such passkey; look: nrm-adapter people passkeys list --member {member}"
            )
        sessions = Sessions(adapter.store, adapter.clock)
        where = sessions.list_signed_in(member=member)
        for item in chosen:
            echo_line(f"Removed for good: {_describe(item)}")
        click.echo(
            f"Passkeys left: {len(held) - len(chosen)}. Signed in now: {count(len(where), 'time')}; that ends at once."
        )
        if dry_run:
            click.echo("Nothing was changed.")
            return
        with adapter.store.write() as session:
            for item in chosen:
                delete_passkey(session, item.passkey)
        sessions.end_all(member)
        adapter.store.forget_deleted()
        click.echo("Removed.")


def _describe(item: PasskeyRecord) -> str:
    used = "never used" if item.used_at is None else f"used {item.used_at}"
    does = "second factor, opens the key" if item.wrapped is not None else "second factor"
    if item.stopped_at is not None:
        does = f"stopped {item.stopped_at}: a copy of it seems to exist"
    return f"{item.passkey} added {item.added_at} {used} ({does}) {item.label}"


COMMANDS: tuple[click.Command, ...] = ()
"""They stand in the group ``people``."""
