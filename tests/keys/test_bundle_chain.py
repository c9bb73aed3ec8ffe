"""Another agreement in the log: what every reader believes, whatever the hub wrote (attack 34)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from keys.bundle_changes import BundleChain, BundleChangeRefused
from keys.certificates import NotCertified
from keys.jose import SignatureRefused
from keys.public_log import PublicLog
from policies.bundles import Bundle
from policies.model import Malformed
from policies.vocabulary import Role
from tests.bundle_acts import Officer, approval, certify_officer, trial_bundle
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, bundle, now


@dataclass
class Reader:
    """The log's public entries so far, and officers who can approve."""

    entries: list[tuple[int, dict[str, Any]]]
    officers: dict[str, Officer]

    def read(self) -> PublicLog:
        """Follow the log from its beginning."""
        log = PublicLog("hub.example/test")
        for index, entry in self.entries:
            log.take(entry, index)
        return log

    def entry(self, approvals: list[Any], wanted: Bundle | None = None, **changed: Any) -> dict[str, Any]:
        """A ``bundle`` entry as a hub would write it."""
        found = wanted or trial_bundle()
        said = {"type": "bundle", "at": self.entries[-1][1]["at"], "bundle": found.digest, "version": found.version}
        return {**said, "replaces": bundle().digest, "approvals": approvals, **changed}

    def approvals(self, *agencies: str, **changed: Any) -> list[str]:
        """What officers of these agencies signed."""
        return [approval(self.officers[agency], trial_bundle(), **changed) for agency in agencies]

    @property
    def next(self) -> int:
        """The position of the next entry."""
        return self.entries[-1][0] + 1


@pytest.fixture(scope="module")
def reader(make_scene: Callable[[], Scene]) -> Iterator[Reader]:
    """The log of one federation, read once."""
    scene = make_scene().embed()
    officers = {agency: certify_officer(scene, agency) for agency in (CARE, CHARITY, HEALTH, POLICE)}
    officers["practitioner"] = certify_officer(scene, HEALTH, Role.PRACTITIONER)
    kinds = "('genesis','officers','agency','certificate','revocation','witnesses')"
    rows = scene.sql(f"SELECT position, body FROM log_entry WHERE type IN {kinds} ORDER BY position")
    yield Reader([(index, json.loads(body)) for index, body in rows], officers)
    scene.close()


def test_a_quorum_of_officers_changes_the_agreement(reader: Reader) -> None:
    """From its position on the new bundle is active; the one before is remembered."""
    log = reader.read()
    assert [item.digest for item in log.bundles.bundles] == [bundle().digest]
    log.take(reader.entry(reader.approvals(CARE, HEALTH, POLICE)), reader.next)
    assert log.bundles.active is not None
    assert (log.bundles.active.digest, log.bundles.active.version) == (trial_bundle().digest, 2)
    assert log.bundles.active.log_index == reader.next
    assert len(log.bundles.bundles) == 2


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda it: it.entry(it.approvals(CARE, HEALTH)), BundleChangeRefused, "approved by 2 agencies"),
        (lambda it: it.entry(it.approvals(CARE, CARE, HEALTH)), BundleChangeRefused, "approved it twice"),
        (lambda it: it.entry(it.approvals(CARE, "practitioner", POLICE)), NotCertified, "ig_officer"),
        (lambda it: it.entry(it.approvals(CARE, HEALTH, POLICE, version=3)), BundleChangeRefused, "another bundle"),
        (lambda it: it.entry(it.approvals(CARE, HEALTH, POLICE, bundle="0" * 64)), BundleChangeRefused, "another"),
        (lambda it: it.entry(it.approvals(CARE, HEALTH, POLICE, replaces="0" * 64)), BundleChangeRefused, "another"),
        (lambda it: it.entry(it.approvals(CARE, HEALTH, POLICE), replaces="0" * 64), BundleChangeRefused, "replaces"),
        (lambda it: it.entry(it.approvals(CARE, HEALTH, POLICE), version=1), BundleChangeRefused, "does not follow"),
        (lambda it: it.entry(it.approvals(CARE, HEALTH, POLICE), version=True), Malformed, "version"),
        (lambda it: it.entry(it.approvals(CARE, HEALTH, POLICE), bundle="zz"), Malformed, "bundle"),
        (lambda it: it.entry([]), BundleChangeRefused, "approved by 0"),
        (lambda it: it.entry(["x"] * 32), Malformed, "approvals"),
        (lambda it: it.entry([it.approvals(CARE)[0][:-8] + "AAAAAAAA"]), SignatureRefused, ""),
    ],
)
def test_any_other_is_not_believed(
    reader: Reader, make: Callable[[Reader], dict[str, Any]], error: type[Exception], words: str
) -> None:
    """The bundle before goes on deciding."""
    log = reader.read()
    with pytest.raises(error, match=words):
        log.take(make(reader), reader.next)
    assert [item.digest for item in log.bundles.bundles] == [bundle().digest]


def test_an_older_one_never_comes_back(reader: Reader) -> None:
    """The same approvals again, and the bundle of before with approvals of its own."""
    log = reader.read()
    change = reader.entry(reader.approvals(CARE, HEALTH, POLICE))
    log.take(change, reader.next)
    with pytest.raises(BundleChangeRefused, match="replaces"):
        log.take(change, reader.next + 1)
    back = [approval(reader.officers[name], bundle(), after=trial_bundle()) for name in (CARE, HEALTH, POLICE)]
    with pytest.raises(BundleChangeRefused, match="does not follow version 2"):
        log.take(reader.entry(back, bundle(), replaces=trial_bundle().digest), reader.next + 1)
    assert log.bundles.active is not None
    assert log.bundles.active.version == 2


def test_a_log_begins_once_and_nothing_is_approved_before_it(reader: Reader) -> None:
    """A second genesis says nothing, and without witnesses nobody could approve."""
    log = reader.read()
    with pytest.raises(BundleChangeRefused, match="begins once"):
        log.take({**reader.entries[0][1], "bundle": "0" * 64, "version": 9}, reader.next)
    with pytest.raises(BundleChangeRefused, match="nobody could approve"):
        BundleChain().take(reader.entry([]), 1, None, log.directory, now())
