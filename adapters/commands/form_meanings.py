"""What each field of each form means, in one line; and the fields of the forms that no builder describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.release.forms import WRITER_ROLES
from adapters.release.writing import Outcome, SourceKind
from policies.vocabulary import (
    Assessor,
    Category,
    Competence,
    ConsentReason,
    ConsentState,
    ConsentSubject,
    GivenBy,
    InterpreterUse,
    Purpose,
    ToldState,
    WishesState,
)


@dataclass(frozen=True, slots=True)
class Meant:
    """What a field takes, its closed list where it has one, what it means, whether it must be there."""

    takes: str
    meaning: str
    terms: Sequence[str] = ()
    is_required: bool = False


WRITER: Mapping[str, Meant] = {
    "role": Meant("one of", "the writer's role in the case", WRITER_ROLES, is_required=True),
    "job_title": Meant("text", "the writer's job, one line; their name stays in the agency", is_required=True),
}

MEANINGS: Mapping[str | tuple[Category, str], str] = {
    "first_name": "the child's first name, or null where it is not known",
    "family_name": "the child's family name, or null where it is not known",
    "birth_date": "as precise as it is known: `2012`, `2012-05` or `2012-05-17`; or null",
    "about": "what the case is about, in one to a few sentences",
    (Category.WISHES_AND_FEELINGS, "state"): "whether the child was heard; everything but `recorded` is an absence",
    "own_words": "the child's words; needed with `recorded`, and only there",
    "words_are": "how the words got onto the page",
    "asked_on": "the day on which the child was asked; needed with `recorded`",
    "how": "how and where the child was asked; needed with `recorded`",
    "interpreter": "who interpreted, one line",
    "told_about_nrm": "what the child was told about the NRM",
    "wants_people_to_know": "what the child wants people to know; with `recorded` only",
    "absent_reason": "why the child's words are not here; needed for an absence",
    "ask_again_on": "when somebody asks again; needed for an absence",
    "trusted_person": "whom the child trusts, in words",
    "best_placed_to_ask": "who is best placed to ask the child, in words",
    "to_agency": "the id of the agency that is asked",
    "what": "what is asked for",
    "why": "why it is needed",
    "due": "the last day for it; null where nothing is open any more",
    (Category.REQUEST, "due"): "the day by which it is needed, not before today",
    "to_request": "the id of the request's fragment, or of the strategy discussion to which somebody is invited",
    "text": "the answer; that nothing is held is an answer too; with `because` and `not_coming` the reason",
    "because": "why the request is refused; left out where it is answered",
    "coming": "whether somebody comes to the strategy discussion; left out where a request is answered",
    "derived_from": "ids of the fragments that are quoted; their strictest handling is inherited",
    "view": "the professional's judgement with its reasons",
    "elements": "which elements the view bears on, and the fragments it rests on; see below",
    "explanation": "a possible explanation; a disagreement that is explained or resolved needs it",
    "concern_for_future": "whether the writer is concerned that the child will be exploited again; null: not said",
    "point": "what the agencies see differently",
    "positions": "at least two positions, each of another agency; see below",
    "status": "where the disagreement stands; open and escalated ones need `due`",
    "owner": "the id of the agency that takes it forward",
    "follows": "the id of an earlier record of the same kind, of which this one says what came",
    "action": "what is done to keep the child safe",
    "state": "where it stands; what is done or not done needs `outcome` for an action, the rest `due`",
    (Category.SERVICE_REFERRAL, "state"): "where it stands; what is refused, done or not done needs `outcome`",
    "outcome": "what came of it, or why it was not done",
    "involves_ictg": "whether the Independent Child Trafficking Guardian takes part",
    "to_service": "the service, one line",
    "what_for": "what the child is referred for",
    "referred_on": "the day of the referral",
    "held_on": "the day on which it was held",
    "agencies": "ids of the agencies that took part",
    (Category.STRATEGY_DISCUSSION, "held_on"): "the day on which it was held, or for which it is planned",
    (Category.STRATEGY_DISCUSSION, "agencies"): "ids of the agencies that took part, or that are invited",
    (Category.STRATEGY_DISCUSSION, "state"): (
        "`planned`: with whom and why; `not_held`: a plan (`follows`) came to nothing; `held` where left out"
    ),
    (Category.STRATEGY_DISCUSSION, "follows"): "the id of the plan, of which this one says what came",
    (Category.STRATEGY_DISCUSSION, "reasons"): "the reasons; of a planned one, why it is called together",
    (Category.STRATEGY_DISCUSSION, "outcome"): "what was decided, in words",
    "starts_at": "the time of day in the UK, such as `09:30`",
    "how_to_join": "where, or how to take part remotely, one line",
    "threshold_met": "whether the threshold of section 47 is met; needed with `held`",
    "reasons": "the reasons",
    "next_steps": "what happens next, and who does it; needed with `held`",
    "invitations": "which agencies were invited, what they answered, how they took part; see below",
    "placement_options": "places to stay that were considered, with reasons, never age or cost alone; see below",
    "police_protection_considered": "whether police protection was considered; with the reason",
    "police_protection_why": "why police protection is used or not used; with the field before",
    "discussion_actions": "what was agreed: what, which agency, by when; see below",
    "question": "what is decided: reasonable grounds, conclusive grounds, or both",
    "is_quorate": "whether everybody was present who must be",
    "minutes": "the minutes",
    "setting": "a place, a group of peers, or an online space or account",
    "name": "what it is called or where it is, one line",
    "seen": "what was seen or said there; that it is named is no finding",
    "seen_from": "when it was seen, or since when; as precise as it is known: `2026`, `2026-05` or `2026-05-17`",
    "seen_to": "until when, in the same way; left out for one time",
    "people": "who else was there; another child may be exploited too",
    "movement": "how the child came there or was moved; any distance counts",
    "source_kind": "whose account it is, or what it rests on",
    "source_grade": "how reliable the source is, where the agency grades it (3x5x2)",
    "info_grade": "how far the information is known, where the agency grades it (3x5x2)",
    "moved_on": "when it was, or since when; as precise as it is known: `2026`, `2026-05` or `2026-05-17`",
    "moved_until": "until when, in the same way; for what happened more than once or went on",
    "account": "what was seen or said, and what is known of it",
    "from_place": "from where, one line",
    "to_place": "to where, one line; a journey needs at least one of the two places, and any distance counts",
    (Category.MOVEMENT, "how"): "on foot, by car, taxi, bus, train, boat …, one line",
    "with_whom": "who was with the child; another child may be exploited too",
    "arranged_by": "who arranged it or paid for it",
    "missing_from": "since when; as precise as it is known: `2026`, `2026-05` or `2026-05-17`",
    "reported_on": "when it was reported to the police, in the same way",
    "found_on": "when the child came back or was found, in the same way; left out while the child is missing",
    "placed_on": "since when; as precise as it is known: `2026`, `2026-05` or `2026-05-17`",
    "placed_at": "the time, such as `14:30` by UK clocks; with a whole day only. Police protection ends after 72 hours",
    "placed_until": "until when, in the same way; left out while the child stays there",
    "place_kind": "with whom, or in what, the child stays",
    "town": "in which town or area, one line; no street is needed",
    "provider": "who looks after the child there: a role or an organisation, one line",
    "legal_status": "under which power or order; left out: none, or not known",
    "child_asked": "whether the child was asked about it; left out: not known",
    (Category.PLACEMENT, "account"): "why there, who knows where it is, and whether the child is safe there",
    "return_interview": "where the return interview stands; needs `found_on`",
    "interview_on": "the day on which it was offered or held",
    "who": "what the person is to the child; one person in each record",
    "called": "their name or what they are called, one line; taken out of the referral form",
    "lives_with_child": "whether they live with the child; left out: not known",
    "said_to_exploit": "whether somebody says that they exploited the child, which is no finding; left out: not known",
    "safe_to_contact": "whether asking them puts nobody in danger; left out: not known",
    "known_from": "since when; as precise as it is known: `2026`, `2026-05` or `2026-05-17`",
    "known_until": "until when, in the same way; left out while it lasts",
    (Category.RELATION, "account"): "what is known of it: who says so, and what it means for the child’s safety",
    (Category.OFFENCE, "follows"): "the id of the offence’s fragment",
    "referral_considered": "whether a referral to the NRM was considered; left out: not known. One of four is answered",
    "considered_on": "when, as precise as it is known; with true only",
    "prosecutor_told": "whether the prosecutor was told of the exploitation; left out: not known",
    "prosecutor_told_on": "when, as precise as it is known; with true only",
    "prosecutor_told_by": "by whom: job and agency, one line; with true only",
    "defence_told": "whether the defence was told of the exploitation; left out: not known",
    "defence_told_on": "when, as precise as it is known; with true only",
    "defence_told_by": "by whom: job and agency, one line; with true only",
    "court": "whether there is a court date to come; left out: not known",
    "next_court_date": "the day, with `date_set` only",
    "note": "what else the agencies need to know",
}
"""By field name; by category and field name where a kind has a meaning of its own."""

CONSENT: Mapping[str, Meant] = {
    "subject": Meant(
        "one of",
        "what it is about; `sharing` where left out. Each of an adult's three is a statement of its own",
        tuple(ConsentSubject),
    ),
    "state": Meant(
        "one of", "where consent stands", [s for s in ConsentState if s is not ConsentState.NONE_RECORDED], True
    ),
    "given_by": Meant("one of", "whose consent it is; `nobody` where nobody was asked", tuple(GivenBy)),
    "giver": Meant("opaque id", "tells holders of parental responsibility apart: 32 hexadecimal characters, no name"),
    "competence": Meant(
        "one of",
        "whether the child (Gillick) or adult (capacity) understands; `not_assessed` where left out",
        tuple(Competence),
    ),
    "assessed_by": Meant("one of", "who assessed it, by profession; with `competence`", tuple(Assessor)),
    "interpreter": Meant("one of", "whether what was asked was interpreted", tuple(InterpreterUse), True),
    "told": Meant("one of", "whether the person was told what is shared and why", tuple(ToldState), True),
    "wishes": Meant("one of", "whether the child's wishes and feelings were heard", tuple(WishesState), True),
    "reason": Meant("one of", "why, with `not_sought` and `not_required` only", tuple(ConsentReason)),
    "scope": Meant(
        "object", "what a given consent covers, with `given` only; recipients are kinds of agencies, see below"
    ),
    "expires_at": Meant("time, such as 2026-12-31T00:00:00Z", "when a given one ends; left out: with the case"),
    "about": Meant("digest", "with `invalid` only: the consent statement that was none"),
    "purpose": Meant("one of", "for which purpose the words are shared; `panel_review` where left out", tuple(Purpose)),
    "words": Meant("text", "the words of the statement; they travel sealed and need `role` and `job_title`"),
    "told_words": Meant("text", "what the person was told; sealed, with `words`"),
    "competence_words": Meant("text", "who judged, and why, whether the person understands; sealed, with `words`"),
    "interpreter_words": Meant("text", "who interpreted, one line; sealed, with `words`"),
    "source_kind": Meant("one of", "whose account the words are; `child_account` where left out", tuple(SourceKind)),
    "statement_kind": Meant("one of", "what the words belong to; `consent` where left out", ("consent", "refusal")),
    "role": Meant("one of", "the writer's role in the case; with `words`", WRITER_ROLES),
    "job_title": Meant("text", "the writer's job, one line; with `words`"),
}

NECESSITY: Mapping[str, Meant] = {
    **WRITER,
    "necessity": Meant("text", "why it is necessary and proportionate to share it all the same", is_required=True),
}

VOTE: Mapping[str, Meant] = {
    **WRITER,
    "outcome": Meant("one of", "the vote", tuple(Outcome), is_required=True),
    "reasons": Meant("text", "the reasons", is_required=True),
    "dissent": Meant("text", "a dissenting opinion, in the member's own words; or null"),
}

DECISION: Mapping[str, Meant] = {
    **WRITER,
    "reasons_by_element": Meant("text", "the reasons, element by element", is_required=True),
    "letter_owner": Meant("text", "who writes the letter, one line", is_required=True),
    "evidence_relied_on": Meant("list of texts", "ids of fragments of the manifest; empty or left out: all of them"),
    "less_weight": Meant("text", "what was given less weight, and why; or null"),
    "dissent": Meant("text", "a dissenting opinion; or null"),
    "actions": Meant("list of texts", "what is asked of whom; an adjournment needs at least one"),
}
