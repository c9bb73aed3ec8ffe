"""The truth table of conflicting consents: every combination of voices, made of statements (docs/consent.md).

``python -m tests.policies.consent_table`` writes the tables of the page anew; ``test_consent_table.py`` compares.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import combinations_with_replacement, product
from pathlib import Path

from policies.consent import NO_SCOPE, Consent, ConsentAnswer, Consents, ConsentScope
from policies.consent_rules import ADULT_RULES, CHILD_RULES, REASONS, ConsentRule, Voice, Voices, weigh
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    Category,
    Competence,
    ConsentReason,
    ConsentState,
    ConsentSubject,
    GivenBy,
    Purpose,
    WishesState,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "consent.md"
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
PAST = datetime(2026, 1, 30, tzinfo=UTC)
SCOPE = ConsentScope(
    frozenset({Category.CONCERN}),
    frozenset({AgencyKind.POLICE}),
    frozenset({Purpose.PANEL_REVIEW, Purpose.SAFEGUARDING}),
)
STATES: Mapping[Voice, ConsentState] = {
    Voice.AGREES: ConsentState.GIVEN,
    Voice.AGREES_NOT_ASSESSED: ConsentState.GIVEN,
    Voice.AGREES_NOT_COMPETENT: ConsentState.GIVEN,
    Voice.AGREED_AS_A_CHILD: ConsentState.GIVEN,
    Voice.EXPIRED: ConsentState.GIVEN,
    Voice.REFUSES: ConsentState.REFUSED,
    Voice.WITHDREW: ConsentState.WITHDRAWN,
    Voice.INVALID: ConsentState.INVALID,
    Voice.LACKS_CAPACITY: ConsentState.LACKS_CAPACITY,
    Voice.NOT_SOUGHT: ConsentState.NOT_SOUGHT,
    Voice.NOT_REQUIRED: ConsentState.NOT_REQUIRED,
}
ANYBODY = (
    Voice.SILENT,
    Voice.AGREES,
    Voice.REFUSES,
    Voice.WITHDREW,
    Voice.INVALID,
    Voice.EXPIRED,
    Voice.NOT_SOUGHT,
    Voice.NOT_REQUIRED,
)
UNABLE = (Voice.AGREES_NOT_COMPETENT, Voice.LACKS_CAPACITY)
PERSON: Mapping[AgePath, tuple[Voice, ...]] = {
    AgePath.CHILD: (*ANYBODY, Voice.AGREES_NOT_ASSESSED, *UNABLE),
    AgePath.ADULT: (*ANYBODY, Voice.AGREED_AS_A_CHILD, *UNABLE),
}
NOTES = (Voice.SILENT, Voice.NOT_SOUGHT, Voice.NOT_REQUIRED)
PAIRS = tuple(combinations_with_replacement(ANYBODY, 2))
Combination = tuple[AgePath, Voice, Voice, tuple[Voice, ...], Voice]
"""Path, court, person, two holders of parental responsibility, what an agency noted of nobody."""
HOLDERS: Mapping[str, tuple[Voice, ...]] = {
    "nobody spoke": (),
    "all agree": (Voice.AGREES, Voice.AGREES),
    "differ": (Voice.AGREES, Voice.REFUSES),
    "one agreed, one withdrew": (Voice.AGREES, Voice.WITHDREW),
    "refuse": (Voice.REFUSES,),
    "withdrew": (Voice.WITHDREW,),
    "invalid": (Voice.INVALID,),
    "expired": (Voice.EXPIRED,),
    "not sought": (Voice.NOT_SOUGHT,),
    "not required": (Voice.NOT_REQUIRED,),
}


@cache
def word(who: GivenBy, voice: Voice, number: int, about: str | None = None) -> Consent:
    """One statement that comes to a voice. The same arguments give the same statement."""
    state = STATES[voice]
    given_by = GivenBy.CHILD if voice is Voice.AGREED_AS_A_CHILD else who
    competence = Competence.NOT_ASSESSED
    if voice in UNABLE:
        competence = Competence.NOT_COMPETENT
    elif given_by is GivenBy.CHILD and voice is not Voice.AGREES_NOT_ASSESSED:
        competence = Competence.COMPETENT
    is_holder = who is GivenBy.PARENTAL_RESPONSIBILITY
    has_reason = state in (ConsentState.NOT_SOUGHT, ConsentState.NOT_REQUIRED)
    return Consent(
        digest=hashlib.sha256(repr((who, voice, number, about)).encode()).hexdigest(),
        subject=ConsentSubject.SHARING,
        state=state,
        reason=ConsentReason.CANNOT_REASONABLY_BE_OBTAINED if has_reason else ConsentReason.NONE,
        given_by=given_by,
        giver=f"{number:032x}" if is_holder else None,
        competence=competence,
        scope=SCOPE if state is ConsentState.GIVEN else NO_SCOPE,
        wishes=WishesState.RECORDED,
        expires_at=PAST if voice is Voice.EXPIRED else None,
        about=about,
    )


def words(who: GivenBy, voice: Voice, number: int = 0) -> list[Consent]:
    """The statements that make somebody's newest word a voice: an invalid one needs the one that was none."""
    if voice is Voice.SILENT:
        return []
    if voice is Voice.INVALID:
        none = word(who, Voice.AGREES, number + 100 if who is not GivenBy.PARENTAL_RESPONSIBILITY else number)
        return [none, word(who, voice, number, none.digest)]
    return [word(who, voice, number)]


def made_of(combination: Combination) -> Consents:
    """The consents of a combination: what counts no more was said first, what agrees last."""
    path, court, person, holders, note = combination
    own = GivenBy.ADULT if path is AgePath.ADULT else GivenBy.CHILD
    said = [words(GivenBy.NOBODY, note)]
    said += [words(GivenBy.PARENTAL_RESPONSIBILITY, voice, number) for number, voice in enumerate(holders, 1)]
    said += [words(own, person), words(GivenBy.COURT, court)]
    listed = [item for some in said for item in some]
    return Consents.of(sorted(listed, key=lambda item: not _is_over(item, listed)))


def _is_over(item: Consent, listed: list[Consent]) -> bool:
    found_invalid = {other.about for other in listed if other.about is not None}
    return item.about is not None or item.digest in found_invalid or item.is_expired(AT)


def answer(combination: Combination) -> ConsentAnswer:
    """Where consent stands."""
    return made_of(combination).answer(ConsentSubject.SHARING, combination[0], AT)


def weighed(combination: Combination) -> tuple[ConsentState, ConsentRule]:
    """What the rules say of the voices themselves."""
    path, court, person, holders, note = combination
    spoke = frozenset(holders) - {Voice.SILENT}
    return weigh(Voices(court, person, spoke, note), is_adult=path is AgePath.ADULT)


def classes() -> Iterator[Combination]:
    """One combination of each class that the rules tell apart."""
    for path in (AgePath.CHILD, AgePath.ADULT):
        yield from product((path,), ANYBODY, PERSON[path], HOLDERS.values(), NOTES)


def combinations() -> Iterator[Combination]:
    """Every combination there is of two holders, the person, a court and a note, on both paths."""
    for path in (AgePath.CHILD, AgePath.ADULT):
        yield from product((path,), ANYBODY, PERSON[path], PAIRS, NOTES)


# --- the page ---


def said(voice: Voice) -> str:
    """A voice in words."""
    return voice.value.replace("_", " ")


def cell(combination: Combination) -> str:
    """An answer in a cell: the state and the rule."""
    found = answer(combination)
    return f"`{found.state.value}` {found.rule.value}"


def render_rules() -> str:
    """The rules in their order, with why, whence, who checked it, what next, and how often each decides."""
    counted = {
        path: Counter(weighed(item)[1] for item in combinations() if item[0] is path)
        for path in (AgePath.CHILD, AgePath.ADULT)
    }
    order = list(dict.fromkeys([*(rule for rule, _ in CHILD_RULES), *(rule for rule, _ in ADULT_RULES), *ConsentRule]))
    lines = [
        "| rule | why | source | confirmed by | next | child | adult |",
        "|---|---|---|---|---|---|---|",
    ]
    for rule in order:
        reason = REASONS[rule]
        child, adult = (f"{counted[path][rule]:,}" for path in (AgePath.CHILD, AgePath.ADULT))
        lines.append(
            f"| `{rule.value}` | {reason.why} | {reason.source} | {reason.confirmed_by} | {reason.next_act} "
            f"| {child} | {adult} |"
        )
    return "\n".join(lines)


def render_child() -> str:
    """The child's table where no court's order is in force: the person's word by what holders said."""
    lines = [
        f"| the child | {' | '.join(f'parents: {name}' for name in HOLDERS)} |",
        "|---|" + "---|" * len(HOLDERS),
    ]
    for person in PERSON[AgePath.CHILD]:
        cells = (cell((AgePath.CHILD, Voice.SILENT, person, pair, Voice.SILENT)) for pair in HOLDERS.values())
        lines.append(f"| {said(person)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def render_adult() -> str:
    """The adult's table where no court's order is in force."""
    lines = ["| the adult | answer |", "|---|---|"]
    for person in PERSON[AgePath.ADULT]:
        lines.append(f"| {said(person)} | {cell((AgePath.ADULT, Voice.SILENT, person, (), Voice.SILENT))} |")
    return "\n".join(lines)


def render_court() -> str:
    """What a court's order does, whatever else was said."""
    lines = ["| the court | a child | an adult |", "|---|---|---|"]
    for court in ANYBODY:
        cells = []
        for path in (AgePath.CHILD, AgePath.ADULT):
            silent = cell((path, Voice.SILENT, Voice.SILENT, (), Voice.SILENT))
            found = cell((path, court, Voice.SILENT, (), Voice.SILENT))
            cells.append("decides nothing" if found == silent else found)
        lines.append(f"| {said(court)} | {' | '.join(cells)} |")
    return "\n".join(lines)


TABLES = {"rules": render_rules, "child": render_child, "adult": render_adult, "court": render_court}


def mark(name: str) -> str:
    """The line before a table."""
    return f"<!-- {name}: written by python -m tests.policies.consent_table -->"


def with_tables(text: str) -> str:
    """The page with each table as the code has it."""
    for name, render in TABLES.items():
        before, _, rest = text.partition(mark(name) + "\n\n")
        _, _, after = rest.partition("\n\n")
        text = f"{before}{mark(name)}\n\n{render()}\n\n{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
