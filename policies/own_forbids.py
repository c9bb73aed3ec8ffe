"""An agency's own forbids, for its own fragments: files in the same language, which can never permit anything.

They are the agency's alone: no other agency and not the hub knows of them. What they forbid is not shared, and counts
towards others as what the policy does not permit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from policies.bundles import MAX_FILE_BYTES, build_rules, policy_texts
from policies.engine import Bundle, OwnForbids, compile_policies
from policies.rules import BundleRefused
from policies.vocabulary import Effect

MAX_OWN_FILES = 16
OWN_PREFIX = "own-"
"""With it begins the id of every own forbid: none can be taken for a rule of the agreement."""


def read_own_files(folder: Path) -> dict[str, bytes]:
    """Read the ``*.cedar`` files of a folder by name; none where there is no folder. Raises ``BundleRefused``."""
    if not folder.is_dir():
        return {}
    paths = sorted(folder.glob("*.cedar"))
    if len(paths) > MAX_OWN_FILES:
        raise BundleRefused(f"own forbids: expected at most {MAX_OWN_FILES} files, got {len(paths)}")
    found = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                found[path.name] = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise BundleRefused(f"{path.name}: cannot be read") from error
        if len(found[path.name]) > MAX_FILE_BYTES:
            raise BundleRefused(f"{path.name}: expected at most {MAX_FILE_BYTES} bytes")
    return found


def with_own_forbids(bundle: Bundle, contents: Mapping[str, bytes]) -> Bundle:
    """Return an agreement narrowed by an agency's own forbids; without files, as it is. Pure.

    Raises ``BundleRefused`` for a permit, an id that does not begin with ``own-``, and as a bundle.
    """
    if not contents:
        return bundle
    rules, by_id = build_rules(policy_texts(contents))
    for rule in rules.values():
        if rule.effect is not Effect.REFUSE:
            raise BundleRefused(f"own forbids: {rule.id} is a permit; an agency of its own can only forbid")
        if not rule.id.startswith(OWN_PREFIX):
            raise BundleRefused(f"own forbids: {rule.id}: expected an id that begins with {OWN_PREFIX}")
    lines = [f"{hashlib.sha256(contents[name]).hexdigest()}  {name}\n" for name in sorted(contents)]
    own = OwnForbids(hashlib.sha256("".join(lines).encode()).hexdigest(), compile_policies(by_id, bundle.schema))
    return replace(bundle, rules=MappingProxyType({**bundle.rules, **rules}), own=own)
