"""A case's entries as one chain: that the hub has kept none of them from us (attacks 5, 6, 16).

Every entry of a case carries its number and the leaf hash of the entry before it. Our own ``viewed`` entry is one of
them, so whoever shows it must show everything before it: channels, disclosures, and every statement about who takes
part and what the child agreed to. docs/protocol.md section 10.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.case_entries import ERASED, CaseEntry, Chain, prove_case_entry
from adapters.hub_client import MAX_FEED_BYTES, HubClient
from adapters.refusal import LogRefused
from adapters.store.database import Session, Store
from adapters.store.rows import read_setting, write_setting
from adapters.unusual import count_own, tell_unusual
from adapters.watched_entries import begin, settle, watch
from keys.transparency import Checkpoint
from policies.vocabulary import OverrideReason

PAGE = 500
MAX_CHANNELS = 10_000
MAX_STATEMENTS = 20_000
MAX_PULLS = 100
"""How many of this agency's newest pulls are remembered: the one that is being proven is among them."""
LISTS = {
    "membership": "membership",
    "acceptance": "acceptances",
    "endorsement": "endorsements",
    "departure": "departures",
    "consent": "consents",
    "refusal": "refusals",
}
"""Types of a case's statements in the log, and the list of a case in which each stands: what a pull brings."""
FOLLOWED = {
    **LISTS,
    "exclusion": "exclusions",
    "break_glass": "break_glass",
    "emergency": "emergencies",
    "emergency_review": "emergency_reviews",
    "retention": "retention",
}
"""The same with what comes to an agency's adapter alone, never with a person's pull (docs/adr/0016-exclusions.md)."""

EXPORTED = "exported"
_FRESH = "fresh"
"""What the entries of one following are watched for, until it is kept."""

Digests = Mapping[str, Sequence[str]]
"""Digests of a case's statements, by list, in the case's order."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """A channel to this agency as the log has it: who made it, for whom, and the digests of its numbers in order."""

    originator: str
    recipient: str
    member: str | None
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What the log has of one agency in a case for one reader of ours, up to an entry.

    ``fragments`` it has brought; ``told`` gives by the reader's key in how many disclosures it said something to it,
    and how many grants they hold. ``last_seen`` is when the newest entry of it that was followed was made.
    """

    originator: str
    fragments: int
    last_seen: str
    told: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class CaseFeed:
    """One case's chain as far as it was followed. Kept in the adapter's store; each entry is fetched once."""

    store: Store
    client: HubClient
    agency: str
    accept_head: Callable[[str], Checkpoint]
    case: str

    def follow(self) -> int:
        """Follow the chain as far as the hub shows it; return the number of its last entry. Raises ``LogRefused``."""
        held = self._begin()
        while self._next_page(held):
            pass
        _chain(self.case, held).require_accounted()
        self._keep(held)
        return int(held["seq"])

    def follow_to(self, case_seq: int, statement: str) -> Mapping[str, Addressed]:
        """Follow the chain up to the entry of a pull and return every channel to this agency up to there.

        ``case_seq`` and ``statement`` are those of the ``viewed`` entry that was proven. Raises ``LogRefused`` where an
        entry before it is missing, changed, or another entry stands in its place.
        """
        held = self._begin()
        while held["seq"] < case_seq:
            if not self._next_page(held):
                raise LogRefused("feed", f"the hub shows entry {case_seq} of a case and not the ones before it")
        # The entry that says what was erased may come after our own.
        while held["missing"] and self._next_page(held):
            pass
        _chain(self.case, held).require_accounted()
        if held["pulls"].get(str(case_seq)) != statement:
            raise LogRefused("feed", "the hub shows another entry of a case at the number of our own")
        self._keep(held)
        # A later entry may have been taken in already: what came after the pull is not what it had to give.
        return {
            channel: Addressed(
                said["agency"],
                said["recipient"],
                said["member"],
                tuple(digest for seq, digest, _ in said["numbers"] if seq <= case_seq),
            )
            for channel, said in held["channels"].items()
            if said["seq"] <= case_seq
        }

    def said_to(self, member: str | None, up_to: int) -> list[Said]:
        """Return what each agency with an entry in the case has said to one of ours (None: the intake) up to an entry.

        Nobody's own archive is anybody's to be told.
        """
        held = self._held()
        found = []
        for agency, seen in sorted(held["agencies"].items()):
            told: dict[str, tuple[int, int]] = {}
            for said in held["channels"].values():
                is_archive = said["member"] is None and said["agency"] == self.agency
                if (said["agency"], said["member"]) == (agency, member) and not is_archive:
                    items = [count for seq, count in said["disclosed"] if seq <= up_to]
                    # An adapter that lost its store begins a second channel to a key.
                    disclosures, grants = told.get(said["recipient"], (0, 0))
                    told[said["recipient"]] = (disclosures + len(items), grants + sum(items))
            brought = sum(seq <= up_to for seq in seen["fragments"])
            found.append(Said(agency, brought, seen["at"], told))
        return found

    def positions(self) -> dict[str, int]:
        """Return where each statement that was followed stands in the log, by digest.

        Statements of the case, and channels to this agency with their numbers.
        """
        held = self._held()
        listed = [item for name in FOLLOWED.values() for item in held["statements"][name]]
        for said in held["channels"].values():
            listed += [[said["seq"], said["statement"], said["index"]], *said["numbers"]]
        return {digest: index for _, digest, index in listed}

    def entries(self, up_to: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Read the case's entries again from the first to one, each proven and none left out: log position and body.

        Those that were erased have none. Raises ``LogRefused``.
        """
        chain = Chain(self.case)
        while chain.seq < up_to:
            path = f"/v1/cases/{self.case}/log"
            answer = self.client.get(path, at_most=MAX_FEED_BYTES, after=chain.seq, limit=PAGE)
            receipts = answer.get("entries") if isinstance(answer, dict) else None
            if not isinstance(answer, dict) or not isinstance(receipts, list) or not receipts:
                raise LogRefused("feed", f"the hub shows fewer entries of case {self.case[:8]} than it did before")
            head = self.accept_head(str(answer.get("checkpoint")))
            for item in receipts[: up_to - chain.seq]:
                entry = prove_case_entry(item, head.size, head.root)
                chain.take(entry)
                if entry.body is not None:
                    yield entry.index, entry.body
        chain.require_accounted()

    def number_of(self, statement: str) -> int | None:
        """Return the number in the case of the entry of a statement that was followed, None for an unknown one."""
        held = self._held()
        listed = (item for name in LISTS.values() for item in held["statements"][name])
        return next((int(seq) for seq, digest, _ in listed if digest == statement), None)

    def count_statements(self, name: str) -> int:
        """Return how many statements of a list of the case were followed."""
        return len(self._held()["statements"][name])

    def require_statements(self, came: Digests, up_to: int) -> None:
        """Raise ``LogRefused`` unless these are the statements the log has of the case up to an entry.

        Later ones may be among them: an answer that is asked for twice brings what was recorded in between.
        """
        held = self._held()
        if any(len(came[name]) > len(held["statements"][name]) for name in came):
            self.follow()
            held = self._held()
        fault = _difference(held, came, up_to)
        if fault is not None:
            raise LogRefused("withheld", f"case {self.case[:8]}: {fault}")

    def _held(self) -> dict[str, Any]:
        with self.store.read() as session:
            return _read(session, self.case)

    def _begin(self) -> dict[str, Any]:
        """Return what is held, to be followed further."""
        with self.store.read() as session:
            return {**_read(session, self.case), _FRESH: begin(session)}

    def _keep(self, held: dict[str, Any]) -> None:
        with self.store.write() as session:
            before, fresh = _read(session, self.case), held.pop(_FRESH)
            if before["seq"] < held["seq"]:
                settle(session, self.case, self.agency, fresh)
                _say_since(before, held)
                write_setting(session, _name(self.case), held)
                tell_unusual(session, self.agency, before["own"], held["own"])

    def _next_page(self, held: dict[str, Any]) -> bool:
        path, after = f"/v1/cases/{self.case}/log", int(held["seq"])
        answer = self.client.get(path, at_most=MAX_FEED_BYTES, after=after, limit=PAGE)
        receipts = answer.get("entries") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(receipts, list):
            raise LogRefused("feed", "the hub's entries of a case are not of the agreed form")
        if receipts:
            head = self.accept_head(str(answer.get("checkpoint")))
            chain = _chain(self.case, held)
            for item in receipts:
                taken = prove_case_entry(item, head.size, head.root)
                self._take(held, chain, taken)
                if taken.body is not None:
                    self._watch(held, taken.body, item, str(answer["checkpoint"]))
            held["missing"] = {str(seq): index for seq, index in chain.missing.items()}
        return bool(receipts)

    def _watch(self, held: dict[str, Any], entry: Mapping[str, Any], item: Any, note: str) -> None:
        try:
            watch(held[_FRESH], held, entry, item, note)
            held["newest_at"] = max(entry["at"], held.get("newest_at") or "")
        except (KeyError, TypeError, ValueError) as error:
            raise LogRefused("feed", "an entry of a case is not of the agreed form") from error

    def _take(self, held: dict[str, Any], chain: Chain, taken: CaseEntry) -> None:
        chain.take(taken)
        held["seq"], held["leaf"] = chain.seq, chain.leaf
        entry, index = taken.body, taken.index
        if entry is None:
            held["gone"].append(chain.seq)
            return
        try:
            if entry["type"] == EXPORTED:
                # Whoever runs the hub did it, in nobody's name perhaps: no agency has shown itself.
                return
            seen = held["agencies"].setdefault(entry["agency"], {"at": "", "fragments": []})
            seen["at"] = entry["at"]
            if entry["agency"] == self.agency:
                count_own(held["own"], entry)
            if entry["type"] == "fragment":
                seen["fragments"].append(held["seq"])
            if entry["type"] in FOLLOWED:
                held["statements"][FOLLOWED[entry["type"]]].append([held["seq"], entry["statement"], index])
            else:
                self._take_act(held, entry, index)
        except (KeyError, TypeError, ValueError) as error:
            raise LogRefused("feed", "an entry of a case is not of the agreed form") from error
        if len(held["channels"]) > MAX_CHANNELS:
            raise LogRefused("feed", f"a case has more than {MAX_CHANNELS:,} channels to this agency")
        if sum(map(len, held["statements"].values())) > MAX_STATEMENTS:
            raise LogRefused("feed", f"a case has more than {MAX_STATEMENTS:,} statements")

    def _take_act(self, held: dict[str, Any], entry: Mapping[str, Any], index: int) -> None:
        kind, channels = entry["type"], held["channels"]
        if kind == ERASED:
            held["erased"].append([index, entry])
        if kind == "channel" and entry["recipient_agency"] == self.agency:
            channels[entry["channel"]] = {
                "agency": entry["agency"],
                "recipient": entry["recipient"],
                "member": entry["recipient_member"],
                "statement": entry["statement"],
                "seq": held["seq"],
                "index": index,
                "numbers": [],
                "disclosed": [],
            }
        elif kind in ("disclosure", "void") and entry["channel"] in channels:
            channels[entry["channel"]]["numbers"].append([held["seq"], entry["statement"], index])
            if kind == "disclosure":
                channels[entry["channel"]]["disclosed"].append([held["seq"], entry["items"]])
                reasons = [OverrideReason(reason).value for reason in entry["overrides"]]
                if reasons:
                    said = [channels[entry["channel"]]["member"], entry["agency"], str(entry["statement"])]
                    held["overriding"].append([*said, reasons])
        elif kind == "viewed" and entry["agency"] == self.agency:
            held["pulls"][str(held["seq"])] = entry["statement"]
            held["pulls"] = dict(list(held["pulls"].items())[-MAX_PULLS:])


def require_settled(session: Session, case: str, known: Digests) -> None:
    """Raise ``LogRefused`` unless the statements we would decide on are all that the log has of the case.

    What was followed before says so; the hub is not asked. Everything that widens who knows what comes after this.
    """
    held = _read(session, case)
    fault = "its entries were not followed yet; run: nrm-adapter sync" if held["seq"] == 0 else None
    fault = fault or _difference(held, known, held["seq"])
    if fault is not None:
        raise LogRefused("withheld", f"case {case[:8]}: {fault}")


def erasures(session: Session, case: str) -> tuple[list[tuple[int, Mapping[str, Any]]], dict[int, str | None]]:
    """Return position and body of each ``erased`` entry that was followed, and what stood where fragments came.

    That is, by number in the case, who brought the fragment; None where the entry was erased before it was followed.
    """
    held = _read(session, case)
    brought: dict[int, str | None] = dict.fromkeys(held["gone"])
    brought |= {seq: agency for agency, seen in held["agencies"].items() for seq in seen["fragments"]}
    return [(index, entry) for index, entry in held["erased"]], brought


def overriding(session: Session, case: str) -> list[tuple[str | None, str, str, tuple[str, ...]]]:
    """Return what was disclosed to people here against an objection, as far as the case was followed, in its order.

    Each: the member, who disclosed it, the disclosure's digest, the reasons.
    """
    return [(who, by, digest, tuple(why)) for who, by, digest, why in _read(session, case)["overriding"]]


def _say_since(before: Mapping[str, Any], held: dict[str, Any]) -> None:
    """Note since when pulls are kept. An earlier version kept none: nobody is told that those of before are known."""
    since = before.get("newest_at") or held.get("newest_at")
    if "pulls_since" not in before and (before["seq"] == 0 or since):
        held["pulls_since"] = None if before["seq"] == 0 else since


def pulls_known(session: Session, case: str) -> tuple[str | None, int] | None:
    """Return since when every pull of a case is kept here (None: from its beginning), and how many of its entries were
    erased before they were followed; None where no pulls of the case were kept yet.
    """
    held = _read(session, case)
    return (held["pulls_since"], len(held["gone"])) if "pulls_since" in held else None


def _chain(case: str, held: Mapping[str, Any]) -> Chain:
    return Chain(case, held["seq"], held["leaf"], {int(seq): at for seq, at in held["missing"].items()})


def followed(session: Session, case: str) -> int:
    """Return the number of the last entry of a case that was followed, 0 for none."""
    return int(_read(session, case)["seq"])


def followed_to(session: Session, case: str) -> tuple[int, str | None]:
    """Return the number and the leaf hash (hex) of the last entry of a case that was followed; 0 and None for none."""
    held = _read(session, case)
    return int(held["seq"]), held["leaf"]


def _difference(held: Mapping[str, Any], came: Digests, up_to: int) -> str | None:
    for name in came:
        logged = [digest for _, digest, _ in held["statements"][name]]
        needed = sum(seq <= up_to for seq, _, _ in held["statements"][name])
        shown = list(came[name])
        if shown == logged[: len(shown)] and len(shown) >= needed:
            continue
        is_less = shown == logged[: len(shown)]
        why = "something is kept from us" if is_less else "one that is not in the log is none"
        return f"the log has {len(logged)} statements in its list of {name}, the hub shows {len(shown)}: {why}"
    return None


def _name(case: str) -> str:
    return f"feed:{case}"


def _read(session: Session, case: str) -> dict[str, Any]:
    held = read_setting(session, _name(case))
    # What an earlier version kept does not say who brought what: the case is followed anew from its beginning.
    if held is None or "agencies" not in held:
        held = {
            "seq": 0,
            "leaf": None,
            "channels": {},
            "pulls": {},
            "agencies": {},
            "statements": {name: [] for name in FOLLOWED.values()},
        }
    found: dict[str, Any] = held
    found.setdefault("own", {})
    # Erased entries that no entry has named yet, all that were met, and the entries that name them.
    for name, empty in (("missing", {}), ("gone", []), ("erased", []), ("overriding", [])):
        found.setdefault(name, empty)
    for name in FOLLOWED.values():
        # What was kept by an earlier version knows fewer lists.
        found["statements"].setdefault(name, [])
    return found
