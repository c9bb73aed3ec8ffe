"""The story: one invented child whose records lie with four agencies, told step by step by their own commands."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.markup import escape

from demo.ceremony import hold_ceremony
from demo.stage import AGENCIES, DemoFailed, Stage
from demo.telling import effect_lines, explain_difference, first_words, gap_lines, group_lines, last_line

FILES = Path(__file__).with_name("files")
PANEL = "panel_review"
TOLD_SECONDS = 20
"""How long the demo waits for what takes an adapter a few seconds at most."""
REFERRAL = "nrm_referral"
SAFEGUARDING = "safeguarding"
CONSENTED = ["trafficking_event", "service", "narrative", "concern", "contact", "identity", "consent", "relation"]

CONSENT: Mapping[str, Any] = {
    "state": "given",
    "given_by": "child",
    "wishes": "recorded",
    "scope": {
        "categories": CONSENTED,
        "recipients": ["police", "social_care", "health", "charity"],
        "purposes": [PANEL, REFERRAL, SAFEGUARDING],
    },
    "words": "You can tell them what I told you, but not where my brother goes to school.",
    "competence": "competent",
    "assessed_by": "support_worker",
    "competence_words": "She said in her own words what would be shared, with whom, and what she keeps back.",
    "interpreter": "not_needed",
    "told": "yes",
    "told_words": "Who would read what she said, what for, and that she may take it back at any time.",
    "role": "practitioner",
    "job_title": "Support worker (invented)",
}
"""The child agrees, at the charity, to what she told them being shared."""


def today() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


class Story:
    """Tells the story on a stage. ``case`` is the id of the child's case once it is open."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.case = ""
        self.drafts: dict[str, list[str]] = {}
        self.told: tuple[str, ...] = ()
        """The charity's drafts of what the child told it."""

    # --- telling ---

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self.stage.console.rule(f"[bold]{escape(title)}")

    def say(self, text: str) -> None:
        """Say one plain sentence."""
        self.stage.console.print(escape(text))

    # --- 1. enrol ---

    def enrol(self) -> None:
        """Make the hub and the agencies; fingerprints are read out, not sent along."""
        self.chapter("2. Five agencies and a hub that cannot read")
        stage = self.stage
        hold_ceremony(stage, self.say)
        stage.start_hub()
        stage.start_adapters()
        self.say(
            "Each agency keeps its own keys; any three of four adapters must have seen a log entry to make it count."
        )

    def certify_people(self) -> None:
        """Give the people of the case their keys; the hub knows opaque ids only."""
        stage = self.stage
        stage.add_member("lead", "care", "lead_professional", "practitioner")
        stage.add_member("manager", "care", "panel_voting")
        stage.add_member("chair", "police", "panel_chair", "panel_voting")
        stage.add_member("doctor", "health", "panel_voting")
        stage.add_member("worker", "charity", "practitioner")
        stage.wait_for_quorum()

    # --- 2. what each knew alone ---

    def show_what_each_knew(self) -> None:
        """Read each agency's own export, before anything is shared."""
        self.chapter("1. What each agency knew alone")
        lines = {
            "police": "Police: a defendant, found alone at night in Hastings with drugs. Born 2011, they think.",
            "care": "Social care: a child of 14, missing twice, an assessment that names criminal exploitation.",
            "health": "Health: a child brought in with bruises and a burn by somebody who left.",
            "charity": "Charity: a child who says she must pay off a debt, and what she wants.",
        }
        for home, text in lines.items():
            self.say(text)
            for arguments in self._sources(home):
                read = self.stage.adapter(home, "read", *arguments).strip().splitlines()[1]
                if " = 0 fragments" in read:
                    raise DemoFailed(f"{home} has nothing to tell of the child: {read}")
                self.stage.console.print(escape("   " + read), style="dim")

    def _sources(self, home: str) -> list[list[str]]:
        by_name = ["--child", "family_name=Madeup", "--child", "birth_date=2012-05-17"]
        ssda903 = [str(FILES / f"social-care-ssda903-{name}.csv") for name in ("missing", "header", "episodes")]
        return {
            "police": [[str(FILES / "police-spi-new-case.xml"), "--child", "asn=2699ZZ0100000000042W"]],
            "care": [
                [str(FILES / "social-care-cin-2026.xml"), "--child", "la_child_id=DEMO0001"],
                [ssda903[0], "--with", ssda903[1], "--with", ssda903[2], "--child", "la_child_id=DEMO0001"],
            ],
            "health": [[str(FILES / "health-fhir-bundle.json"), *by_name]],
            "charity": [[str(FILES / "charity-htcds.xlsx"), *by_name]],
        }[home]

    # --- 3. the case ---

    def open_the_case(self) -> None:
        """Social care opens the case; the invited agencies accept their people."""
        self.chapter("3. Social care opens a case and invites four agencies")
        stage = self.stage
        stage.adapter("care", "sync")
        people = [
            f"fern-care:{stage.member_id('lead')}:lead_professional",
            f"fern-care:{stage.member_id('manager')}:panel_voting",
            f"fern-police:{stage.member_id('chair')}:panel_chair+panel_voting",
            f"fern-health:{stage.member_id('doctor')}:panel_voting",
            f"fern-charity:{stage.member_id('worker')}:practitioner",
        ]
        invited = [f"{plan.agency}:{plan.kind}" for plan in AGENCIES if plan.home != "care"]
        arguments = [part for item in invited for part in ("--agency", item)]
        arguments += [part for item in people for part in ("--member", item)]
        self.say(
            "The police referred her the same morning, knowing little: the panel may review it, and all can add to it."
        )
        self.case = stage.adapter("care", "case", "open", "--stage", "referred", *arguments, show=False).strip()
        stage.console.print("[dim]$ nrm-adapter --home care case open --stage referred --agency … --member …[/dim]")
        for home in ("police", "health", "charity"):
            # The certificates of the people listed are seconds old: take the log in first.
            stage.adapter(home, "sync", show=False)
            stage.adapter(home, "case", "accept", self.case)
        stage.wait_for_quorum()
        self.write(
            "care",
            "subject_card",
            {
                "role": "lead_professional",
                "job_title": "Social worker (invented)",
                "first_name": "Juniper",
                "family_name": "Madeup",
                "birth_date": "2012-05-17",
                "about": "A child of 14 who may be exploited to carry and sell drugs away from home.",
            },
        )
        self.release("care", SAFEGUARDING, PANEL, REFERRAL)
        stage.adapter("police", "intake", self.case)
        self.say("Housing was invited too. Nobody there has answered yet; the picture will say so.")

    def write(self, home: str, kind: str, form: Mapping[str, Any]) -> str:
        """Keep what somebody writes as a draft of their agency; return its id."""
        return self.stage.adapter(home, "write", kind, "-", "--case", self.case, form=form).strip()

    def release(
        self,
        home: str,
        *purposes: str,
        only: tuple[str, ...] = (),
        extra: tuple[str, ...] = (),
        push: tuple[str, ...] = (),
    ) -> str:
        """Release drafts (all that wait, without ``only``) for purposes, and push them; return what was said."""
        arguments = [part for purpose in purposes for part in ("--purpose", purpose)]
        arguments += [part for draft in only for part in ("--draft", draft)]
        out = self.stage.adapter(home, "release", self.case, *arguments, *extra)
        self.stage.console.print(escape("   " + out.strip().replace("\n", "\n   ")), style="dim")
        said = self.stage.adapter(home, "push", *push)
        return said if push else out

    # --- 4. share ---

    def record_consent_and_wishes(self) -> None:
        """The child's own voice first: what she wants, and what she agrees to."""
        self.chapter("4. The child's voice, and her consent to what she told the charity")
        stage = self.stage
        stage.adapter("charity", "case", "consent", self.case, "-", form=CONSENT)
        self.write(
            "charity",
            "wishes_and_feelings",
            {
                "role": "practitioner",
                "job_title": "Support worker (invented)",
                "state": "recorded",
                "own_words": "I want it to stop but I do not want to be moved again. Nobody asked me before.",
                "asked_on": "2026-03-12",
                "how": "Over hot chocolate, with nobody else in the room",
                "told_about_nrm": "That people will look at what happened to her and that she did nothing wrong.",
                "wants_people_to_know": "That she is scared for her little brother.",
            },
        )
        self.release("charity", PANEL, REFERRAL, SAFEGUARDING)

    def share_records(self) -> None:
        """Each agency reads its records into drafts, decides, seals and pushes."""
        self.chapter("5. Four agencies share, each under the agreement")
        for home in ("police", "care", "health", "charity"):
            for arguments in self._sources(home):
                self.stage.adapter(home, "read", *arguments, "--case", self.case, show=False)
            drafts = self._new_drafts(home)
            if home == "charity":
                self.told = drafts
                self.release_on_consent()
            else:
                self.release(home, PANEL, REFERRAL, only=drafts)
        self.say(
            "What the policy does not permit stays sealed to its agency, and each recipient is told that it exists."
        )

    def release_on_consent(self) -> None:
        """The charity shares what the child told it, because she agrees."""
        self.release("charity", PANEL, REFERRAL, only=self.told, extra=("--gateway", "CLDC_CONSENT"))

    def _new_drafts(self, home: str) -> tuple[str, ...]:
        out = self.stage.adapter(home, "drafts", self.case, show=False)
        return tuple(line.split()[0] for line in out.strip().splitlines())

    def give_a_view(self) -> None:
        """The lead professional says what she makes of it: professional judgement, grounded in what was observed."""
        draft = self.write(
            "care",
            "professional_view",
            {
                "role": "lead_professional",
                "job_title": "Social worker (invented)",
                "view": "She was moved to Hastings to sell drugs for others and fears a debt. She is a victim here.",
                "explanation": "She gave the police no account because she is afraid for her brother.",
                "concern_for_future": True,
            },
        )
        said = self.release("care", PANEL, REFERRAL, only=(draft,), push=("--promise",))
        self.say(
            "She did not wait for a place in the log: the hub signed a promise, with a deadline, that it will come."
        )
        self.say(f"   {last_line(said)}")
        self._see_promises_kept()

    def _see_promises_kept(self) -> None:
        self.stage.wait_for_quorum()
        end = time.monotonic() + TOLD_SECONDS
        while True:
            self.stage.adapter("care", "sync", show=False)
            status = json.loads(self.stage.adapter("care", "status", show=False))
            if not status["promised_not_yet_in_the_log"]:
                break
            if time.monotonic() > end:
                raise DemoFailed("the hub's promises were not kept in time")
            time.sleep(0.5)
        if status["alarms"]:
            raise DemoFailed("an alarm was raised over a promise that was kept")
        self.say("   Looked for and found there: every promise was kept. A broken one would be an alarm with evidence.")

    def ask_housing(self) -> None:
        """A request that nobody answers."""
        due = (today() + timedelta(days=3)).date().isoformat()
        draft = self.write(
            "care",
            "request",
            {
                "role": "lead_professional",
                "job_title": "Social worker (invented)",
                "to_agency": "fern-housing",
                "what": "Who holds the tenancy of the flat in Hastings, and were there complaints since January?",
                "why": "The child was found there at night.",
                "due": due,
            },
        )
        self.release("care", SAFEGUARDING, PANEL, only=(draft,))

    # --- 5. the whole ---

    def show_the_whole(self) -> dict[str, Any]:
        """The panel reads one picture, made from four agencies' fragments."""
        self.chapter("6. What only the whole shows: the panel reads one picture")
        self.stage.wait_for_quorum()
        doctor = ("--member", self.stage.member_id("doctor"))
        refused = self.stage.adapter(
            "health",
            *("picture", self.case, *doctor, "--html", str(self.stage.folder / "not-written.html")),
            member="doctor",
            expect=1,
        )
        self.say(f"The doctor reads it on screen; writing it to a file is the chair's: {last_line(refused)}")
        picture = self._picture("picture-before-withdrawal")
        agencies = [row["name"] for row in picture["agencies"] if row["fragments"]]
        self.say(f"The chair's file, from {len(agencies)} agencies ({', '.join(agencies)}), each fragment verified:")
        self.say("   " + picture["record_of_use"]["counts"]["sentence"])
        for line in group_lines(picture["gaps"]["not_written_by_rule"]):
            self.stage.console.print(escape(f"   {line}"), style="dim")
        self.say("The child, in her own words, first:")
        self.stage.console.print(escape(f"   {first_words(picture)}"), style="italic")
        self.say("Disagreements that no single agency could see:")
        for item in picture["disagreements"]:
            self.stage.console.print(escape(f"   - {item['point']}"))
        gaps = picture["gaps"]
        self.say("Gaps, said aloud:")
        for line in gap_lines(picture):
            self.stage.console.print(escape(f"   - {line}"))
        if not picture["disagreements"] or not gaps:
            raise DemoFailed("the picture shows no disagreement or no gap")
        self._told_when_read()
        return picture

    def _told_when_read(self) -> None:
        """The council's adapter has followed the log meanwhile: within seconds it knows who read what is its own."""
        chair = self.stage.member_id("chair")
        deadline = time.monotonic() + TOLD_SECONDS
        while chair not in (said := self.stage.adapter("care", "reads", "--since", f"{today():%Y-%m-%d}", show=False)):
            if time.monotonic() > deadline:
                raise DemoFailed("the council was not told that the panel read its records")
            time.sleep(0.2)
        self.say("The council did nothing, and knows who has just read what it shared (nrm-adapter reads):")
        for line in said.strip().splitlines():
            self.stage.console.print(escape(f"   - {line}"), style="dim")

    def _picture(self, name: str) -> dict[str, Any]:
        path = self.stage.folder / f"{name}.json"
        page = self.stage.folder / f"{name}.html"
        # Only the lead and the chair may write a case to a file; everybody else reads it where they are signed in.
        self.stage.adapter(
            "police",
            *("picture", self.case, "--member", self.stage.member_id("chair"), "--purpose", PANEL, "--quiet"),
            *("--json", str(path), "--html", str(page)),
            member="chair",
        )
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def withdraw(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The child withdraws; the next pull is shorter, and says why."""
        self.chapter("8. The child withdraws her consent, and the next pull stops")
        form = {
            "state": "withdrawn",
            "given_by": "child",
            "wishes": "recorded",
            "told": "yes",
            "interpreter": "not_needed",
        }
        planned = self.stage.adapter("charity", "case", "consent", self.case, "-", "--dry-run", form=form)
        self.say("Before it is recorded, the charity's adapter says what it would do to every grant of the charity:")
        for line in effect_lines(planned):
            self.say(f"   {line}")
        self.stage.adapter("charity", "case", "consent", self.case, "-", form=form)
        after = self._picture("picture")
        for line in explain_difference(before, after):
            self.say(line)
        for line in group_lines(after["gaps"]["refused_by_rule"]):
            self.stage.console.print(escape(f"   {line}"), style="dim")
        self.say("What rests on a duty stays, with its basis shown.")
        stands = self.stage.adapter("charity", "case", "consents", self.case)
        newest = next(
            line.split()[0] for line in reversed(stands.strip().splitlines()) if " sharing withdrawn " in line
        )
        receipt = self.stage.adapter("charity", "case", "receipt", self.case, newest)
        self.say("Who had read, before it, what it ended; from the log's own entries:")
        for line in receipt.strip().splitlines():
            self.say(f"   {line.strip()}")
        self.say("What was read before cannot be called back; the log says who read it and when.")
        return after

    def draft_referral(self) -> dict[str, Any]:
        """The lead professional drafts the NRM referral from the picture."""
        self.chapter("7. The NRM referral drafts itself, and says what is missing")
        path = self.stage.folder / "nrm.json"
        arguments = ("nrm", self.case, "--member", self.stage.member_id("lead"), "--out", str(path))
        self.stage.adapter("care", *arguments, member="lead")
        draft: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        states: dict[str, int] = {}
        for field in draft["fields"]:
            states[field["state"]] = states.get(field["state"], 0) + 1
        self.say(
            f"The {len(draft['fields'])} fields of the Home Office form, child path: "
            + ", ".join(f"{n} {s.replace('_', ' ')}" for s, n in sorted(states.items()))
        )
        conflicts = [field["label"].partition(";")[0] for field in draft["fields"] if field.get("conflict")]
        if conflicts:
            self.say(f"Sources differ on: {', '.join(conflicts)}. Both are kept; a person must choose.")
        return draft

    # --- 6. the panel ---

    def panel_decides(self) -> None:
        """Three votes over one frozen set of fragments; the decision verifies without a hub."""
        self.chapter("11. The panel decides on exactly what it read")
        stage = self.stage
        meeting = {
            "role": "panel_chair",
            "job_title": "Panel chair (invented)",
            "held_on": today().date().isoformat(),
            "question": "rg",
            "agencies": ["fern-care", "fern-health", "fern-police"],
            "is_quorate": True,
            "minutes": "Local authority, health and police were present. The question was reasonable grounds.",
        }
        chair = ("--member", stage.member_id("chair"))
        draft = stage.adapter("police", "panel", "freeze", self.case, "-", *chair, form=meeting, member="chair").strip()
        self.release("police", PANEL, only=(draft,))
        voters = (("care", "manager", "panel_voting"), ("health", "doctor", "panel_voting"))
        for home, label, role in (*voters, ("police", "chair", "panel_chair")):
            form = {
                "role": role,
                "job_title": "Panel member (invented)",
                "outcome": "positive",
                "reasons": "Moved to another town and made to sell drugs; means need not be shown for a child.",
            }
            who = ("--member", stage.member_id(label))
            vote = stage.adapter(home, "panel", "vote", self.case, "-", *who, form=form, member=label).strip()
            self.release(home, PANEL, only=(vote,))
        decision = {
            "role": "panel_chair",
            "job_title": "Panel chair (invented)",
            "reasons_by_element": "Act: moved to Hastings. Purpose: forced crime. Means: not required for a child.",
            "less_weight": None,
            "dissent": None,
            "actions": ["Ask housing again about the tenancy of the flat", "Guardian to meet the child this week"],
            "letter_owner": "fern-care",
        }
        path = stage.folder / "decision.json"
        made = stage.adapter(
            "police", "panel", "decide", self.case, "-", *chair, "--out", str(path), form=decision, member="chair"
        ).strip()
        self.release("police", PANEL, only=(made,))
        self.say(stage.adapter("police", "panel", "verify", str(path)).strip())
        last = self._picture("picture")
        self.say("The last picture, with the meeting and the decision, as the chair may write it to a file:")
        self.say("   " + last["record_of_use"]["counts"]["sentence"])
        kept_in = [f"{item['name']}: {item['kinds']}" for item in last["gaps"]["not_written_by_rule"]]
        self.say(f"   Not written: {'; '.join(kept_in)}.")
