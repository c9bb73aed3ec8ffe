"""Commands on the agency's keys: list, replace. Each says in plain words what it will do. Ending: ``key_ends``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import click

from adapters.commands.base import count, home_option, opened, progress
from adapters.following import LogRefused
from adapters.held_keys import Held, KeyChangeRefused, open_member_file
from adapters.held_token import not_in_use, open_agency
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.key_changes import Changed, carry_out, finish, pending_change
from adapters.key_endings import EndTerms, newest_directory, parse_terms
from adapters.key_plans import (
    WITNESS_ALGORITHMS,
    KeyChange,
    plan_member_change,
    plan_rotation,
    plan_witness_rotation,
)
from adapters.key_states import list_keys
from adapters.runtime import Adapter
from adapters.sealing_changes import SEALING_SUMMARY, renew_sealing
from adapters.storage_changes import STORAGE_SUMMARY, renew_storage
from adapters.witness_changes import approve, is_waiting, plan_approval
from adapters.working_keys import working_key
from keys.fingerprints import fingerprint, render_words
from keys.revocation import RevocationReason
from keys.uses import AGENCY_USES, KeyUse
from policies.model import require_id

LOOK_SECONDS = 0.5
MEMBER = "member"
STORAGE, SEALING = "storage", "sealing"
OWN_USES = sorted(use.value for use in AGENCY_USES)

dry_run_option = click.option("--dry-run", is_flag=True, help="Say in plain words what it would do, and do nothing.")
until_option = click.option(
    "--valid-until",
    type=click.IntRange(min=0),
    help="The first log position at which the key counts no more, if it was taken before today.",
)
member_option = click.option("--member", help="The id of a person of this agency.")
wait_option = click.option(
    "--wait", default=10.0, show_default=True, help="Seconds to wait for the witnesses to see the new certificates."
)


def say(summary: Iterable[str]) -> None:
    """Print sentences, each on a line."""
    for line in summary:
        click.echo(line)


@click.group()
def keys() -> None:
    """The keys of this agency: what they are, how long they count; replace them, end them.

    \b
    Example: nrm-adapter --home police keys list
    """


@keys.command(name="list")
def list_() -> None:
    """List every key the log has of this agency's own: use, key id, end, state, fingerprint. People: members list.

    \b
    Example: nrm-adapter --home police keys list
    """
    with opened(home_option()) as adapter:
        newest = newest_directory(adapter.follower)
        for line in list_keys(newest.directory, adapter.home.agency, adapter.clock()):
            if line.member is None:
                click.echo(line.render())
        if newest.in_the_way is not None:
            click.echo(newest.in_the_way, err=True)
        waiting = pending_change(adapter)
        if waiting is not None:
            click.echo(f"NOT FINISHED: {waiting}; repeat its command", err=True)
        for sentence in not_in_use(adapter, is_changing=waiting is not None):
            click.echo(sentence, err=True)


@keys.command(name="fingerprint")
def fingerprint_() -> None:
    """Show the words of this agency's root key, to compare with the pin by voice. The root key itself is not needed.

    \b
    Example: nrm-adapter --home police keys fingerprint
    """
    with opened(home_option()) as adapter:
        shown = fingerprint(adapter.follower.directory().get_agency(adapter.home.agency).root)
    click.echo(f"{render_words(shown)}\nin hexadecimal: {shown}")


@keys.command(name="rotate")
@click.argument("use", type=click.Choice([*OWN_USES, MEMBER, STORAGE, SEALING]))
@member_option
@click.option(
    "--reason",
    type=click.Choice([item.value for item in RevocationReason]),
    default=RevocationReason.SUPERSEDED.value,
    show_default=True,
    help="Why the old key ends: superseded is a planned renewal, under which its holder still reads what they had.",
)
@until_option
@wait_option
@dry_run_option
def rotate(use: str, member: str | None, reason: str, valid_until: int | None, wait: float, dry_run: bool) -> None:
    """Replace a key of the agency, or with "member" both keys of a person, and end the old one in the same step.

    With "storage" the secret that seals this adapter's own database, with "sealing" the AES key by which a hardware
    token seals what rests beside it: these need no root key and no hub.

    Needs the root key (NRM_ROOT_PASSPHRASE), and NRM_ADAPTER_PASSPHRASE; for a person also NRM_MEMBER_PASSPHRASE.
    Whatever breaks off is finished by the same command.

    \b
    Example: nrm-adapter --home police keys rotate signing --dry-run
    """
    if (use == MEMBER) != (member is not None):
        raise KeyChangeRefused("a person's keys are named by both: keys rotate member --member ID")
    terms = parse_terms(reason, valid_until)
    if use in (STORAGE, SEALING):
        if terms != EndTerms(RevocationReason.SUPERSEDED):
            raise KeyChangeRefused(f"nobody certified the {use} secret: leave --reason and --valid-until")
        _rotate_storage(dry_run=dry_run) if use == STORAGE else _rotate_sealing(dry_run=dry_run)
        return
    with opened(home_option()) as adapter:
        if member is None and KeyUse(use) in WITNESS_ALGORITHMS:
            rotate_witness(adapter, terms, wait, dry_run=dry_run)
        elif member is None:
            carry_out_change(adapter, lambda: _agency_rotation(adapter, KeyUse(use), terms), wait, dry_run=dry_run)
        else:
            carry_out_change(
                adapter, lambda: person_change(adapter, member, terms, is_lost=False), wait, dry_run=dry_run
            )


def _rotate_storage(*, dry_run: bool) -> None:
    with opened(home_option()) as adapter:
        say(STORAGE_SUMMARY)
        if not dry_run:
            click.echo(f"done: rotate storage; {count(renew_storage(adapter), 'row')} sealed anew")


def _rotate_sealing(*, dry_run: bool) -> None:
    with opened(home_option()) as adapter:
        say(SEALING_SUMMARY)
        if not dry_run:
            renew_sealing(adapter)
            click.echo("done: rotate sealing; the key before is destroyed in the token")


def _agency_rotation(adapter: Adapter, use: KeyUse, terms: EndTerms) -> tuple[KeyChange, Held]:
    held = open_agency(adapter)
    newest, present = newest_directory(adapter.follower), adapter.keys.keys
    kids = {key.public.kid for key in present.values()}
    key = working_key(present, use).public
    return plan_rotation(newest, adapter.home.agency, use, key, terms, adapter.clock(), held=kids), held


def rotate_witness(adapter: Adapter, terms: EndTerms, wait: float, *, dry_run: bool) -> None:
    """Make both new witness keys, unless some wait for approval already, and approve them as this agency."""
    if pending_change(adapter) is None and is_waiting(adapter):
        click.echo("two new witness keys are certified already and wait for approval; approves them again")
    else:
        carry_out_change(adapter, lambda: _witness_rotation(adapter, terms), wait, dry_run=dry_run)
    if not dry_run and is_waiting(adapter):
        for line in approve(adapter, plan_approval(adapter, adapter.home.agency)):
            click.echo(line)


def _witness_rotation(adapter: Adapter, terms: EndTerms) -> tuple[KeyChange, Held]:
    held = open_agency(adapter)
    newest = newest_directory(adapter.follower)
    return plan_witness_rotation(newest, adapter.home.agency, terms, adapter.clock()), held


def person_change(adapter: Adapter, member: str, terms: EndTerms, *, is_lost: bool) -> tuple[KeyChange, Held]:
    """Return what replacing a person's keys will do, and their key file. Raises ``KeyChangeRefused``."""
    require_id(member, "member")
    newest = newest_directory(adapter.follower)
    plan = plan_member_change(newest, adapter.home.agency, member, terms, adapter.clock(), is_lost=is_lost)
    return plan, open_member_file(adapter.home, member, adapter.environ, lost=is_lost)


def carry_out_change(
    adapter: Adapter, plan: Callable[[], tuple[KeyChange, Held]], wait: float, *, dry_run: bool
) -> None:
    """Say what a change of keys will do and, unless it is a dry run, do it; one that broke off is finished first."""
    waiting = pending_change(adapter)
    if waiting is not None:
        click.echo(f"finishes the change that broke off: {waiting}")
        done = None if dry_run else finish(adapter)
    else:
        change, held = plan()
        say(change.summary)
        say(f"Removes {label} from the token: a change that was dropped left it there." for label in held.leftovers())
        done = None if dry_run else carry_out(adapter, change, held)
    if done is not None:
        click.echo(f"done: {done.what}")
        _wait_for_witnesses(adapter, done, wait)
        if done.not_ended is not None:
            raise KeyChangeRefused(
                "NOT PROVEN that the old key has ended: the hub recorded the new one and said no. The signed "
                f"revocation is in {done.not_ended}; give it to the hub's operator (nrm-hub revoke FILE), and tell the "
                "other agencies"
            )


def _wait_for_witnesses(adapter: Adapter, done: Changed, seconds: float) -> None:
    """Say whether a quorum has seen the certificates: until then nobody else believes what the new key signs."""
    if done.position is None:
        return
    until = time.monotonic() + seconds
    with progress("waiting for the witnesses"):
        while True:
            try:
                if adapter.follower.sync().checkpoint.size > done.position:
                    click.echo(f"it stands in the log at position {done.position}; a quorum of witnesses has seen it")
                    return
            except (HubRefused, HubUnreachable, LogRefused):
                pass
            if time.monotonic() + LOOK_SECONDS > until:
                break
            time.sleep(LOOK_SECONDS)
    click.echo(
        f"it stands in the log at position {done.position}; the witnesses have not seen it yet. Nothing new is shared "
        "until they have: nrm-adapter sync"
    )


COMMANDS: tuple[click.Command, ...] = (keys,)
