"""``make demo`` and ``make demo-serve``: the whole story, on free loopback ports, with real processes."""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from pathlib import Path

from rich.console import Console

from demo import agreement, erasing, loss, thief, two_logs, visiting, witnesses_away
from demo.signing_in import SigningIn
from demo.stage import AGENCIES, DemoFailed, Stage
from demo.story import Story

FOLDER = Path("var") / "demo"


def tell(stage: Stage) -> Story:
    """Tell the story once; return it. Raises ``DemoFailed`` where a step does not go as it says."""
    story = Story(stage)
    stage.prepare()
    story.show_what_each_knew()
    story.enrol()
    story.certify_people()
    story.open_the_case()
    story.record_consent_and_wishes()
    story.share_records()
    story.give_a_view()
    story.ask_housing()
    before = story.show_the_whole()
    story.draft_referral()
    story.withdraw(before)
    thief.reads_the_disk(story)
    thief.swaps_a_key(story)
    thief.rewrites_history(story)
    loss.loses_a_laptop(story)
    story.panel_decides()
    agreement.changes_the_agreement(story)
    erasing.erases_what_was_shared_in_error(story)
    close_the_books(stage, story)
    witnesses_away.releases_without_witnesses(story)
    two_logs.shows_two_logs(story)
    return story


def close_the_books(stage: Stage, story: Story) -> None:
    """Verify the log, write the audit page, copy the database as a thief would have it."""
    story.chapter("14. The log proves itself")
    stage.wait_for_quorum()
    out = stage.hub_command("log", "verify", "--report", str(stage.folder / "log-report.json"))
    story.say(out.strip())
    stage.hub_command("audit", "page", str(stage.folder / "audit.html"))
    check_elsewhere(stage, story)
    target = stage.folder / "hub.db"
    with sqlite3.connect(stage.hub_home / "hub.db") as source, sqlite3.connect(target) as copy:
        source.backup(copy)


def check_elsewhere(stage: Stage, story: Story) -> None:
    """Export the case and check it as somebody does who has that file, the pin and no hub. Raises ``DemoFailed``."""
    export, page = stage.folder / "case.export", stage.folder / "check.html"
    stage.hub_command("log", "export", str(export), "--case", story.case)
    out = stage.verify(export, stage.folder / "hub-pin.json", page)
    story.say("The export was an entry of the case before the file was there. Checked without the hub:")
    story.say(out.splitlines()[0])


def say_what_to_open(stage: Stage, seconds: float) -> None:
    """Eleven plain lines."""
    folder = stage.folder
    lines = (
        f"Done in {seconds:.0f} seconds. Everybody in it is invented. Open:",
        f"  {folder / 'picture.html'}   the picture the panel reads, to look at and print",
        f"  {folder / 'picture.json'}   the same as data, each statement with its source",
        f"  {folder / 'nrm.json'}       the referral draft, from before the withdrawal: every field, its source",
        f"  {folder / 'audit.html'}     who saw what, under which rule, and what was refused",
        f"  {folder / 'log-report.json'} the check of the whole log",
        f"  {folder / 'check.html'}     the case's entries, checked without a hub: a page to print",
        f"  {folder / 'decision.json'}  the panel's decision with its votes; it verifies without a hub",
        f"  {folder / 'hub.db'}         all the hub knows: try to find the child's name in it",
        "  nrm-adapter --help and nrm-hub --help: every step above, by hand",
        "  docs/protocol.md: every byte, so that you can write your own adapter",
    )
    for line in lines:
        stage.console.print(line, highlight=False, soft_wrap=True)


def try_the_hub(stage: Stage) -> tuple[str, ...]:
    """Return how to run the hub's own commands beside it: its passphrase is of this run only, as the people's are."""
    home = stage.hub_home
    return (
        "the hub's own commands, in another terminal:",
        f"  export NRM_HUB_PASSPHRASE={stage.hub_secret}",
        f"  .venv/bin/nrm-hub --home {home} log verify",
        f"  .venv/bin/nrm-hub --home {home} audit matrix --agency AGENCY --officer MEMBER",
        "  (agency and member of the officer below, as the console's first page says them)",
    )


def serve(stage: Stage, story: Story) -> None:
    """Go on with the case, so that visitors find work in it; print the addresses and who may sign in where; stay up."""
    signing_in = SigningIn(stage)
    try:
        # The last chapter has stopped everything.
        stage.restart()
        visiting.goes_on(story)
        signing_in.start()
        stage.console.rule("[bold]Serving until you press Ctrl-C")
        stage.console.print(f"hub health     {stage.issuer}/health", highlight=False)
        stage.console.print(f"hub API        {stage.issuer}/openapi.json", highlight=False)
        stage.console.print("status pages of the adapters, for whoever runs them:", highlight=False)
        for plan in AGENCIES:
            if plan.runs:
                stage.console.print(f"  {plan.kind:<12} http://127.0.0.1:{stage.ports[plan.home]}/", highlight=False)
        for line in try_the_hub(stage):
            stage.console.print(line, highlight=False, soft_wrap=True, markup=False)
        for line in signing_in.lines():
            stage.console.print(line, highlight=False, soft_wrap=True, markup=False)
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        stage.console.print("stopping")
    finally:
        signing_in.close()


def main() -> int:
    """Run the demo; exit 0 when the whole story went as told."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="stay up afterwards and print addresses")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where everything goes (emptied first)")
    arguments = parser.parse_args()
    console = Console(soft_wrap=True)
    stage = Stage(arguments.folder, console)
    began = time.monotonic()
    try:
        story = tell(stage)
        say_what_to_open(stage, time.monotonic() - began)
        if arguments.serve:
            serve(stage, story)
    except DemoFailed as error:
        console.print(f"the demo failed: {error}", style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        stage.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
