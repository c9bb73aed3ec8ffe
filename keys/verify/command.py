"""``nrm-verify``: check a file that a hub exported from its log, without that hub, a database or a network."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from keys.refusal import KeysRefusal
from keys.verify.following import verify_file
from keys.verify.page import render_page
from keys.verify.pins import read_kept_head, read_pin
from keys.verify.report import Verdict
from keys.verify.words import render_text

EXIT_CODES = {Verdict.HOLDS: 0, Verdict.DOES_NOT_HOLD: 1, Verdict.UNPINNED: 3}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--pin", type=_FILE, help="Your agency's pin file: without it nobody can say whose log this is.")
@click.option("--kept", type=_FILE, help="A head of the log that you kept from before: a checkpoint's text.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the same as a page to print.")
@click.option("--json", "as_json", is_flag=True, help="Print the result for a program.")
def main(file: Path, pin: Path | None, kept: Path | None, out: Path | None, as_json: bool) -> None:
    """Check a file from nrm-hub log export, and say in plain English what holds and what does not.

    Exit 0: all holds. 1: something does not. 3: all fits together, and no pin file says whose log it is.

    \b
    Example: nrm-verify case.export --pin hub-pin.json --out check.html
    """
    try:
        given = None if pin is None else read_pin(pin)
        head = None if kept is None else read_kept_head(kept)
        report = verify_file(file, given, head, _tell if sys.stderr.isatty() else lambda _: None)
    except KeysRefusal as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{file.name}: cannot be read") from error
    if out is not None:
        try:
            out.write_text(render_page(report, datetime.now(UTC)), encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"{out.name}: cannot be written") from error
    click.echo(json.dumps(report.to_json(), indent=1) if as_json else render_text(report))
    sys.exit(EXIT_CODES[report.verdict])


def _tell(entries: int) -> None:
    click.echo(f"\r{entries:,} entries checked", nl=False, err=True)


if __name__ == "__main__":
    main(prog_name="nrm-verify")
