"""Consent in a case: its statements in order, whose newest word counts, what of it a sharing may rest on. Pure.

One statement is about one subject and one person's word. Who said what, when and why is kept; where they differ
``policies.consent_rules`` decides. Every decision asks here, so hub and adapters have one answer (docs/consent.md).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from policies.consent_rules import REASONS, ConsentRule, Reason, Voice, Voices, weigh
from policies.reading import Malformed, require_members, require_term
from policies.vocabulary import (
    REFERRAL_PURPOSES,
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

MAX_HOLDERS = 8
"""Holders of parental responsibility who are told apart in one case."""
THE_PERSON = frozenset({GivenBy.CHILD, GivenBy.ADULT})
Speaker = tuple[ConsentSubject, str]
"""Whose word on what: the person's own is one, as a child and as an adult."""


@dataclass(frozen=True, slots=True)
class ConsentScope:
    """What a consent covers. An empty list covers nothing."""

    categories: frozenset[Category]
    recipients: frozenset[AgencyKind]
    purposes: frozenset[Purpose]

    @classmethod
    def from_json(cls, payload: object) -> ConsentScope:
        """Read ``{"categories", "recipients", "purposes"}``. Raises ``Malformed``."""
        got = require_members(payload, ("categories", "recipients", "purposes"), "consent scope")
        if not all(isinstance(got[name], list) for name in got):
            raise Malformed("consent scope: expected lists")
        scope = cls(
            categories=frozenset(require_term(Category, item, "category") for item in got["categories"]),
            recipients=frozenset(require_term(AgencyKind, item, "recipient") for item in got["recipients"]),
            purposes=frozenset(require_term(Purpose, item, "purpose") for item in got["purposes"]),
        )
        if any(len(got[name]) != len(getattr(scope, name)) for name in got):
            raise Malformed("consent scope: expected each term once")
        return scope

    def to_json(self) -> dict[str, list[str]]:
        """Return the wire form, each list sorted."""
        return {
            "categories": sorted(item.value for item in self.categories),
            "recipients": sorted(item.value for item in self.recipients),
            "purposes": sorted(item.value for item in self.purposes),
        }


NO_SCOPE = ConsentScope(frozenset(), frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent statement as decisions need it, without its words (those are a sealed ``statement_detail``)."""

    digest: str
    subject: ConsentSubject
    state: ConsentState
    reason: ConsentReason
    given_by: GivenBy
    giver: str | None
    competence: Competence
    scope: ConsentScope
    wishes: WishesState
    expires_at: datetime | None
    about: str | None
    """Of an invalid one: the digest of the consent that was none."""

    @property
    def speaker(self) -> Speaker:
        """Whose word this is, on what."""
        who = "person" if self.given_by in THE_PERSON else self.given_by.value
        return self.subject, f"{who}:{self.giver}" if self.giver else who

    def is_expired(self, at: datetime) -> bool:
        """Whether it has run out."""
        return self.expires_at is not None and at >= self.expires_at

    def covers(self, category: Category, recipient: AgencyKind, purpose: Purpose) -> bool:
        """Whether its scope has such a sharing."""
        return (
            category in self.scope.categories and recipient in self.scope.recipients and purpose in self.scope.purposes
        )


@dataclass(frozen=True, slots=True)
class ConsentAnswer:
    """Where consent stands on one subject, at one moment. ``deciding`` are the agreements a given one consists of."""

    state: ConsentState
    rule: ConsentRule
    deciding: tuple[Consent, ...] = ()
    sound: frozenset[str] = frozenset()
    """Digests of the deciding ones on which a sharing may rest: nothing has ended them since they were given."""

    @property
    def reason(self) -> Reason:
        """Why, from what source, checked by whom, and what can be done next."""
        return REASONS[self.rule]

    @property
    def digest(self) -> str | None:
        """The statement that a new sharing names, None where there is none."""
        return next((item.digest for item in reversed(self.deciding) if item.digest in self.sound), None)

    def covers(self, category: Category, recipient: AgencyKind, purpose: Purpose) -> bool:
        """Whether everybody whose agreement it takes has agreed to such a sharing."""
        return (
            self.state is ConsentState.GIVEN
            and bool(self.deciding)
            and all(item.covers(category, recipient, purpose) for item in self.deciding)
        )


@dataclass(frozen=True, slots=True)
class Consents:
    """Every consent statement of a case, in its order. Made with ``Consents.of``."""

    statements: tuple[Consent, ...] = ()
    in_force: tuple[Consent, ...] = ()
    """The newest word of each speaker."""
    sound: frozenset[tuple[bool, str]] = frozenset()
    """(is the adult's path, digest) of the agreements that nothing has ended since they were given."""

    @classmethod
    def of(cls, statements: Iterable[Consent], disbelieved: Collection[str] = ()) -> Consents:
        """Take the statements of a case in their order.

        Of those whose digests are ``disbelieved`` (the key turned out to be another's by then) what lets more be shared
        counts for nothing; what ended something did end it.
        """
        found = cls()
        for item in statements:
            after = found.followed_by(item)
            if item.digest in disbelieved and (item.state is ConsentState.GIVEN or lets_more_rest(found, after)):
                before = next((held for held in found.in_force if held.speaker == item.speaker), None)
                silent = replace(item, state=ConsentState.NONE_RECORDED, scope=NO_SCOPE)
                is_said_before = before is not None and before.state is not ConsentState.GIVEN
                after = found if is_said_before else found.followed_by(silent)
                after = replace(after, statements=(*found.statements, item))
            found = after
        return found

    def followed_by(self, new: Consent) -> Consents:
        """Return the consents with one more statement."""
        held = {item.speaker: item for item in self.in_force}
        before = held.get(new.speaker)
        if new.state is not ConsentState.INVALID or (before is not None and before.digest == new.about):
            # That an older consent was none says nothing of a newer one.
            held.pop(new.speaker, None)
            held[new.speaker] = new
        found = replace(self, statements=(*self.statements, new), in_force=tuple(held.values()))
        return replace(found, sound=self._still_sound(found, new))

    def _still_sound(self, found: Consents, new: Consent) -> frozenset[tuple[bool, str]]:
        kept = {key for key in self.sound if not found._is_about(key[1], new.subject)}
        for is_adult in (False, True):
            path = AgePath.ADULT if is_adult else AgePath.CHILD
            now, later = found._agreed(new.subject, path), found._agreed(new.subject, path, besides=new)
            had = {digest for was_adult, digest in self.sound if was_adult is is_adult}
            # Who spoke while an agreement that runs out went before them waits for that, and takes effect then.
            waits = had - self._agreed(new.subject, path)
            kept |= {(is_adult, digest) for digest in (now & had) | (later & waits) | ({new.digest} & (now | later))}
        return frozenset(kept)

    def _agreed(self, subject: ConsentSubject, path: AgePath, besides: Consent | None = None) -> set[str]:
        """Return the digests of which a given consent consists, time left aside; or once all has run out but one."""

        def is_expired(item: Consent) -> bool:
            return besides is not None and item.expires_at is not None and item is not besides

        state, _, deciding = self._weigh(subject, path, is_expired)
        return {item.digest for item in deciding} if state is ConsentState.GIVEN else set()

    def _is_about(self, digest: str, subject: ConsentSubject) -> bool:
        return any(item.digest == digest and item.subject is subject for item in self.statements)

    @property
    def newest(self) -> Consent | None:
        """The newest statement of all."""
        return self.statements[-1] if self.statements else None

    def is_in_force(self, digest: str) -> bool:
        """Whether a digest is that of somebody's newest word."""
        return any(item.digest == digest for item in self.in_force)

    def answer(self, subject: ConsentSubject, path: AgePath, at: datetime) -> ConsentAnswer:
        """Return where consent on a subject stands at a time, with the rule that says so."""
        state, rule, deciding = self._weigh(subject, path, lambda item: item.is_expired(at))
        if state is not ConsentState.GIVEN:
            return ConsentAnswer(state, rule)
        is_adult = path is AgePath.ADULT
        sound = frozenset(item.digest for item in deciding if (is_adult, item.digest) in self.sound)
        if not sound:
            return ConsentAnswer(ConsentState.NONE_RECORDED, ConsentRule.SAY_AGAIN)
        return ConsentAnswer(state, rule, deciding, sound)

    def for_purpose(self, purpose: Purpose, path: AgePath, at: datetime) -> ConsentAnswer:
        """Return where the consent stands that governs a purpose."""
        return self.answer(subject_of(purpose, path), path, at)

    def _weigh(
        self, subject: ConsentSubject, path: AgePath, is_expired: Callable[[Consent], bool]
    ) -> tuple[ConsentState, ConsentRule, tuple[Consent, ...]]:
        if subject is not ConsentSubject.SHARING and path is not AgePath.ADULT:
            return ConsentState.NOT_REQUIRED, ConsentRule.NOT_ASKED_OF_A_CHILD, ()
        said = [(item, _voice(item, path, is_expired(item))) for item in self.in_force if item.subject is subject]
        spoke = {GivenBy.COURT: Voice.SILENT, GivenBy.CHILD: Voice.SILENT, GivenBy.NOBODY: Voice.SILENT}
        spoke |= {GivenBy.CHILD if item.given_by in THE_PERSON else item.given_by: voice for item, voice in said}
        holders = frozenset(voice for item, voice in said if item.given_by is GivenBy.PARENTAL_RESPONSIBILITY)
        voices = Voices(spoke[GivenBy.COURT], spoke[GivenBy.CHILD], holders, spoke[GivenBy.NOBODY])
        state, rule = weigh(voices, is_adult=path is AgePath.ADULT)
        deciders = _DECIDERS.get(rule, frozenset())
        return state, rule, tuple(item for item, voice in said if voice is Voice.AGREES and item.given_by in deciders)


NO_CONSENT = Consents()
_DECIDERS = {
    ConsentRule.COURT_ALLOWS: frozenset({GivenBy.COURT}),
    ConsentRule.CHILD_AGREES: THE_PERSON,
    ConsentRule.ADULT_AGREES: THE_PERSON,
    ConsentRule.HOLDERS_AGREE: frozenset({GivenBy.PARENTAL_RESPONSIBILITY}),
}
_VOICES = {
    ConsentState.REFUSED: Voice.REFUSES,
    ConsentState.WITHDRAWN: Voice.WITHDREW,
    ConsentState.INVALID: Voice.INVALID,
    ConsentState.NOT_SOUGHT: Voice.NOT_SOUGHT,
    ConsentState.NOT_REQUIRED: Voice.NOT_REQUIRED,
    ConsentState.LACKS_CAPACITY: Voice.LACKS_CAPACITY,
    ConsentState.NONE_RECORDED: Voice.SILENT,
}


def _never(_: Consent) -> bool:
    return False


def _voice(item: Consent, path: AgePath, is_expired: bool) -> Voice:
    if item.state is not ConsentState.GIVEN:
        return _VOICES[item.state]
    if is_expired:
        return Voice.EXPIRED
    if item.given_by not in THE_PERSON:
        return Voice.AGREES
    if item.competence is Competence.NOT_COMPETENT:
        return Voice.AGREES_NOT_COMPETENT
    if path is AgePath.ADULT:
        return Voice.AGREED_AS_A_CHILD if item.given_by is GivenBy.CHILD else Voice.AGREES
    return Voice.AGREES if item.competence is Competence.COMPETENT else Voice.AGREES_NOT_ASSESSED


def subject_of(purpose: Purpose, path: AgePath) -> ConsentSubject:
    """Return which consent governs sharing for a purpose: an adult's three are asked about each for its own.

    No purpose of the hub is an investigation: that consent is recorded and shown, and opens nothing.
    """
    if path is AgePath.ADULT and purpose in REFERRAL_PURPOSES:
        return ConsentSubject.REFERRAL
    if path is AgePath.ADULT and purpose is Purpose.SERVICE_PROVISION:
        return ConsentSubject.SUPPORT
    return ConsentSubject.SHARING


def require_follows(consents: Consents, new: Consent) -> None:
    """Raise ``Malformed`` where a statement says something of another one that is not so, or names too many holders."""
    named = next((item for item in consents.statements if item.digest == new.about), None)
    if new.about is not None and (named is None or named.state is not ConsentState.GIVEN):
        raise Malformed("consent about: expected the digest of a consent of this case that was given")
    if named is not None and named.speaker != new.speaker:
        raise Malformed("consent about: expected a consent of the same giver on the same subject")
    holders = {item.giver for item in (*consents.statements, new) if item.giver is not None}
    if len(holders) > MAX_HOLDERS:
        raise Malformed(f"consent giver: expected at most {MAX_HOLDERS} holders of parental responsibility in a case")


def lets_more_rest(before: Consents, after: Consents) -> bool:
    """Whether a statement lets more rest on consent than before, on either path: it needs a fresh quorum then."""
    if after.sound - before.sound:
        return True
    for subject in ConsentSubject:
        for path in (AgePath.CHILD, AgePath.ADULT):
            state, _, deciding = after._weigh(subject, path, _never)
            was, _, had = before._weigh(subject, path, _never)
            if state is ConsentState.GIVEN and (was is not ConsentState.GIVEN or deciding != had):
                return True
    return False


def ends(before: Consents, after: Consents) -> bool:
    """Whether a statement ends what rested on consent and lets nothing more rest on it."""
    return bool(before.sound - after.sound) and not lets_more_rest(before, after)
