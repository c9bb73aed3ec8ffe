"""Commands around the adapter itself: init, pin-hub, members, publish, sync, witness, serve, status."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import click

from adapters.birthdays import Birthday, find_birthdays, warn
from adapters.commands.base import count, echo_json, home_option, opened, progress
from adapters.home import (
    HUB_NAME,
    MEMBER_DAYS,
    SIGNING_ALGORITHMS,
    Home,
    HomeRefused,
    add_member,
    init_home,
    read_ca,
    read_pin,
)
from adapters.named_heads import compare_heads, said_in
from adapters.notices import warn_of_ends
from adapters.pinning import confirm_pin
from adapters.release.disowned import disown
from adapters.reviewing import warn_of_retention
from adapters.runtime import Adapter, system_clock
from adapters.store.promise_rows import promised_by_case
from adapters.store.rows import list_alarms, list_case_rows, open_alarms, pending_cases, read_setting
from keys.custody.keyfile import write_private_file
from keys.custody.place import TokenPlace
from keys.fingerprints import ask_for_words, render_words
from policies.vocabulary import AgencyKind, Role

CERTIFICATES_NAME = "certificates-to-publish.json"
MAX_CERTIFICATES_PER_REQUEST = 50


@click.command()
@click.option("--agency", required=True, help="A short id: lower-case letters, digits, hyphens.")
@click.option(
    "--kind",
    required=True,
    type=click.Choice([kind.value for kind in AgencyKind]),
    help="What the agency is; consents and policies speak of kinds.",
)
@click.option("--name", required=True, help="The agency's name as people know it.")
@click.option(
    "--environment",
    type=click.Choice(["production", "demo"]),
    default="production",
    show_default=True,
    help="The hub's environment; keys made for one are no use in the other.",
)
@click.option(
    "--algorithm",
    type=click.Choice(SIGNING_ALGORITHMS),
    default="Ed25519",
    show_default=True,
    help="What the agency signs with; some hardware tokens do no Ed25519.",
)
@click.option(
    "--token-module",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A hardware token's PKCS #11 library: the agency's working keys are made in the token.",
)
@click.option("--token-label", help="The label of the token.")
def init(
    agency: str,
    kind: str,
    name: str,
    environment: str,
    algorithm: str,
    token_module: Path | None,
    token_label: str | None,
) -> None:
    """Make this agency's keys and an enrolment request.

    Needs NRM_ROOT_PASSPHRASE(_FILE) and NRM_ADAPTER_PASSPHRASE(_FILE); with a token NRM_ADAPTER_PIN(_FILE) instead of
    the latter, or a terminal to ask for it. Afterwards move root.key to offline storage.

    \b
    Example: nrm-adapter --home police init --agency fern-police --kind police --name "Fernshire Police"
    """
    home = home_option()
    if (token_module is None) != (token_label is None):
        raise HomeRefused("a token is named by both --token-module and --token-label")
    token = None if token_module is None else TokenPlace(token_module.absolute(), token_label or "")
    said = init_home(
        home,
        agency=agency,
        kind=AgencyKind(kind),
        name=name,
        environment=environment,
        at=system_clock(),
        algorithm=algorithm,
        token=token,
    )
    click.echo(f"made {home}; give the hub's operator {home / 'enrolment-request.json'}")
    click.echo("read these words out to two officers of the hub, each on a second channel:")
    click.echo(f"{render_words(said)}\nin hexadecimal: {said}")


@click.command(name="pin-hub")
@click.argument("pin", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--person", required=True, help="Who you are: a short id that the agency chose, no name.")
@click.option("--fingerprint", help="The words (or hex) you heard from the officer; without it you are asked for them.")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The certificate authority of the hub's TLS certificate (PEM): trusted alone then, not the system's.",
)
def pin_hub(pin: Path, person: str, fingerprint: str | None, ca: Path | None) -> None:
    """Pin the hub: its address, log key, witnesses, officers and every agency's root, if the words read out fit.

    Two people do this, each with the words they heard themselves; with the second one the hub is pinned.

    \b
    Example: nrm-adapter --home police pin-hub hub-pin.json --person records-1 --ca hub-ca.pem
    """
    home = Home.load(home_option())
    parsed = read_pin(pin)
    home.require_usable(parsed)
    authority = None if ca is None else read_ca(ca)
    heard = fingerprint if fingerprint is not None else ask_for_words(_ask, _tell)
    if confirm_pin(home, parsed, heard, person, system_clock(), ca=authority):
        click.echo(f"pinned {parsed.origin} at {parsed.issuer}, {len(parsed.roots)} agencies")
    else:
        click.echo("confirmed by one of two people; nothing is pinned yet")


def _ask(question: str) -> str:
    return str(click.prompt(question, err=True))


def _tell(text: str) -> None:
    click.echo(text, err=True)


@click.group()
def members() -> None:
    """The people of this agency.

    \b
    Example: nrm-adapter --home police members add --role panel_voting
    """


@members.command(name="add")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role if role is not Role.INTAKE]),
    help="A role the agency lets this person take; repeat for several.",
)
@click.option("--dry-run", is_flag=True, help="Say in plain words what it would do, and do nothing.")
def add(roles: tuple[str, ...], dry_run: bool) -> None:
    """Make a person's keys under their own passphrase (NRM_MEMBER_PASSPHRASE) and publish their certificates.

    Needs the root key. Prints the person's opaque id; their name stays with you.

    \b
    Example: nrm-adapter --home police members add --role panel_voting
    """
    with opened(home_option()) as adapter:
        if dry_run:
            named = ", ".join(sorted(set(roles)))
            click.echo(f"makes two keys for a new person of {adapter.home.agency}: one to sign, one to read with")
            click.echo(f"certifies both with the root key for {MEMBER_DAYS} days, for the roles: {named}")
            click.echo("the log then shows every agency a new opaque id and these roles; no name leaves this agency")
            click.echo("shares nothing yet: a case's lead lists the person, and this agency accepts it")
            return
        member, certificates = add_member(
            adapter.home, tuple(Role(role) for role in roles), at=system_clock(), environ=adapter.environ
        )
        # What waits from an earlier try goes along; the id is said first, because the keys are made.
        waiting = [*_waiting(adapter.home), *certificates]
        write_private_file(adapter.home.folder / CERTIFICATES_NAME, json.dumps(waiting).encode())
        click.echo(member)
        _publish(adapter, waiting)


def _waiting(home: Home) -> list[str]:
    """Return the certificates that were made and not yet published. Raises ``HomeRefused``."""
    path = home.folder / CERTIFICATES_NAME
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise HomeRefused(f"{path} is damaged; move it away and make the person again") from error
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise HomeRefused(f"{path} is damaged; move it away and make the person again")
    return found


def _publish(adapter: Adapter, certificates: list[str]) -> None:
    for start in range(0, len(certificates), MAX_CERTIFICATES_PER_REQUEST):
        some = certificates[start : start + MAX_CERTIFICATES_PER_REQUEST]
        adapter.client.post("/v1/keys", {"certificates": some})
    (adapter.home.folder / CERTIFICATES_NAME).unlink()


@click.command()
def publish() -> None:
    """Publish certificates that could not be published when they were made.

    \b
    Example: nrm-adapter --home police publish
    """
    with opened(home_option()) as adapter:
        certificates = _waiting(adapter.home)
        if not certificates:
            click.echo("nothing waits to be published")
            return
        _publish(adapter, certificates)
        click.echo(f"{len(certificates)} certificates published")


@click.command()
def sync() -> None:
    """Take in the newest witnessed head, the directory and our cases, each verified.

    \b
    Example: nrm-adapter --home police sync
    """
    with opened(home_option()) as adapter, progress("verifying the log"):
        quorum = adapter.follower.sync()
        cases = adapter.follower.sync_cases()
        dropped = sum(adapter.receiver.drop_refused(case) for case in cases)
        again = sum(disown(adapter.book, case) for case in cases)
        adapter.consents.run(cases)
        for case in cases:
            compare_heads(adapter.follower, said_in(adapter.book.load(case)))
        warn(adapter.store, adapter.book, cases, adapter.clock())
        warn_of_ends(adapter.store, adapter.book, cases, adapter.clock())
        warn_of_retention(adapter, cases)
        notice = adapter.follower.notice
    if notice is not None:
        click.echo(f"TO DO: {notice}", err=True)
    if again:
        click.echo(f"released with a key that was dated back, drafts again now: {count(again, 'fragment')}", err=True)
    if dropped:
        click.echo(
            f"{count(dropped, 'fragment')} of kept pulls: refused now, and deleted here",
            err=True,
        )
    click.echo(
        f"log verified to {quorum.checkpoint.size} entries, seen by a quorum at "
        f"{quorum.witnessed_at:%Y-%m-%d %H:%M:%S} UTC; {count(len(cases), 'case')}"
    )


@click.command()
def witness() -> None:
    """Cosign the newest head once, if it continues the last one we cosigned.

    \b
    Example: nrm-adapter --home police witness
    """
    with opened(home_option()) as adapter:
        size = adapter.follower.witness_once(adapter.keys.keys)
    click.echo("nothing new to cosign" if size is None else f"cosigned the head of {size} entries")


@click.command()
@click.option("--bind", default="127.0.0.1:0", show_default=True, help="Address and port of the status page.")
@click.option(
    "--every",
    default=2.0,
    show_default=True,
    help="Seconds between two looks where the hub does not say by itself that its log grew.",
)
def serve(bind: str, every: float) -> None:
    """Keep watch: witness the log, follow it, raise alarms; serve a status page without content.

    Where adapter.toml has a [workspace] table, people of this agency work there as well (docs/workspace.md).

    \b
    Example: nrm-adapter --home police serve --bind 127.0.0.1:8101
    """
    from adapters.serving import run
    from adapters.workspace.settings import read_settings

    with opened(home_option()) as adapter:
        settings = read_settings(adapter.home)
        work = None
        if settings is not None:
            from adapters.workspace.providers import add_sign_in
            from adapters.workspace.serving import prepare

            serving = prepare(adapter, settings, set_up=add_sign_in)
            work = serving.run

        def announce(at: str) -> None:
            click.echo(f"the status page is at {at}")
            if settings is not None:
                click.echo(f"the workspace is at {serving.address}")

        run(adapter, bind=bind, every_seconds=every, announce=announce, work=work)


@click.command()
def status() -> None:
    """Show what this adapter knows: the log, cases, what waits to be pushed, alarms.

    \b
    Example: nrm-adapter --home police status
    """
    with opened(home_option()) as adapter:
        notice = adapter.follower.notice if (adapter.home.folder / HUB_NAME).exists() else None
        with adapter.store.write() as session:
            open_cases = [row.case for row in list_case_rows(session) if row.ended_at is None]
        today = adapter.clock().date()
        # Without a hub that is pinned there is no case, and none could be looked at.
        birthdays = find_birthdays(adapter.store, adapter.book, open_cases) if open_cases else []
        turning = [_describe(item, today) for item in birthdays]
        echo_json({**_status(adapter), "notice": notice, "turning_18": turning})


def _describe(item: Birthday, today: date) -> dict[str, object]:
    return {"case": item.case, "on": item.on.isoformat(), "exact": item.is_exact, "days": item.days_ahead(today)}


def _status(adapter: Adapter) -> dict[str, object]:
    with adapter.store.write() as session:
        witnessed = read_setting(session, "witnessed")
        return {
            "agency": adapter.home.agency,
            "witnessed": None if witnessed is None else {"size": witnessed["size"], "at": witnessed["at"]},
            "cases": [row.case for row in list_case_rows(session) if row.ended_at is None],
            "waiting_to_push": pending_cases(session),
            "promised_not_yet_in_the_log": promised_by_case(session),
            "alarms": [
                {"number": row.number, "at": row.raised_at, "code": row.code, "text": row.text}
                for row in open_alarms(session)
            ],
            "alarms_acknowledged": len(list_alarms(session)) - len(open_alarms(session)),
        }


COMMANDS: tuple[click.Command, ...] = (init, pin_hub, members, publish, sync, witness, serve, status)
