"""Commands on broken glass: break it, review it, list it, and this agency's standing rules. Each shows first."""

from __future__ import annotations

import click

from adapters.broken_glass import (
    MAX_MINUTES,
    GlassSaying,
    describe,
    find_broken,
    keep_rules,
    plan_breaking,
    plan_review,
    read_rules,
)
from adapters.commands.base import echo_line, home_option, opened
from adapters.commands.exclusions import parse_person
from adapters.commands.membership import dry_run_option
from adapters.runtime import Adapter
from adapters.store.rows import list_case_rows
from adapters.working_keys import working_key
from keys.uses import KeyUse
from policies.break_glass import BreakGlassReason, ReviewOutcome
from policies.vocabulary import Category

_member = click.option("--member", required=True, help="Who says it, by id; passphrase in NRM_MEMBER_PASSPHRASE.")


@click.group(name="break-glass")
def break_glass() -> None:
    """Open, in an emergency, what you are not given otherwise: for a short time, told to everybody, reviewed.

    \b
    Example: nrm-adapter --home charity break-glass list 0f3a…
    """


@break_glass.command(name="open")
@click.argument("case")
@_member
@click.option("--reason", required=True, type=click.Choice([item.value for item in BreakGlassReason]), help="Why.")
@click.option("--reviewer", required=True, help="Who is to review it, of another agency, as agency:id.")
@click.option(
    "--minutes", default=60, show_default=True, type=click.IntRange(1, MAX_MINUTES), help="How long; it ends by itself."
)
@dry_run_option
def open_(case: str, member: str, reason: str, reviewer: str, minutes: int, dry_run: bool) -> None:
    """Break the glass in a case. Then read it for purpose safeguarding: nrm-adapter picture.

    \b
    Example: nrm-adapter break-glass open 0f3a… --member 7d… --reason danger_now --reviewer fern-care:3f… --dry-run
    """
    named = parse_person(reviewer)
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        verified, at = adapter.book.load(case), adapter.clock()
        me = (adapter.home.agency, member)
        saying = plan_breaking(verified, me, BreakGlassReason(reason), minutes=minutes, reviewer=named, at=at)
        _carry_out(adapter, member, saying, dry_run=dry_run)


@break_glass.command(name="review")
@click.argument("case")
@click.argument("digest")
@_member
@click.option(
    "--outcome", required=True, type=click.Choice([item.value for item in ReviewOutcome]), help="What it was."
)
@dry_run_option
def review(case: str, digest: str, member: str, outcome: str, dry_run: bool) -> None:
    """Review, from another agency, that somebody broke the glass. DIGEST: its beginning, as list shows it.

    \b
    Example: nrm-adapter --home care break-glass review 0f3a… 77d0c2f1 --member 3f… --outcome justified
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        verified, me = adapter.book.load(case), (adapter.home.agency, member)
        broken = find_broken(verified, digest)
        saying = plan_review(verified, me, broken, ReviewOutcome(outcome), at=adapter.clock())
        _carry_out(adapter, member, saying, dry_run=dry_run)


@break_glass.command(name="list")
@click.argument("case", required=False)
@click.option("--all", "everything", is_flag=True, help="Those that were reviewed, too.")
def list_(case: str | None, everything: bool) -> None:
    """List where the glass was broken in this agency's cases, or in one, and is not reviewed. Ids only.

    \b
    Example: nrm-adapter --home care break-glass list
    """
    with opened(home_option()) as adapter:
        known = set(adapter.follower.sync_cases())
        with adapter.store.write() as session:
            cases = [row.case for row in list_case_rows(session) if row.case in known and case in (None, row.case)]
        found = [(name, item) for name in cases for item in adapter.book.load(name).broken]
        listed = [(name, item) for name, item in found if everything or item.review is None]
        for name, item in listed:
            echo_line(f"case {name[:8]}: {describe(item, adapter.clock())}")
        if not listed:
            click.echo("Nobody has broken the glass without it having been reviewed.")


@break_glass.command(name="rules")
@click.option(
    "--category",
    "categories",
    multiple=True,
    type=click.Choice([item.value for item in Category]),
    help="A kind of record that is granted to whoever broke the glass; repeat. In place of those before.",
)
@click.option("--none", "nothing", is_flag=True, help="Grant nothing by itself.")
def rules(categories: tuple[str, ...], nothing: bool) -> None:
    """Show or set of which kinds of its own records this agency's adapter grants to whoever broke the glass.

    Off at first. Marked records (handling C, no onward, recipients only, consult originator) are never granted by it.

    \b
    Example: nrm-adapter --home police break-glass rules --category missing_episode --category movement
    """
    if categories and nothing:
        raise click.UsageError("--none and --category exclude each other")
    with opened(home_option()) as adapter, adapter.store.write() as session:
        if categories or nothing:
            keep_rules(session, map(Category, categories))
        named = ", ".join(sorted(item.value for item in read_rules(session)))
    click.echo(f"granted to whoever broke the glass: {named or 'nothing'}")


def _carry_out(adapter: Adapter, member: str, saying: GlassSaying, *, dry_run: bool) -> None:
    for sentence in saying.summary:
        echo_line(sentence)
    if dry_run:
        click.echo("Nothing was sent: this was a dry run.")
        return
    signer = working_key(adapter.member_keys(member).keys, KeyUse.MEMBER_SIGNING)
    sent = adapter.book.send(saying.kind, saying.members, signer)
    click.echo(f"recorded: {sent.digest}")


COMMANDS: tuple[click.Command, ...] = (break_glass,)
