"""Ways to change the default bundle in memory, so that a test can show what refuses the change."""

from __future__ import annotations

import re
from importlib.resources import files

from policies.bundles import read_files

ANNOTATIONS = '@sentence("A sentence.") @clause("A clause") @owner("An owner") @review_date("2027-03-31")'


def default_files() -> dict[str, bytes]:
    """The files of the packaged bundle, by name."""
    return read_files(files("policies") / "bundle")


def without_tests(contents: dict[str, bytes]) -> dict[str, bytes]:
    """The bundle with no table tests: a changed policy is then refused for nothing but itself."""
    text = contents["bundle.toml"].decode()
    kept = {name: data for name, data in contents.items() if not name.startswith("tests/")}
    kept["bundle.toml"] = re.sub(r"tests = \[.*?\]", "tests = []", text, flags=re.DOTALL).encode()
    return kept


def replaced(contents: dict[str, bytes], name: str, old: str, new: str) -> dict[str, bytes]:
    """The bundle with one text of one file replaced, which must be there."""
    text = contents[name].decode()
    assert old in text, f"{name} no longer holds {old!r}"
    return {**contents, name: text.replace(old, new, 1).encode()}


def with_policy(contents: dict[str, bytes], policy: str, file: str = "permit-agency.cedar") -> dict[str, bytes]:
    """The bundle with one more policy at the end of a file."""
    return {**contents, file: contents[file] + b"\n" + policy.encode()}


def with_policies_only(policies: str) -> dict[str, bytes]:
    """The bundle with these policies in place of all others, and no table tests."""
    contents = without_tests(default_files())
    kept = {name: data for name, data in contents.items() if not name.endswith(".cedar")}
    kept["bundle.toml"] = b'version = 1\nagreement = "Only these"\npolicies = ["only.cedar"]\ntests = []\n'
    kept["only.cedar"] = policies.encode()
    return kept


def split_policies(text: str) -> list[str]:
    """The policies of a file, each with its annotations. Each starts with its id at the beginning of a line."""
    return [part for part in re.split(r"(?m)^(?=@id\()", text) if part.startswith("@id(")]
