"""What the hub's database says to whoever holds it: every value in it, taken apart to its last member, and its kind.

A value is of a kind that docs/threat-model.md lists as yielded, or it is returned as one that nobody expected.
"""

from __future__ import annotations

import base64
import importlib
import inspect
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any

from hub.ledger.entries import EntryType
from keys.statements import StatementType
from keys.uses import KeyUse
from policies.bundles import load_bundle

SEALED = frozenset({"ciphertext", "encrypted_key", "archive_key", "iv", "tag", "ek"})
"""Members that hold what was sealed, and what a sealing needs; none is a text in the clear."""
PUBLIC_KEYS = frozenset({"x", "y", "pub", "ed25519", "mldsa44"})
AGREEMENT = "bundle.files:"
"""The texts of the agreement are public: the agencies wrote them about nobody."""
SHAPES = {
    "id": r"[0-9a-f]{32}",
    "digest": r"[0-9a-f]{64}|[0-9a-f]{8}",
    "key id": r"[A-Za-z0-9_-]{43}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z",
    "head": r"hub\.example/test\n\d+\n[A-Za-z0-9+/]{43}=\n\n(— hub\.example/test [A-Za-z0-9+/=]+\n)+",
    "cosignature": r"— hub\.example/test/witness/[a-z-]+ [A-Za-z0-9+/=]+\n?",
    "name in the log": r"hub\.example/test(/witness/[a-z-]+)?",
    "version of the tables": r"\d{4}",
}
MEDIA = frozenset(
    {
        "nrmhub-fragment+jwe",
        "nrmhub-fragment+jws",
        "nrmhub-channel+jwe",
        "jwk+json",
        "nrmhub-enrolment+jws",
        "nrmhub-officers+jws",
    }
)
ALGORITHMS = frozenset({"Ed25519", "ES256", "ES384", "HPKE-9-KE", "ML-DSA-44", "A256GCM", "A256KW", "OKP", "AKP", "EC"})
ACTS = frozenset({"push", "pull", "request", "token", "look", "retrieval", "permit", "refuse"})
REASONS = frozenset({"not_found", "refused", "policy", "facts_differ", "signature", "superseded", "none", "child"})


def codes() -> frozenset[str]:
    """Every code of the closed lists, every rule's id, and the agencies' ids and public names of the scene."""
    found: set[str] = {*MEDIA, *ALGORITHMS, *ACTS, *REASONS}
    for name in ("policies.vocabulary", "policies.consent", "policies.model"):
        for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if issubclass(kind, StrEnum):
                found |= {item.value for item in kind}
    found |= {item.value for kind in (EntryType, StatementType, KeyUse) for item in kind}
    found |= set(load_bundle().rules)
    agencies = {f"fern-{kind}" for kind in ("care", "police", "health", "charity")}
    return frozenset(
        found | agencies | {f"Fernshire {kind}" for kind in ("social care", "police", "health", "charity")}
    )


def leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Take a value apart: JSON in text, statements and headers, down to members. Gives path and value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(f"{path}.{name}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(f"{path}[]", inner)
    elif isinstance(value, str) and value[:1] in ("{", "["):
        yield from leaves(f"{path}:", json.loads(value))
    elif isinstance(value, str) and value.startswith("eyJ"):
        # A compact JWS; its signature says nothing. A header alone has no dot.
        for part in value.split(".")[:2]:
            yield from leaves(f"{path}#", json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))
    else:
        yield path, value


def every_value(database: Path) -> Iterator[tuple[str, Any]]:
    """Every value of every row of every table, taken apart."""
    with closing(sqlite3.connect(database)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            columns = [item[0] for item in cursor.description]
            for row in cursor:
                for column, value in zip(columns, row, strict=True):
                    yield from leaves(f"{table}.{column}", value)


def unexpected(path: str, value: Any, known: frozenset[str]) -> str | None:
    """Return what is not of a listed kind as ``path: value``; None for what is."""
    if value is None or isinstance(value, bool | int | bytes):
        # Bytes are hashes, salts and ciphertext; the search for canaries reads them.
        return None
    if path.startswith(AGREEMENT) or path.rpartition(".")[2] in SEALED | PUBLIC_KEYS or value in known:
        return None
    if any(re.fullmatch(shape, value) for shape in SHAPES.values()):
        return None
    return f"{path}: {value}"
