"""Commands on keeping and erasing: this agency's own copies, and what it says of the hub's. Each shows first."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from adapters.commands.base import echo_line, home_option, opened
from adapters.commands.membership import dry_run_option
from adapters.copies import (
    KINDS,
    describe_place,
    last_words,
    load_rules,
    register,
    review_erase,
    review_keep,
    warn_due,
)
from adapters.erasures import read_erasures
from adapters.retaining import (
    Saying,
    describe,
    plan_confirmation,
    plan_erasure,
    plan_hold,
    plan_term,
    retention_of,
)
from adapters.runtime import Adapter
from policies.retention import MAX_HOLD, ErasureReason, HoldAct, HoldBasis, Scope

_DAY = click.DateTime(["%Y-%m-%d"])
_rule = click.option("--rule", required=True, help="The retention rule it rests on, by id; see: retention rules.")


@click.group(name="retention")
def retention() -> None:
    """What is kept, until when, on what basis: this agency's copies here, and the case at the hub.

    \b
    Example: nrm-adapter --home police retention list
    """


# --- own copies ---


@retention.command(name="list")
@click.option("--due", is_flag=True, help="Only what somebody has to look at now.")
def list_(due: bool) -> None:
    """List this agency's own copies with their rule, basis and review date. Ids and dates only.

    Each copy that is due for review is an alarm as well: nrm-adapter alarms.

    \b
    Example: nrm-adapter --home police retention list --due
    """
    with opened(home_option()) as adapter:
        at = adapter.clock()
        warn_due(adapter.store, adapter.home.kind, at)
        with adapter.store.write() as session:
            copies = register(adapter.store, session, adapter.home.kind, at.date())
        listed = [item for item in copies if not due or item.is_due(at.date())]
        for item in listed:
            state = "DUE" if item.is_due(at.date()) else "review on"
            echo_line(
                f"{describe_place(item.case, item.kind)} {item.case}: {item.count} kept since {item.since}, {state} "
                f"{item.review_on}; rule {item.rule}; {item.basis}"
            )
        if not listed:
            click.echo("Nothing is due for review." if due else "This adapter keeps no copies.")


@retention.command(name="rules")
def rules() -> None:
    """List the rules of an adapter's copies as they ship, with how sure each is and who confirmed it.

    \b
    Example: nrm-adapter retention rules
    """
    for rule in load_rules():
        kinds = ", ".join(sorted(kind.value for kind in rule.kinds))
        echo_line(f"{rule.describe()} For {', '.join(rule.copies)} of {kinds}; review after {rule.after} days.")


@retention.command(name="review")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("case", required=False, default="")
@click.option("--keep", "why", help="Keep it for another while: why, in a few words. They rest sealed.")
@click.option("--erase", is_flag=True, help="Delete it here.")
@click.option("--rule", help="Another rule than the one it has.")
@click.option("--until", type=_DAY, help="When to look again; without it what the rule says.")
@dry_run_option
def review(
    kind: str, case: str, why: str | None, erase: bool, rule: str | None, until: datetime | None, dry_run: bool
) -> None:
    """Decide on a copy here: keep it for another while, or delete it. Without CASE: drafts that belong to no case.

    Deleting an archive copy takes away what granting again needs; what was shared stays shared.

    \b
    Example: nrm-adapter --home care retention review inbox 0f3a… --erase --dry-run
    """
    if (why is None) is not erase:
        raise click.UsageError("expected exactly one of --keep and --erase")
    with opened(home_option()) as adapter:
        where = describe_place(case, kind)
        if dry_run:
            with adapter.store.write() as session:
                register(adapter.store, session, adapter.home.kind, adapter.clock().date())
                said = last_words(adapter.store, session, case, kind).get("why", "nothing, it was never reviewed")
            echo_line(f"{'Deletes' if erase else 'Keeps'} {where}. Said at its last review: {said}")
            click.echo("Nothing was done: this was a dry run.")
            return
        if erase:
            count = review_erase(adapter.store, adapter.home.kind, case, kind, adapter.clock())
            echo_line(f"deleted here: {where}, {count}")
            return
        day = None if until is None else until.date()
        kept = review_keep(
            adapter.store, adapter.home.kind, case, kind, rule=rule, until=day, why=why or "", at=adapter.clock()
        )
        echo_line(f"kept: {where} under {kept.rule}, to be looked at again on {kept.review_on}")


# --- the hub's ---


@retention.command(name="show")
@click.argument("case")
def show(case: str) -> None:
    """Show how long the hub keeps a case, what is asked for, what is held, what was erased and by whom.

    \b
    Example: nrm-adapter --home care retention show 0f3a…
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        with adapter.store.write() as session:
            erased = read_erasures(session, case)
        for item in erased.listed:
            echo_line(f"{item.what}: {item.sentence}")
        if not erased.has_no_record:
            for line in describe(retention_of(adapter.book.load(case)), adapter.clock()):
                echo_line(line)


@retention.command(name="term")
@click.argument("case")
@click.option("--closed", "closed_on", required=True, type=_DAY, help="When the case was closed.")
@click.option("--content", "content_until", required=True, type=_DAY, help="By when the content goes.")
@click.option("--record", "record_until", required=True, type=_DAY, help="By when the record goes.")
@_rule
@dry_run_option
def term(
    case: str, closed_on: datetime, content_until: datetime, record_until: datetime, rule: str, dry_run: bool
) -> None:
    """Set, as the agency that leads, by when the hub erases a case. A later word takes the place of this one.

    \b
    Example: nrm-adapter retention term 0f3a… --closed 2026-11-01 --content 2027-02-01 --record 2032-11-01 --rule r1
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        saying = plan_term(
            adapter.book.load(case),
            adapter.home.agency,
            closed_at=closed_on.replace(tzinfo=UTC),
            content_until=_end_of(content_until),
            record_until=_end_of(record_until),
            rule=rule,
            at=adapter.clock(),
        )
        _carry_out(adapter, saying, dry_run=dry_run)


def _end_of(day: datetime) -> datetime:
    return day.replace(tzinfo=UTC, hour=23, minute=59, second=59)


@retention.command(name="erase")
@click.argument("case")
@click.option("--fragment", "fragments", multiple=True, help="One of this agency's own fragments, by id; repeat.")
@click.option("--whole", type=click.Choice([Scope.CONTENT.value, Scope.RECORD.value]), help="As the lead: all of it.")
@click.option("--reason", required=True, type=click.Choice([item.value for item in ErasureReason]), help="Why.")
@_rule
@dry_run_option
def erase(case: str, fragments: tuple[str, ...], whole: str | None, reason: str, rule: str, dry_run: bool) -> None:
    """Have this agency's own fragments erased at the hub, at once; or, as the lead, ask for a whole case.

    A whole case needs another agency's word: nrm-adapter retention agree. What others read or printed stays with them.

    \b
    Example: nrm-adapter retention erase 0f3a… --fragment 77d0… --reason shared_in_error --rule agency-schedule
    """
    if bool(fragments) is (whole is not None):
        raise click.UsageError("expected --fragment, or --whole")
    scope = Scope.FRAGMENTS if whole is None else Scope(whole)
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        verified = adapter.book.load(case)
        with adapter.store.write() as session:
            saying = plan_erasure(
                session,
                verified,
                adapter.home.agency,
                scope,
                fragments,
                rule=rule,
                reason=ErasureReason(reason),
                at=adapter.clock(),
            )
        _carry_out(adapter, saying, dry_run=dry_run)


@retention.command(name="agree")
@click.argument("case")
@click.argument("digest")
@dry_run_option
def agree(case: str, digest: str, dry_run: bool) -> None:
    """Agree, as a second agency, that a whole case be erased. DIGEST: its beginning, as show has it.

    \b
    Example: nrm-adapter --home health retention agree 0f3a… 77d0c2f1 --dry-run
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        verified = adapter.book.load(case)
        saying = plan_confirmation(verified, adapter.home.agency, retention_of(verified), digest, adapter.clock())
        _carry_out(adapter, saying, dry_run=dry_run)


@retention.command(name="hold")
@click.argument("case")
@click.argument("act", type=click.Choice([item.value for item in HoldAct]))
@click.option("--basis", type=click.Choice([item.value for item in HoldBasis]), help="Why, to place one.")
@click.option("--hold", "named", help="Which one, by the beginning of its id, to renew or lift it.")
@click.option("--decided-by", required=True, help="Who decided it, one of this agency's people, by id.")
@click.option("--days", default=60, show_default=True, type=click.IntRange(1, MAX_HOLD.days), help="How long.")
@dry_run_option
def hold(case: str, act: str, basis: str | None, named: str | None, decided_by: str, days: int, dry_run: bool) -> None:
    """Place a legal hold, renew or lift this agency's own: while it stands, nothing of the case is erased at the hub.

    It ends by itself. Renewing is its review: somebody else decides it than who decided last.

    \b
    Example: nrm-adapter --home police retention hold 0f3a… place --basis court_proceedings --decided-by 3f…
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        verified = adapter.book.load(case)
        saying = plan_hold(
            verified,
            adapter.home.agency,
            retention_of(verified),
            HoldAct(act),
            basis=None if basis is None else HoldBasis(basis),
            named=named,
            days=days,
            decided_by=decided_by,
            at=adapter.clock(),
        )
        _carry_out(adapter, saying, dry_run=dry_run)


def _carry_out(adapter: Adapter, saying: Saying, *, dry_run: bool) -> None:
    for sentence in saying.summary:
        echo_line(sentence)
    if dry_run:
        click.echo("Nothing was sent: this was a dry run.")
        return
    sent = adapter.book.send(saying.kind, saying.members)
    adapter.receiver.drop_refused(str(saying.members["case"]))
    click.echo(f"recorded: {sent.digest}")


COMMANDS: tuple[click.Command, ...] = (retention,)
