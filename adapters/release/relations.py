"""Who belongs to a child or lives with them: built as ``authored`` builds, one person in each record.

That somebody is said to have exploited the child is what the writer was told; no record of this kind is a finding about
them. How to reach them is not asked: whoever asks a relative may put the child in danger.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from adapters.release.contexts import InfoGrade, SourceGrade, put_grades
from adapters.release.writing import (
    MAX_REQUEST_CHARS,
    Author,
    Fields,
    SourceKind,
    given,
    put_flag,
    put_follows,
    put_not_before,
    render_content,
    require_line,
    require_part_date,
    require_text,
    require_written_term,
)
from policies.vocabulary import Category


class RelationRole(StrEnum):
    """What somebody is to the child, in the words in which it is read."""

    MOTHER = "mother"
    FATHER = "father"
    STEP_PARENT = "step-parent"
    PARTNER_OF_PARENT = "partner of a parent"
    SIBLING = "brother or sister"
    GRANDPARENT = "grandparent"
    AUNT_OR_UNCLE = "aunt or uncle"
    OTHER_RELATIVE = "other relative"
    CARER = "carer"
    OTHER_CHILD = "other child in the household"
    OTHER_ADULT = "other adult in the household"
    OTHER = "somebody else"


_SAID = {
    "lives_with_child": ("lives with the child", "does not live with the child"),
    "said_to_exploit": (
        "said to have exploited the child, which is no finding",
        "not said to have exploited the child",
    ),
    "safe_to_contact": ("safe to contact", "not safe to contact"),
}
_STORED = {
    "lives_with_child": "hub_LivesWithChild",
    "said_to_exploit": "hub_SaidToExploit",
    "safe_to_contact": "hub_SafeToContact",
}


def relation(
    by: Author,
    *,
    who: RelationRole,
    account: str,
    source_kind: SourceKind,
    called: str | None = None,
    lives_with_child: bool | None = None,
    said_to_exploit: bool | None = None,
    safe_to_contact: bool | None = None,
    known_from: str | None = None,
    known_until: str | None = None,
    source_grade: SourceGrade | None = None,
    info_grade: InfoGrade | None = None,
    derived_from: Sequence[str] = (),
    follows: str | None = None,
) -> dict[str, Any]:
    """Somebody around a child: what they are to them, what is known of that, how it is known.

    The three answers are left out where nobody knows. ``known_from`` and ``known_until`` are ISO dates, months or
    years: only as precise as they are known. ``follows`` is the fragment of an earlier record of the same person: that
    one stays as it was written. Raises ``AuthoredRefused``.
    """
    role = require_written_term("who", RelationRole, who)
    person = {"role": given("role", role.value)}
    said = [role.value.capitalize()]
    if called is not None:
        person["name"] = given("name", require_line("called", called))
        said[0] = f"{said[0]}: {require_line('called', called)}"
    fields: Fields = {
        "hub_Relation": [person],
        "hub_RelationAccount": given("hub_RelationAccount", require_text("account", account, MAX_REQUEST_CHARS)),
    }
    answers = (
        ("lives_with_child", lives_with_child),
        ("said_to_exploit", said_to_exploit),
        ("safe_to_contact", safe_to_contact),
    )
    for name, answer in answers:
        put_flag(fields, _STORED[name], answer, name)
        if answer is not None:
            said.append(_SAID[name][0 if answer else 1])
    first = date.min
    if known_from is not None:
        first = require_part_date("known_from", known_from, by)[0]
        fields["hub_RelationFrom"] = given("hub_RelationFrom", known_from)
    put_not_before(fields, "hub_RelationUntil", known_until, "known_until", first, by)
    put_grades(fields, source_grade, info_grade)
    return render_content(
        Category.RELATION,
        "; ".join(said),
        fields,
        by,
        source_kind,
        observed_from=known_from,
        observed_to=known_until,
        derived_from=[*derived_from, *put_follows(fields, follows)],
    )
