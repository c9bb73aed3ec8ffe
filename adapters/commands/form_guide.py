"""What every form asks for: its fields with their allowed terms, and a filled, invented example that is accepted.

The page docs/forms.md is made of this (``python -m adapters.commands.form_guide``), and so is ``--example``. The fields
of the kinds that ``nrm-adapter write`` takes are those of their builders; a test holds the others against the commands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

from adapters.commands.form_meanings import CONSENT, DECISION, MEANINGS, NECESSITY, VOTE, WRITER, Meant
from adapters.nrm.typology import TYPE_LABELS, Element
from adapters.release.forms import BUILDERS, WRITER_ROLES, expected_of, listed, written_fields
from adapters.release.strategy import Attendance, InvitationAnswer, PlacementReason
from adapters.release.writing import Bearing
from policies.vocabulary import Category

PAGE_DAY = date(2026, 3, 20)
"""The day on which the examples of the page are written."""
FRAGMENT = "0123456789abcdef" * 2


@dataclass(frozen=True, slots=True)
class FieldGuide:
    """One field of a form: its name, whether it must be there, what it takes, its closed list, what it means."""

    name: str
    is_required: bool
    takes: str
    terms: tuple[str, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class FormGuide:
    """One form: the command that reads it, its fields in order, and the name of its example."""

    command: str
    fields: tuple[FieldGuide, ...]
    example: str


def _from_meant(meant: Mapping[str, Meant]) -> tuple[FieldGuide, ...]:
    return tuple(
        FieldGuide(name, item.is_required, item.takes, tuple(item.terms), item.meaning) for name, item in meant.items()
    )


def _written(category: Category) -> FormGuide:
    fields = []
    for name, is_required in written_fields(category).items():
        takes, terms = expected_of(category, name)
        meaning = MEANINGS.get((category, name)) or MEANINGS[name]
        fields.append(FieldGuide(name, is_required, takes, terms, meaning))
    command = f"nrm-adapter write {category.value} FORM --case CASE"
    return FormGuide(command, (*_from_meant(WRITER), *fields), category.value)


def _by(role: str, job_title: str) -> dict[str, Any]:
    return {"role": role, "job_title": f"{job_title} (invented)"}


def _soon(today: date) -> str:
    return (today + timedelta(days=14)).isoformat()


def _lately(today: date) -> str:
    return (today - timedelta(days=3)).isoformat()


def examples(today: date) -> Mapping[str, dict[str, Any]]:
    """Return by kind of form what a person might write on a day. Everybody in it is invented."""
    return {
        "subject_card": {
            **_by("lead_professional", "Social worker"),
            "first_name": "Juniper",
            "family_name": "Madeup",
            "birth_date": "2012-05",
            "about": "A child who may be exploited to carry and sell drugs away from home.",
        },
        "wishes_and_feelings": {
            **_by("practitioner", "Support worker"),
            "state": "recorded",
            "own_words": "I want it to stop but I do not want to be moved again.",
            "words_are": "as_said",
            "asked_on": _lately(today),
            "how": "On a walk, with nobody else there",
            "told_about_nrm": "That people will look at what happened to her and that she did nothing wrong.",
            "wants_people_to_know": "That she is scared for her little brother.",
            "trusted_person": "Her youth worker, because she came back when she said that she would.",
            "best_placed_to_ask": "The same youth worker, with an interpreter whom the child chose.",
        },
        "request": {
            **_by("lead_professional", "Social worker"),
            "to_agency": "fern-housing",
            "what": "Who holds the tenancy of the flat in Exampleton.",
            "why": "The child says that she was kept there.",
            "due": _soon(today),
        },
        "answer": {
            **_by("practitioner", "Housing officer"),
            "to_request": FRAGMENT,
            "text": "Nothing is held about this address.",
            "derived_from": [],
        },
        "professional_view": {
            **_by("practitioner", "Support worker"),
            "view": "She is afraid of a debt that she was told she has.",
            "explanation": "Her two accounts differ in their order; fear would explain that.",
            "concern_for_future": True,
            "elements": [],
            "derived_from": [],
        },
        "context": {
            **_by("practitioner", "Youth worker"),
            "setting": "place",
            "name": "The shelter in the park by the school (invented)",
            "seen": "Older people waited there after four and spoke to children one by one.",
            "seen_from": _lately(today)[:7],
            "source_kind": "professional_observation",
            "people": "Two other children, who may be exploited too.",
            "movement": "She was driven there from the bus stop, two streets away.",
            "derived_from": [],
        },
        "movement": {
            **_by("practitioner", "Youth worker"),
            "moved_on": _lately(today),
            "from_place": "The bus station in Exampleton (invented)",
            "to_place": "A flat two streets away",
            "how": "By taxi",
            "account": "She said that the taxi was waiting. The driver knew where to go without being told.",
            "with_whom": "An older girl, who may be exploited too.",
            "arranged_by": "She does not know who paid. She was told that she owes for it.",
            "source_kind": "child_account",
            "derived_from": [],
        },
        "missing_episode": {
            **_by("practitioner", "Key worker"),
            "missing_from": (today - timedelta(days=6)).isoformat(),
            "from_place": "Her placement (invented)",
            "reported_on": (today - timedelta(days=6)).isoformat(),
            "found_on": _lately(today),
            "return_interview": "offered",
            "interview_on": today.isoformat(),
            "account": "Police brought her back from another town. She has not said where she slept.",
            "source_kind": "professional_observation",
            "derived_from": [],
        },
        "placement": {
            **_by("practitioner", "Social worker"),
            "placed_on": _lately(today),
            "place_kind": "foster_care",
            "town": "Exampleton (invented)",
            "provider": "Invented Fostering",
            "legal_status": "accommodated_under_section_20",
            "child_asked": True,
            "account": "Nobody in the network knows where it is. She asked to stay near her school.",
            "source_kind": "professional_observation",
            "derived_from": [],
        },
        "relation": {
            **_by("practitioner", "Social worker"),
            "who": "aunt or uncle",
            "called": "Wren Example (invented)",
            "lives_with_child": True,
            "said_to_exploit": True,
            "safe_to_contact": False,
            "known_from": _lately(today)[:7],
            "account": "The child says that her aunt sent her to the flat. Nobody has asked the aunt.",
            "source_kind": "child_account",
            "derived_from": [],
        },
        "offence": {
            **_by("practitioner", "Officer in the case"),
            "follows": FRAGMENT,
            "referral_considered": True,
            "considered_on": _lately(today),
            "prosecutor_told": True,
            "prosecutor_told_on": _lately(today),
            "prosecutor_told_by": "Officer in the case, police",
            "defence_told": False,
            "court": "date_set",
            "next_court_date": _soon(today),
            "source_kind": "record",
        },
        "disagreement": {
            **_by("lead_professional", "Social worker"),
            "point": "In which year the child was born.",
            "positions": [
                {"agency": "fern-care", "position": "2012, from the record of her birth.", "evidence": []},
                {"agency": "fern-police", "position": "2011, as she said when she was found.", "evidence": []},
            ],
            "status": "open",
            "owner": "fern-care",
            "due": _soon(today),
        },
        "safeguarding_action": {
            **_by("lead_professional", "Social worker"),
            "action": "Find a placement that nobody in the network knows.",
            "why": "She was fetched from the last one.",
            "owner": "fern-care",
            "due": _soon(today),
            "state": "planned",
            "involves_ictg": True,
        },
        "service_referral": {
            **_by("practitioner", "Support worker"),
            "to_service": "Fernshire counselling (invented)",
            "what_for": "Somebody to talk to about what happened.",
            "referred_on": _lately(today),
            "state": "in_progress",
        },
        "strategy_discussion": {
            **_by("lead_professional", "Social worker"),
            "held_on": _lately(today),
            "agencies": ["fern-care", "fern-police"],
            "threshold_met": True,
            "reasons": "Found at night in another town with drugs; bruises that she does not explain.",
            "next_steps": "A joint enquiry under section 47; a referral to the NRM.",
            "invitations": [
                {"agency": "fern-care", "answer": "will_come", "attendance": "in_the_room", "who": "Social worker"},
                {"agency": "fern-police", "answer": "will_come", "attendance": "remotely", "who": "Detective"},
                {"agency": "fern-health", "answer": "no_answer", "attendance": "not_there"},
            ],
            "placement_options": [
                {
                    "option": "A foster family two towns away",
                    "reasons": ["safe_from_exploiters", "child_wishes"],
                    "why": "Nobody in the network knows the address, and she can go on seeing her brother.",
                    "is_chosen": True,
                },
                {
                    "option": "A shared house for older teenagers",
                    "reasons": ["available_now", "cost"],
                    "why": "Free tonight; two of the people she is afraid of go in and out there.",
                    "is_chosen": False,
                },
            ],
            "police_protection_considered": True,
            "police_protection_why": "Not used: she agrees to stay, and the foster family takes her tonight.",
            "outcome": "A joint enquiry, and a safe place from tonight.",
            "discussion_actions": [
                {"action": "Bring her to the foster family", "owner": "fern-care", "due": today.isoformat()},
            ],
        },
        "meeting": {
            **_by("panel_chair", "Panel chair"),
            "held_on": today.isoformat(),
            "question": "rg",
            "agencies": ["fern-care", "fern-health", "fern-police"],
            "is_quorate": True,
            "minutes": "Local authority, health and police were present. The question was reasonable grounds.",
        },
        "consent": {
            "state": "given",
            "given_by": "child",
            "wishes": "recorded",
            "scope": {
                "categories": ["concern", "narrative"],
                "recipients": ["health", "police", "social_care"],
                "purposes": ["nrm_referral", "panel_review"],
            },
            "words": "You can tell them what I told you, but not where my brother goes to school.",
            "competence": "competent",
            "assessed_by": "support_worker",
            "interpreter": "not_needed",
            "told": "yes",
            "told_words": "Which agencies would read what she said, and that she can take it back.",
            "competence_words": "She put it in her own words, and said what she does not want shared and why.",
            **_by("practitioner", "Support worker"),
        },
        "necessity": {
            **_by("practitioner", "Support worker"),
            "necessity": "She named the house where another child is kept. Only this is needed, by the police only.",
        },
        "vote": {
            **_by("panel_voting", "Panel member"),
            "outcome": "positive",
            "reasons": "Moved to another town and made to sell drugs; means need not be shown for a child.",
        },
        "decision": {
            **_by("panel_chair", "Panel chair"),
            "reasons_by_element": "Act: moved to another town. Purpose: forced crime. Means: not required for a child.",
            "evidence_relied_on": [],
            "actions": ["Ask housing again about the tenancy of the flat"],
            "letter_owner": "fern-care",
        },
    }


FORMS: Mapping[str, FormGuide] = {
    **{category.value: _written(category) for category in BUILDERS},
    "consent": FormGuide("nrm-adapter case consent CASE FORM", _from_meant(CONSENT), "consent"),
    "necessity": FormGuide(
        "nrm-adapter release CASE --purpose … --without-consent REASON --necessity FORM",
        _from_meant(NECESSITY),
        "necessity",
    ),
    "freeze": FormGuide("nrm-adapter panel freeze CASE FORM --member ID", _written(Category.MEETING).fields, "meeting"),
    "vote": FormGuide("nrm-adapter panel vote CASE FORM --member ID", _from_meant(VOTE), "vote"),
    "decide": FormGuide("nrm-adapter panel decide CASE FORM --member ID", _from_meant(DECISION), "decision"),
}


def example_text(name: str, today: date) -> str:
    """Return the filled example of a form as JSON."""
    return json.dumps(examples(today)[FORMS[name].example], indent=2, ensure_ascii=False)


class ExampleOption(click.Option):
    """``--example``: prints the form's filled example and ends, whatever else the command would need.

    ``form_name`` names the form; without it the command's argument KIND does.
    """

    def __init__(self, *args: Any, form_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._form_name = form_name

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Look for the kind among everything that was given: it may stand after the option."""
        if opts.get(str(self.name)) and not ctx.resilient_parsing:
            name = self._form_name or opts.get("kind")
            if name not in FORMS:
                raise click.UsageError(f"--example needs the kind: one of {listed(sorted(BUILDERS))}", ctx)
            click.echo(example_text(str(name), datetime.now(UTC).date()))
            ctx.exit()
        value, rest = super().handle_parse_result(ctx, opts, args)
        return value, rest


def example_option(form_name: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the decorator that gives a command its ``--example``."""
    return click.option(
        "--example",
        cls=ExampleOption,
        form_name=form_name,
        is_flag=True,
        is_eager=True,
        expose_value=False,
        help="Print a filled, invented example of FORM and do nothing else.",
    )


# --- the page ---

_HEAD = """\
# Forms: what people write, field by field

Commands that take FORM read a JSON object from a file, or from standard input for `-`. Add `--example` to any of them
and it prints a filled example to start from; `nrm-adapter write KIND --example > form.json` needs no adapter and no
keys. A field that a form does not have is refused, and so is a term that is not in its list; the message names what is
allowed. Dates are ISO dates. Ids of fragments are 32 hexadecimal characters, as `nrm-adapter list` and
`nrm-adapter picture` show them. Everybody in the examples is invented. This page is made by
`python -m adapters.commands.form_guide`; a test compares the two.

`nrm-adapter case open`, `case members`, `case accept` and `case refuse` take options, no form.
"""


def render_page() -> str:
    """Return docs/forms.md."""
    parts = [_HEAD]
    for name, form in FORMS.items():
        parts += [f"## {name}\n", f"`{form.command}`\n", _render_table(form.fields)]
        parts.append(f"```json\n{example_text(name, PAGE_DAY)}\n```\n")
    parts += ["## Objects inside forms\n", _render_objects()]
    return "\n".join(parts)


def _render_table(fields: Iterable[FieldGuide]) -> str:
    lines = ["| field | needed | takes | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{item.name}` | {'yes' if item.is_required else 'no'} | {_render_terms(item.takes, item.terms)} "
        f"| {item.meaning} |"
        for item in fields
    ]
    return "\n".join(lines) + "\n"


def _render_terms(takes: str, terms: Sequence[str]) -> str:
    return " ".join([takes, *([", ".join(f"`{term}`" for term in terms)] if terms else [])])


def _render_objects() -> str:
    types = ", ".join(f"`{term}` {label.lower()}" for term, label in TYPE_LABELS.items())
    return f"""\
A position (of `disagreement`) is `{{"agency": …, "position": …, "evidence": [ids]}}`; `evidence` may be left out.

An element (of `professional_view`) is `{{"element": …, "bearing": …, "evidence": [ids], "exploitation": …}}`. `element`
is one of {_render_terms("", tuple(Element)).strip()}; `bearing` one of {_render_terms("", tuple(Bearing)).strip()};
`evidence` names at least one fragment of the case that was pulled here. `exploitation` stands with `purpose` only:
{types}.

An invitation (of `strategy_discussion`) is `{{"agency": …, "answer": …, "attendance": …, "who": …}}`; `who` (a job, no
name) may be left out. `answer` is one of {_render_terms("", tuple(InvitationAnswer)).strip()}; `attendance` one of
{_render_terms("", tuple(Attendance)).strip()}.

A placement option is `{{"option": …, "reasons": […], "why": …, "is_chosen": true}}`. A reason is one of
{_render_terms("", tuple(PlacementReason)).strip()}.
`age` and `cost` are never the only reasons: the form is refused.

An agreed action is `{{"action": …, "owner": …, "due": …}}`: what, the id of the agency, the day.

The scope of a consent is `{{"categories": […], "recipients": […], "purposes": […]}}`, each a list of terms of
[vocabulary.md](vocabulary.md): Category, AgencyKind, Purpose. Recipients are **kinds of agencies** (`police`,
`social_care`, …), not agencies and not people: a consent covers every agency of that kind in the case.

A writer's `role` is one of {", ".join(f"`{role}`" for role in WRITER_ROLES)}.
"""


if __name__ == "__main__":
    print(render_page(), end="")
