"""What a panel writes down: meetings, votes, the decision. Built as ``authored`` builds.

A decision carries the manifest of the fragments that were read and each vote as the compact JWS the member signed, so
that it verifies offline (docs/protocol.md section 9). The signatures are checked where keys are, not here.
Sources: nrm.md 2.3 (tests), 3 (panel roles and record).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from adapters.release.strategy import list_attended
from adapters.release.writing import (
    Author,
    AuthoredRefused,
    Fields,
    Outcome,
    Question,
    given,
    put_optional,
    render_content,
    require_day,
    require_ids,
    require_line,
    require_text,
    require_written_term,
)
from policies.model import Malformed, require_digest, require_id, require_members
from policies.vocabulary import Category

MAX_ACTIONS = 50
MAX_VOTES = 50
MAX_JWS_CHARS = 4 * 1024
MAX_MANIFEST_FRAGMENTS = 4_000
MAX_NOTE_CHARS = 4_000
MAX_LOG_SIZE = 2**53 - 1
_JWS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def meeting(
    by: Author,
    *,
    held_on: date,
    question: Question,
    agencies: Sequence[str],
    is_quorate: bool,
    minutes: str,
    derived_from: Sequence[str] = (),
) -> dict[str, Any]:
    """A panel meeting: when, what was asked, which agencies attended, quorum met or not, the minutes."""
    day = require_day("held_on", held_on, by)
    fields: Fields = {
        "hub_HeldOn": given("hub_HeldOn", day),
        "hub_Question": given("hub_Question", require_written_term("question", Question, question).value),
        "hub_Attended": list_attended(agencies),
        "hub_Quorate": given("hub_Quorate", is_quorate),
        "hub_Minutes": given("hub_Minutes", require_text("minutes", minutes)),
    }
    return render_content(
        Category.MEETING, "A meeting of the panel", fields, by, observed_from=day, derived_from=derived_from
    )


def vote(
    by: Author, *, question: Question, outcome: Outcome, reasons: str, vote_jws: str, dissent: str | None = None
) -> dict[str, Any]:
    """A member's vote: the signed statement as compact JWS, the reasons and any dissent in the member's own words."""
    fields: Fields = {
        "hub_Question": given("hub_Question", require_written_term("question", Question, question).value),
        "hub_Outcome": given("hub_Outcome", require_written_term("outcome", Outcome, outcome).value),
        "hub_Reasons": given("hub_Reasons", require_text("reasons", reasons)),
    }
    put_optional(fields, "hub_Dissent", dissent)
    content = render_content(Category.VOTE, "A panel member's vote", fields, by, observed_from=by.day.isoformat())
    content["vote"] = _require_jws("vote_jws", vote_jws)
    return content


def decision(
    by: Author,
    *,
    question: Question,
    outcome: Outcome,
    reasons_by_element: str,
    evidence_relied_on: Sequence[str],
    less_weight: str | None,
    dissent: str | None,
    actions: Sequence[str],
    letter_owner: str,
    manifest: Mapping[str, Any],
    votes: Sequence[str],
) -> dict[str, Any]:
    """The panel's decision with its reasons, the exact set of fragments read and every vote.

    ``manifest`` is ``{"case", "checkpoint", "fragments"}`` of docs/protocol.md section 9; ``evidence_relied_on`` must
    stand in it. ``votes`` are compact JWS strings, at least one. An adjournment needs at least one action: what is
    asked of whom.
    """
    outcome = require_written_term("outcome", Outcome, outcome)
    if not 1 <= len(votes) <= MAX_VOTES:
        raise AuthoredRefused(f"votes: expected 1 to {MAX_VOTES}, got {len(votes)}")
    if len(actions) > MAX_ACTIONS or (outcome is Outcome.ADJOURN and not actions):
        raise AuthoredRefused(f"actions: expected at most {MAX_ACTIONS}, and at least one where the panel adjourns")
    kept = _require_manifest(manifest)
    relied = require_ids("evidence_relied_on", evidence_relied_on)
    read = {item["fragment"] for item in kept["fragments"]}
    if not set(relied) <= read:
        raise AuthoredRefused("evidence_relied_on: expected only fragments that stand in the manifest")
    fields: Fields = {
        "hub_Question": given("hub_Question", require_written_term("question", Question, question).value),
        "hub_Outcome": given("hub_Outcome", outcome.value),
        "hub_Reasons": given("hub_Reasons", require_text("reasons_by_element", reasons_by_element)),
        "hub_EvidenceReliedOn": [given("hub_EvidenceReliedOn", item) for item in relied],
        "hub_DecisionAction": [
            given("hub_DecisionAction", require_text("actions", item, MAX_NOTE_CHARS)) for item in actions
        ],
        "hub_LetterOwner": given("hub_LetterOwner", require_line("letter_owner", letter_owner)),
    }
    put_optional(fields, "hub_LessWeight", less_weight)
    put_optional(fields, "hub_Dissent", dissent)
    content = render_content(
        Category.DECISION,
        "The panel's decision",
        fields,
        by,
        observed_from=by.day.isoformat(),
        derived_from=relied,
    )
    content["manifest"] = kept
    content["votes"] = [_require_jws("votes", item) for item in votes]
    if len(set(content["votes"])) != len(votes):
        raise AuthoredRefused("votes: expected each once")
    return content


def _require_jws(name: str, text: object) -> str:
    if not isinstance(text, str) or len(text) > MAX_JWS_CHARS or not _JWS.fullmatch(text):
        raise AuthoredRefused(f"{name}: expected a compact JWS of at most {MAX_JWS_CHARS:,} characters")
    return text


def _require_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    try:
        got = require_members(manifest, ("case", "checkpoint", "fragments"), "manifest")
        listed = got["fragments"]
        if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_MANIFEST_FRAGMENTS:
            raise Malformed(f"manifest fragments: expected 1 to {MAX_MANIFEST_FRAGMENTS:,}")
        fragments = [_manifest_item(item) for item in listed]
        point = require_members(got["checkpoint"], ("size", "root"), "manifest checkpoint")
        if type(point["size"]) is not int or not 1 <= point["size"] <= MAX_LOG_SIZE:
            raise Malformed("manifest checkpoint size: expected a whole number from 1")
        checkpoint = {"size": point["size"], "root": require_digest(point["root"], "manifest checkpoint root")}
        case = require_id(got["case"], "manifest case")
    except Malformed as error:
        raise AuthoredRefused(str(error)) from error
    names = [item["fragment"] for item in fragments]
    if names != sorted(set(names)):
        raise AuthoredRefused("manifest fragments: expected each once, sorted by id")
    return {"case": case, "checkpoint": checkpoint, "fragments": fragments}


def _manifest_item(item: object) -> dict[str, Any]:
    got = require_members(item, ("fragment", "sha256", "version"), "manifest fragment")
    if type(got["version"]) is not int or got["version"] < 1:
        raise Malformed("manifest fragment version: expected a whole number from 1")
    return {
        "fragment": require_id(got["fragment"], "manifest fragment"),
        "sha256": require_digest(got["sha256"], "manifest fragment digest"),
        "version": got["version"],
    }
