"""Commands for whoever reads a case: picture, requests to the agency's intake, the NRM draft."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from adapters.commands.base import echo_json, home_option, opened, progress
from adapters.nrm.adult import read_consents
from adapters.nrm.draft import draft_referral
from adapters.nrm.gaps import render_gaps
from adapters.picture.model import assemble
from adapters.picture.page import render_page
from adapters.picture.receiving import Opened
from adapters.picture.terminal import print_picture
from adapters.reads import with_readings
from adapters.runtime import Adapter
from adapters.signed_in import by_their_keys
from adapters.unlocks import By, Where, record_opening
from keys.custody.keyfile import write_private_file
from policies.vocabulary import Purpose, Stage

PURPOSES = click.Choice([purpose.value for purpose in Purpose])
READER = "Who reads, by the id that members add printed; their passphrase is NRM_MEMBER_PASSPHRASE."
FOR = "What it is read for; only what was shared for this purpose is opened."


def open_case(adapter: Adapter, case: str, member: str, purpose: Purpose, *, kept: bool) -> Opened:
    """Pull a case for a person, or open the kept pull again; both verify and decide."""
    keys = adapter.member_keys(member)
    signed_in = by_their_keys(member, keys, adapter.clock())
    if kept:
        reopened = adapter.receiver.reopen(case, member, keys, purpose)
        record_opening(adapter.store, member, adapter.clock(), By.PASSPHRASE, Where.KEPT, case=case)
        return reopened
    adapter.follower.sync()
    adapter.follower.sync_cases()
    return adapter.receiver.pull(case, member, keys, purpose, signed_in)


@click.command()
@click.argument("case")
@click.option("--member", required=True, help=READER)
@click.option("--purpose", type=PURPOSES, default=Purpose.PANEL_REVIEW.value, show_default=True, help=FOR)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write picture.json here.")
@click.option("--html", "html_path", type=click.Path(dir_okay=False, path_type=Path), help="Write a page here.")
@click.option(
    "--manifest",
    "manifest_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the signed list of what was pulled (ids and digests) here.",
)
@click.option("--kept", is_flag=True, help="Open the last pull again instead of pulling.")
@click.option("--quiet", is_flag=True, help="Do not print the picture.")
def picture(
    case: str,
    member: str,
    purpose: str,
    json_path: Path | None,
    html_path: Path | None,
    manifest_path: Path | None,
    kept: bool,
    quiet: bool,
) -> None:
    """Pull a case, verify it, open it and show one picture. Files written hold content: keep them as such.

    \b
    Example: nrm-adapter --home health picture 0f3a… --member 9c… --purpose panel_review --html picture.html
    """
    with opened(home_option()) as adapter:
        with progress("pulling and verifying"):
            found = open_case(adapter, case, member, Purpose(purpose), kept=kept)
            view = with_readings(found.view, adapter.store)
            shown = assemble(view)
        # A file leaves the hub's reach: what is written is decided again, as an export.
        made = shown
        if json_path is not None or html_path is not None:
            made = assemble(adapter.receiver.for_export(view))
        if json_path is not None:
            text = json.dumps(made.to_json(), indent=1, ensure_ascii=False)
            write_private_file(json_path, text.encode("utf-8"))
        if html_path is not None:
            write_private_file(html_path, render_page(made).encode("utf-8"))
        if manifest_path is not None:
            write_private_file(manifest_path, found.manifest)
        if not quiet:
            print_picture(shown, Console())
        # Of the file where one was written: it says what of the opened is not in it.
        click.echo(made.record_of_use.counts.sentence, err=True)


@click.command(name="list")
@click.argument("case")
@click.option("--member", required=True, help=READER)
@click.option("--purpose", type=PURPOSES, default=Purpose.PANEL_REVIEW.value, show_default=True, help=FOR)
def list_(case: str, member: str, purpose: str) -> None:
    """List what the last pull holds for a person: headers only, no content.

    \b
    Example: nrm-adapter --home health list 0f3a… --member 9c…
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        for header in adapter.receiver.list_kept(case, member, adapter.member_keys(member), Purpose(purpose)):
            handling = "".join((header.handling.code.value, *(f" {item}" for item in header.handling.instructions)))
            click.echo(f"{header.fragment} {header.sealed_at:%Y-%m-%d} {header.agency} {header.category} {handling}")


@click.command()
@click.argument("case")
def intake(case: str) -> None:
    """Read what was sent to this agency's intake: subject cards and requests. Shows content.

    \b
    Example: nrm-adapter --home police intake 0f3a…
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync()
        adapter.follower.sync_cases()
        found = adapter.receiver.pull(case, None, adapter.keys, Purpose.SAFEGUARDING)
        for item in found.view.opened:
            fields = item.content.get("fields", {})
            echo_json(
                {
                    "fragment": item.header.fragment,
                    "from": item.header.agency,
                    "category": item.header.category.value,
                    "fields": {name: value.get("value") for name, value in fields.items() if isinstance(value, dict)},
                }
            )


@click.command()
@click.argument("case")
@click.option("--member", required=True, help=READER)
@click.option("--purpose", type=PURPOSES, default=Purpose.NRM_REFERRAL.value, show_default=True, help=FOR)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Write nrm.json here.")
@click.option("--kept", is_flag=True, help="Open the last pull again instead of pulling.")
def nrm(case: str, member: str, purpose: str, out: Path, kept: bool) -> None:
    """Draft the NRM referral from the picture: every field with its state and where it comes from.

    \b
    Example: nrm-adapter --home care nrm 0f3a… --member 3f… --out nrm.json
    """
    with opened(home_option()) as adapter:
        with progress("pulling and verifying"):
            found = open_case(adapter, case, member, Purpose(purpose), kept=kept)
            submittable = adapter.receiver.permitted(found.view, Stage.SUBMIT)
            draft = draft_referral(
                assemble(found.view),
                found.view.opened,
                submittable=submittable,
                consents=read_consents(found.view),
            )
        text = json.dumps(draft.to_json(), indent=1, ensure_ascii=False)
        write_private_file(out, text.encode("utf-8"))
        click.echo(render_gaps(draft))


COMMANDS: tuple[click.Command, ...] = (picture, list_, intake, nrm)
