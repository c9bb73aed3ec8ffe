"""Commands on who signs in to the workspace, and as which member: bind, unbind, list, where they are signed in."""

from __future__ import annotations

import click

from adapters.commands.base import count, echo_line, home_option, opened
from adapters.key_states import KeyState, list_keys, list_people
from adapters.runtime import Adapter
from adapters.workspace.refusal import PeopleRefused
from policies.model import render_time, require_id

issuer_option = click.option("--issuer", required=True, help="The identity provider's address, as its settings say it.")
subject_option = click.option("--subject", required=True, help="Who they are there: what the page 'not known' shows.")
member_option = click.option("--member", required=True, help="A person of this agency, by the id members list shows.")
name_option = click.option("--name", help="What your own agency's pages call them. It leaves your agency nowhere.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say in plain words what it would do, and do nothing.")


@click.group()
def people() -> None:
    """Who signs in to this agency's workspace, and as which of its members.

    \b
    Example: nrm-adapter --home police people list
    """


@people.command()
@member_option
@issuer_option
@subject_option
@name_option
@dry_run_option
def bind(member: str, issuer: str, subject: str, name: str | None, dry_run: bool) -> None:
    """Let somebody who signs in at a provider be a member here. Check who they are first: this is what lets them in.

    \b
    Example: nrm-adapter people bind --member 9c… --issuer https://login.fernshire.example --subject 4f1e…
    """
    from adapters.workspace.people import People, read_name

    require_id(member, "member")
    with opened(home_option()) as adapter:
        known = People(adapter.store, adapter.clock)
        _require_configured(adapter, issuer)
        known.require_bindable(issuer, subject, member)
        named = None if name is None else read_name(name)
        roles = _roles_of(adapter, member)
        others = len(known.list_bound(member))
        echo_line(f"Whoever {issuer} calls {subject} can sign in as member {member}.")
        click.echo(f"This agency lets that member be: {', '.join(roles)}. Their cases are those that list the member.")
        click.echo("What was shared with the member is read only with the member's own passphrase or passkey.")
        if named is not None:
            echo_line(f"This agency's own pages call them {named}. No other agency and no hub is told.")
        if others:
            click.echo(f"{others} other sign-in{'s lead' if others > 1 else ' leads'} to this member already.")
        if dry_run:
            click.echo("Nothing was changed.")
            return
        known.bind(issuer, subject, member, named)
        click.echo("Bound. It counts from their next request.")


@people.command()
@member_option
@click.argument("name", required=False)
@click.option("--remove", is_flag=True, help="Call them by their id alone again.")
def name(member: str, name: str | None, remove: bool) -> None:
    """Say what this agency's own pages call a member of it. The name leaves the agency nowhere, and rests sealed.

    \b
    Example: nrm-adapter --home police people name --member 9c… "Jo Bloggs"
    """
    from adapters.workspace.people import People

    if (name is None) != remove:
        raise PeopleRefused('expected a name, such as "Jo Bloggs", or --remove, and not both')
    with opened(home_option()) as adapter:
        known = People(adapter.store, adapter.clock)
        known.name(member, name)
        said = known.name_of(member)
        echo_line(f"Member {member} is called {said} here." if said else f"Member {member} has no name here.")


@people.command()
@issuer_option
@subject_option
@dry_run_option
def unbind(issuer: str, subject: str, dry_run: bool) -> None:
    """Let somebody sign in no more; wherever they are signed in, they are signed out at once. Their keys stay valid.

    \b
    Example: nrm-adapter people unbind --issuer https://login.fernshire.example --subject 4f1e…
    """
    from adapters.workspace.people import People, person_digest
    from adapters.workspace.sessions import Sessions

    with opened(home_option()) as adapter:
        known, sessions = People(adapter.store, adapter.clock), Sessions(adapter.store, adapter.clock)
        member = known.find(issuer, subject)
        if member is None:
            raise PeopleRefused("nobody is bound by this issuer and subject; look: nrm-adapter people list")
        where = sessions.list_signed_in(person=person_digest(issuer, subject))
        echo_line(f"Whoever {issuer} calls {subject} can no longer sign in as member {member}.")
        click.echo(
            f"Signed in now: {count(len(where), 'time')}; that ends at once. To end the member's keys: members remove."
        )
        if dry_run:
            click.echo("Nothing was changed.")
            return
        known.unbind(issuer, subject)
        sessions.end_these([item.digest for item in where])
        click.echo("Unbound.")


@people.command(name="list")
def list_() -> None:
    """List who signs in as whom, what they are called here, and how often they are signed in now.

    \b
    Example: nrm-adapter --home police people list
    """
    from adapters.workspace.people import People, person_digest
    from adapters.workspace.sessions import Sessions

    with opened(home_option()) as adapter:
        sessions = Sessions(adapter.store, adapter.clock)
        known = People(adapter.store, adapter.clock)
        names = known.names()
        for item in known.list_bound():
            where = len(sessions.list_signed_in(person=person_digest(item.issuer, item.subject)))
            since = f"since {item.added_at:%Y-%m-%d}"
            called = f" called {names[item.member]}" if item.member in names else ""
            echo_line(f"{item.member}{called} {item.issuer} {item.subject} {since} signed in {count(where, 'time')}")


@people.command(name="sign-out")
@member_option
def sign_out(member: str) -> None:
    """Sign a member out wherever they are signed in, at once. They may sign in again.

    \b
    Example: nrm-adapter --home police people sign-out --member 9c…
    """
    from adapters.workspace.sessions import Sessions

    require_id(member, "member")
    with opened(home_option()) as adapter:
        sessions = Sessions(adapter.store, adapter.clock)
        click.echo(f"{count(sessions.end_all(member), 'session')} ended")


@people.command()
@click.option("--member", help="A person of this agency; without it everybody.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many, newest first.")
@click.option("--before", type=click.IntRange(min=0), default=0, help="Leave out so many of the newest.")
def unlocks(member: str | None, limit: int, before: int) -> None:
    """List when members' keys were opened at this adapter, by what and where: in the workspace, or by a command.

    The newest 1,000 of each member are kept. Whoever administers the adapter could keep an opening out of this list; a
    pull stands in the hub's log all the same.

    
    Example: nrm-adapter people unlocks --member 9c…
    """
    from adapters.unlocks import list_openings

    if member is not None:
        require_id(member, "member")
    with opened(home_option()) as adapter:
        for item in list_openings(adapter.store, member, start=before, limit=limit):
            echo_line(f"{item.member} {render_time(item.at)} by {item.by.value} {item.place}")


def _roles_of(adapter: Adapter, member: str) -> list[str]:
    """Return a member's certified roles as far as the witnessed log was followed. Raises ``PeopleRefused``."""
    lines = list_keys(adapter.follower.directory(), adapter.home.agency, adapter.clock())
    for person in list_people(lines):
        if person.member == member and person.state is KeyState.VALID:
            return [role.value for role in person.roles]
    raise PeopleRefused(
        f"member {member[:8]} is no person of this agency whose keys count, as far as the witnessed log was followed "
        "here; look: nrm-adapter members list, and: nrm-adapter sync"
    )


def _require_configured(adapter: Adapter, issuer: str) -> None:
    """Raise ``PeopleRefused`` for a provider that the settings do not name: nobody could sign in there."""
    listed = adapter.home.tables.get("sign_in", [])
    issuers = [item.get("issuer") for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    if issuers and issuer not in issuers:
        raise PeopleRefused("issuer: expected one of those in adapter.toml, [[sign_in]], letter by letter")


COMMANDS: tuple[click.Command, ...] = (people,)
