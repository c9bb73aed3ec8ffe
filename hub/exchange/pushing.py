"""Push: channels, fragments, disclosures and voids of one originator in one case. docs/protocol.md sections 4 to 8.1.

Each line is checked whole before anything is written; of refused ones ``refused_lines`` keeps a count. The hub decides
again, from its own facts, and refuses where they differ from those the originator signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.exchange import emergencies
from hub.exchange.acts import CaseAct, Receipt, dump, outcomes
from hub.exchange.batch import BatchRows, KnownFragment, claimed_fragment, claimed_number
from hub.exchange.cases import MAX_OUTBOX_AGE, lock_open_case, require_fresh, verify_from_agency
from hub.exchange.disclosure_form import (
    MAX_ITEMS,
    pick,
    require_consents,
    require_grants,
    require_list,
    require_not_given,
)
from hub.exchange.line_result import LineResult
from hub.exchange.refused_lines import RefusedLines
from hub.exchange.room import require_room_for_channel
from hub.exchange.standing import load_case_state
from hub.ledger import ledger
from hub.refusal import Refused
from hub.store.base import Session
from hub.store.push_rows import StoredChannel, StoredNumber
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.envelopes import (
    EnvelopeRefused,
    SealedChannel,
    SealedFragment,
    require_wrapped_key,
    verify_fragment,
    wrapped_key_digest,
)
from keys.jose import SignatureRefused, UnverifiedJws, statement_digest
from keys.statements import Statement, StatementType, peek
from keys.uses import KeyUse
from policies.bundles import Bundle
from policies.engine import decide
from policies.model import (
    Basis,
    CaseState,
    Decision,
    Facts,
    Malformed,
    MemberId,
    Recipient,
    facts_for,
    require_agency,
    require_digest,
    require_id,
    require_members,
    require_term,
    term_list,
)
from policies.vocabulary import OverrideReason, Stage, VoidCode

MAX_LINES = 1_000
MAX_BASES = 100
_USES = {"member-hpke": KeyUse.MEMBER_HPKE, "intake": KeyUse.INTAKE, "archive": KeyUse.ARCHIVE}


@dataclass(slots=True)
class Push:
    """One batch under one lock. The case's state is read once: nothing can change it while the lock is held."""

    act: CaseAct
    directory: Directory
    bundle: Bundle
    originator: str
    at: datetime
    state: CaseState = field(init=False)
    rows: BatchRows = field(init=False)
    refused: RefusedLines = field(default_factory=RefusedLines)

    def __post_init__(self) -> None:
        self.state = load_case_state(self.act.session, self.act.row.case, self.at)
        self.rows = BatchRows(self.act.session)

    def lines(self, payloads: Sequence[object]) -> list[LineResult]:
        """Answer each line in order, then write what was accepted."""
        self.rows.load(found for payload in payloads if (found := claimed_fragment(payload)) is not None)
        self.rows.load_numbers(found for payload in payloads if (found := claimed_number(payload)) is not None)
        with ledger.appending(self.session, self.act.randomness) as log:
            self.act.log = log
            results = [self.line(number, payload) for number, payload in enumerate(payloads, 1)]
            self.refused.record(self.act, self.originator)
        self.act.log = None
        self.rows.write()
        return results

    @property
    def session(self) -> Session:
        """The batch's session."""
        return self.act.session

    def line(self, number: int, payload: object) -> LineResult:
        """Accept, recognise or refuse one line."""
        try:
            if not isinstance(payload, Mapping) or not isinstance(payload.get("type"), str):
                raise Malformed("each line is an object with a type")
            done = self._dispatch(payload["type"], payload)
        except Refused as refusal:
            self.refused.note(refusal)
            return LineResult(number, "refused", problem=refusal.to_problem())
        except (Malformed, EnvelopeRefused, NotCertified, SignatureRefused) as error:
            return LineResult(number, "refused", problem=Refused(422, "malformed", str(error)).to_problem())
        if isinstance(done, Receipt):
            return LineResult(number, "accepted", receipt=done)
        return LineResult(number, "repeated", repeats=done)

    def _dispatch(self, kind: str, payload: Mapping[str, Any]) -> Receipt | int:
        """Return the receipt of a new act, or the log position of the same act before."""
        if kind == "channel":
            got = require_members(payload, ("type", "jwe", "statement"), "channel line")
            return self.channel(got["jwe"], got["statement"])
        if kind == "fragment":
            got = require_members(payload, ("type", "jwe", "jws", "archive"), "fragment line")
            return self.fragment(got["jwe"], got["jws"], got["archive"])
        if kind == "disclosure":
            under = {"emergency"} & set(payload)
            got = require_members(payload, ("type", "statement", "grants", *under), "disclosure line")
            return self.disclosure(got["statement"], got["grants"], under=got.get("emergency") if under else None)
        if kind == "emergency":
            got = require_members(payload, ("type", "statement"), "emergency line")
            return emergencies.take(self.act, self.rows, self.directory, self.originator, got["statement"])
        if kind == "void":
            return self.void(require_members(payload, ("type", "statement"), "void line")["statement"])
        raise Malformed("line type: expected channel, fragment, emergency, disclosure or void")

    # --- channel ---

    def channel(self, jwe: object, token: object) -> Receipt | int:
        """Accept a channel: signed by the originator, to a key certified for that use of that recipient."""
        sealed = SealedChannel.parse(jwe)
        known = self._known_channel(token, sealed)
        if known is not None:
            return known.log_index
        statement = verify_from_agency(self.directory, token, StatementType.CHANNEL, self.originator, self.at)
        got = statement.members
        self._require_case(got["case"])
        channel = require_id(got["channel"], "channel")
        if self.rows.find_channel(channel) is not None:
            raise Refused(409, "conflict", "a channel with this id exists already with other bytes")
        if got["sha256"] != sealed.digest or got["recipient"] != sealed.recipient:
            raise Malformed("channel: the statement is over other bytes or another recipient")
        use, agency = _USES.get(str(got["use"])), require_agency(got["recipient_agency"], "recipient_agency")
        if use is None:
            raise Malformed(f"channel use: expected one of: {term_list(sorted(_USES))}")
        member = None if got["recipient_member"] is None else require_id(got["recipient_member"], "recipient_member")
        if use is KeyUse.ARCHIVE and agency != self.originator:
            raise Refused(403, "archive", "an archive channel leads to the originator's own archive key")
        if self.state.membership.kind_of(agency) is None:
            raise Refused(422, "not_in_case", f"agency {agency} does not take part in this case")
        self.directory.require_key(sealed.recipient, use, agency, self.at, member=member)
        to = (sealed.recipient, use)
        require_room_for_channel(self.rows, self.directory, self.act.row.case, self.originator, to)
        receipt = self.act.record(
            "channel",
            {
                "agency": self.originator,
                "statement": statement.digest,
                "channel": channel,
                "recipient": sealed.recipient,
                "recipient_agency": agency,
                "recipient_member": member,
            },
        )
        self.rows.add_channel(
            StoredChannel(
                channel=channel,
                case=self.act.row.case,
                originator=self.originator,
                recipient=sealed.recipient,
                recipient_agency=agency,
                recipient_member=member,
                use=use.value,
                jwe=dump(sealed.to_jwe()),
                statement=statement.token,
                log_index=receipt.index,
            )
        )
        return receipt

    def _known_channel(self, token: object, sealed: SealedChannel) -> StoredChannel | None:
        try:
            named = require_id(peek(token).members.get("channel"), "channel")
        except SignatureRefused:
            return None
        row = self.rows.find_channel(named)
        if row is None or (row.case, row.originator) != (self.act.row.case, self.originator):
            return None
        return row if row.statement == token and row.jwe == dump(sealed.to_jwe()) else None

    # --- fragment ---

    def fragment(self, jwe: object, jws: object, archive: object) -> Receipt | int:
        """Accept a sealed fragment with its archive grant."""
        sealed = SealedFragment.parse(jwe, jws)
        header = sealed.header
        grant = require_members(archive, ("channel", "encrypted_key"), "archive grant")
        wrapped = require_wrapped_key(grant["encrypted_key"])
        known = self.rows.find_fragment(header.fragment)
        if known is not None:
            ours = (self.act.row.case, self.originator, sealed.digest, sealed.jws, wrapped)
            if (known.case, known.agency, known.digest, known.jws, known.archive_key) == ours:
                return known.log_index
            raise Refused(409, "conflict", "a fragment with this id exists already with other bytes")
        self._require_case(header.case)
        if header.agency != self.originator:
            raise Refused(403, "issuer", "a fragment is brought by the agency that originates it")
        require_fresh(header.sealed_at, self.at, MAX_OUTBOX_AGE)
        digest = self._verify_fragment(sealed)
        self._require_archive(grant["channel"])
        self._require_succession(header.supersedes, header.version)
        receipt = self.act.record(
            "fragment",
            {
                "agency": self.originator,
                "fragment": header.fragment,
                "sha256": digest,
                "category": header.category.value,
                "handling": header.handling.to_json(),
                "archive": wrapped_key_digest(wrapped),
            },
        )
        self.rows.add_fragment(sealed, digest, (grant["channel"], wrapped), receipt.index)
        return receipt

    def _verify_fragment(self, sealed: SealedFragment) -> str:
        try:
            kid = UnverifiedJws.parse(sealed.jws).kid
            key = self.directory.require_key(kid, KeyUse.SIGNING, self.originator, self.at).key
            return verify_fragment(sealed, key)
        except (SignatureRefused, NotCertified, EnvelopeRefused) as error:
            raise Refused(422, "signature", str(error)) from error

    def _require_archive(self, channel: object) -> None:
        row = self.rows.find_channel(require_id(channel, "archive channel"))
        if row is None or (row.case, row.originator, row.use) != (self.act.row.case, self.originator, "archive"):
            raise Refused(422, "archive", "the archive grant names no archive channel of this originator in this case")

    def _require_succession(self, supersedes: str | None, version: int) -> None:
        if supersedes is None:
            return
        older = self.rows.find_fragment(supersedes)
        if older is None or (older.case, older.agency) != (self.act.row.case, self.originator):
            raise Refused(422, "supersedes", "the fragment that this one supersedes is not here")
        if older.header.version + 1 != version:
            raise Refused(422, "supersedes", f"expected version {older.header.version + 1}, got {version}")

    # --- disclosure ---

    def disclosure(self, token: object, grants: object, *, under: object = None) -> Receipt | int:
        """Accept a disclosure whole: chain, items, keys, and the hub's own decision on every item.

        ``under``: the emergency release it belongs to, which must say exactly this.
        """
        known = self._known_number(token)
        if known is not None:
            return known
        statement = verify_from_agency(self.directory, token, StatementType.DISCLOSURE, self.originator, self.at)
        got = statement.members
        channel = self._require_next(statement)
        if got["membership"] != self.state.membership_digest:
            raise Refused(409, "stale_membership", "the case's membership has changed; decide again under the newest")
        if got["bundle"] != self.bundle.digest:
            raise Refused(409, "stale_bundle", "another policy bundle is active; decide again under it")
        bases = [Basis.from_json(item) for item in require_list(got["bases"], MAX_BASES, "bases")]
        require_consents(bases, self.state, self.at)
        listed, decisions = self._decide_items(got, channel, bases)
        keys = require_grants(grants, got["items"])
        require_not_given(got["not_given"])
        if under is not None:
            emergencies.require_covered(self.act, self.originator, under, got)
        receipt = self.act.record(
            "disclosure",
            {
                "agency": self.originator,
                "statement": statement.digest,
                "channel": channel.channel,
                "recipient_agency": channel.recipient_agency,
                "recipient_member": channel.recipient_member,
                "items": len(listed),
                # In the entry itself: whoever answers for the child in the case is told as soon as it stands there.
                "overrides": sorted({basis.override.value for _, basis in listed} - {OverrideReason.NONE.value}),
                "decision": outcomes(decisions, self.bundle.digest),
            },
        )
        self._keep_number(channel, statement, receipt)
        for fragment, basis in listed:
            self.rows.add_grant(fragment, channel.channel, statement.digest, keys[fragment], dump(basis.to_json()))
        return receipt

    def _known_number(self, token: object) -> int | None:
        """Return the log position of a disclosure or void of ours that was accepted before with the same bytes."""
        if not isinstance(token, str) or not token.isascii():
            return None
        row = self.rows.find_number(statement_digest(token))
        if row is None or row.statement != token:
            return None
        channel = self.rows.find_channel(row.channel)
        ours = channel is not None and (channel.case, channel.originator) == (self.act.row.case, self.originator)
        return row.log_index if ours else None

    def _require_next(self, statement: Statement) -> StoredChannel:
        got = statement.members
        self._require_case(got["case"])
        channel = self.rows.find_channel(require_id(got["channel"], "channel"))
        if channel is None or (channel.case, channel.originator) != (self.act.row.case, self.originator):
            raise Refused(422, "channel", "the statement names no channel of this originator in this case")
        expected = self.rows.next_number(channel.channel)
        if type(got["sequence"]) is not int or (got["sequence"], got["previous"]) != expected:
            raise Refused(409, "sequence", f"expected number {expected[0]} of this channel and the digest before it")
        return channel

    def _decide_items(
        self, got: Mapping[str, Any], channel: StoredChannel, bases: list[Basis]
    ) -> tuple[list[tuple[str, Basis]], list[Decision]]:
        if (got["recipient"], got["recipient_agency"], got["recipient_member"]) != (
            channel.recipient,
            channel.recipient_agency,
            channel.recipient_member,
        ):
            raise Malformed("disclosure: the recipient is not the channel's")
        self._require_live_key(channel)
        member = None if channel.recipient_member is None else MemberId(channel.recipient_member)
        recipient = Recipient(require_agency(channel.recipient_agency), member)
        claimed = require_list(got["decisions"], MAX_ITEMS, "decisions")
        enabled = self.bundle.enabled(self.at.date())
        names = ("fragment", "sha256", "encrypted_key_sha256", "basis", "decision")
        items = [
            require_members(item, names, "disclosure item")
            # A disclosure without items tells a recipient who is given nothing that there is something.
            for item in require_list(got["items"], MAX_ITEMS, "items", at_least=0 if got["not_given"] else 1)
        ]
        self.rows.load(require_id(item["fragment"], "fragment") for item in items)
        self.rows.require_room_for_recipient([item["fragment"] for item in items], channel)
        decided: dict[tuple[Facts, int], Decision] = {}
        accepted: dict[str, Basis] = {}
        decisions: list[Decision] = []
        for item in items:
            known = self._require_own_fragment(item)
            basis = pick(bases, item["basis"], "basis")
            facts = facts_for(known.header, recipient, basis, self.state, stage=Stage.PUSH, at=self.at, enabled=enabled)
            signed = pick(claimed, item["decision"], "decision")
            # Many items rest on the same facts and the same signed decision; each such pair is checked once.
            question = (facts, item["decision"])
            if question not in decided:
                decided[question] = self._require_permit(facts, signed, item["fragment"])
            if item["fragment"] in accepted:
                raise Malformed("disclosure: a fragment is listed twice")
            accepted[item["fragment"]] = basis
            decisions.append(decided[question])
        return list(accepted.items()), decisions

    def _require_live_key(self, channel: StoredChannel) -> None:
        """Raise ``Refused`` where the channel leads to a key that was replaced or revoked: it gets nothing new."""
        use, agency, member = KeyUse(channel.use), channel.recipient_agency, channel.recipient_member
        try:
            self.directory.require_key(channel.recipient, use, agency, self.at, member=member)
        except NotCertified as error:
            raise Refused(409, "recipient_key", str(error)) from error

    def _require_permit(self, facts: Facts, claimed: object, fragment: str) -> Decision:
        signed = require_members(claimed, ("facts", "rules"), "decision")
        different = facts.differences(require_members(signed["facts"], list(facts.to_json()), "facts"))
        if different:
            raise Refused(409, "facts_differ", f"the hub's facts differ in {', '.join(different)}", facts=different)
        decision = decide(self.bundle, facts)
        if not decision.is_permit:
            raise Refused(
                403,
                "policy",
                "the policy does not permit this disclosure",
                fragment=fragment,
                rules=list(decision.rules),
                missing=list(decision.missing),
            )
        return decision

    def _require_own_fragment(self, listed: Mapping[str, Any]) -> KnownFragment:
        known = self.rows.find_fragment(listed["fragment"])
        if known is None or (known.case, known.agency) != (self.act.row.case, self.originator):
            raise Refused(422, "fragment", "a disclosed fragment is not one of this originator in this case")
        if known.digest != listed["sha256"]:
            raise Refused(409, "conflict", "a disclosed fragment has another digest here")
        return known

    # --- void ---

    def void(self, token: object) -> Receipt | int:
        """Close a number of a channel whose disclosure was refused."""
        known = self._known_number(token)
        if known is not None:
            return known
        statement = verify_from_agency(self.directory, token, StatementType.VOID, self.originator, self.at)
        channel = self._require_next(statement)
        require_digest(statement.members["refused"], "refused")
        require_term(VoidCode, statement.members["code"], "void code")
        receipt = self.act.record(
            "void", {"agency": self.originator, "statement": statement.digest, "channel": channel.channel}
        )
        self._keep_number(channel, statement, receipt)
        return receipt

    def _keep_number(self, channel: StoredChannel, statement: Statement, receipt: Receipt) -> None:
        self.rows.add_number(
            StoredNumber(
                digest=statement.digest,
                case=self.act.row.case,
                channel=channel.channel,
                sequence=statement.members["sequence"],
                type=statement.type.value,
                statement=statement.token,
                log_index=receipt.index,
            )
        )

    def _require_case(self, case: object) -> None:
        if case != self.act.row.case:
            raise Refused(422, "case", "the line belongs to another case")


def push(
    session: Session,
    directory: Directory,
    bundle: Bundle,
    *,
    case: str,
    originator: str,
    lines: list[object],
    at: datetime,
) -> list[LineResult]:
    """Process a batch under the case's lock. Raises ``Refused`` for the batch as a whole."""
    if not 1 <= len(lines) <= MAX_LINES:
        raise Refused(413, "too_many", f"a push has 1 to {MAX_LINES} lines, got {len(lines)}")
    return Push(lock_open_case(session, case, originator, at), directory, bundle, originator, at).lines(lines)
