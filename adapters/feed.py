"""A case's entries as one chain: that the hub has kept none of them from us (attacks 5, 6, 16).

Every entry of a case carries its number and the leaf hash of the entry before it. Our own ``viewed`` entry is one of
them, so whoever shows it must show everything before it. docs/protocol.md section 10.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.following import Follower, LogRefused
from adapters.receipts import leaf_of, prove_entry
from adapters.store import read_setting, write_setting

PAGE = 500
MAX_CHANNELS = 10_000
MAX_PULLS = 100
"""How many of this agency's newest pulls are remembered: the one that is being proven is among them."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """A channel to this agency as the log has it: who made it, for whom, and the digests of its numbers in order."""

    originator: str
    member: str | None
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseFeed:
    """One case's chain as far as it was followed. Kept in the adapter's store; each entry is fetched once."""

    follower: Follower
    case: str

    def follow_to(self, case_seq: int, statement: str) -> Mapping[str, Addressed]:
        """Follow the chain up to the entry of a pull and return every channel to this agency up to there.

        ``case_seq`` and ``statement`` are those of the ``viewed`` entry that was proven. Raises ``LogRefused`` where an
        entry before it is missing, changed, or another entry stands in its place.
        """
        name = f"feed:{self.case}"
        with self.follower.store.write() as session:
            held = read_setting(session, name) or {"seq": 0, "leaf": None, "channels": {}, "pulls": {}}
        while held["seq"] < case_seq:
            page = self._fetch(held["seq"])
            for entry, leaf in page:
                self._take(held, entry, leaf)
            if not page:
                raise LogRefused("feed", f"the hub shows entry {case_seq} of a case and not the ones before it")
        if held["pulls"].get(str(case_seq)) != statement:
            raise LogRefused("feed", "the hub shows another entry of a case at the number of our own")
        with self.follower.store.write() as session:
            newer = read_setting(session, name)
            if newer is None or newer["seq"] < held["seq"]:
                write_setting(session, name, held)
        # A later entry may have been taken in already: what came after the pull is not what it had to give.
        return {
            channel: Addressed(
                said["agency"], said["member"], tuple(digest for seq, digest in said["numbers"] if seq <= case_seq)
            )
            for channel, said in held["channels"].items()
            if said["seq"] <= case_seq
        }

    def _fetch(self, after: int) -> list[tuple[dict[str, Any], str]]:
        answer = self.follower.client.get(f"/v1/cases/{self.case}/log", after=after, limit=PAGE)
        receipts = answer.get("entries") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(receipts, list):
            raise LogRefused("feed", "the hub's entries of a case are not of the agreed form")
        head = self.follower.accept_head(str(answer.get("checkpoint")))
        return [(prove_entry(item, head.size, head.root), leaf_of(item).hex()) for item in receipts]

    def _take(self, held: dict[str, Any], entry: Mapping[str, Any], leaf: str) -> None:
        try:
            if (entry["case"], entry["case_seq"], entry["previous"]) != (self.case, held["seq"] + 1, held["leaf"]):
                raise LogRefused("feed", f"entry {held['seq'] + 1} of a case is missing: something is kept from us")
            held["seq"], held["leaf"] = entry["case_seq"], leaf
            ours = entry.get("recipient_agency") == self.follower.home.agency
            if entry["type"] == "channel" and ours:
                said = {
                    "agency": entry["agency"],
                    "member": entry["recipient_member"],
                    "seq": held["seq"],
                    "numbers": [],
                }
                held["channels"][entry["channel"]] = said
            elif entry["type"] in ("disclosure", "void") and entry["channel"] in held["channels"]:
                held["channels"][entry["channel"]]["numbers"].append([held["seq"], entry["statement"]])
            elif entry["type"] == "viewed" and entry["agency"] == self.follower.home.agency:
                held["pulls"][str(held["seq"])] = entry["statement"]
                held["pulls"] = dict(list(held["pulls"].items())[-MAX_PULLS:])
        except (KeyError, TypeError) as error:
            raise LogRefused("feed", "an entry of a case is not of the agreed form") from error
        if len(held["channels"]) > MAX_CHANNELS:
            raise LogRefused("feed", f"a case has more than {MAX_CHANNELS} channels to this agency")
