"""``nrm-hub log export``: the log, a case or an agency's cases with their proofs, in one file to check offline."""

from __future__ import annotations

from contextlib import closing, nullcontext
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console

from hub.config import Config, read_unlocking
from policies.model import Malformed, parse_time


class Moment(click.ParamType[datetime]):
    """A time as statements write it: 2026-01-31T12:00:00Z."""

    name = "TIME"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time; anything else ends the command with its own words."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_time(value, param.human_readable_name if param is not None else "time")
        except Malformed as error:
            return self.fail(str(error), param, ctx)


@click.command(name="export")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--case", help="One case: its entries to read, for the agencies that take part in it.")
@click.option("--agency", help="The cases of one agency: their entries to read, for that agency alone.")
@click.option("--from", "since", type=Moment(), help="Nothing before this time, as 2026-01-31T12:00:00Z.")
@click.option("--to", "until", type=Moment(), help="Nothing after this time.")
@click.option(
    "--head",
    "heads",
    type=click.IntRange(1),
    multiple=True,
    help="The size of a head that somebody kept: the file proves that the log goes on from it. Repeat for more.",
)
@click.pass_obj
def export(
    home: Path,
    output: Path,
    case: str | None,
    agency: str | None,
    since: datetime | None,
    until: datetime | None,
    heads: tuple[int, ...],
) -> None:
    """Write the log to a file that nrm-verify checks without this hub. Recorded in the log before the file is there.

    Without --case or --agency what was said in the cases is left out: such a file is for anybody. With one of them it
    can be read: give it to nobody but the agencies concerned (docs/log.md).

    \b
    Example: nrm-hub --home hub-home log export case.export --case 5a17…
    """
    from hub.log_export import Wanted, export_log
    from hub.services import open_services

    console = Console(stderr=True)
    wanted = Wanted(case, agency, since, until, heads)
    with (
        closing(open_services(Config.load(home), read_unlocking(home))) as services,
        console.status("reading the log") if console.is_terminal else nullcontext() as status,
    ):

        def tell(entries: int) -> None:
            if status is not None:
                status.update(f"{entries:,} entries written")

        done = export_log(services, output, wanted, tell)
    click.echo(
        f"{done.entries:,} entries written to {output}, {done.bodies:,} of cases to read, with the head of "
        f"{done.size:,} entries; recorded at position {done.position}\nSHA-256 {done.sha256}"
    )
