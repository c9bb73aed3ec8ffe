"""Commands on the agency's keys and people: list, replace, end. Each says in plain words what it will do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

from adapters.commands.base import home_option, opened, progress
from adapters.enrolling_again import enrol_again, plan_enrolling_again
from adapters.following import LogRefused
from adapters.held_keys import HeldFile, KeyChangeRefused, open_agency_file, open_member_file
from adapters.home import Home
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.issued import remember_issued
from adapters.key_changes import (
    WITNESS_ALGORITHMS,
    Changed,
    KeyChange,
    carry_out,
    finish,
    pending_change,
    plan_member_change,
    plan_rotation,
    plan_witness_rotation,
)
from adapters.key_endings import (
    Ending,
    EndingUnproven,
    EndTerms,
    newest_directory,
    parse_terms,
    plan_ending,
    plan_own_root_ending,
    plan_root_ending,
    send_endings,
    sign_ending,
    write_for_hub,
)
from adapters.key_states import list_keys, live_keys
from adapters.runtime import Adapter, system_clock
from adapters.witness_changes import approve, is_waiting, plan_approval
from keys.directory import Directory
from keys.fingerprints import fingerprint, render_words
from keys.jose import Signer, is_kid
from keys.revocation import RevocationReason
from keys.uses import AGENCY_USES, MEMBER_USES, KeyUse
from policies.model import require_id

LOOK_SECONDS = 0.5
MEMBER, ROOT, SIGNING, PERSON = "member", "root", "signing", "person"
OWN_USES = sorted(use.value for use in AGENCY_USES)
END_REASONS = [item.value for item in RevocationReason if item is not RevocationReason.SUPERSEDED]

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


def _say(summary: Iterable[str]) -> None:
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
@click.argument("use", type=click.Choice([*OWN_USES, MEMBER]))
@member_option
@click.option(
    "--reason",
    type=click.Choice([RevocationReason.SUPERSEDED.value, *END_REASONS]),
    default=RevocationReason.SUPERSEDED.value,
    show_default=True,
    help="Why the old key ends: superseded is a planned renewal, under which its holder still reads what they had.",
)
@until_option
@wait_option
@dry_run_option
def rotate(use: str, member: str | None, reason: str, valid_until: int | None, wait: float, dry_run: bool) -> None:
    """Replace a key of the agency, or with "member" both keys of a person, and end the old one in the same step.

    Needs the root key (NRM_ROOT_PASSPHRASE), and NRM_ADAPTER_PASSPHRASE; for a person also NRM_MEMBER_PASSPHRASE.
    Whatever breaks off is finished by the same command.

    \b
    Example: nrm-adapter --home police keys rotate signing --dry-run
    """
    if (use == MEMBER) != (member is not None):
        raise KeyChangeRefused("a person's keys are named by both: keys rotate member --member ID")
    terms = parse_terms(reason, valid_until)
    with opened(home_option()) as adapter:
        if member is None and KeyUse(use) in WITNESS_ALGORITHMS:
            rotate_witness(adapter, terms, wait, dry_run=dry_run)
        elif member is None:
            carry_out_change(adapter, lambda: _agency_rotation(adapter, KeyUse(use), terms), wait, dry_run=dry_run)
        else:
            carry_out_change(
                adapter, lambda: person_change(adapter, member, terms, is_lost=False), wait, dry_run=dry_run
            )


def _agency_rotation(adapter: Adapter, use: KeyUse, terms: EndTerms) -> tuple[KeyChange, HeldFile]:
    held = open_agency_file(adapter.home, adapter.environ)
    if held.contents is None:
        raise KeyChangeRefused("the agency's key file does not open")
    adapter.keys = held.contents
    newest = newest_directory(adapter.follower)
    key = held.contents.private(use.value).public
    return plan_rotation(newest, adapter.home.agency, use, key, terms, adapter.clock()), held


def rotate_witness(adapter: Adapter, terms: EndTerms, wait: float, *, dry_run: bool) -> None:
    """Make both new witness keys, unless some wait for approval already, and approve them as this agency."""
    if pending_change(adapter) is None and is_waiting(adapter):
        click.echo("two new witness keys are certified already and wait for approval; approves them again")
    else:
        carry_out_change(adapter, lambda: _witness_rotation(adapter, terms), wait, dry_run=dry_run)
    if not dry_run and is_waiting(adapter):
        for line in approve(adapter, plan_approval(adapter, adapter.home.agency)):
            click.echo(line)


def _witness_rotation(adapter: Adapter, terms: EndTerms) -> tuple[KeyChange, HeldFile]:
    held = open_agency_file(adapter.home, adapter.environ)
    if held.contents is None:
        raise KeyChangeRefused("the agency's key file does not open")
    adapter.keys = held.contents
    newest = newest_directory(adapter.follower)
    return plan_witness_rotation(newest, adapter.home.agency, terms, adapter.clock()), held


def person_change(adapter: Adapter, member: str, terms: EndTerms, *, is_lost: bool) -> tuple[KeyChange, HeldFile]:
    """Return what replacing a person's keys will do, and their key file. Raises ``KeyChangeRefused``."""
    require_id(member, "member")
    newest = newest_directory(adapter.follower)
    plan = plan_member_change(newest, adapter.home.agency, member, terms, adapter.clock(), is_lost=is_lost)
    return plan, open_member_file(adapter.home, member, adapter.environ, lost=is_lost)


def carry_out_change(
    adapter: Adapter, plan: Callable[[], tuple[KeyChange, HeldFile]], wait: float, *, dry_run: bool
) -> None:
    """Say what a change of keys will do and, unless it is a dry run, do it; one that broke off is finished first."""
    waiting = pending_change(adapter)
    if waiting is not None:
        click.echo(f"finishes the change that broke off: {waiting}")
        done = None if dry_run else finish(adapter)
    else:
        change, held = plan()
        _say(change.summary)
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


# --- ending ---


@keys.command(name="revoke")
@click.argument("use", type=click.Choice([*OWN_USES, MEMBER, ROOT]))
@member_option
@click.option("--key", help="The whole id of one key; without it every key of the use that counts is ended.")
@click.option("--reason", type=click.Choice(END_REASONS), required=True, help="Why it must not count any more.")
@until_option
@click.option(
    "--by",
    type=click.Choice([SIGNING, ROOT, PERSON]),
    help="Whose key says so; without it the agency's signing key, for the root the root itself.",
)
@click.option(
    "--file",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the signed revocation here instead of sending it: for the hub's operator, or for the day it is needed.",
)
@click.option("--yes", is_flag=True, help="End the root without asking for the agency's id: for scripts.")
@dry_run_option
def revoke(
    use: str,
    member: str | None,
    key: str | None,
    reason: str,
    valid_until: int | None,
    by: str | None,
    output: Path | None,
    yes: bool,
    dry_run: bool,
) -> None:
    """End a key now, without a new one. Needs no root key and no witness: the adapter's passphrase is enough.

    For "root", with which every key of the agency ends, it asks for the agency's id.

    With --by root --key ID --file OUT nothing but root.key and adapter.toml has to be left of the adapter.

    \b
    Example: nrm-adapter --home police keys revoke signing --reason compromised
    """
    terms = parse_terms(reason, valid_until)
    by = by or (ROOT if use == ROOT else SIGNING)
    if (use == MEMBER) != (member is not None):
        raise KeyChangeRefused("a person's keys are named by both: keys revoke member --member ID")
    if use == KeyUse.SIGNING.value and valid_until is not None and by != ROOT:
        raise KeyChangeRefused(
            "only the root dates the end of a signing key back (--by root): whoever has the signing key could "
            "otherwise undo what the agency said before. Without --valid-until it ends now"
        )
    if key is not None and not is_kid(key):
        raise KeyChangeRefused("key: expected the whole id of a key, 43 characters")
    if key is not None and output is not None and by == ROOT:
        _by_root_alone(Home.load(home_option()), key, terms, output, dry_run=dry_run, yes=yes)
        return
    with opened(home_option()) as adapter:
        directory = newest_directory(adapter.follower).directory
        if use == ROOT:
            ending = plan_own_root_ending(directory, adapter.home.agency, terms)
        else:
            uses = sorted(MEMBER_USES) if use == MEMBER else [KeyUse(use)]
            ending = ending_of(adapter, directory, uses, member, terms, key=key)
        send_ending(adapter, ending, by, member, output, dry_run=dry_run, must_confirm=use == ROOT and not yes)


def _by_root_alone(home: Home, key: str, terms: EndTerms, output: Path, *, dry_run: bool, yes: bool) -> None:
    named = f"Revokes the key {key[:12]} by the root's word, in a file for the hub: {output}."
    ending = Ending(home.agency, (key,), terms, (named, *terms.summary()))
    _say(ending.summary)
    if dry_run:
        return
    root = home.root_key()
    if key == root.public.kid and not yes:
        _require_meant(home.agency)
    tokens = sign_ending(ending, issuer=home.agency, signer=root, at=system_clock())
    remember_issued(home.folder, tokens)
    write_for_hub(output, home.agency, (), tokens)
    click.echo(f"written to {output}; it counts once the hub has it: nrm-hub revoke FILE")


def ending_of(
    adapter: Adapter,
    directory: Directory,
    uses: Sequence[KeyUse],
    member: str | None,
    terms: EndTerms,
    *,
    key: str | None = None,
    notes: Sequence[str] = (),
) -> Ending:
    """Return the end of this agency's, or a person's, keys of these uses. Raises ``KeyChangeRefused``."""
    lines = list_keys(directory, adapter.home.agency, adapter.clock())
    found = [line for use in uses for line in live_keys(lines, use, member) if key in (None, line.kid)]
    return plan_ending(adapter.home.agency, found, terms, notes)


def send_ending(
    adapter: Adapter,
    ending: Ending,
    by: str,
    member: str | None,
    output: Path | None,
    *,
    dry_run: bool,
    must_confirm: bool = False,
) -> None:
    """Say what an end will do and, unless it is a dry run, sign it and bring it to the hub or to a file.

    ``must_confirm``: only after a person has typed the agency's id. Raises ``KeyChangeRefused``.
    """
    _say(ending.summary)
    if dry_run:
        return
    if must_confirm:
        _require_meant(ending.agency)
    signer = _signer(adapter, by, member)
    folder, agency = adapter.home.folder, adapter.home.agency
    tokens = sign_ending(ending, issuer=agency, signer=signer, at=adapter.clock())
    if output is not None:
        remember_issued(folder, tokens)
        write_for_hub(output, agency, (), tokens)
        click.echo(f"written to {output}; it counts once the hub has it: nrm-hub revoke FILE")
        return
    try:
        positions = send_endings(adapter.follower, agency, tokens)
    except EndingUnproven as error:
        if not _asks_with(adapter, ending):
            raise
        click.echo(f"{error}. The key that this adapter asks with has ended; look with a new signing key", err=True)
        return
    click.echo(f"revoked and proven: it stands in the log at position {', '.join(map(str, positions))}")


def _asks_with(adapter: Adapter, ending: Ending) -> bool:
    """Whether what ends is the key that this adapter asks the hub with, or the root that certified it."""
    signing = adapter.keys.keys[KeyUse.SIGNING.value].public.kid
    listed = adapter.follower.directory().get_agency(adapter.home.agency)
    return signing in ending.kids or listed.root.kid in ending.kids


def _require_meant(agency: str) -> None:
    """Have a person type the agency's id. Raises ``KeyChangeRefused``."""
    try:
        typed = click.prompt(f"This ends every key of {agency}. Type the agency's id to go on", err=True)
    except click.Abort as error:
        raise KeyChangeRefused("nothing was revoked: the agency's id was not typed (--yes for scripts)") from error
    if typed.strip() != agency:
        raise KeyChangeRefused(f"nothing was revoked: expected the agency's id, {agency}, got something else")


def _signer(adapter: Adapter, by: str, member: str | None) -> Signer:
    if by == ROOT:
        return adapter.home.root_key(adapter.environ)
    if by == PERSON:
        if member is None:
            raise KeyChangeRefused("a person ends their own keys only: --by person --member ID")
        return adapter.member_keys(member).keys[KeyUse.MEMBER_SIGNING.value]
    return adapter.keys.keys[KeyUse.SIGNING.value]


@keys.command(name="revoke-root")
@click.argument("agency")
@click.option("--reason", type=click.Choice(END_REASONS), required=True, help="Why it must not count any more.")
@until_option
@click.option(
    "--file",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the signed word here instead of sending it.",
)
@dry_run_option
def revoke_root(agency: str, reason: str, valid_until: int | None, output: Path | None, dry_run: bool) -> None:
    """Say as this agency that another agency's root must not count any more. More than half of the others must.

    \b
    Example: nrm-adapter --home police keys revoke-root fern-care --reason compromised
    """
    terms = parse_terms(reason, valid_until)
    with opened(home_option()) as adapter:
        directory = newest_directory(adapter.follower).directory
        ending = plan_root_ending(directory, adapter.home.agency, agency, terms)
        send_ending(adapter, ending, SIGNING, None, output, dry_run=dry_run)


@keys.command(name="enrol-again")
@dry_run_option
def enrol_again_(dry_run: bool) -> None:
    """Make a new root after the old one was revoked, and a new enrolment request for the ceremony.

    Needs NRM_ROOT_PASSPHRASE for the new root and NRM_ADAPTER_PASSPHRASE. Once enrolled: pin-hub, then publish.

    \b
    Example: nrm-adapter --home police keys enrol-again --dry-run
    """
    with opened(home_option()) as adapter:
        newest = newest_directory(adapter.follower)
        plan = plan_enrolling_again(adapter, newest.directory, is_shut_out=newest.is_shut_out)
        _say(plan.summary)
        if dry_run:
            return
        said = enrol_again(adapter, plan)
        click.echo(f"give the hub's operator {adapter.home.folder / 'enrolment-request.json'}")
        click.echo("read these words out to two officers of the hub, each on a second channel:")
        click.echo(f"{render_words(said)}\nin hexadecimal: {said}")


COMMANDS: tuple[click.Command, ...] = (keys,)
