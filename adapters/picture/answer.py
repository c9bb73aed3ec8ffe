"""Verify what the hub answered to a pull, line by line, before anything is opened. Pure: values in, or a refusal.

docs/protocol.md section 8.3 gives the order. The hub may be hostile: a fragment that was granted and does not come is
named, a chain of disclosures that has become shorter is a rollback, a ``viewed`` entry that says something else than
what came is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from adapters.cases import VerifiedCase, still_counts, verify_when_made
from adapters.erasures import RULE as ERASED_RULE
from adapters.following import LogRefused
from adapters.presence import Presence
from keys.canonical import NotCanonical, canonical_bytes, parse_canonical
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
from keys.jose import SignatureRefused, UnverifiedJws, b64u_decode
from keys.statements import Statement, StatementType
from keys.transparency import Checkpoint, ProofInvalid, entry_bytes, leaf_hash, parse_proof, verify_inclusion
from keys.uses import KeyUse
from policies.model import Basis, Malformed, Recipient, require_id, require_members, require_number
from policies.protocol import require_floor
from policies.vocabulary import NotGivenCode, Purpose


@dataclass(frozen=True, slots=True)
class VerifiedChannel:
    """A channel to us, signed by its originator, and its whole chain of disclosures and voids.

    ``counts``: no revocation reaches back behind it; what came in one of which that is not so is not believed.
    """

    channel: str
    originator: str
    sealed: SealedChannel
    chain: tuple[Statement, ...]
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Listing:
    """One fragment as the newest disclosure for our purpose lists it."""

    fragment: str
    sha256: str
    encrypted_key_sha256: str
    channel: str
    disclosure: str
    originator: str
    basis: Basis
    facts: Mapping[str, Any]
    rules: tuple[str, ...]
    disclosed_at: Any
    is_past: bool = False
    """Disclosed before the reader was out of the case: it does not count for who came back."""


@dataclass(frozen=True, slots=True)
class Given:
    """A fragment that came, with the grant and listing it came under. Signature, header and proof are verified."""

    sealed: SealedFragment
    digest: str
    encrypted_key: str
    listing: Listing
    log_index: int
    case_seq: int
    """The number of its entry among those of the case: the same for every reader."""


@dataclass(slots=True)
class VerifiedAnswer:
    """Everything a pull gave, verified, and everything it should have given and did not."""

    channels: dict[str, VerifiedChannel] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)
    given: list[Given] = field(default_factory=list)
    refused: dict[str, tuple[str, ...]] = field(default_factory=dict)
    said_refused: list[str] = field(default_factory=list)
    """What the hub says the policy refuses: nobody has decided on that here yet."""
    unverified: list[tuple[str, str]] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    doubted: set[str] = field(default_factory=set)
    """What was disclosed with a key that turned out to be compromised then: neither opened nor missed."""
    past: dict[str, Listing] = field(default_factory=dict)
    """What was disclosed to the reader before they were out of the case, and not since: neither opened nor missed."""
    not_given: dict[tuple[str, NotGivenCode], int] = field(default_factory=dict)
    for_others: dict[tuple[str, Purpose], str] = field(default_factory=dict)
    """What was disclosed to the reader for another purpose than this one, and not for this: its originator."""
    silent_since: set[str] = field(default_factory=set)
    """Originators that disclosed something to the reader before they were out of the case, and nothing since."""


NOTHING_DROPPED: Mapping[str, tuple[str, ...]] = MappingProxyType({})
_WRONG_SHAPE = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def split_lines(
    lines: Sequence[Any], dropped: Mapping[str, tuple[str, ...]] = NOTHING_DROPPED
) -> dict[str, list[Mapping[str, Any]]]:
    """Group lines by type, after checking that the answer is whole. Raises ``LogRefused``.

    ``dropped`` names the fragments that came in this answer and were deleted here since, with the rules that said so.
    """
    if not lines or not all(isinstance(line, Mapping) and isinstance(line.get("type"), str) for line in lines):
        raise LogRefused("answer", "the hub's answer is not of the agreed form")
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        groups.setdefault(line["type"], []).append(line)
    counts = {
        "fragment": len(groups.get("fragment", [])) + len(dropped),
        "refused": len(groups.get("refused", [])),
        "channel": len(groups.get("channel", [])),
        "disclosure": len(groups.get("disclosure", [])) + len(groups.get("void", [])),
    }
    if lines[-1].get("type") != "end" or lines[-1].get("counts") != counts:
        raise LogRefused("answer", "the hub's answer is cut off or its counts do not fit; nothing of it was used")
    if any(len(groups.get(name, [])) != 1 for name in ("viewed", "checkpoint", "case", "end")):
        raise LogRefused("answer", "the hub's answer has not exactly one viewed, checkpoint and case line")
    return groups


def verify_answer(
    groups: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    case: VerifiedCase,
    reader: Recipient,
    purpose: Purpose,
    pull_digest: str,
    checkpoint: Checkpoint,
    directory: Directory,
    seen: Callable[[str], tuple[int, str] | None],
    dropped: Mapping[str, tuple[str, ...]] = NOTHING_DROPPED,
    erased: Collection[str] = (),
) -> VerifiedAnswer:
    """Verify every line but the case's own statements (``case`` is verified). Raises ``LogRefused``.

    ``seen`` returns how far a channel's chain had come when we last saw it (sequence, digest), or None. ``dropped``
    names what came and was deleted here since, with its rules: it counts as come, and as refused. ``erased`` are the
    fragments that the log says were erased: that they do not come is nobody's doing but their originator's.
    """
    try:
        answer = VerifiedAnswer(refused=dict(dropped))
        # 1. The entry that says what we were shown, in a head the log signed.
        _verify_viewed(groups, case.case, reader, purpose, pull_digest, checkpoint, dropped)
        _verify_lines(answer, groups, case, reader, purpose, checkpoint, directory, seen)
        _name_erased(answer, erased)
    except _WRONG_SHAPE as error:
        # A line may be anything at all: whatever breaks on its shape is the same refusal.
        raise LogRefused("answer", "the hub's answer is not of the agreed form; nothing of it was used") from error
    return answer


def _verify_lines(
    answer: VerifiedAnswer,
    groups: Mapping[str, Sequence[Mapping[str, Any]]],
    case: VerifiedCase,
    reader: Recipient,
    purpose: Purpose,
    checkpoint: Checkpoint,
    directory: Directory,
    seen: Callable[[str], tuple[int, str] | None],
) -> None:
    # 2. Channels and their chains.
    for line in groups.get("channel", ()):
        channel = _verify_channel(line, case, reader, directory)
        if channel.channel in answer.channels:
            raise LogRefused("answer", "the hub's answer names a channel twice")
        answer.channels[channel.channel] = channel
    _attach_chains(answer, [*groups.get("disclosure", ()), *groups.get("void", ())], directory, seen)
    # 3. What should have come: of several disclosures of a fragment the newest in the log counts, in whichever channel.
    chains = (item for channel in answer.channels.values() for item in channel.chain)
    disclosures = [item for item in chains if item.type is StatementType.DISCLOSURE]
    presence = Presence.of(case)
    for statement in sorted(disclosures, key=lambda item: _place(item, directory)):
        if answer.channels[str(statement.members["channel"])].counts and still_counts(statement, directory):
            _collect_listings(answer, statement, purpose, is_past=presence.is_past(statement.members))
        else:
            answer.doubted |= {item["fragment"] for item in statement.members["items"]}
    answer.for_others = {key: by for key, by in answer.for_others.items() if key[0] not in answer.listings}
    _collect_not_given(answer, presence, directory)
    # 4. What came.
    for line in groups.get("fragment", ()):
        _take_fragment(answer, line, case, checkpoint, directory)
    for line in groups.get("refused", ()):
        name = _refused_fragment(answer, line)
        if name in answer.listings:
            answer.said_refused.append(name)
    # 5. What did not.
    arrived = {item.sealed.header.fragment for item in answer.given} | {item for item, _ in answer.unverified}
    answer.withheld = sorted(set(answer.listings) - arrived - set(answer.refused) - set(answer.said_refused))


def _name_erased(answer: VerifiedAnswer, erased: Collection[str]) -> None:
    gone = sorted(set(answer.withheld) & set(erased))
    answer.withheld = sorted(set(answer.withheld) - set(gone))
    answer.refused |= dict.fromkeys(gone, (ERASED_RULE,))
    answer.for_others = {key: by for key, by in answer.for_others.items() if key[0] not in erased}


def verify_entry(receipt: Mapping[str, Any], checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the body of a log entry that is included in a verified head. Raises ``LogRefused``."""
    try:
        body, salt = str(receipt["body"]), receipt["salt"]
        leaf = leaf_hash(entry_bytes(body.encode("utf-8"), None if salt is None else b64u_decode(salt)))
        proof = parse_proof(receipt["inclusion"])
        verify_inclusion(leaf, receipt["index"], checkpoint.size, proof, checkpoint.root)
        parsed = parse_canonical(body.encode("utf-8"))
    except (ProofInvalid, NotCanonical, KeyError, TypeError, ValueError) as error:
        raise LogRefused("receipt", "a receipt of the hub does not prove its entry") from error
    if not isinstance(parsed, dict):
        raise LogRefused("receipt", "a receipt of the hub does not prove its entry")
    return parsed


def _verify_viewed(
    groups: Mapping[str, Sequence[Mapping[str, Any]]],
    case: str,
    reader: Recipient,
    purpose: Purpose,
    pull_digest: str,
    checkpoint: Checkpoint,
    dropped: Mapping[str, tuple[str, ...]],
) -> None:
    body = verify_entry(groups["viewed"][0]["receipt"], checkpoint)
    expected = ("viewed", case, reader.agency, reader.member, purpose.value, pull_digest)
    names = ("type", "case", "agency", "member", "purpose", "statement")
    if tuple(body[name] for name in names) != expected or type(body["case_seq"]) is not int:
        raise LogRefused("viewed", "the log's entry of this pull speaks of another one; nothing was opened")
    came = sorted([*(fragment_id(line) for line in groups.get("fragment", ())), *dropped])
    if sorted(item["fragment"] for item in body["fragments"]) != came:
        raise LogRefused("viewed", "the log's entry of this pull lists other fragments than came; nothing was opened")
    said = sorted((line["fragment"], list(line["rules"])) for line in groups.get("refused", ()))
    if sorted((item["fragment"], item["rules"]) for item in body["refused"]) != said:
        raise LogRefused("viewed", "the log's entry of this pull lists other refusals than came; nothing was opened")


def fragment_id(line: Mapping[str, Any]) -> str:
    """Return which fragment a line claims to carry; nothing is verified. Raises ``LogRefused``."""
    try:
        header = parse_canonical(b64u_decode(line["jwe"]["protected"]))
        return str(header["fragment"])
    except (KeyError, TypeError, ValueError) as error:
        raise LogRefused("answer", "the hub's answer holds a fragment without a header") from error


def _verify_channel(
    line: Mapping[str, Any], case: VerifiedCase, reader: Recipient, directory: Directory
) -> VerifiedChannel:
    try:
        sealed = SealedChannel.parse(line["jwe"])
        statement = verify_when_made(line["statement"], StatementType.CHANNEL, directory, as_taken=True)
    except (EnvelopeRefused, Malformed, SignatureRefused, NotCertified, NotCanonical, KeyError) as error:
        raise LogRefused("channel", f"a channel was not believed: {error}") from error
    got = statement.members
    ours = (case.case, reader.agency, reader.member, sealed.digest, sealed.recipient)
    named = (got["case"], got["recipient_agency"], got["recipient_member"], got["sha256"], got["recipient"])
    # Which of the reader's keys, the present or an earlier one, shows when it is opened.
    if named != ours or directory.holder_of(sealed.recipient) != (reader.agency, reader.member):
        raise LogRefused("channel", "a channel is of another case, another recipient or over other bytes")
    return VerifiedChannel(got["channel"], statement.issuer, sealed, (), still_counts(statement, directory))


def _attach_chains(
    answer: VerifiedAnswer,
    lines: Iterable[Mapping[str, Any]],
    directory: Directory,
    seen: Callable[[str], tuple[int, str] | None],
) -> None:
    chains: dict[str, list[Statement]] = {name: [] for name in answer.channels}
    for line in lines:
        try:
            kind = StatementType.VOID if line["type"] == "void" else StatementType.DISCLOSURE
            statement = verify_when_made(line["statement"], kind, directory, as_taken=True)
        except (Malformed, SignatureRefused, NotCertified, NotCanonical, KeyError) as error:
            raise LogRefused("disclosure", f"a disclosure was not believed: {error}") from error
        name = str(statement.members["channel"])
        if name not in chains or statement.issuer != answer.channels[name].originator:
            raise LogRefused("disclosure", "a disclosure is of a channel that is not ours or not its signer's")
        chains[name].append(statement)
    for name, chain in chains.items():
        chain.sort(key=lambda item: item.members["sequence"])
        _require_chain(chain, seen(name))
        verified = answer.channels[name]
        answer.channels[name] = replace(verified, chain=tuple(chain))


def _require_chain(chain: Sequence[Statement], seen: tuple[int, str] | None) -> None:
    previous: str | None = None
    for number, statement in enumerate(chain, 1):
        if (statement.members["sequence"], statement.members["previous"]) != (number, previous):
            raise LogRefused("disclosure", "a chain of disclosures has a gap: something is kept from us")
        previous = statement.digest
    if seen is not None and (len(chain) < seen[0] or chain[seen[0] - 1].digest != seen[1]):
        raise LogRefused("rollback", "a chain of disclosures is shorter or other than the one seen before")


def _place(statement: Statement, directory: Directory) -> tuple[float, int]:
    """Where a disclosure stands: its log position; one that was not followed yet is newer than all that were."""
    position = directory.position_of(statement.token)
    return (float("inf") if position is None else position, int(statement.members["sequence"]))


def _collect_listings(answer: VerifiedAnswer, statement: Statement, purpose: Purpose, *, is_past: bool) -> None:
    got, listings = statement.members, answer.past if is_past else answer.listings
    try:
        bases = [Basis.from_json(item) for item in got["bases"]]
        for item in got["items"]:
            basis, decision = bases[item["basis"]], got["decisions"][item["decision"]]
            if basis.purpose is not purpose:
                if not is_past:
                    answer.for_others[require_id(item["fragment"], "fragment"), basis.purpose] = statement.issuer
                continue
            listings[item["fragment"]] = Listing(
                fragment=require_id(item["fragment"], "fragment"),
                sha256=item["sha256"],
                encrypted_key_sha256=item["encrypted_key_sha256"],
                channel=str(got["channel"]),
                disclosure=statement.digest,
                originator=statement.issuer,
                basis=basis,
                facts=decision["facts"],
                rules=tuple(decision["rules"]),
                disclosed_at=statement.issued_at,
                is_past=is_past,
            )
    except (Malformed, KeyError, IndexError, TypeError) as error:
        raise LogRefused("disclosure", "a disclosure is not of the agreed form") from error


def _collect_not_given(answer: VerifiedAnswer, presence: Presence, directory: Directory) -> None:
    """Count what each originator says it does not give: by its newest disclosure, which is in its newest channel.

    What it said before the reader was out of the case says nothing of who came back; nor does what was said with a key
    that may have been somebody else's by then.
    """
    newest: dict[str, Statement] = {}
    for channel in answer.channels.values():
        said = [item for item in channel.chain if item.type is StatementType.DISCLOSURE]
        disclosures = [item for item in said if channel.counts and still_counts(item, directory)]
        if disclosures and not presence.is_past(disclosures[-1].members):
            # Channels come in the order of the log: a later one leads to a newer key.
            newest[channel.originator] = disclosures[-1]
    spoke = {channel.originator for channel in answer.channels.values() if channel.chain}
    answer.silent_since = spoke - set(newest)
    for originator, statement in newest.items():
        for item in statement.members["not_given"]:
            key = (originator, NotGivenCode(item["code"]))
            answer.not_given[key] = answer.not_given.get(key, 0) + 1


def _refused_fragment(answer: VerifiedAnswer, line: Mapping[str, Any]) -> str:
    """Return which fragment a line calls refused: one that was disclosed to us for this purpose, named once."""
    name = require_id(line["fragment"], "fragment")
    listing = answer.listings.get(name)
    if listing is None and (name in answer.doubted or name in answer.past):
        return name
    if listing is None or listing.sha256 != line["sha256"] or name in answer.said_refused:
        raise LogRefused("answer", "the hub refuses a fragment that is in no disclosure to us; nothing of it was used")
    return name


def _take_fragment(
    answer: VerifiedAnswer,
    line: Mapping[str, Any],
    case: VerifiedCase,
    checkpoint: Checkpoint,
    directory: Directory,
) -> None:
    name = fragment_id(line)
    try:
        answer.given.append(_verify_given(answer, line, case, checkpoint, directory))
    except (EnvelopeRefused, NotCertified, SignatureRefused, Malformed, LogRefused) as error:
        answer.unverified.append((name, str(error)))
    except _WRONG_SHAPE:
        answer.unverified.append((name, "the fragment's line is not of the agreed form"))


def _verify_given(
    answer: VerifiedAnswer,
    line: Mapping[str, Any],
    case: VerifiedCase,
    checkpoint: Checkpoint,
    directory: Directory,
) -> Given:
    sealed = SealedFragment.parse(line["jwe"], line["jws"])
    header = sealed.header
    require_floor(header.schema, directory.floor, "the fragment")
    if header.case != case.case:
        raise EnvelopeRefused("the fragment is of another case")
    body, index = verify_entry(line["receipt"], checkpoint), line["receipt"]["index"]
    kid = UnverifiedJws.parse(sealed.jws).kid
    key = directory.require_key(kid, KeyUse.SIGNING, header.agency, header.sealed_at, log_index=index).key
    digest = verify_fragment(sealed, key)
    listing = answer.listings.get(header.fragment) or answer.past.get(header.fragment)
    if listing is None and header.fragment in answer.doubted:
        raise EnvelopeRefused("the fragment was disclosed with a key that may have been somebody else's by then")
    grant = require_members(line["grant"], ("channel", "encrypted_key"), "grant")
    wrapped = require_wrapped_key(grant["encrypted_key"])
    if listing is None or (listing.sha256, listing.channel, listing.originator) != (
        digest,
        grant["channel"],
        header.agency,
    ):
        raise EnvelopeRefused("the fragment is in no disclosure of its originator to us")
    if listing.encrypted_key_sha256 != wrapped_key_digest(wrapped):
        raise EnvelopeRefused("the wrapped key is not the one its originator signed for")
    if (body["type"], body["case"], body["fragment"], body["sha256"]) != (
        "fragment",
        header.case,
        header.fragment,
        digest,
    ):
        raise LogRefused("receipt", "the log's entry of the fragment speaks of another one")
    return Given(sealed, digest, wrapped, listing, index, require_number(body["case_seq"], "case_seq"))


def manifest_of(case: str, checkpoint: Checkpoint, given: Iterable[tuple[str, str, int]]) -> bytes:
    """Return the canonical manifest of (fragment, digest, version): the exact set a person read (section 9)."""
    fragments = [
        {"fragment": fragment, "sha256": digest, "version": version} for fragment, digest, version in sorted(given)
    ]
    head = {"size": checkpoint.size, "root": checkpoint.root.hex()}
    return canonical_bytes({"case": case, "checkpoint": head, "fragments": fragments})
