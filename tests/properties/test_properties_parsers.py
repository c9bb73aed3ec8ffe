"""Whatever arrives, only our refusals leave: the functions of ``keys`` and ``policies`` that read what others sent.

Each is given anything at all, and inputs that are nearly right: real ones cut, doubled or changed at one place, and
statements with a genuine signature over such a payload. A function that is not in the table fails the first test.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties_material import FEW, PROFILE, outcome
from properties_readers import BUNDLE, PARSERS, VERIFIED_BEFORE

import keys
import policies
from keys.notes import SignatureType, VerifierKey
from policies.bundles import parse_bundle

READS = re.compile(
    r"peek|unwrap|statement_digest|thumbprint|is_fingerprint|root_from_inclusion|check_text"
    r"|(parse|verify|decrypt|open|decode|read|load|from)(_\w+)?"
)


def readers() -> set[str]:
    """Find every public function and class method whose name says that it reads or verifies something."""
    found = set()
    for package in (keys, policies):
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if info.ispkg:
                continue
            module = importlib.import_module(info.name)
            holders = [(module, "")] + [
                (item, f"{name}.")
                for name, item in vars(module).items()
                if inspect.isclass(item) and item.__module__ == info.name
            ]
            for holder, prefix in holders:
                for name, item in vars(holder).items():
                    function = item.__func__ if isinstance(item, classmethod | staticmethod) else item
                    is_ours = inspect.isfunction(function) and function.__module__ == info.name
                    if is_ours and (READS.fullmatch(name) or takes_anything(name, function)):
                        found.add(f"{info.name}.{prefix}{name}")
    return found


def takes_anything(name: str, function: Any) -> bool:
    """Whether a check is of a value as it came; other checks are of values that were read before."""
    return name.startswith("require_") and "object" in function.__annotations__.values()


OF_VERIFIED_STATE = re.compile(r"keys\.(directory\.Directory|jose\.(PublicKey|UnverifiedJws)|notes\.VerifierKey)\.\w+")
"""Methods of values that were read before; what others sent reaches them through the functions of the table."""


def test_every_public_reader_is_in_the_table() -> None:
    """Whoever adds a function that reads what others sent adds it to ``PARSERS``, or says why not."""
    found = {name for name in readers() if name in PARSERS or not OF_VERIFIED_STATE.fullmatch(name)}
    assert found - set(PARSERS) - set(VERIFIED_BEFORE) == set()
    assert set(PARSERS) & set(VERIFIED_BEFORE) == set()
    gone = {name for name in {*PARSERS, *VERIFIED_BEFORE} - readers() if not is_there(name)}
    assert gone == set()
    assert len(PARSERS) > 50


def is_there(name: str) -> bool:
    """Whether a dotted name of the table still leads to a function."""
    package, module, *rest = name.split(".")
    holder: Any = importlib.import_module(f"{package}.{module}")
    for part in rest:
        holder = getattr(holder, part, None)
    return callable(holder)


SLOW = {"policies.bundles.parse_bundle", "policies.engine.parse_policies", "policies.engine.parse_schema"}
RUNS = [(name, number) for name, listed in PARSERS.items() for number in range(len(listed))]


@pytest.mark.parametrize(("name", "number"), RUNS, ids=[f"{name}-{number}" for name, number in RUNS])
def test_only_our_refusals_escape(name: str, number: int) -> None:
    """Accepted, or refused by us in one line of words that no library wrote; never another exception."""
    call, inputs = PARSERS[name][number]

    @(FEW if name in SLOW else PROFILE)
    @given(inputs)
    def run(arguments: tuple[Any, ...]) -> None:
        said = outcome(call, *arguments)
        assert "\n" not in said
        assert "Traceback" not in said

    run()


@pytest.mark.parametrize("value", [b"9" * 5000, b"-" + b"9" * 5000, b"[" * 5000, b"1e999999", b"9999-12-31T23:59:60Z"])
def test_a_number_too_long_for_the_language_is_refused_in_a_bundle(value: bytes) -> None:
    """The interpreter refuses 4,301 digits with an error of its own, whatever reads them."""
    for name in BUNDLE:
        if name.endswith(".toml"):
            said = outcome(parse_bundle, {**BUNDLE, name: BUNDLE[name] + b"\nx = " + value})
            assert said.startswith("BundleRefused"), name


@pytest.mark.parametrize("kind", [0x01, 0x04, 0x06])
def test_a_verifier_key_of_any_bytes_is_refused_or_verifies_nothing(kind: int) -> None:
    """Right size, any content: a signature of noughts never counts, whatever the key."""

    @PROFILE
    @given(st.binary(min_size=32, max_size=32) | st.integers(0, 40).map(lambda number: number.to_bytes(32, "little")))
    def run(raw: bytes) -> None:
        public = raw if kind != 0x06 else (raw * 41)[:1312]

        def use() -> None:
            vkey = VerifierKey("name", SignatureType(kind), public)
            vkey.verify(bytes(64 if kind != 0x06 else 2420), b"message")

        assert outcome(use).startswith("NoteInvalid")

    run()
