"""Load an agreement: read its files, refuse what is not wholly understood, name it by a digest over its bytes.

Files of a bundle: ``bundle.toml`` (version, title, and the names of the others), ``gateways.toml``, ``bases.toml``,
``schema.cedarschema``, the policies ``*.cedar``, the table tests ``tests/*.toml``.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from policies.engine import Bundle, compile_policies, parse_policies, parse_schema
from policies.language import Policy, check_policy, names_in_policy
from policies.legal_tables import BASES, GATEWAYS, parse_bases, parse_gateways
from policies.model import Malformed, require_members, term_list
from policies.rules import BundleRefused, Rule
from policies.schema import find_prohibited, names_in, render_schema
from policies.testing import parse_rows
from policies.vocabulary import Effect

__all__ = ["Bundle", "BundleRefused", "bundle_digest", "load_bundle", "parse_bundle", "read_files"]

MAX_FILES = 64
MAX_FILE_BYTES = 262_144
MAX_POLICIES = 200
MAX_SENTENCE_CHARACTERS = 300
MANIFEST, SCHEMA = "bundle.toml", "schema.cedarschema"

_ANNOTATIONS = frozenset({"id", "sentence", "clause", "owner", "review_date"})
_RULE_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_POLICY_FILE = re.compile(r"[a-z0-9][a-z0-9-]{0,59}\.cedar")
_TEST_FILE = re.compile(r"tests/[a-z0-9][a-z0-9-]{0,59}\.toml")
_SUFFIXES = (".cedar", ".cedarschema", ".toml")


def load_bundle(folder: Path | None = None) -> Bundle:
    """Read and check a bundle; without a folder, the agreement this package ships. Raises ``BundleRefused``."""
    return _packaged_bundle() if folder is None else parse_bundle(read_files(folder))


@cache
def _packaged_bundle() -> Bundle:
    # A bundle is an immutable value and the packaged files do not change under a running process.
    return parse_bundle(read_files(files("policies") / "bundle"))


def read_files(folder: Traversable) -> dict[str, bytes]:
    """Read the files a bundle's manifest lists, by name. Raises ``BundleRefused``: missing, too large or unlisted."""
    manifest = _read(folder, MANIFEST)
    names = _listed_names(_parse_toml(MANIFEST, manifest))
    found = {MANIFEST: manifest, **{name: _read(folder, name) for name in names if name != MANIFEST}}
    stray = sorted(_present_names(folder) - set(found))
    if stray:
        raise BundleRefused(f"{MANIFEST}: does not list {term_list(stray[:5])}")
    return found


def bundle_digest(contents: Mapping[str, bytes]) -> str:
    """Return the bundle's digest: SHA-256, in hex, of one line ``<SHA-256 of the file>  <name>\\n`` a file, by name."""
    lines = [f"{hashlib.sha256(contents[name]).hexdigest()}  {name}\n" for name in sorted(contents)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def parse_bundle(contents: Mapping[str, bytes]) -> Bundle:
    """Check the bytes of a bundle's files and build it. Pure. Raises ``BundleRefused``.

    (1) limits and names, (2) nothing in it speaks of a prohibited matter, (3) the schema is the one of this version,
    (4) every policy is complete and within the language, (5) Cedar validates the whole, (6) gateways, bases and
    tests name only known terms.
    """
    # (1)
    if len(contents) > MAX_FILES or any(len(data) > MAX_FILE_BYTES for data in contents.values()):
        raise BundleRefused(f"bundle: expected at most {MAX_FILES} files of at most {MAX_FILE_BYTES} bytes")
    if MANIFEST not in contents:
        raise BundleRefused(f"{MANIFEST}: missing")
    manifest = _parse_toml(MANIFEST, contents[MANIFEST])
    if set(contents) != _listed_names(manifest):
        raise BundleRefused(f"{MANIFEST}: lists other files than there are")
    # (2)
    schema_text = _decode(SCHEMA, contents[SCHEMA])
    _require_permissible(SCHEMA, names_in(schema_text))
    policies = policy_texts({name: contents[name] for name in manifest["policies"]})
    # (3)
    if schema_text != render_schema():
        raise BundleRefused(f"{SCHEMA}: expected the schema of this version of the vocabulary, found another")
    schema = parse_schema(schema_text)
    # (4)
    rules, by_id = build_rules(policies)
    # (5)
    compiled = compile_policies(by_id, schema)
    permits = {name: item for name, item in by_id.items() if rules[name].effect is Effect.PERMIT}
    # (6)
    gateways = parse_gateways(_parse_toml(GATEWAYS, contents[GATEWAYS]))
    bases = parse_bases(_parse_toml(BASES, contents[BASES]))
    rows = [
        row
        for name in manifest["tests"]
        for row in parse_rows(name, _parse_toml(name, contents[name]), frozenset(rules))
    ]
    return Bundle(
        digest=bundle_digest(contents),
        version=manifest["version"],
        agreement=manifest["agreement"],
        rules=MappingProxyType(rules),
        gateways=MappingProxyType(gateways),
        bases=MappingProxyType(bases),
        rows=tuple(rows),
        schema=schema,
        policies=compiled,
        permits=compile_policies(permits, schema),
        parsed=MappingProxyType(by_id),
    )


def policy_texts(contents: Mapping[str, bytes]) -> list[Policy]:
    """Read the policies of files, in the files' order. Raises ``BundleRefused``, for a prohibited matter too."""
    policies = [item for name, data in contents.items() for item in parse_policies(name, _decode(name, data))]
    for item in policies:
        _require_permissible(item.file, names_in_policy(item))
    return policies


def _require_permissible(file: str, names: Iterable[str]) -> None:
    prohibited = find_prohibited(names)
    if prohibited is not None:
        raise BundleRefused(f"{file}: {prohibited[:60]!r}: no decision may rest on this")


def _read(folder: Traversable, name: str) -> bytes:
    try:
        with folder.joinpath(name).open("rb") as stream:
            data: bytes = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BundleRefused(f"{name}: missing or not readable") from error
    if len(data) > MAX_FILE_BYTES:
        raise BundleRefused(f"{name}: expected at most {MAX_FILE_BYTES} bytes")
    return data


def _present_names(folder: Traversable) -> set[str]:
    tests = folder.joinpath("tests")
    inner = {f"tests/{item.name}" for item in tests.iterdir()} if tests.is_dir() else set()
    outer = {item.name for item in folder.iterdir() if item.is_file()}
    return {name for name in outer | inner if name.endswith(_SUFFIXES)}


def _decode(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleRefused(f"{name}: expected UTF-8 text") from error


def _parse_toml(name: str, data: bytes) -> dict[str, Any]:
    text = _decode(name, data)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # ValueError and not only TOMLDecodeError: a number of thousands of digits is refused by the language itself.
        raise BundleRefused(f"{name}: not a TOML document") from error


def _listed_names(manifest: Mapping[str, Any]) -> set[str]:
    try:
        require_members(manifest, ("version", "agreement", "policies", "tests"), MANIFEST)
    except Malformed as error:
        raise BundleRefused(str(error)) from error
    version, agreement = manifest["version"], manifest["agreement"]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BundleRefused(f"{MANIFEST}: version: expected a whole number from 1")
    if not isinstance(agreement, str) or not 1 <= len(agreement) <= MAX_SENTENCE_CHARACTERS:
        raise BundleRefused(f"{MANIFEST}: agreement: expected a title of 1 to {MAX_SENTENCE_CHARACTERS} characters")
    names = [MANIFEST, GATEWAYS, BASES, SCHEMA]
    for member, pattern in (("policies", _POLICY_FILE), ("tests", _TEST_FILE)):
        listed = manifest[member]
        if not isinstance(listed, list) or not all(isinstance(n, str) and pattern.fullmatch(n) for n in listed):
            raise BundleRefused(f"{MANIFEST}: {member}: expected a list of plain file names")
        names += listed
    if len(set(names)) != len(names) or len(names) > MAX_FILES:
        raise BundleRefused(f"{MANIFEST}: expected at most {MAX_FILES} files, each listed once")
    return set(names)


def build_rules(policies: list[Policy]) -> tuple[dict[str, Rule], dict[str, Policy]]:
    """Return rules and policies by id. Raises ``BundleRefused`` where one is incomplete, or not within the language."""
    if len(policies) > MAX_POLICIES:
        raise BundleRefused(f"bundle: expected at most {MAX_POLICIES} policies, got {len(policies)}")
    rules: dict[str, Rule] = {}
    by_id: dict[str, Policy] = {}
    for policy in policies:
        rule = _build_rule(policy)
        if rule.id in rules:
            raise BundleRefused(f"{policy.file}: policy {rule.id}: this id stands twice")
        check_policy(policy, rule.id)
        rules[rule.id], by_id[rule.id] = rule, policy
    return rules, by_id


def _build_rule(policy: Policy) -> Rule:
    notes = policy.annotations
    name = str(notes.get("id") or "without id")[:60]
    missing = sorted(item for item in _ANNOTATIONS if not (notes.get(item) or "").strip())
    unknown = sorted(set(notes) - _ANNOTATIONS - {"silent"})
    if missing or unknown:
        raise BundleRefused(
            f"{policy.file}: policy {name}: missing: {term_list(missing)}; unknown: {term_list(unknown[:5])}"
        )
    if not _RULE_ID.fullmatch(notes["id"]) or len(notes["id"]) > 60:
        raise BundleRefused(f"{policy.file}: policy {name}: expected an id of lower-case words joined by hyphens")
    if any(len(text) > MAX_SENTENCE_CHARACTERS or not text.isprintable() for text in notes.values()):
        raise BundleRefused(f"{policy.file}: policy {name}: an annotation is longer than one line allows")
    if notes.get("silent", "true") != "true":
        raise BundleRefused(f"{policy.file}: policy {name}: silent: expected true, or no such annotation")
    try:
        review = datetime.strptime(notes["review_date"], "%Y-%m-%d").date()  # noqa: DTZ007 - a calendar day
    except ValueError as error:
        raise BundleRefused(f"{policy.file}: policy {name}: review_date: expected the form 2027-03-31") from error
    return Rule(
        id=notes["id"],
        effect=Effect.PERMIT if policy.body["effect"] == "permit" else Effect.REFUSE,
        sentence=notes["sentence"],
        clause=notes["clause"],
        owner=notes["owner"],
        # A past review date does not stop the load: an overdue agreement must still refuse and permit as agreed.
        review_date=review,
        silent="silent" in notes,
    )
