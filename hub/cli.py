"""``nrm-hub``: make, run and check a hub. Every command says what it will do; secrets come from the environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from hub.audit_commands import audit
from hub.config import Config, ConfigRefused, read_passphrase, read_token_pin, read_unlocking
from hub.log_commands import export
from hub.policy_commands import policy
from hub.refusal import Refused
from hub.retention_commands import retention_group
from hub.store.errors import AddressRefused, StoreUnavailable
from keys.custody.place import TokenPlace
from keys.custody.secret import Secret, read_secret
from keys.fingerprints import ask_for_words, render_words
from keys.refusal import KeysRefusal

OFFICER_PASSPHRASE = "NRM_OFFICER_PASSPHRASE"  # noqa: S105 - the name of a variable


@contextmanager
def _progress(text: str) -> Iterator[None]:
    """Show that work is going on, where a person is looking."""
    console = Console(stderr=True)
    with console.status(text) if console.is_terminal else nullcontext():
        yield


class Commands(click.Group):
    """A group whose commands end with one clear line instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; our refusals end with exit code 1 and their own words."""
        try:
            return super().invoke(ctx)
        except (ConfigRefused, Refused, KeysRefusal, AddressRefused, StoreUnavailable) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("hub-home"),
    show_default=True,
    envvar="NRM_HUB_HOME",
    help="The hub's folder.",
)
@click.pass_context
def main(context: click.Context, home: Path) -> None:
    """Run a hub that carries sealed case fragments between agencies and proves what it did.

    The passphrase of the hub's keys comes from NRM_HUB_PASSPHRASE, _FILE or _FD; the PIN of a hub whose keys are in a
    token from NRM_HUB_PIN, _FILE or _FD, or a terminal is asked; an officer's from NRM_OFFICER_PASSPHRASE, likewise.

    \b
    Example: nrm-hub --home hub-home serve --bind 127.0.0.1:8080
    """
    context.obj = home


@main.command()
@click.option("--issuer", required=True, help="The hub's address as agencies see it, e.g. https://hub.example.")
@click.option("--origin", required=True, help="The log's name, first line of every checkpoint, e.g. hub.example/main.")
@click.option(
    "--environment",
    type=click.Choice(["production", "demo"]),
    default="production",
    show_default=True,
    help="production takes https addresses only; demo also takes http, to try a hub out.",
)
@click.option(
    "--token-module",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A hardware token's PKCS #11 library: the hub's keys are made in the token.",
)
@click.option("--token-label", help="The label of the token.")
@click.option(
    "--database",
    help="A PostgreSQL database: postgresql://user@host/name. Without it the hub keeps a SQLite file in its folder.",
)
@click.pass_obj
def init(
    home: Path,
    issuer: str,
    origin: str,
    environment: str,
    token_module: Path | None,
    token_label: str | None,
    database: str | None,
) -> None:
    """Make a new hub: keys, database, the first log entry.

    The password of a PostgreSQL user comes from NRM_HUB_DATABASE_PASSWORD_FILE, _FD or the variable, for every
    command (docs/postgresql.md).

    \b
    Example: nrm-hub --home hub-home init --issuer https://hub.example --origin hub.example/main
    """
    from hub.setting_up import init_hub

    config = Config.checked(
        home, {"issuer": issuer, "origin": origin, "environment": environment, "database_url": database}
    )
    if (token_module is None) != (token_label is None):
        raise ConfigRefused("a token is named by both --token-module and --token-label")
    token = None if token_module is None else TokenPlace(token_module.absolute(), token_label or "")
    vkey = init_hub(config, read_passphrase() if token is None else read_token_pin(), token)
    click.echo(f"hub made in {home}\nlog key: {vkey}")


@main.command(name="sign-in-key")
@click.pass_obj
def sign_in_key(home: Path) -> None:
    """Make the key with which this hub proves itself to the identity providers at which officers sign in.

    A new hub has one; one that is there stays. It prints the public key set, which is also served at
    /console/sign-in/jwks.json: register it, or that address, with each provider.

    \b
    Example: nrm-hub --home hub-home sign-in-key
    """
    from hub.setting_up import make_sign_in_key

    click.echo(json.dumps(make_sign_in_key(Config.load(home), read_unlocking(home)), indent=1, sort_keys=True))


@main.command()
@click.option("--bind", default="127.0.0.1:8080", show_default=True, help="Address and port to listen on.")
@click.option(
    "--threads",
    default=8,
    show_default=True,
    type=click.IntRange(1, 64),
    help="How many requests are answered at the same time.",
)
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(1, 16),
    help="How many processes answer, each with its threads; more than one takes PostgreSQL.",
)
@click.pass_obj
def serve(home: Path, bind: str, threads: int, processes: int) -> None:
    """Serve the hub's API with gunicorn until Ctrl-C; say at which address as soon as it answers there.

    With [[sign_in]] tables in hub.toml it also serves the console at /console (docs/console.md).

    \b
    Example: nrm-hub --home hub-home serve --bind 127.0.0.1:8080
    """
    from hub.serving import run

    run(Config.load(home), read_unlocking(home), bind=bind, threads=threads, processes=processes)


@main.command()
@click.argument("request", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--officer", required=True, help="Who you are: your id as an officer.")
@click.option("--fingerprint", help="The words (or hex) you heard from the agency; without it you are asked for them.")
@click.pass_obj
def enrol(home: Path, request: Path, officer: str, fingerprint: str | None) -> None:
    """Sign an agency's enrolment, if the words read out to you on a second channel are its request's.

    Two officers do this, each with the words they heard themselves; the second one's signature enrols the agency.
    Your passphrase comes from NRM_OFFICER_PASSPHRASE(_FILE), or you are asked for it. See docs/enrolment.md.

    \b
    Example: nrm-hub --home hub-home enrol police-request.json --officer 3f8a…
    """
    from hub.ceremony import open_officer, sign_enrolment

    config = Config.load(home)
    signer = open_officer(config, officer, _officer_passphrase())
    heard = fingerprint if fingerprint is not None else ask_for_words(_ask, _tell)
    done = sign_enrolment(config, request, heard, signer)
    who = f"{done.record.agency} ({done.record.kind.value}): {done.record.name}"
    click.echo(f"enrolled {who}" if done.is_enrolled else f"signed by one of two officers; not yet enrolled: {who}")


def _officer_passphrase() -> Secret:
    return read_secret(OFFICER_PASSPHRASE, "your passphrase as an officer", ask=True)


def _ask(question: str) -> str:
    return str(click.prompt(question, err=True))


def _tell(text: str) -> None:
    click.echo(text, err=True)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def revoke(home: Path, file: Path) -> None:
    """Record the revocations of a file that anybody brought: their signatures are what counts.

    Needs none of the hub's keys, no witness, and no restart: the next request of a revoked key is refused.

    \b
    Example: nrm-hub --home hub-home revoke stolen-adapter.json
    """
    from hub.key_files import take_revocations

    for position in take_revocations(Config.load(home), file):
        click.echo(f"revoked; it stands in the log at position {position}")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def certify(home: Path, file: Path) -> None:
    """Record the certificates of a file, signed by its agency's root, for an agency that cannot ask the hub any more.

    That is one whose signing key is lost or revoked. Its adapter says so, and writes the file.

    \b
    Example: nrm-hub --home hub-home certify keys-for-hub.json
    """
    from hub.key_files import take_certificates

    for position in take_certificates(Config.load(home), file):
        click.echo(f"recorded; it stands in the log at position {position}")


@main.group()
def officers() -> None:
    """The officers who enrol agencies: two of them sign each enrolment, and every agency can see who.

    \b
    Example: nrm-hub --home hub-home officers add
    """


@officers.command(name="add")
@click.pass_obj
def add_officer(home: Path) -> None:
    """Make your key as an officer, under a passphrase that only you know: NRM_OFFICER_PASSPHRASE(_FILE).

    Prints your id. Your name stays on paper. You are an officer once the new set is signed: officers sign.

    \b
    Example: nrm-hub --home hub-home officers add
    """
    from hub.ceremony import add_officer as add

    click.echo(add(Config.load(home), _officer_passphrase()).id)


@officers.command(name="sign")
@click.option("--officer", "wanted", multiple=True, required=True, help="Everybody in the new set; repeat for each.")
@click.option("--by", required=True, help="Who you are: your id as an officer.")
@click.pass_obj
def sign_officers(home: Path, wanted: tuple[str, ...], by: str) -> None:
    """Sign who may enrol agencies from now on. Everybody new signs; so do two officers of the set before, if any.

    \b
    Example: nrm-hub --home hub-home officers sign --officer 3f8a… --officer 91bc… --by 3f8a…
    """
    from hub.ceremony import open_officer, sign_set_of_officers

    config = Config.load(home)
    done = sign_set_of_officers(config, wanted, open_officer(config, by, _officer_passphrase()))
    count = len(done.officers.officers)
    click.echo(f"signed; {done.missing} more must sign" if done.missing else f"{count} officers recorded in the log")


@main.command()
@click.option("--quorum", type=click.IntRange(1, 20), required=True, help="How many witnesses must have seen a head.")
@click.option("--witness", "witnesses", multiple=True, required=True, help="An enrolled agency; repeat for each.")
@click.pass_obj
def witnesses(home: Path, quorum: int, witnesses: tuple[str, ...]) -> None:
    """Record which agencies witness the log and how many make a quorum.

    \b
    Example: nrm-hub --home hub-home witnesses --quorum 3 --witness police-a --witness care-a --witness … --witness …
    """
    from hub.setting_up import record_witnesses

    record_witnesses(Config.load(home), read_unlocking(home), quorum, witnesses)
    click.echo(f"{len(witnesses)} witnesses recorded, quorum {quorum}")


@main.command()
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def pin(home: Path, output: Path) -> None:
    """Write the pin file that every agency keeps: address, log key, witnesses, root fingerprints, officers.

    Read the words it prints out to each agency on a second channel.

    \b
    Example: nrm-hub --home hub-home pin hub-pin.json
    """
    from hub.setting_up import write_pin

    said = write_pin(Config.load(home), read_unlocking(home), output)
    click.echo(f"read these words out to two people of each agency:\n{render_words(said)}\nin hexadecimal: {said}")


@main.group()
def keys() -> None:
    """The hub's own keys.

    \b
    Example: nrm-hub keys rotate token
    """


@keys.command()
@click.argument("use", type=click.Choice(["log", "sealing", "sign-in", "token"]))
@click.option("--officer", help="Of the log's key: who you are, your id as an officer.")
@click.option(
    "--reason",
    type=click.Choice(["superseded", "lost", "compromised"]),
    default="superseded",
    show_default=True,
    help="Of the log's key: why it ends. A planned one goes on signing until the next change.",
)
@click.option(
    "--former-pin",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Of a lost log key: the pin file that names it.",
)
@click.option("--dry-run", is_flag=True, help="Say in plain words what it would do, and do nothing.")
@click.pass_obj
def rotate(home: Path, use: str, officer: str | None, reason: str, former_pin: Path | None, dry_run: bool) -> None:
    """Replace a key of the hub, which must not be running. Whatever breaks off is finished by the same command.

    \b
    token    the key of access tokens: agencies fetch new ones by themselves
    log      the key that signs the log: two officers sign, each with their own passphrase; then a new pin file is
             pinned by two people of each agency (docs/keys.md)
    sealing  the AES key by which a hardware token seals what rests beside it
    sign-in  the key with which the console proves itself to identity providers

    \b
    Example: nrm-hub --home hub-home keys rotate log --officer 3f8a… --dry-run
    """
    from hub.key_rotation import rotate_key

    for line in rotate_key(
        Config.load(home),
        use,
        officer=officer,
        reason=reason,
        former_pin=former_pin,
        dry_run=dry_run,
        unlocking=lambda: read_unlocking(home),
        officer_passphrase=_officer_passphrase,
    ):
        click.echo(line)


@main.group()
def log() -> None:
    """Look after the transparency log.

    \b
    Example: nrm-hub --home hub-home log verify
    """


@log.command()
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as JSON.")
@click.pass_obj
def verify(home: Path, report: Path | None) -> None:
    """Recompute the whole log and compare it with everything the hub keeps. Exit 1 where anything differs.

    \b
    Example: nrm-hub --home hub-home log verify --report log-report.json
    """
    from hub.setting_up import verify_hub

    with _progress("recomputing the log"):
        found = verify_hub(Config.load(home), read_unlocking(home))
    if report is not None:
        report.write_text(json.dumps(found.to_json(), indent=1) + "\n", encoding="utf-8")
    click.echo(found.render())
    if not found.ok:
        sys.exit(1)


main.add_command(policy)
main.add_command(audit)
log.add_command(export)
main.add_command(retention_group)


if __name__ == "__main__":
    main(prog_name="nrm-hub")
