"""What people of a case have signed of it as this agency can prove it: who is excluded, and who broke the glass.

Each said it with their own key, as a person of the case in a role that may, held against the very membership that they
name; of an exclusion two people. So the hub can neither add such a word nor end one (docs/adr/0016-exclusions.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from keys.canonical import parse_canonical
from keys.directory import Directory
from keys.jose import SignatureRefused, UnverifiedJws
from keys.statements import Statement, StatementType, peek
from keys.uses import KeyUse
from policies.break_glass import BrokenGlass, is_review, may_review, read_broken
from policies.exclusions import Exclusions, Word, counts, read_exclusions
from policies.membership import CaseStatements, Said, Standing, standing_of
from policies.model import Malformed, parse_time

if TYPE_CHECKING:
    from adapters.cases import VerifiedMembers

EXCLUSION_TYPES = frozenset({StatementType.EXCLUSION, StatementType.EXCLUSION_CONFIRMATION})
BREAK_GLASS_TYPES = frozenset({StatementType.BREAK_GLASS, StatementType.BREAK_GLASS_REVIEW})


def verify_words(
    case: str, tokens: Iterable[object], types: frozenset[StatementType], directory: Directory
) -> tuple[Statement, ...]:
    """Verify each word by the key that its person's agency had certified when it was said.

    Raises ``Malformed``, ``SignatureRefused``, ``NotCertified`` or ``NotCanonical``.
    """
    found = []
    for token in tokens:
        kind = peek(token).type
        if kind not in types:
            raise SignatureRefused("a word of a person of the case is of another type")
        issued_at = parse_time(parse_canonical(UnverifiedJws.parse(token).payload)["issued_at"])
        statement = directory.verify(token, kind, KeyUse.MEMBER_SIGNING, issued_at, as_taken=True)
        if statement.members["case"] != case:
            raise Malformed(f"{kind.value}: belongs to another case")
        found.append(statement)
    return tuple(found)


def read_words(words: Sequence[Statement], members: VerifiedMembers) -> Exclusions:
    """Return who is excluded by verified words, each held against the membership that it names."""
    return read_exclusions(map(word_of, words), standings_of(members))


def read_glass(words: Sequence[Statement], members: VerifiedMembers) -> tuple[BrokenGlass, ...]:
    """Return each time the glass was broken, by verified words of people who counted, and might, when they said it."""
    standing_for = standings_of(members)

    def counted(word: Word) -> bool:
        standing = standing_for(word)
        if standing is None or not counts(members.kept_out, word, standing):
            return False
        return not is_review(word) or may_review(standing, word.person, word.issued_at)

    return read_broken(word for word in map(word_of, words) if counted(word))


def standings_of(members: VerifiedMembers) -> Callable[[Word], Standing | None]:
    """Return what gives the membership that a word names, None for one that is not of the case."""
    known: dict[str, Standing | None] = {}

    def standing_for(word: Word) -> Standing | None:
        named = str(word.members["membership"])
        if named not in known:
            known[named] = _standing_under(named, members)
        return known[named]

    return standing_for


def word_of(statement: Statement) -> Word:
    """Return what a verified statement says, for ``policies.exclusions``."""
    person = (str(statement.issuer), str(statement.members["member"]))
    return Word(statement.digest, person, statement.issued_at, statement.members)


def _standing_under(named: str, members: VerifiedMembers) -> Standing | None:
    """Return who took part under a membership. That somebody left later takes back nothing of what they had said."""
    digests = [item.digest for item in members.membership]
    if named not in digests:
        return None
    chain = members.membership[: digests.index(named) + 1]
    lists = (chain, members.acceptances, members.endorsements, ())
    return standing_of(CaseStatements(*([Said(it.digest, it.issuer, it.members) for it in each] for each in lists)))
