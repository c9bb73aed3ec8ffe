"""Pull a case for one person, verify it, open what may be opened now, and give the view that a picture is made of.

Opening happens only after the ``viewed`` entry is proven. The policy is asked again before each opening; what it
refuses now is deleted from the inbox, here and by every look at the log. Plaintext is in memory only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from adapters.case_sync import has_ended
from adapters.cases import CaseBook, CaseRefused, VerifiedCase, verify_case
from adapters.copies import keeps_inbox
from adapters.erasures import RULE as ERASED_RULE
from adapters.erasures import Erasure, read_erasures
from adapters.feed import LISTS, Addressed
from adapters.following import LogRefused
from adapters.hub_client import parse_lines
from adapters.named_heads import compare_heads, said_in
from adapters.notices import notice_received
from adapters.picture.answer import (
    VerifiedAnswer,
    split_lines,
    verify_answer,
    verify_entry,
)
from adapters.picture.inbox import Inbox, KeptPull
from adapters.picture.judging import Judged, decide_given, find_awaited, judge_refused
from adapters.picture.judging import Opened as Opened  # re-exported: what a pull gives
from adapters.picture.view import CaseView, OpenedFragment, RefusedFragment
from adapters.signed_in import SignedIn
from adapters.store.database import Store
from adapters.store.erasing_rows import forget_inbox
from adapters.store.rows import peer_channels, raise_alarm
from adapters.store.tables import PeerChannelRow
from adapters.witness_keys import RETIRED
from adapters.working_keys import working_key
from keys.custody.interface import Custody
from keys.directory import Directory
from keys.jose import statement_digest
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.storage import StorageRefused
from keys.transparency import Checkpoint, NoteInvalid, ProofInvalid
from keys.uses import KeyUse
from policies.engine import Bundle, decide
from policies.model import (
    AgencyId,
    Decision,
    Header,
    Malformed,
    MemberId,
    Recipient,
    facts_for,
    parse_time,
    render_time,
    require_number,
)
from policies.vocabulary import Effect, Purpose, Stage

WITNESS_LOOKS = 5
WITNESS_SECONDS = 1.0

CHAINS = tuple(LISTS.values())
"""The statements of a case, by name on the wire and in ``VerifiedCase``."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Pulls and opens for the people of one agency."""

    store: Store
    book: CaseBook
    bundle: Bundle

    @property
    def inbox(self) -> Inbox:
        """What was pulled and kept."""
        return Inbox(self.store)

    def pull(
        self, case: str, member: str | None, keys: Custody, purpose: Purpose, signed_in: SignedIn | None = None
    ) -> Opened:
        """Pull for one person (or, member None, for the agency's intake), verify, keep sealed, open.

        ``signed_in`` is how that person was recognised: the hub is told. Raises ``HubRefused``, ``HubUnreachable``,
        ``LogRefused`` or ``CaseRefused``. Nothing is opened on a refusal.
        """
        if member != (None if signed_in is None else signed_in.member):
            raise CaseRefused("a case is pulled for a person who was recognised just now, or for the agency's intake")
        follower = self.book.follower
        signing = working_key(keys.keys, KeyUse.SIGNING if member is None else KeyUse.MEMBER_SIGNING)
        token = make_statement(
            StatementType.PULL,
            {"case": case, "member": member, "purpose": purpose.value},
            issuer=self.book.agency,
            signer=signing,
            issued_at=follower.clock(),
            statement_id=os.urandom(16).hex(),
            checkpoint=follower.newest_reference(),
        )
        seen = self._seen()
        body = follower.client.post_for_lines(f"/v1/cases/{case}/pull", {"statement": token}, signed_in)
        pull = KeptPull(parse_lines(body), token, render_time(follower.clock()))
        try:
            checkpoint = follower.accept_head(str(split_lines(pull.lines)["checkpoint"][0].get("note")))
            addressed = self._follow_to_pull(pull, case, checkpoint)
            follower.take_erasures(case)
            self._learn_emergencies(case)
            judged = self._judge(pull, case, member, purpose, checkpoint, seen.get)
            self._require_complete(judged, pull, addressed, checkpoint)
            self._name_withheld(judged)
            chains = (item for channel in judged.answer.channels.values() for item in channel.chain)
            compare_heads(follower, (*said_in(judged.case), *chains))
            # What this pull taught of the case decides on every other kept pull as well.
            follower.take_case(case, split_lines(pull.lines)["case"][0])
        except LogRefused as error:
            with self.store.write() as session:
                raise_alarm(session, error.code, str(error), render_time(follower.clock()))
            raise
        self._remember(judged.answer)
        self._notice_overrides(judged)
        opened = judged.open(reading_keys(member, keys), purpose)
        before = None if member is None else self.inbox.last_look(case, member, purpose)
        shown = opened.view.name_shown()
        self.inbox.keep(case, member, purpose, replace(pull.without(judged.refused_now), shown=shown))
        self._drop_refused(case, besides=(member, purpose))
        return replace(opened, view=replace(opened.view, before=before))

    def _notice_overrides(self, judged: Judged) -> None:
        permitted = [item for item, decision in judged.decided if decision.is_permit]
        given = ((item.sealed.header.agency, item.listing.basis, item.listing.disclosure) for item in permitted)
        notice_received(self.store, judged.case.case, given, judged.roles, judged.at)

    def reopen(self, case: str, member: str, keys: Custody, purpose: Purpose) -> Opened:
        """Open the newest pull again, under today's policy and the case's newest statements.

        What is refused now is deleted here first, from this pull and every other kept one of the case. Raises
        ``CaseRefused`` or ``LogRefused``.
        """
        with self.store.read() as session:
            gone = read_erasures(session, case).whole
            if gone is not None and not keeps_inbox(session, case, self.book.follower.home.kind):
                raise CaseRefused(f"nothing of this case is left to open. {gone.sentence}")
            if has_ended(session, case):
                raise CaseRefused("this case has ended for this agency: what was pulled of it was deleted")
        self.drop_refused(case)
        kept = self.inbox.load(case, member, purpose)
        return self._judge_kept(kept, case, member, purpose).open(reading_keys(member, keys), purpose)

    def drop_refused(self, case: str) -> int:
        """Delete from every kept pull of a case what the policy refuses now; return how many fragments went.

        No person's key is needed: headers, bases and statements decide. A kept pull that does not verify stays as it
        is; it does not open either.
        """
        return self._drop_refused(case, besides=None)

    def _drop_refused(self, case: str, besides: tuple[str | None, Purpose] | None) -> int:
        gone = self._forget_excluded(case) + self._forget_erased(case)
        for member, purpose in self.inbox.readers(case):
            if (member, purpose) == besides:
                continue
            try:
                pull = self.inbox.load(case, member, purpose)
                refused = self._judge_kept(pull, case, member, purpose).refused_now
            except (LogRefused, CaseRefused, StorageRefused):
                continue
            if refused:
                self.inbox.keep(case, member, purpose, pull.without(refused))
                gone += len(refused)
        if gone:
            self.store.forget_deleted()
        return gone

    def _forget_excluded(self, case: str) -> int:
        """Delete whole what was pulled for whoever is excluded now, as if the case had ended for them (attack 45)."""
        try:
            kept_out = self.book.load(case).members.kept_out.excluded(self.book.follower.clock())
        except CaseRefused:
            return 0
        ours = {member for agency, member in kept_out if agency == self.book.agency}
        return sum(self.inbox.forget(case, member) for member in sorted(ours))

    def _forget_erased(self, case: str) -> int:
        """Delete what was pulled of a case whose content was erased, unless a rule of this agency keeps it."""
        with self.store.write() as session:
            is_kept = keeps_inbox(session, case, self.book.follower.home.kind)
            return 0 if is_kept or read_erasures(session, case).whole is None else forget_inbox(session, case)

    def _erased(self, case: str) -> tuple[dict[str, Erasure], bool]:
        """Return the erasure of each erased fragment of a case, and whether copies of them stay here all the same."""
        with self.store.read() as session:
            gone = read_erasures(session, case).by_fragment()
            return gone, keeps_inbox(session, case, self.book.follower.home.kind)

    def permitted(self, view: CaseView, stage: Stage) -> frozenset[str]:
        """Return the opened fragments for which the policy permits this reader a further stage (export, submit)."""
        return frozenset(
            item.header.fragment for item in view.opened if self._decide_opened(item, view, stage).is_permit
        )

    def for_export(self, view: CaseView) -> CaseView:
        """Return the view as it may leave as a file; the rest is named as opened and not written.

        Raises ``CaseRefused`` where nothing that was opened may be written.

        The policy is asked at stage export for each fragment (attack 36: the same evaluation at every stage).
        """
        allowed = self.permitted(view, Stage.EXPORT)
        if view.opened and not allowed:
            raise CaseRefused("the policy lets this person read the case, not write it to a file; see export rules")
        kept = tuple(item for item in view.opened if item.header.fragment in allowed)
        left_out = tuple(self._not_written(item, view) for item in view.opened if item.header.fragment not in allowed)
        return replace(view, opened=kept, not_written=(*view.not_written, *left_out))

    def _not_written(self, item: OpenedFragment, view: CaseView) -> RefusedFragment:
        decision = self._decide_opened(item, view, Stage.EXPORT)
        header = item.header
        return RefusedFragment(
            header.fragment, header.agency, header.category, decision.rules, explain_export(decision, self.bundle)
        )

    def _decide_opened(self, item: OpenedFragment, view: CaseView, stage: Stage) -> Decision:
        facts = facts_for(
            item.header,
            view.reader,
            item.basis,
            view.case,
            stage=stage,
            at=view.at,
            enabled=self.bundle.enabled(view.at.date()),
        )
        return decide(self.bundle, facts)

    def list_kept(self, case: str, member: str, keys: Custody, purpose: Purpose) -> list[Header]:
        """Return the headers of what the last pull holds and this person may see listed (stage list), oldest first."""
        view = self.reopen(case, member, keys, purpose).view
        return [
            item.header
            for item in sorted(view.opened, key=lambda item: item.log_index)
            if self._decide_opened(item, view, Stage.LIST).is_permit
        ]

    def _judge_kept(self, pull: KeptPull, case: str, member: str | None, purpose: Purpose) -> Judged:
        note = str(split_lines(pull.lines, pull.dropped)["checkpoint"][0].get("note"))
        try:
            checkpoint = self.book.follower.kept_head(note)
        except (NoteInvalid, ProofInvalid) as error:
            raise CaseRefused("the kept answer's head does not verify") from error
        # A later pull may have seen a channel further on; what was kept before it is older, not rolled back.
        return self._judge(pull, case, member, purpose, checkpoint, lambda _: None)

    def _judge(
        self,
        pull: KeptPull,
        case: str,
        member: str | None,
        purpose: Purpose,
        checkpoint: Checkpoint,
        seen: Callable[[str], tuple[int, str] | None],
    ) -> Judged:
        """Verify an answer whole and decide on each fragment in it, without any key that opens."""
        directory = self.book.follower.directory_for(case)
        groups = split_lines(pull.lines, pull.dropped)
        reader = Recipient(AgencyId(self.book.agency), None if member is None else MemberId(member))
        pulled_at = parse_time(pull.pulled_at)
        came, verified = self._newest_case(case, groups["case"][0], directory, pulled_at)
        erased, is_kept = self._erased(case)
        answer = verify_answer(
            groups,
            case=verified,
            reader=reader,
            purpose=purpose,
            pull_digest=statement_digest(pull.pull),
            checkpoint=checkpoint,
            directory=directory,
            seen=seen,
            dropped=pull.dropped,
            erased=erased,
        )
        # What the hub calls refused was refused under the case that came with it, at that time.
        judge_refused(self.bundle, answer, came.state, reader, pulled_at)
        at = self.book.follower.clock()
        decided = tuple(
            (given, Decision(Effect.REFUSE, (ERASED_RULE,)))
            if given.sealed.header.fragment in erased and not is_kept
            else (given, decide_given(self.bundle, verified, reader, given, at))
            for given in answer.given
        )
        viewed = verify_entry(groups["viewed"][0]["receipt"], checkpoint)
        said = self.book.follower.feed(case).said_to(member, viewed["case_seq"])
        in_case = [item for item in said if verified.state.membership.kind_of(item.originator) is not None]
        # An agency's intake is told of cards and requests only: nobody owes it more.
        readable = frozenset() if member is None else _readable(directory, reader, at)
        awaited = () if member is None else find_awaited(in_case, readable, answer.silent_since)
        return Judged(self.bundle, directory, checkpoint, verified, reader, answer, decided, at, awaited, erased)

    def _follow_to_pull(self, pull: KeptPull, case: str, checkpoint: Checkpoint) -> Mapping[str, Addressed]:
        """Follow the case's entries up to the one of this pull; return the channels to this agency up to there."""
        try:
            viewed = verify_entry(split_lines(pull.lines)["viewed"][0]["receipt"], checkpoint)
            number = require_number(viewed["case_seq"], "case_seq")
        except (KeyError, TypeError, Malformed) as error:
            raise LogRefused(
                "viewed", "the log's entry of this pull speaks of another one; nothing was opened"
            ) from error
        return self.book.follower.feed(case).follow_to(number, statement_digest(pull.pull))

    def _learn_emergencies(self, case: str) -> None:
        """Ask for emergency releases that the entries followed have and that are not here: none is shown as another.

        Raises ``LogRefused`` where the hub keeps one back.
        """
        feed = self.book.follower.feed(case)
        for is_asked in (False, True):
            if feed.count_statements("emergencies") <= len(self.book.said_by_people(case)["emergencies"]):
                return
            if not is_asked:
                with suppress(LogRefused):
                    self.book.follower.sync_cases()
        raise LogRefused("withheld", f"case {case[:8]}: the hub keeps an emergency release back; nothing was opened")

    def _require_complete(
        self, judged: Judged, pull: KeptPull, addressed: Mapping[str, Addressed], checkpoint: Checkpoint
    ) -> None:
        """Raise ``LogRefused`` unless everything came that the log has up to this pull.

        That is every channel to a key with which the reader may read, with every number of it, and every statement of
        the case.
        """
        lines, reader = split_lines(pull.lines), judged.reader
        viewed = verify_entry(lines["viewed"][0]["receipt"], checkpoint)
        # By the keys that it was judged by; one revoked since is asked about anew below.
        readable = _readable(judged.directory, reader, judged.at)
        for channel, said in addressed.items():
            # An agency's own archive channels lead to itself and are no part of an answer.
            if said.member != reader.member or (said.member is None and said.originator == reader.agency):
                continue
            came = judged.answer.channels.get(channel)
            numbers = () if came is None else tuple(item.digest for item in came.chain)
            if numbers == said.numbers or (came is None and said.recipient not in readable):
                continue
            if came is not None or said.recipient in self._readable_as_of(viewed["at"], reader, judged.at):
                raise LogRefused(
                    "withheld",
                    f"the log has {len(said.numbers)} disclosures of {said.originator} in a channel to this reader, "
                    f"{len(numbers)} came: the hub keeps something back",
                )
        feed = self.book.follower.feed(judged.case.case)
        case = {name: [statement_digest(token) for token in lines["case"][0][name]] for name in CHAINS}
        feed.require_statements(case, viewed["case_seq"])

    def _readable(self, reader: Recipient, at: datetime) -> frozenset[str]:
        use = KeyUse.INTAKE if reader.member is None else KeyUse.MEMBER_HPKE
        directory = self.book.follower.directory()
        return directory.readable_keys(use, reader.agency, at, member=reader.member)

    def _readable_as_of(self, moment: object, reader: Recipient, at: datetime) -> frozenset[str]:
        """Return the reader's keys once the witnesses have seen the log as it was when the hub answered.

        A key that was revoked a second ago is not given anything, and the head that says so is not witnessed yet.
        """
        for _ in range(WITNESS_LOOKS):
            if render_time(self.book.follower.sync().witnessed_at) > str(moment):
                break
            time.sleep(WITNESS_SECONDS)
        return self._readable(reader, at)

    def _name_withheld(self, judged: Judged) -> None:
        """Keep an alarm for what was granted to the reader, may be given, and did not come."""
        if not judged.answer.withheld:
            return
        count = len(judged.answer.withheld)
        text = f"case {judged.case.case[:8]}: the hub keeps {count} fragments back that were given to a reader here"
        with self.store.write() as session:
            raise_alarm(session, "withheld", text, render_time(judged.at))

    def _seen(self) -> dict[str, tuple[int, str]]:
        """Return how far each channel had come; asked before the hub is: another process may see more meanwhile."""
        with self.store.read() as session:
            return {row.channel: (row.sequence, row.digest) for row in peer_channels(session)}

    def _remember(self, answer: VerifiedAnswer) -> None:
        with self.store.write() as session:
            for name, channel in answer.channels.items():
                row = session.get(PeerChannelRow, name)
                newest = channel.chain[-1] if channel.chain else None
                if newest is not None and (row is None or row.sequence < newest.members["sequence"]):
                    session.merge(
                        PeerChannelRow(channel=name, sequence=newest.members["sequence"], digest=newest.digest)
                    )

    def _newest_case(
        self, case: str, line: Mapping[str, Any], directory: Directory, pulled_at: datetime
    ) -> tuple[VerifiedCase, VerifiedCase]:
        """Verify the case's statements; return them as they came, and as they are known here where that is more.

        Raises ``LogRefused`` where each leaves out something that the other has: the hub shows two cases.
        """
        # A pull brings nothing of exclusions and broken glass: what came to this adapter counts, as it stood then.
        came = verify_case(case, {**line, **self.book.said_by_people(case)}, directory, pulled_at)
        try:
            known = self.book.load(case)
        except CaseRefused:
            return came, came
        if _continues(known, came):
            return came, known
        if _continues(came, known):
            newest = {**line, **self.book.said_by_people(case)}
            return came, verify_case(case, newest, directory, self.book.follower.clock())
        raise LogRefused("case_rollback", "the hub shows a case without statements that it showed before")


def explain_export(decision: Decision, bundle: Bundle) -> str:
    """Say to somebody who has opened a fragment why it is not in their file, and whom to ask."""
    rules = [bundle.rules[name] for name in decision.rules if name in bundle.rules and not bundle.rules[name].silent]
    said = "Opened by you; not written to this file, because policy does not let it be exported: "
    if not rules:
        return f"{said}no rule of the agreement gives that to your role for this purpose. Ask the originating agency."
    owners = ", ".join(sorted({rule.owner for rule in rules}))
    return f"{said}rule {', '.join(rule.id for rule in rules)}. Whom to ask: {owners}."


def _continues(newer: VerifiedCase, older: VerifiedCase) -> bool:
    """Whether every chain of a case begins with the other's."""
    return all(
        [item.digest for item in getattr(newer, name)][: len(getattr(older, name))]
        == [item.digest for item in getattr(older, name)]
        for name in CHAINS
    )


def _readable(directory: Directory, reader: Recipient, at: datetime) -> frozenset[str]:
    use = KeyUse.INTAKE if reader.member is None else KeyUse.MEMBER_HPKE
    return directory.readable_keys(use, reader.agency, at, member=reader.member)


def reading_keys(member: str | None, keys: Custody) -> dict[str, PrivateKey]:
    """Return the keys with which a person, or the agency's intake, reads, by kid: the present one and earlier ones."""
    use = (KeyUse.INTAKE if member is None else KeyUse.MEMBER_HPKE).value
    held = [keys.private(name) for name in keys.keys if name == use or name.startswith(f"{use}{RETIRED}")]
    return {key.public.kid: key for key in held}
