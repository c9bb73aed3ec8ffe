"""Commands on the people of this agency whose keys change: list, remove, recover. Adding stands in ``keeping``."""

from __future__ import annotations

import click

from adapters.cases import CaseRefused
from adapters.commands.base import count, home_option, opened
from adapters.commands.keeping import members
from adapters.commands.key_ends import END_REASONS, PERSON, ROOT, SIGNING, ending_of, require_keys, send_ending
from adapters.commands.keys import carry_out_change, dry_run_option, person_change, until_option, wait_option
from adapters.key_endings import newest_directory, parse_terms
from adapters.key_states import cases_listing, list_keys, list_people
from adapters.runtime import Adapter
from adapters.store.rows import list_case_rows
from keys.revocation import RevocationReason
from keys.uses import MEMBER_USES
from policies.model import require_id


@members.command(name="list")
def list_members() -> None:
    """List this agency's people: id, certified roles, end, and whether their keys count.

    \b
    Example: nrm-adapter --home police members list
    """
    with opened(home_option()) as adapter:
        newest = newest_directory(adapter.follower)
        for person in list_people(list_keys(newest.directory, adapter.home.agency, adapter.clock())):
            click.echo(person.render())
        if newest.in_the_way is not None:
            click.echo(newest.in_the_way, err=True)


@members.command(name="remove")
@click.argument("member")
@click.option("--reason", type=click.Choice(END_REASONS), required=True, help="Why their keys must not count any more.")
@until_option
@click.option(
    "--by",
    type=click.Choice([SIGNING, ROOT, PERSON]),
    default=SIGNING,
    show_default=True,
    help="Whose key says so.",
)
@dry_run_option
def remove(member: str, reason: str, valid_until: int | None, by: str, dry_run: bool) -> None:
    """End both keys of a person at once: they left, lost them, or somebody else has them.

    \b
    Example: nrm-adapter --home police members remove 8d1f0c2b4a6e9f7081726354a5b6c7d8 --reason lost
    """
    terms = parse_terms(reason, valid_until)
    require_id(member, "member")
    with opened(home_option()) as adapter:
        require_keys(adapter)
        directory = newest_directory(adapter.follower).directory
        notes = _case_notes(adapter, member)
        ending = ending_of(adapter, directory, sorted(MEMBER_USES), member, terms, notes=notes)
        send_ending(adapter, ending, by, member, None, dry_run=dry_run)


def _case_notes(adapter: Adapter, member: str) -> list[str]:
    with adapter.store.write() as session:
        known = [row.case for row in list_case_rows(session) if row.ended_at is None]
    cases, unread = [], 0
    for case in known:
        try:
            cases.append(adapter.book.load(case))
        except CaseRefused:
            unread += 1
    listing = cases_listing(cases, adapter.home.agency, member, adapter.clock())
    notes = [f"Case {case} still lists them: {lead}, who leads it, must take them out." for case, lead in listing]
    if unread:
        notes.append(f"{count(unread, 'case')} could not be read here and may list them too.")
    return notes or ["No case known here lists them."]


@members.command(name="recover")
@click.argument("member")
@click.option(
    "--reason",
    type=click.Choice(END_REASONS),
    default=RevocationReason.LOST.value,
    show_default=True,
    help="Why the old keys end.",
)
@until_option
@wait_option
@dry_run_option
def recover(member: str, reason: str, valid_until: int | None, wait: float, dry_run: bool) -> None:
    """Certify a person anew, under the same id, who lost their keys or passphrase. Nobody can bring the old ones back.

    Needs the root key, and NRM_MEMBER_PASSPHRASE with the passphrase they choose now. What they had is granted to them
    again by its originators.

    \b
    Example: nrm-adapter --home police members recover 8d1f0c2b4a6e9f7081726354a5b6c7d8
    """
    terms = parse_terms(reason, valid_until)
    with opened(home_option()) as adapter:
        carry_out_change(adapter, lambda: person_change(adapter, member, terms, is_lost=True), wait, dry_run=dry_run)


COMMANDS: tuple[click.Command, ...] = (members,)
