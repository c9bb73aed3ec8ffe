"""Approve another agreement: say what it changes in sentences, sign it as an officer, bring it to the hub.

Nothing is taken from the hub's word: files are held by their digest, the change is counted from the agreement that the
witnessed log names, and who has approved is verified from the officers' own signatures. docs/policies.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.key_endings import newest_directory
from adapters.refusal import LogRefused
from adapters.runtime import Adapter
from adapters.working_keys import working_key
from keys.bundle_changes import BundleChange
from keys.console_access import require_officer
from keys.refusal import KeysRefusal
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.bundle_files import as_texts
from policies.bundles import Bundle, BundleRefused, parse_bundle
from policies.diff import compare
from policies.explain import say_unconfirmed
from policies.model import Malformed, require_digest
from policies.sentences import render_difference
from policies.testing import run_table

MAX_NAMED_FAILURES = 10
ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class BundlePlan:
    """A change that an officer may approve. ``summary`` is what it does, a sentence a line."""

    change: BundleChange
    contents: Mapping[str, bytes]
    summary: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An agreement that waits at the hub: whose officers approve it, by verified signatures, and how many it takes."""

    bundle: str
    version: int
    agencies: tuple[str, ...]
    needed: int


def check_bundle(contents: Mapping[str, bytes]) -> Bundle:
    """Return an agreement that passes its own rows. Raises ``BundleRefused``, naming the rows that fail."""
    bundle = parse_bundle(contents)
    report = run_table(bundle)
    if not report.is_passed:
        named = "\n".join(f"- {item}" for item in report.failures[:MAX_NAMED_FAILURES])
        raise BundleRefused(f"{len(report.failures)} of the {report.rows} rows of its own tests fail:\n{named}")
    return bundle


def plan_change(adapter: Adapter, contents: Mapping[str, bytes]) -> BundlePlan:
    """Return the change to an agreement, with what it changes in sentences.

    Raises ``BundleRefused`` for one that fails its own rows, ``BundleChangeRefused`` for a version that is not higher,
    ``AnalysisRefused`` where the two cannot be compared: what nobody can be told, nobody approves.
    """
    new = check_bundle(contents)
    active = adapter.follower.active_bundle()
    old = adapter.agreements.active()
    if active is None:
        raise LogRefused("agreement", "the log that was followed names no agreement; run: nrm-adapter sync")
    change = BundleChange.after(active, new.digest, new.version)
    needed = adapter.follower.witnesses.quorum
    return BundlePlan(
        change,
        contents,
        (
            f"Version {new.version} of “{new.agreement}” in the place of version {old.version}.",
            f"All {len(new.rows)} rows of its own tests pass.",
            *render_difference(compare(old, new)),
            *filter(None, (say_unconfirmed(new),)),
            f"It is active once officers of {needed} of the {len(adapter.follower.witnesses.witnesses)} agencies that "
            "witness the log have approved it. Then every act is decided by it, what was shared before included.",
        ),
    )


def approve(adapter: Adapter, plan: BundlePlan, member: str) -> tuple[str, ...]:
    """Sign a change as an officer of this agency and send it; return what is still missing, in words.

    Raises ``NotCertified`` for somebody who is no information governance officer, ``HubRefused``, ``HubUnreachable``.
    """
    agency = adapter.home.agency
    require_officer(newest_directory(adapter.follower).directory, agency, member, adapter.clock())
    keys = adapter.member_keys(member)
    try:
        token = make_statement(
            StatementType.BUNDLE_APPROVAL,
            plan.change.members(member),
            issuer=agency,
            signer=working_key(keys.keys, KeyUse.MEMBER_SIGNING),
            issued_at=adapter.clock(),
            statement_id=os.urandom(ID_BYTES).hex(),
            checkpoint=adapter.follower.newest_reference(),
        )
    finally:
        keys.close()
    answer = adapter.client.post("/v1/bundle-changes", {"statement": token, "files": as_texts(plan.contents)})
    missing, index = _read(answer)
    if index is None:
        return (f"approved; officers of {missing} more of the agencies must approve it",)
    return (f"approved by enough agencies: it decides from log position {index} on, here after nrm-adapter sync",)


def _read(answer: object) -> tuple[int, int | None]:
    if isinstance(answer, dict):
        missing, index = answer.get("missing"), answer.get("index")
        if type(missing) is int and (index is None or type(index) is int):
            return missing, index
    raise LogRefused(
        "agreement", "the hub's answer to an approval is not of the agreed form; look: nrm-adapter policy waiting"
    )


def list_waiting(adapter: Adapter) -> tuple[Waiting, ...]:
    """Return the agreements that wait for approvals in the place of the active one. Raises ``HubRefused``."""
    active = adapter.follower.active_bundle()
    answer = adapter.client.get("/v1/bundle-changes")
    listed = answer.get("waiting") if isinstance(answer, dict) else None
    if active is None or not isinstance(listed, list):
        raise LogRefused("agreement", "the hub does not say which agreements wait, or the log was not followed yet")
    found = []
    for item in listed:
        try:
            change = BundleChange.after(active, item["bundle"], item["version"])
            tokens = list(item["approvals"])
        except (KeysRefusal, Malformed, KeyError, TypeError):
            continue  # what is no change of the active agreement waits for nobody here
        found.append(Waiting(change.bundle, change.version, _voices(adapter, change, tokens), _needed(adapter)))
    return tuple(found)


def _needed(adapter: Adapter) -> int:
    return adapter.follower.witnesses.quorum


def _voices(adapter: Adapter, change: BundleChange, tokens: list[Any]) -> tuple[str, ...]:
    """Return whose approvals verify: the hub could name others."""
    directory, witnesses = newest_directory(adapter.follower).directory, adapter.follower.witnesses
    voices = set()
    for token in tokens:
        try:
            voices.add(change.verify_approval(token, witnesses, directory, adapter.clock()).issuer)
        except (KeysRefusal, Malformed):
            continue
    return tuple(sorted(voices))


def waiting_files(adapter: Adapter, digest: str) -> dict[str, bytes]:
    """Return the files of an agreement that waits, or was active, by its digest. Raises ``Malformed``, ``LogRefused``,
    ``BundleRefused``, ``HubRefused``."""
    return adapter.agreements.files_of(require_digest(digest, "agreement"))
