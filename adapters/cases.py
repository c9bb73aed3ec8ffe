"""A case as this agency can prove it: every statement verified against the directory, every chain whole.

Also the statements an agency makes itself: open, change who takes part, accept, consent, refuse. DESIGN section 4.2.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from adapters.case_sync import end_case
from adapters.emergencies import NO_EMERGENCIES, InEmergency, verify_emergencies
from adapters.exclusions import BREAK_GLASS_TYPES, EXCLUSION_TYPES, read_glass, read_words, verify_words
from adapters.feed import FOLLOWED, LISTS
from adapters.following import Follower, LogRefused
from adapters.kept_words import verify_kept
from adapters.membership import Change, opening, plan_members
from adapters.receipts import require_entry
from adapters.refusal import CaseRefused as CaseRefused
from adapters.store.rows import raise_alarm
from adapters.store.tables import CaseRow
from keys.canonical import NotCanonical, parse_canonical
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import SignatureRefused, Signer, UnverifiedJws, statement_digest
from keys.statements import Statement, StatementType, make_statement, verify_statement
from keys.uses import KeyUse
from policies.break_glass import BrokenGlass, with_broken_glass
from policies.case import follow, read_consents
from policies.consent import NO_CONSENT, Consents, lets_more_rest
from policies.exclusions import NO_EXCLUSIONS, Exclusions, without_excluded
from policies.membership import CaseStatements, Said, Standing, case_state, standing_of, widens
from policies.model import AgencyId, CaseId, CaseState, Malformed, Member, Membership, parse_time, render_time
from policies.vocabulary import AgencyKind, AgePath, CaseStage

NOT_SIGNED_YET = "0" * 64


@dataclass(frozen=True, slots=True)
class VerifiedMembers:
    """Who takes part in a case, verified: the statements it follows from, and the state without consent."""

    membership: tuple[Statement, ...]
    acceptances: tuple[Statement, ...]
    endorsements: tuple[Statement, ...]
    departures: tuple[Statement, ...]
    standing: Standing
    kept_out: Exclusions = NO_EXCLUSIONS
    """What is known of who is excluded: nothing where the case was read from a decision alone."""

    @property
    def state(self) -> CaseState:
        """The case as its lists make it, consent and exclusions left aside."""
        return case_state(self.standing, NO_CONSENT)

    def state_at(self, at: datetime) -> CaseState:
        """The same without whoever was excluded at a time."""
        return without_excluded(self.state, self.kept_out.excluded_then(at))


@dataclass(frozen=True, slots=True)
class VerifiedCase:
    """A case whose statements are all verified, in the case's order."""

    case: CaseId
    opened_at: datetime
    state: CaseState
    members: VerifiedMembers
    consents: tuple[Statement, ...]
    refusals: tuple[Statement, ...]
    exclusions: tuple[Statement, ...] = ()
    break_glass: tuple[Statement, ...] = ()
    broken: tuple[BrokenGlass, ...] = ()
    retention: tuple[Statement, ...] = ()
    """What people have said of conflicts of interest and broken glass, each time it was, and agencies on keeping it."""
    emergencies: tuple[Statement, ...] = ()
    emergency_reviews: tuple[Statement, ...] = ()
    in_emergency: InEmergency = NO_EMERGENCIES
    """What these two lists come to."""

    @property
    def membership(self) -> tuple[Statement, ...]:
        """The chain of memberships."""
        return self.members.membership

    @property
    def acceptances(self) -> tuple[Statement, ...]:
        """What agencies accepted."""
        return self.members.acceptances

    @property
    def endorsements(self) -> tuple[Statement, ...]:
        """What second agencies endorsed."""
        return self.members.endorsements

    @property
    def departures(self) -> tuple[Statement, ...]:
        """Who left."""
        return self.members.departures

    @property
    def standing(self) -> Standing:
        """Who takes part, who waits to."""
        return self.members.standing


def verify_case(case: str, answer: Mapping[str, Any], directory: Directory, at: datetime | None = None) -> VerifiedCase:
    """Verify a case's statements as the hub gave them. Raises ``CaseRefused``.

    (1) who takes part, see ``verify_members``; (2) the consent chain; (3) refusals; (4) exclusions, where ``answer``
    has them: ``at`` says which have ended by their time, None that none has. Each signature by a key certified
    when it was made and not revoked when the log took it: others have built on it since. Where a later revocation
    reaches back behind a consent, what it lets rest on it counts no more; what it ended is ended.
    """
    try:
        members = verify_members(case, answer, directory)
        consents = _verify_all(answer["consents"], StatementType.CONSENT, case, directory)
        listed = read_consents((item.digest, item.members) for item in consents)
        refusals = _verify_all(answer["refusals"], StatementType.REFUSAL, case, directory)
        disbelieved = {item.digest for item in consents if not still_counts(item, directory)}
        consent = Consents.of(listed.statements, disbelieved) if disbelieved else listed
        opened_at = parse_time(answer["opened_at"])
        words = verify_words(case, answer.get("exclusions", ()), EXCLUSION_TYPES, directory)
        glass = verify_words(case, answer.get("break_glass", ()), BREAK_GLASS_TYPES, directory)
        urgent = verify_emergencies(case, answer, directory)
        kept = verify_kept(case, answer.get("retention", ()), directory)
    except (Malformed, NotCanonical, SignatureRefused, NotCertified, KeyError, TypeError) as error:
        raise CaseRefused(f"case {case[:8]}: a statement was not believed: {error}") from error
    members = replace(members, kept_out=read_words(words, members))
    state = without_excluded(case_state(members.standing, consent), members.kept_out.excluded(at))
    broken = read_glass(glass, members)
    if at is not None:
        state = with_broken_glass(state, broken, at, since_signed=True)
    told = (words, glass, broken, kept, urgent.statements, urgent.reviews, urgent.counted(members))
    return VerifiedCase(CaseId(case), opened_at, state, members, consents, refusals, *told)


def verify_members(case: str, answer: Mapping[str, Any], directory: Directory) -> VerifiedMembers:
    """Verify who takes part in a case, from its statements alone. Raises ``CaseRefused``.

    ``answer`` has the lists ``membership``, ``acceptances``, ``endorsements`` and ``departures``. (1) The membership
    chain from 0, each by whoever led then, each following the one before; (2) every agency of it under the kind it is
    enrolled as; (3) acceptances, endorsements and departures by the agencies they speak for; (4) everybody who counts
    is certified by their own agency for the roles listed. An acceptance whose key turned out to be compromised then
    lets nobody in; the agency accepts again.
    """
    try:
        chain = _verify_all(answer["membership"], StatementType.MEMBERSHIP, case, directory)
        if not chain:
            raise CaseRefused("case has no membership statement")
        acceptances = _verify_all(answer["acceptances"], StatementType.ACCEPTANCE, case, directory)
        endorsements = _verify_all(answer["endorsements"], StatementType.ENDORSEMENT, case, directory)
        departures = _verify_all(answer["departures"], StatementType.DEPARTURE, case, directory)
        counted = [item for item in acceptances if still_counts(item, directory)]
        standing = standing_of(CaseStatements(*map(_said, (chain, counted, endorsements, departures))))
        listed = [Membership.from_json(item.members) for item in chain]
        _require_kinds(listed, directory)
        _require_roles(standing, listed, chain, directory)
    except (Malformed, NotCanonical, SignatureRefused, NotCertified, KeyError, TypeError) as error:
        raise CaseRefused(f"case {case[:8]}: a statement was not believed: {error}") from error
    return VerifiedMembers(chain, acceptances, endorsements, departures, standing)


def _said(statements: Iterable[Statement]) -> list[Said]:
    return [Said(item.digest, item.issuer, item.members) for item in statements]


def _require_kinds(memberships: Sequence[Membership], directory: Directory) -> None:
    """Raise ``Malformed`` where the lead lists an agency as what it is not: rules ask for the kind."""
    for agency, kind in {item for membership in memberships for item in membership.agencies}:
        enrolled = directory.get_agency(agency).kind
        if enrolled is not kind:
            raise Malformed(f"membership: {agency} is listed as {kind.value} and enrolled as {enrolled.value}")


def _require_roles(
    standing: Standing, memberships: Sequence[Membership], statements: Sequence[Statement], directory: Directory
) -> None:
    """Raise ``NotCertified`` where somebody counts in a role that their agency does not let them take.

    The certificate is looked up for the statement that first gave them what they have: a later one that changes nothing
    for them, or takes something away, needs no certificate that is still valid.
    """
    for entry in standing.effective.members:
        if (entry.agency, entry.member) in standing.accepted:
            require_certified(entry, statements[_given_by(entry, memberships)].issued_at, directory)


def _given_by(entry: Member, memberships: Sequence[Membership]) -> int:
    """Return the number of the statement since which an entry was given nothing more."""
    for number in range(len(memberships) - 1, 0, -1):
        before = memberships[number - 1].find_member(entry.agency, entry.member)
        if before is None or widens(entry, before):
            return number
        entry = before
    return 0


def require_certified(entry: Member, given_at: datetime, directory: Directory) -> None:
    """Raise ``NotCertified`` unless their own agency certified somebody for the roles of an entry.

    A certificate that begins a little after ``given_at`` counts: the clocks of two agencies differ.
    """
    named = (KeyUse.MEMBER_SIGNING, entry.agency, entry.member)
    if not any(
        (item.use, item.agency, item.member) == named
        and set(entry.roles) <= set(item.roles)
        and given_at < item.not_after
        for item in directory.certificates
    ):
        raise NotCertified(
            f"member {entry.member[:8]} is not certified by {entry.agency} for the roles listed, as far as the "
            "witnessed log was followed here; run: nrm-adapter sync"
        )


def _verify_all(
    tokens: Sequence[object], kind: StatementType, case: str, directory: Directory
) -> tuple[Statement, ...]:
    statements = []
    for token in tokens:
        # The certificate must have been valid when the statement was made: an old statement stays good.
        statement = verify_when_made(token, kind, directory, as_taken=True)
        if statement.members["case"] != case:
            raise Malformed(f"{kind.value}: belongs to another case")
        statements.append(statement)
    return tuple(statements)


def verify_when_made(token: object, kind: StatementType, directory: Directory, *, as_taken: bool = False) -> Statement:
    """Verify an agency's statement by the key that was certified when it says it was made.

    ``as_taken``: one that the hub could take when it came, though its key was revoked back behind it since; whether it
    still counts says ``still_counts``. Raises ``NotCertified``, ``SignatureRefused``, ``Malformed`` or
    ``NotCanonical``.
    """
    issued_at = parse_time(parse_canonical(UnverifiedJws.parse(token).payload)["issued_at"])
    return directory.verify(token, kind, KeyUse.SIGNING, issued_at, as_taken=as_taken)


def still_counts(statement: Statement, directory: Directory) -> bool:
    """Whether no revocation of the key reaches back behind an agency's statement, by where the log has it."""
    try:
        directory.require_key(
            statement.kid,
            KeyUse.SIGNING,
            statement.issuer,
            statement.issued_at,
            log_index=directory.position_of(statement.token),
        )
    except NotCertified:
        return False
    return True


@dataclass(frozen=True, slots=True)
class CaseBook:
    """An agency's cases: reads what was synced, makes and sends the agency's own statements."""

    follower: Follower
    signing: Signer

    @property
    def agency(self) -> str:
        """This agency's id."""
        return self.follower.home.agency

    def load(self, case: str) -> VerifiedCase:
        """Return a synced case, verified. Raises ``CaseRefused``."""
        store = self.follower.store
        with store.read() as session:
            row = session.get(CaseRow, case)
            answer = None if row is None else json.loads(row.statements)
        if answer is None:
            raise CaseRefused("this case is not known here; run: nrm-adapter sync")
        return verify_case(case, answer, self.follower.directory_for(case), self.follower.clock())

    def said_by_people(self, case: str) -> dict[str, list[str]]:
        """Return what came to this adapter alone, as received. Of an unknown case none."""
        with self.follower.store.read() as session:
            row = session.get(CaseRow, case)
            held = {} if row is None else json.loads(row.statements)
        return {name: list(held.get(name, [])) for name in set(FOLLOWED.values()) - set(LISTS.values())}

    def send(self, kind: StatementType, members: Mapping[str, Any], signer: Signer | None = None) -> Statement:
        """Sign a statement, send it, prove that it is in the log, take the newest state.

        ``signer``: the key of one of our people who says it. Raises ``HubRefused``, ``HubUnreachable``, ``LogRefused``.
        """
        return self._send(kind, members, signer or self.signing, ends_here=False)

    def _send(self, kind: StatementType, members: Mapping[str, Any], signer: Signer, *, ends_here: bool) -> Statement:
        token = self._sign(kind, members, signer)
        answer = self.follower.client.post("/v1/statements", {"statement": token})
        try:
            self._require_recorded(answer, {"case": members["case"], "statement": statement_digest(token)})
        except LogRefused as error:
            with self.follower.store.write() as session:
                raise_alarm(session, error.code, str(error), render_time(self.follower.clock()))
            raise
        if ends_here:
            with self.follower.store.write() as session:
                end_case(session, members["case"], render_time(self.follower.clock()))
            self.follower.store.forget_deleted()
        self.follower.sync_cases()
        # Our own word, by our own key: after a rotation the witnessed log may not have its certificate yet.
        return verify_statement(token, kind, signer.public)

    def _require_recorded(self, answer: object, expected: dict[str, Any]) -> None:
        receipts = answer.get("receipts") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(receipts, list) or len(receipts) != 1:
            raise LogRefused("receipt", "the hub accepted a statement without a receipt")
        head = self.follower.accept_head(str(answer.get("checkpoint")))
        require_entry(receipts[0], head.size, head.root, expected)

    def _sign(self, kind: StatementType, members: Mapping[str, Any], signer: Signer) -> str:
        return make_statement(
            kind,
            members,
            issuer=self.agency,
            signer=signer,
            issued_at=self.follower.clock(),
            statement_id=os.urandom(16).hex(),
            checkpoint=self.follower.newest_reference(),
        )

    def _require_certified(self, entries: Iterable[Member]) -> None:
        """Raise ``CaseRefused`` for an entry that nobody who has followed the log as far as we could believe."""
        directory, at = self.follower.directory(), self.follower.clock()
        try:
            for entry in entries:
                require_certified(entry, at, directory)
        except NotCertified as error:
            raise CaseRefused(str(error)) from error

    def _require_enrolled(self, agencies: Iterable[tuple[AgencyId, AgencyKind]]) -> None:
        """Raise ``CaseRefused`` for an agency that is not enrolled as what it is to be listed as."""
        directory = self.follower.directory()
        for agency, kind in agencies:
            try:
                enrolled = directory.get_agency(agency).kind
            except NotCertified as error:
                raise CaseRefused(f"{error}, as far as the witnessed log was followed here") from error
            if enrolled is not kind:
                raise CaseRefused(f"{agency} is enrolled as {enrolled.value}, not as {kind.value}")

    def require_own_certificate(self) -> None:
        """Raise ``LogRefused`` unless the witnessed log certifies the key this adapter signs with.

        Whoever follows that log could not believe anything signed before; what only takes away does not wait for it.
        """
        directory, at = self.follower.directory(), self.follower.clock()
        try:
            directory.require_key(self.signing.public.kid, KeyUse.SIGNING, self.agency, at)
        except NotCertified as error:
            raise LogRefused(
                "own_key",
                f"the witnessed log, as far as it was followed here, does not certify our own signing key: {error}. "
                "After a rotation the witnesses have to see it first: nrm-adapter sync, then try again",
            ) from error

    def _require_fresh_quorum(self) -> None:
        with self.follower.store.write() as session:
            self.follower.require_fresh_quorum(session)
        self.require_own_certificate()

    def open_case(
        self,
        agencies: Sequence[tuple[str, AgencyKind]],
        members: Sequence[Member],
        age_path: AgePath,
        stage: CaseStage = CaseStage.BEFORE_REFERRAL,
    ) -> str:
        """Open a case that this agency leads and return its id. Needs a fresh quorum: it widens who may know.

        ``stage`` is how far the child's case has come in the NRM already, where it was referred outside the hub.
        """
        self._require_fresh_quorum()
        self._require_certified(members)
        case = os.urandom(16).hex()
        listed = sorted({(self.agency, self.follower.home.kind), *agencies})
        membership = opening(case, self.agency, listed, members, age_path, stage)
        self.send(StatementType.MEMBERSHIP, membership.to_json())
        return case

    def change_members(self, case: str, members: Sequence[Member]) -> Statement:
        """Replace the list of people; this agency must lead.

        A list that only takes away (people, roles, time) binds at once; one that adds needs a fresh quorum. Raises
        as ``make`` does.
        """
        return self.make(plan_members(self.load(case).standing, self.agency, members))

    def make(self, change: Change) -> Statement:
        """Sign and send a change of who takes part (``adapters.membership``).

        One that gives somebody more needs a fresh quorum, and people and agencies that the witnessed log certifies.
        Raises ``CaseRefused``, ``LogRefused`` or ``HubRefused``.
        """
        if change.is_wider:
            self._require_fresh_quorum()
            self._require_enrolled(change.invited)
            self._require_certified(change.given)
        return self._send(change.kind, change.members, self.signing, ends_here=change.ends_here)

    def accept(self, case: str) -> Statement:
        """Accept this agency's entries of the newest membership. Somebody new needs a fresh quorum (``LogRefused``)."""
        # Of the list as signed: what an agency accepts says nothing of who may be excluded.
        standing = self.load(case).standing
        ours = [item for item in standing.effective.members if item.agency == self.agency]
        if any((item.agency, item.member) not in standing.accepted for item in ours):
            self._require_fresh_quorum()
        return self.send(
            StatementType.ACCEPTANCE,
            {"case": case, "membership": standing.digest, "members": [item.to_json() for item in ours]},
        )

    def next_consent(self, case: str, members: Mapping[str, Any]) -> tuple[VerifiedCase, dict[str, Any], Consents]:
        """Return a case, the whole members of the statement that would follow now, and the consents it would leave.

        ``members`` are those of the statement without case, sequence and previous. Raises ``Malformed`` or
        ``CaseRefused``.
        """
        verified = self.load(case)
        previous = verified.consents[-1].digest if verified.consents else None
        full = {**members, "case": case, "sequence": len(verified.consents), "previous": previous}
        return verified, full, follow(verified.state.consent, NOT_SIGNED_YET, full)

    def require_may_record(self, case: str, members: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return the whole members of a consent as ``next_consent`` does, and whether it lets more rest on consent.

        That needs a fresh quorum; everything else binds at once. Raises ``Malformed``, ``CaseRefused``, ``LogRefused``.
        """
        verified, full, after = self.next_consent(case, members)
        is_wider = lets_more_rest(verified.state.consent, after)
        if is_wider:
            self._require_fresh_quorum()
        return full, is_wider

    def record_consent(self, case: str, members: Mapping[str, Any]) -> Statement:
        """Record a consent. Takes and raises what ``require_may_record`` does."""
        return self.send(StatementType.CONSENT, self.require_may_record(case, members)[0])

    def refuse(self, case: str, members: Mapping[str, Any]) -> Statement:
        """Record that sharing was considered and refused, with the same weight as sharing."""
        return self.send(StatementType.REFUSAL, {**members, "case": case})
