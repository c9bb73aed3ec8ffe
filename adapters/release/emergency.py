"""Release while no quorum of witnesses is there: one person asks, a second one signs too, and only then it leaves.

DESIGN section 3 (Witnesses), docs/adr/0021-emergency-release.md. The same code releases as always, so policy, consent,
exclusions and keys decide as always. What it would release is made once without being kept, so that both sign exactly
that; it is made again when the second one has signed, and refused where anything came out otherwise.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.cases import CaseRefused, VerifiedCase
from adapters.exclusions import verify_words, word_of
from adapters.naming import find_named
from adapters.release.drafts import Draft, DraftRefused, list_drafts
from adapters.release.making import Maker
from adapters.release.outbox import Outbox, PushReport
from adapters.release.releasing import Releaser, ReleaseTerms
from adapters.release.standing import settled_case
from adapters.stopping import require_unwitnessed
from adapters.store.database import Session
from adapters.store.rows import disclosures_after, newest_line, read_setting, sealed_drafts, write_setting
from adapters.store.tables import OutboxRow
from keys.certificates import NotCertified
from keys.emergencies import released_digest, verify_both
from keys.jose import SignatureRefused, Signer, statement_digest
from keys.statements import Statement, StatementType, make_statement, peek
from policies.emergency import (
    EMERGENCY_LIFE,
    MAX_RELEASES,
    Asked,
    Emergency,
    Release,
    join,
    read_asked,
    require_signers,
)
from policies.exclusions import Person
from policies.model import Malformed, parse_time, render_time
from policies.vocabulary import Gateway, Purpose

_KEPT = "emergencies_asked"
"""Setting: what first people have asked for and no second one has signed yet, by digest."""


_Parts = list[tuple[list[Draft], ReleaseTerms]]


class _Undone(Exception):
    """What was made was made to be looked at; nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be released: drafts for a purpose, and one that says why, for everybody policy gives it to."""

    drafts: tuple[str, ...]
    why: str
    purpose: Purpose
    gateway: Gateway | None = None
    originator_release: bool = False
    only: tuple[str, ...] = ()
    expires_at: datetime | None = None

    @property
    def parts(self) -> tuple[tuple[tuple[str, ...], ReleaseTerms], ...]:
        """The two releases it consists of. The words go to whoever may read them, whomever the rest is limited to."""
        terms = ReleaseTerms(
            purpose=self.purpose,
            gateway=self.gateway,
            originator_release=self.originator_release,
            expires_at=self.expires_at,
            only=frozenset(self.only) if self.only else None,
        )
        return (self.drafts, terms), ((self.why,), ReleaseTerms(self.purpose))

    def to_json(self) -> dict[str, Any]:
        """Return it as it is kept until the second person signs."""
        return {
            "drafts": list(self.drafts),
            "why": self.why,
            "purpose": self.purpose.value,
            "gateway": None if self.gateway is None else self.gateway.value,
            "originator_release": self.originator_release,
            "only": list(self.only),
            "expires_at": None if self.expires_at is None else render_time(self.expires_at),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Wanted:
        """Read what ``to_json`` returned."""
        return cls(
            drafts=tuple(kept["drafts"]),
            why=kept["why"],
            purpose=Purpose(kept["purpose"]),
            gateway=None if kept["gateway"] is None else Gateway(kept["gateway"]),
            originator_release=kept["originator_release"],
            only=tuple(kept["only"]),
            expires_at=None if kept["expires_at"] is None else parse_time(kept["expires_at"]),
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a first person has asked for: its case, what it releases, and until when a second one may sign."""

    case: str
    asked: Asked
    token: str
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class EmergencyReleaser:
    """Asks for emergency releases and carries them out."""

    releaser: Releaser
    outbox: Outbox

    def ask(self, case: str, wanted: Wanted, me: Person, signer: Signer) -> Waiting:
        """Seal what is to be released and sign it as the first person. Nobody is given anything by this.

        Raises ``LogRefused`` where a quorum is there, an alarm is open or no key is proven; ``CaseRefused`` where
        policy gives nobody anything, or the person may not sign; ``DraftRefused`` as a release does.
        """
        book, at = self.releaser.book, self.releaser.book.follower.clock()
        verified = settled_case(book, case)
        book.require_own_certificate()
        _require_may_sign(verified, me, me, at)
        drafts = self._drafts(case, (*wanted.drafts, wanted.why))
        make = self._maker(verified)
        with book.follower.store.write() as session:
            require_unwitnessed(session, at)
            make(session).seal_drafts(drafts)
            sealed = sealed_drafts(session, case, {wanted.why})[wanted.why]
            detail = {"fragment": sealed.fragment, "sha256": sealed.digest}
        releases = self._try(verified, wanted)
        until = (at + EMERGENCY_LIFE).replace(microsecond=0)
        said = {"until": render_time(until), "releases": [item.to_json() for item in releases], "detail": detail}
        token = self._sign(StatementType.EMERGENCY, verified, me, said, signer)
        with book.follower.store.write() as session:
            kept = {name: item for name, item in (read_setting(session, _KEPT) or {}).items() if _is_good(item, at)}
            kept[statement_digest(token)] = {"case": case, "token": token, "wanted": wanted.to_json()}
            write_setting(session, _KEPT, kept)
        return self.find(case, statement_digest(token))

    def waiting(self, case: str) -> list[Waiting]:
        """Return what waits for a second person in a case and is not over."""
        follower = self.releaser.book.follower
        with follower.store.write() as session:
            kept = read_setting(session, _KEPT) or {}
        mine = [item for item in kept.values() if item["case"] == case and _is_good(item, follower.clock())]
        return [
            Waiting(case, self._read(case, item["token"]), item["token"], Wanted.from_json(item["wanted"]))
            for item in mine
        ]

    def find(self, case: str, named: str) -> Waiting:
        """Return what the beginning of a digest names. Raises ``CaseRefused``."""
        what = "one that waits and is not over: emergency list"
        return find_named(self.waiting(case), named, lambda item: item.asked.digest, what)

    def words_of(self, waiting: Waiting) -> list[str]:
        """Return what the second person has to have read: each draft in a line, and the words that say why."""
        drafts = self._drafts(waiting.case, (*waiting.wanted.drafts, waiting.wanted.why))
        lines = [f"{item.draft[:12]} {item.category.value}: {item.summary}" for item in drafts[:-1]]
        words = drafts[-1].content.get("fields", {}).get("hub_StatementWords", {})
        said = words.get("value", "") if isinstance(words, Mapping) else ""
        return [*lines, f"why it cannot wait: {said}"]

    def release(self, waiting: Waiting, me: Person, signer: Signer) -> tuple[str, PushReport]:
        """Sign as the second person, release, push; return the digest of the emergency release and what came of it.

        Raises as ``ask`` does, and ``CaseRefused`` where what would be released now is not what the first one signed.
        """
        book, case = self.releaser.book, waiting.case
        verified = settled_case(book, case)
        book.require_own_certificate()
        members = {"emergency": waiting.token}
        token = self._sign(StatementType.EMERGENCY_CONFIRMATION, verified, me, members, signer)
        emergency = self._join(verified, token)
        _require_may_sign(verified, emergency.asked.person, me, book.follower.clock())
        make, parts, at = self._maker(verified), self._parts(case, waiting.wanted), book.follower.clock()
        with book.follower.store.write() as session:
            require_unwitnessed(session, at)
            session.add(_line(case, emergency.digest, token))
            session.flush()
            made = self._make(make(session), parts)
            if _releases(made) != emergency.asked.releases:
                raise CaseRefused(
                    "what would be released now is not what the first person signed: something changed since. Nothing "
                    "was released; ask again"
                )
            for row in made:
                row.line = json.dumps({**json.loads(row.line), "emergency": emergency.digest}, separators=(",", ":"))
            kept = read_setting(session, _KEPT) or {}
            write_setting(session, _KEPT, {name: item for name, item in kept.items() if name != waiting.asked.digest})
        return emergency.digest, self.outbox.push_case(case)

    def _try(self, verified: VerifiedCase, wanted: Wanted) -> tuple[Release, ...]:
        """Return what a release would give, and undo it."""
        found: tuple[Release, ...] = ()
        make, parts = self._maker(verified), self._parts(verified.case, wanted)
        try:
            with self.releaser.store.write() as session:
                found = _releases(self._make(make(session), parts))
                raise _Undone
        except _Undone:
            pass
        if len(found) > MAX_RELEASES:
            raise CaseRefused(f"expected at most {MAX_RELEASES} disclosures in an emergency release, got {len(found)}")
        return found

    def _make(self, maker: Maker, parts: _Parts) -> list[OutboxRow]:
        """Make the disclosures; return those that give something. Raises ``CaseRefused`` where only the words would."""
        before = newest_line(maker.session)
        given = [self.releaser.release_in(maker, drafts, terms, is_emergency=True).grants for drafts, terms in parts]
        if not given[0]:
            raise CaseRefused("policy gives nobody anything of this; an emergency takes the place of the quorum alone")
        return [row for row in disclosures_after(maker.session, before) if _said(row)["items"]]

    def _maker(self, verified: VerifiedCase) -> Callable[[Session], Maker]:
        """Return what makes lines within a transaction; all that is read besides is read before it begins."""
        releaser, follower = self.releaser, self.releaser.book.follower
        directory, at = follower.directory(), follower.clock()
        return lambda session: Maker(releaser.store, releaser.book, releaser.bundle, session, verified, directory, at)

    def _parts(self, case: str, wanted: Wanted) -> _Parts:
        return [(self._drafts(case, names), terms) for names, terms in wanted.parts]

    def _drafts(self, case: str, names: Iterable[str]) -> list[Draft]:
        by_id = {item.draft: item for item in list_drafts(self.releaser.store, case)}
        missing = [name for name in names if name not in by_id]
        if missing:
            raise DraftRefused(f"draft {missing[0][:12]} is not one of this case")
        return [by_id[name] for name in names]

    def _sign(
        self, kind: StatementType, verified: VerifiedCase, me: Person, said: Mapping[str, Any], signer: Signer
    ) -> str:
        follower = self.releaser.book.follower
        return make_statement(
            kind,
            {"case": verified.case, "member": me[1], "membership": verified.standing.digest, **said},
            issuer=me[0],
            signer=signer,
            issued_at=follower.clock(),
            statement_id=os.urandom(16).hex(),
            checkpoint=follower.newest_reference(),
        )

    def _verify(self, case: str, token: object, kind: StatementType) -> Statement:
        return verify_words(case, [token], frozenset({kind}), self.releaser.book.follower.directory())[0]

    def _read(self, case: str, token: str) -> Asked:
        return read_asked(word_of(self._verify(case, token, StatementType.EMERGENCY)))

    def _join(self, verified: VerifiedCase, token: str) -> Emergency:
        """Verify both signatures as every other agency will. Raises ``CaseRefused``."""
        try:
            both = verify_both(token, lambda given, kind: self._verify(verified.case, given, kind))
            first, second = word_of(both.first), word_of(both.second)
            return join(read_asked(first), first.members["case"], second)
        except (Malformed, NotCertified, SignatureRefused) as error:
            raise CaseRefused(f"{error}; nothing was released") from error


def _require_may_sign(verified: VerifiedCase, first: Person, second: Person, at: datetime) -> None:
    try:
        require_signers((first, second), verified.standing, verified.members.kept_out, at)
    except Malformed as error:
        raise CaseRefused(str(error)) from error


def _is_good(item: Mapping[str, Any], at: datetime) -> bool:
    return at < parse_time(peek(item["token"]).members["until"])


def _said(row: OutboxRow) -> Mapping[str, Any]:
    return peek(json.loads(row.line)["statement"]).members


def _releases(rows: Sequence[OutboxRow]) -> tuple[Release, ...]:
    found = [
        Release(
            said["recipient"],
            said["recipient_agency"],
            said["recipient_member"],
            len(said["items"]),
            released_digest(said),
        )
        for said in map(_said, rows)
    ]
    return tuple(sorted(found, key=lambda item: (item.recipient, item.sha256)))


def _line(case: str, digest: str, token: str) -> OutboxRow:
    return OutboxRow(
        case=case,
        kind="emergency",
        subject=digest,
        channel=None,
        line=json.dumps({"type": "emergency", "statement": token}, separators=(",", ":")),
        state="pending",
        problem=None,
        receipt=None,
    )
