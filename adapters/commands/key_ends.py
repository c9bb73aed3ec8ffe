"""Commands that end keys: revoke, revoke-root, carry; and enrolling again once the root has ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from adapters.carried_words import MAX_CARRIED, read_carried, require_free, write_for_hub
from adapters.commands.base import echo_line, home_option, opened
from adapters.commands.keys import MEMBER, OWN_USES, dry_run_option, keys, member_option, say, until_option
from adapters.enrolling_again import enrol_again, plan_enrolling_again
from adapters.held_keys import KeyChangeRefused
from adapters.home import Home, HomeRefused
from adapters.issued import remember_issued
from adapters.key_endings import (
    Ending,
    EndingUnproven,
    EndTerms,
    carry_endings,
    newest_directory,
    parse_terms,
    plan_ending,
    plan_own_root_ending,
    plan_root_ending,
    send_endings,
    sign_ending,
)
from adapters.key_states import list_keys, live_keys
from adapters.runtime import Adapter, system_clock
from adapters.working_keys import working_key
from keys.custody.interface import CustodyRefused
from keys.directory import Directory
from keys.fingerprints import render_words
from keys.jose import Signer, is_kid
from keys.revocation import RevocationReason
from keys.uses import MEMBER_USES, KeyUse

ROOT, SIGNING, PERSON = "root", "signing", "person"
END_REASONS = [item.value for item in RevocationReason if item is not RevocationReason.SUPERSEDED]


@keys.command(name="revoke")
@click.argument("use", type=click.Choice([*OWN_USES, MEMBER, ROOT]))
@member_option
@click.option(
    "--key",
    "keys_named",
    multiple=True,
    help="The whole id of a key, once for each; without it every key of the use that counts is ended.",
)
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
    help="Write the signed revocations into this new file instead of sending them: for the hub's operator, or for the "
    "day they are needed.",
)
@click.option("--yes", is_flag=True, help="End the root without asking for the agency's id: for scripts.")
@dry_run_option
def revoke(
    use: str,
    member: str | None,
    keys_named: tuple[str, ...],
    reason: str,
    valid_until: int | None,
    by: str | None,
    output: Path | None,
    yes: bool,
    dry_run: bool,
) -> None:
    """End a key now, without a new one. Needs no root key and no witness: the adapter's passphrase is enough.

    For "root", with which every key of the agency ends, it asks for the agency's id.

    With --by root --key ID --file OUT nothing but root.key and adapter.toml has to be left of the adapter. The keys
    named there may be of any use.

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
    kids = _parse_kids(keys_named)
    if output is not None:
        require_free(output)
    if kids and output is not None and by == ROOT:
        _by_root_alone(Home.load(home_option()), kids, terms, output, dry_run=dry_run, yes=yes)
        return
    if kids and use == ROOT:
        raise KeyChangeRefused("keys revoke root ends the root, and with it every key; it takes no --key")
    with opened(home_option()) as adapter:
        require_keys(adapter)
        directory = newest_directory(adapter.follower).directory
        if use == ROOT:
            ending = plan_own_root_ending(directory, adapter.home.agency, terms)
        else:
            uses = sorted(MEMBER_USES) if use == MEMBER else [KeyUse(use)]
            ending = ending_of(adapter, directory, uses, member, terms, kids=kids)
        send_ending(adapter, ending, by, member, output, dry_run=dry_run, must_confirm=use == ROOT and not yes)


def _parse_kids(named: Sequence[str]) -> tuple[str, ...]:
    """Return the key ids that were named, each once. Raises ``KeyChangeRefused``."""
    kids = tuple(dict.fromkeys(named))
    if len(kids) > MAX_CARRIED:
        raise KeyChangeRefused(f"key: expected at most {MAX_CARRIED} ids of keys, got {len(kids)}")
    for number, kid in enumerate(kids, 1):
        if not is_kid(kid):
            raise KeyChangeRefused(f"key: expected the whole id of a key, 43 characters; the id no. {number} is none")
    return kids


def require_keys(adapter: Adapter) -> None:
    """Open the agency's keys. Raises ``KeyChangeRefused`` with the way that needs none of them."""
    try:
        _ = adapter.keys
    except (CustodyRefused, HomeRefused) as error:
        raise KeyChangeRefused(
            f"{error}. If the working keys are gone, the root key alone ends any key by its id (printed by keys list): "
            "nrm-adapter keys revoke signing --key KEY-ID --by root --reason lost --file FILE"
        ) from error


def _by_root_alone(
    home: Home, kids: tuple[str, ...], terms: EndTerms, output: Path, *, dry_run: bool, yes: bool
) -> None:
    named = tuple(f"Revokes the key {kid[:12]} by the root's word, in a file for the hub: {output}." for kid in kids)
    ending = Ending(home.agency, kids, terms, (*named, *terms.summary()))
    say(ending.summary)
    if dry_run:
        return
    root = home.root_key()
    if root.public.kid in kids and not yes:
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
    kids: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Ending:
    """Return the end of this agency's, or a person's, keys of these uses; of ``kids`` only, where some are named.

    Raises ``KeyChangeRefused``, for a named key that is none of them too.
    """
    lines = list_keys(directory, adapter.home.agency, adapter.clock())
    found = [line for use in uses for line in live_keys(lines, use, member) if not kids or line.kid in kids]
    unknown = [kid for kid in kids if kid not in {line.kid for line in found}]
    if unknown:
        raise KeyChangeRefused(
            f"there is no such key of this use that counts: {', '.join(kid[:12] for kid in unknown)}. Nothing was "
            "revoked; look: nrm-adapter keys list"
        )
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
    say(ending.summary)
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
    signing = working_key(adapter.keys.keys, KeyUse.SIGNING).public.kid
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
        return working_key(adapter.member_keys(member).keys, KeyUse.MEMBER_SIGNING)
    return working_key(adapter.keys.keys, KeyUse.SIGNING)


@keys.command(name="revoke-root")
@click.argument("agency")
@click.option("--reason", type=click.Choice(END_REASONS), required=True, help="Why it must not count any more.")
@click.option(
    "--file",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the signed word into this new file instead of sending it.",
)
@dry_run_option
def revoke_root(agency: str, reason: str, output: Path | None, dry_run: bool) -> None:
    """Say as this agency that another agency's root must not count any more. More than half of the others must.

    It ends where the last word that is needed stands in the log; only its own word names an earlier position.

    \b
    Example: nrm-adapter --home police keys revoke-root fern-care --reason compromised
    """
    terms = parse_terms(reason, None)
    if output is not None:
        require_free(output)
    with opened(home_option()) as adapter:
        directory = newest_directory(adapter.follower).directory
        ending = plan_root_ending(directory, adapter.home.agency, agency, terms)
        send_ending(adapter, ending, SIGNING, None, output, dry_run=dry_run)


@keys.command(name="carry")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@dry_run_option
def carry(file: Path, dry_run: bool) -> None:
    """Bring another agency's signed revocations to the hub, from the file that its adapter wrote.

    For an agency that the hub does not hear. Its signatures are what counts; ours is on nothing in the file.

    \b
    Example: nrm-adapter --home care keys carry revocations-for-hub.json
    """
    words = read_carried(file)
    for sentence in words.summary:
        echo_line(sentence)
    if dry_run:
        return
    with opened(home_option()) as adapter:
        positions = carry_endings(adapter.follower, words)
    click.echo(f"revoked and proven: it stands in the log at position {', '.join(map(str, positions))}")


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
        say(plan.summary)
        if dry_run:
            return
        said = enrol_again(adapter, plan)
        click.echo(f"give the hub's operator {adapter.home.folder / 'enrolment-request.json'}")
        click.echo("read these words out to two officers of the hub, each on a second channel:")
        click.echo(f"{render_words(said)}\nin hexadecimal: {said}")


COMMANDS: tuple[click.Command, ...] = (keys,)
"""The group ``keys``, with what ends keys in it."""
