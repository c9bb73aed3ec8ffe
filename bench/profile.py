"""``python -m bench.profile push | check | append``: where the processor time goes (docs/bench.md, "Where it goes")."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx
from rich.console import Console
from rich.progress import Progress

from adapters.hub_client import HubClient
from bench.federation import federation, make_drafts, take_lines
from bench.log import FilledLog
from bench.log_checks import whole_check
from bench.material import make_agencies, now
from bench.measuring import Bench
from bench.sampling import Samples, looking
from bench.scale import FULL
from bench.sharing import TERMS
from bench.writers import End, append_each, begin_case, insert_unordered, server
from hub.app import create_app
from hub.services import open_services
from hub.store.database import Database
from keys.uses import KeyUse

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PUSHES = {"full": 200, "tiny": 2}
LOG_ENTRIES = {"full": 20_000, "tiny": 20}
CHECKS = {"full": 8, "tiny": 1}
APPENDS = {"full": 1_000, "tiny": 3}
RECIPIENTS = 3
WIDTH = 140


class _Seen:
    """The hub's application, with a look at the requests whose address ends in one of some words."""

    def __init__(self, app: WSGIApplication, samples: Mapping[str, Samples]) -> None:
        self._app, self._samples = app, samples

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        samples = self._samples.get(environ["PATH_INFO"].rsplit("/", 1)[-1], Samples())
        with samples.taken():
            answer: Any = self._app(environ, start_response)
            try:
                return list(answer)
            finally:
                answer.close()


def profile_push(scale: str, folder: Path, bench: Bench) -> dict[str, Samples]:
    """Pushes of one fragment with its disclosures through the hub's application, in this process, on SQLite.

    Between them the originator asks for a consistency proof, as an adapter does after each push.
    """
    with federation(folder, make_agencies(RECIPIENTS)) as fed:
        originator, case = fed.originator, fed.open_case()
        fed.witness()
        batches = []
        for _ in range(PUSHES[scale] + 1):
            originator.releaser.release(case, make_drafts(originator, case, 1, FULL.content_bytes), TERMS)
            batches.append(take_lines(originator, case))
        fed.hub.stop()
        post, get = Samples(), Samples()
        with (
            closing(open_services(fed.hub.config, fed.hub.passphrase, anew=True)) as services,
            closing(
                HubClient(
                    fed.hub.config.issuer,
                    originator.agency.agency,
                    originator.agency.keys[KeyUse.SIGNING],
                    clock=now,
                    is_demo=True,
                    transport=httpx.WSGITransport(app=_Seen(create_app(services), {"push": post, "consistency": get})),
                )
            ) as client,
        ):
            path = f"/v1/cases/{case}/push"
            _push(client, path, batches.pop(0))
            post.took.clear()
            with bench.step("pushes", len(batches)) as advance, looking((post, get)):
                for lines in batches:
                    _push(client, path, lines)
                    client.get("/log/consistency", **{"from": 1, "to": 2})
                    advance()
        return {"a push of one fragment with its disclosures": post, "a consistency proof": get}


def _push(client: HubClient, path: str, lines: list[Any]) -> None:
    answer = client.post_lines(path, lines)
    if any(item["status"] != "accepted" for item in answer[: len(lines)]):
        raise RuntimeError("a line was not accepted")


def profile_check(scale: str, folder: Path, bench: Bench) -> dict[str, Samples]:
    """The check of a whole log from its rows."""
    entries, checks = LOG_ENTRIES[scale], Samples()
    with closing(FilledLog(folder / "log.db", entries, bench).database) as database, database.read() as session:
        check = whole_check(session, entries)
        check()
        with looking((checks,)):
            for _ in range(CHECKS[scale]):
                with checks.taken():
                    check()
    return {f"the check of a log of {entries:,} entries": checks}


def profile_append(scale: str, folder: Path, bench: Bench) -> dict[str, Samples]:
    """One writer's acts on PostgreSQL: with a ticket, as the hub does it, and without hash, chain and order."""
    found = {"an act whose entry waits for its place": Samples(), "the same act without an order": Samples()}
    waiting, unordered = found.values()
    with server(folder) as url, closing(Database(url)) as database, bench.step("acts", APPENDS[scale]) as advance:
        one, other = begin_case(database), begin_case(database)
        end: End = (0, None)
        with looking((waiting, unordered)):
            for _ in range(APPENDS[scale]):
                with waiting.taken():
                    end = append_each(database, one, end, ("waiting", 1))
                with unordered.taken():
                    insert_unordered(database, other, 1)
                advance()
    return found


WHAT: Mapping[str, Callable[[str, Path, Bench], dict[str, Samples]]] = {
    "push": profile_push,
    "check": profile_check,
    "append": profile_append,
}


@click.command()
@click.argument("what", type=click.Choice(list(WHAT)))
@click.option("--tiny", is_flag=True, help="Tiny counts: shows that it runs; its numbers mean nothing.")
def main(what: str, tiny: bool) -> None:
    """Show where the processor time of one piece of work goes.

    Example: python -m bench.profile push
    """
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    with tempfile.TemporaryDirectory(prefix="nrm-p-") as name, Progress(console=console, transient=True) as progress:
        for work, samples in WHAT[what]("tiny" if tiny else "full", Path(name), Bench(1, progress)).items():
            said = f"{len(samples.took)} times, {samples.seen.total()} looks"
            console.print(f"{work}: {samples.milliseconds:.3g} ms of processor time ({said})")
            for part, share in samples.shares():
                console.print(f"  {share:6.1%}  {share * samples.milliseconds:8.3g} ms  {part}")


if __name__ == "__main__":
    main()
