"""Pull a case for one person, verify it, open what may be opened now, and give the view that a picture is made of.

Opening happens only after the ``viewed`` entry is proven. The policy is asked again before each opening; what it
refuses now is dropped from the inbox. Plaintext is in memory only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from adapters.cases import CaseBook, CaseRefused, VerifiedCase, verify_case
from adapters.hub_client import parse_lines
from adapters.picture.answer import Given, Listing, VerifiedAnswer, manifest_of, split_lines, verify_answer
from adapters.picture.view import CaseView, NotGiven, OpenedFragment, RefusedFragment, Unverified
from adapters.store import InboxRow, PeerChannelRow, Store
from keys.custody.keyfile import KeyFile
from keys.directory import Directory, KeyUse
from keys.jose import statement_digest
from keys.private import PrivateKey
from keys.sealing import ChannelKey, OpenRefused, open_channel, open_fragment, unwrap
from keys.statements import Statement, StatementType, make_statement
from keys.transparency import Checkpoint, NoteInvalid, ProofInvalid, verify_checkpoint
from policies.engine import Bundle, decide
from policies.explain import explain_safely
from policies.model import AgencyId, Decision, Header, MemberId, Recipient, facts_for, render_time
from policies.vocabulary import Category, Effect, Purpose, Role, Stage

INTAKE = "0" * 32
"""Stands for the agency's intake key where the inbox wants a member."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A view and what froze it: the manifest's canonical bytes."""

    view: CaseView
    manifest: bytes


@dataclass(frozen=True, slots=True)
class Receiver:
    """Pulls and opens for the people of one agency."""

    store: Store
    book: CaseBook
    bundle: Bundle

    def pull(self, case: str, member: str | None, keys: KeyFile, purpose: Purpose) -> Opened:
        """Pull for one person (or, member None, for the agency's intake), verify, keep sealed, open.

        Raises ``HubRefused``, ``HubUnreachable``, ``LogRefused`` or ``CaseRefused``. Nothing is opened on a refusal.
        """
        follower = self.book.follower
        signing, reading = _keys_of(member, keys)
        token = make_statement(
            StatementType.PULL,
            {"case": case, "member": member, "purpose": purpose.value},
            issuer=self.book.agency,
            signer=signing,
            issued_at=follower.clock(),
            statement_id=os.urandom(16).hex(),
            checkpoint=follower.newest_reference(),
        )
        body = follower.client.post_for_lines(f"/v1/cases/{case}/pull", {"statement": token})
        lines = parse_lines(body)
        checkpoint = follower.accept_head(str(split_lines(lines)["checkpoint"][0].get("note")))
        pulled_at = render_time(follower.clock())
        opened = self._open(lines, case, member, reading, purpose, statement_digest(token), checkpoint)
        row_name = f"inbox:{case}:{member or INTAKE}:{purpose.value}"
        kept = {"lines": lines, "pull": token, "pulled_at": pulled_at}
        with self.store.write() as session:
            session.merge(
                InboxRow(
                    case=case,
                    member=member or INTAKE,
                    purpose=purpose.value,
                    pulled_at=pulled_at,
                    sealed_answer=self.store.seal_json(row_name, kept),
                )
            )
        return opened

    def reopen(self, case: str, member: str, keys: KeyFile, purpose: Purpose) -> Opened:
        """Open the newest pull again, under today's policy and the case's newest statements. Raises ``CaseRefused``."""
        with self.store.write() as session:
            row = session.get(InboxRow, (case, member, purpose.value))
            if row is None:
                raise CaseRefused("nothing was pulled for this person, case and purpose yet")
            kept = self.store.open_json(f"inbox:{case}:{member}:{purpose.value}", row.sealed_answer)
        _, reading = _keys_of(member, keys)
        note = str(split_lines(kept["lines"])["checkpoint"][0].get("note"))
        try:
            checkpoint = verify_checkpoint(note, self.book.follower.log_key)
        except (NoteInvalid, ProofInvalid) as error:
            raise CaseRefused("the kept answer's head does not verify") from error
        digest = statement_digest(kept["pull"])
        return self._open(kept["lines"], case, member, reading, purpose, digest, checkpoint)

    def permitted(self, view: CaseView, stage: Stage) -> frozenset[str]:
        """Return the opened fragments for which the policy permits this reader a further stage (export, submit)."""
        return frozenset(
            item.header.fragment for item in view.opened if self._decide_opened(item, view, stage).is_permit
        )

    def for_export(self, view: CaseView) -> CaseView:
        """Return the view as it may leave as a file: the rest is named as refused. Raises ``CaseRefused`` for nothing.

        The policy is asked at stage export for each fragment (attack 36: the same evaluation at every stage).
        """
        allowed = self.permitted(view, Stage.EXPORT)
        if view.opened and not allowed:
            raise CaseRefused("the policy lets this person read the case, not write it to a file; see export rules")
        kept = tuple(item for item in view.opened if item.header.fragment in allowed)
        left_out = tuple(
            self._refused_for_export(item, view) for item in view.opened if item.header.fragment not in allowed
        )
        return replace(view, opened=kept, refused=(*view.refused, *left_out))

    def _refused_for_export(self, item: OpenedFragment, view: CaseView) -> RefusedFragment:
        decision = self._decide_opened(item, view, Stage.EXPORT)
        header = item.header
        return RefusedFragment(
            header.fragment, header.agency, header.category, decision.rules, explain_safely(decision, self.bundle)
        )

    def _decide_opened(self, item: OpenedFragment, view: CaseView, stage: Stage) -> Decision:
        facts = facts_for(
            item.header,
            view.reader,
            item.basis,
            view.case,
            stage=stage,
            at=view.at,
            enabled_gateways=self.bundle.enabled_gateways(view.at.date()),
        )
        return decide(self.bundle, facts)

    def list_kept(self, case: str, member: str, keys: KeyFile, purpose: Purpose) -> list[Header]:
        """Return the headers of what the last pull holds and this person may see listed (stage list), oldest first."""
        view = self.reopen(case, member, keys, purpose).view
        return [
            item.header
            for item in sorted(view.opened, key=lambda item: item.log_index)
            if self._decide_opened(item, view, Stage.LIST).is_permit
        ]

    def _open(
        self,
        lines: list[Any],
        case: str,
        member: str | None,
        reading: PrivateKey,
        purpose: Purpose,
        pull_digest: str,
        checkpoint: Checkpoint,
    ) -> Opened:
        follower, directory = self.book.follower, self.book.follower.directory()
        groups = split_lines(lines)
        reader = Recipient(AgencyId(self.book.agency), None if member is None else MemberId(member))
        verified = self._newest_case(case, groups["case"][0], directory)
        with self.store.write() as session:

            def seen(channel: str) -> tuple[int, str] | None:
                row = session.get(PeerChannelRow, channel)
                return None if row is None else (row.sequence, row.digest)

            answer = verify_answer(
                groups,
                case=verified,
                reader=reader,
                reader_kid=reading.public.kid,
                purpose=purpose,
                pull_digest=pull_digest,
                checkpoint=checkpoint,
                directory=directory,
                seen=seen,
            )
            for name, channel in answer.channels.items():
                if channel.chain:
                    newest = channel.chain[-1]
                    session.merge(
                        PeerChannelRow(channel=name, sequence=newest.members["sequence"], digest=newest.digest)
                    )
        opener = _Opener(self.bundle, verified, reader, reading, answer, follower.clock())
        return opener.open(directory, checkpoint, purpose)

    def _newest_case(self, case: str, line: Mapping[str, Any], directory: Directory) -> VerifiedCase:
        """Verify the case's statements as they came; where the newest sync knows more, that counts."""
        came = verify_case(case, line, directory)
        try:
            known = self.book.load(case)
        except CaseRefused:
            return came
        newer = len(known.membership) + len(known.consents) > len(came.membership) + len(came.consents)
        return known if newer else came


@dataclass(frozen=True, slots=True)
class _Opener:
    bundle: Bundle
    case: VerifiedCase
    reader: Recipient
    reading: PrivateKey
    answer: VerifiedAnswer
    at: datetime

    def open(self, directory: Directory, checkpoint: Checkpoint, purpose: Purpose) -> Opened:
        opened: list[OpenedFragment] = []
        refused = [self._refused(name, rules) for name, rules in sorted(self.answer.refused.items())]
        unverified = [Unverified(name, reason) for name, reason in self.answer.unverified]
        channels: dict[str, ChannelKey] = {}
        for given in self.answer.given:
            decision = self._decide(given)
            if not decision.is_permit:
                refused.append(self._refused_now(given, decision))
                continue
            try:
                content = open_fragment(given.sealed, unwrap(given.encrypted_key, self._channel(given, channels)))
            except OpenRefused as error:
                unverified.append(Unverified(given.sealed.header.fragment, str(error)))
                continue
            opened.append(
                OpenedFragment(
                    header=given.sealed.header,
                    digest=given.digest,
                    content=content,
                    basis=given.listing.basis,
                    rules=decision.rules,
                    log_index=given.log_index,
                    received_at=given.listing.disclosed_at,
                )
            )
        manifest = manifest_of(
            self.case.case, checkpoint, ((item.header.fragment, item.digest, item.header.version) for item in opened)
        )
        view = CaseView(
            case=self.case.state,
            agency_names={record.agency: record.name for record in directory.agencies.values()},
            reader=self.reader,
            reader_roles=self._roles(),
            purpose=purpose,
            at=self.at,
            opened_at=self.case.opened_at,
            opened=tuple(opened),
            refused=tuple(refused),
            not_given=tuple(
                NotGiven(agency, code, count) for (agency, code), count in sorted(self.answer.not_given.items())
            ),
            withheld_by_hub=tuple(self.answer.withheld),
            unverified=tuple(unverified),
            checkpoint_size=checkpoint.size,
            checkpoint_root=checkpoint.root.hex(),
            consents=tuple(_public_part(item) for item in self.case.consents),
            refusals=tuple(_public_part(item) for item in self.case.refusals),
            manifest_digest=hashlib.sha256(manifest).hexdigest(),
        )
        return Opened(view, manifest)

    def _roles(self) -> tuple[Role, ...]:
        if self.reader.member is None:
            return (Role.INTAKE,)
        listed = self.case.state.membership.find_member(self.reader.agency, self.reader.member)
        return () if listed is None else listed.roles

    def _decide(self, given: Given) -> Decision:
        facts = facts_for(
            given.sealed.header,
            self.reader,
            given.listing.basis,
            self.case.state,
            stage=Stage.OPEN,
            at=self.at,
            enabled_gateways=self.bundle.enabled_gateways(self.at.date()),
        )
        return decide(self.bundle, facts)

    def _channel(self, given: Given, opened: dict[str, ChannelKey]) -> ChannelKey:
        name = given.listing.channel
        if name not in opened:
            channel = self.answer.channels[name]
            opened[name] = open_channel(channel.sealed, self.case.case, channel.originator, name, self.reading)
        return opened[name]

    def _refused(self, name: str, rules: tuple[str, ...]) -> RefusedFragment:
        listing: Listing | None = self.answer.listings.get(name)
        category = Category.NARRATIVE if listing is None else Category(listing.facts["category"])
        decision = Decision(Effect.REFUSE, rules)
        return RefusedFragment(
            fragment=name,
            agency="" if listing is None else listing.originator,
            category=category,
            rules=rules,
            sentence=explain_safely(decision, self.bundle),
        )

    def _refused_now(self, given: Given, decision: Decision) -> RefusedFragment:
        header = given.sealed.header
        return RefusedFragment(
            header.fragment, header.agency, header.category, decision.rules, explain_safely(decision, self.bundle)
        )


def _keys_of(member: str | None, keys: KeyFile) -> tuple[PrivateKey, PrivateKey]:
    signing = KeyUse.SIGNING if member is None else KeyUse.MEMBER_SIGNING
    reading = KeyUse.INTAKE if member is None else KeyUse.MEMBER_HPKE
    return keys.keys[signing.value], keys.keys[reading.value]


def _public_part(statement: Statement) -> dict[str, Any]:
    return {
        **statement.members,
        "issuer": statement.issuer,
        "issued_at": render_time(statement.issued_at),
        "digest": statement.digest,
    }
