"""Get an agency's own things back after its adapter's database was lost: look, fetch, put back, and say it plainly.

docs/recovery.md. Only what the log has of this agency in the cases it takes part in; what never left it is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.cases import CaseBook, VerifiedCase
from adapters.feed import followed_to
from adapters.refusal import LogRefused
from adapters.release.own_entries import OwnEntry, read_own
from adapters.release.restoring import Restored, Restoring, SealedAgain, seal_again
from adapters.release.retrieving import Fetched, Fetching, OwnFragment
from adapters.release.standing import settled_case
from adapters.store.database import Store
from adapters.store.rows import known_lines, raise_alarm, read_setting
from adapters.witness_keys import RETIRED
from keys.custody.interface import Custody
from keys.private import PrivateKey
from keys.uses import KeyUse
from policies.model import render_time

NOT_COMING_BACK = (
    "Not at the hub, so not coming back: drafts that were not released and what was held back; your own names for "
    "cases; who acknowledged which alarm; whether a release was to everybody or to named people (nobody new is given "
    "anything of it before you say so: nrm-adapter offers CASE). What was pulled from others comes with the next pull. "
    "Read the agency's records again for drafts: what was released before is known by then and not released twice."
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What the log has of this agency in a case, and which of it is not here."""

    case: VerifiedCase
    listed: tuple[OwnEntry, ...]
    missing: Counter[str]
    strange: frozenset[str]
    """Key ids of archives of ours that channels lead to, and that are not here."""

    @property
    def fragments(self) -> int:
        """How many fragments of ours the log has."""
        return sum(item.kind == "fragment" for item in self.listed)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did in one case. ``fetched`` None: nothing was missing. ``restored`` None: nothing opened, so nothing
    was put here."""

    looked: Looked
    fetched: Fetched | None = None
    restored: Restored | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything of ours in the case is here now."""
        return self.fetched is None or not (self.fetched.no_key or self.fetched.closed)


@dataclass(frozen=True, slots=True)
class Retriever:
    """Gets back what one agency brought to its cases."""

    store: Store
    book: CaseBook
    keys: Custody

    @property
    def archive(self) -> dict[str, PrivateKey]:
        """The archive keys that are here, the present one and earlier ones, by key id."""
        use = KeyUse.ARCHIVE.value
        held = [self.keys.private(name) for name in self.keys.keys if name == use or name.startswith(f"{use}{RETIRED}")]
        return {key.public.kid: key for key in held}

    def look(self, case: str, said: Callable[[str], None] = lambda _: None) -> Looked:
        """Return what is missing here, from the case's entries alone; nothing is fetched.

        Raises ``LogRefused`` where an entry is kept from us, ``CaseRefused`` where the case cannot be believed or has
        ended for this agency.
        """
        verified = settled_case(self.book, case)
        with self.store.write() as session:
            (up_to, leaf), witnessed = followed_to(session, case), read_setting(session, "witnessed")
        if witnessed is None:
            raise LogRefused("quorum", "no witnessed head is here yet; run: nrm-adapter sync")
        feed, name = self.book.follower.feed(case), case[:8]
        with self._alarmed():
            listed = read_own(
                feed, up_to, leaf, witnessed["size"], lambda at: said(f"case {name}: read entry {at:,} of {up_to:,}")
            )
        with self.store.write() as session:
            here = known_lines(session, case)
        missing = Counter(item.kind for item in listed if item.subject not in here)
        leads_to = {
            str(item.body["recipient"])
            for item in listed
            if item.kind == "channel" and _leads_to_archive(item, self.book.agency)
        }
        return Looked(verified, tuple(listed), missing, frozenset(leads_to - set(self.archive)))

    def fetch(self, case: str, said: Callable[[str], None] = lambda _: None) -> Outcome:
        """Fetch what is missing of a case, verify all of it, put it back in one transaction.

        Raises as ``look`` and ``Fetching.fetch``, or ``CaseRefused`` where something waits to be pushed before. Then
        nothing of the case was put here.
        """
        looked = self.look(case, said)
        if not looked.missing:
            return Outcome(looked)
        opened: list[SealedAgain] = []
        with self.store.write() as session:
            here = known_lines(session, case)

        def keep(fragment: OwnFragment) -> None:
            # Sealed at once: what is kept until all is verified is no plaintext.
            if fragment.sealed.header.fragment not in here:
                opened.append(seal_again(self.store, fragment))

        positions = {str(item.body["statement"]): item.index for item in looked.listed if "statement" in item.body}
        directory = self.book.follower.directory().knowing(positions)
        fetching = Fetching(self.book, case, directory, self.archive, keep)
        total = len(looked.listed)
        with self._alarmed():
            fetched = fetching.fetch(
                looked.listed, lambda came: said(f"case {case[:8]}: fetched {came:,} of {total:,}")
            )
        if not fetched.opened and (fetched.no_key or fetched.closed):
            return Outcome(looked, fetched)
        at = self.book.follower.clock()
        with self.store.write() as session:
            put = Restoring(self.store, session, looked.case, self.book.agency, directory, at)
            return Outcome(looked, fetched, put.put_back(fetched, opened))

    @contextmanager
    def _alarmed(self) -> Iterator[None]:
        """Keep an alarm for what the hub kept back or showed otherwise."""
        try:
            yield
        except LogRefused as error:
            with self.store.write() as session:
                raise_alarm(session, error.code, str(error), render_time(self.book.follower.clock()))
            raise


def _leads_to_archive(entry: OwnEntry, agency: str) -> bool:
    # To an intake of its own an agency sends nothing.
    return (entry.body["recipient_agency"], entry.body["recipient_member"]) == (agency, None)


# --- in words ---


def describe_look(looked: Looked) -> list[str]:
    """Say what a run would fetch. Ids and counts only."""
    name, missing = looked.case.case[:8], looked.missing
    if not missing:
        return [f"case {name}: everything that the log has of ours is here ({_count(looked.fragments, 'fragment')})."]
    lines = [
        f"case {name}: the log has {_count(looked.fragments, 'fragment')} of ours; {missing['fragment']:,} not "
        f"here would be fetched, with {_count(missing['channel'], 'channel')} and "
        f"{_count(missing['disclosure'] + missing['void'], 'statement')} on what was given to whom."
    ]
    lines += [_no_archive_key(kid) for kid in sorted(looked.strange)]
    return lines


def describe(outcome: Outcome) -> list[str]:
    """Say what a run did in a case, and what it could not. Ids and counts only."""
    looked, fetched, restored = outcome.looked, outcome.fetched, outcome.restored
    if fetched is None:
        return describe_look(looked)
    name = looked.case.case[:8]
    lines = []
    if restored is None:
        lines.append(_nothing_opened(name, looked.fragments, fetched))
    else:
        lines.append(
            f"case {name}: {_count(restored.fragments, 'fragment')} put back, "
            f"{_count(restored.channels, 'channel')}, {_count(restored.numbers, 'statement')} on who was given what."
        )
        lines += _say_restored(looked.case.case, restored, len(fetched.worthless))
    lines += [_no_archive_key(kid) for kid in sorted(set(fetched.no_key.values()))]
    for fragments, why in (
        (sorted(fetched.no_key), "sealed to an archive key that is not here"),
        (fetched.closed, "does not open with the archive key it names, which is here"),
    ):
        if fragments:
            lines.append(f"  not put back, {why}: {', '.join(item[:8] for item in fragments)}")
    return lines


def _nothing_opened(name: str, fragments: int, fetched: Fetched) -> str:
    said = f"case {name}: none of the {_count(fragments, 'fragment')} of ours "
    if fetched.no_key:
        said += "opens with a key that is here; nothing was put back. "
        said += "What was sealed to a lost archive key nobody can open."
    else:
        said += "opens, though the archive key is here; nothing was put back."
    return said


def _say_restored(case: str, restored: Restored, worthless: int) -> list[str]:
    lines = []
    if restored.disowned:
        lines.append(
            f"  {_count(restored.disowned, 'fragment')} of ours that nobody believes, because the signing key was "
            f"dated back: drafts again, to be looked at and released by name. nrm-adapter drafts {case} lists them."
        )
    if worthless:
        lines.append(
            f"  {_count(worthless, 'fragment')} that nobody believes and that cannot be opened: nothing to get back."
        )
    if restored.looks_open:
        lines.append(
            f"  Looks like released to everybody the policy permits: {_count(restored.looks_open, 'release')}. "
            f"Nobody new is given anything of it before you say so: nrm-adapter offers {case} lists them."
        )
    if restored.unclear:
        lines.append(
            f"  Does not look so: {_count(restored.unclear, 'release')}. Nobody new is given it without you; "
            f"nrm-adapter regrant {case} --dry-run lists them where somebody is."
        )
    return lines


def _no_archive_key(kid: str) -> str:
    return f"  archive key {kid} is not here: nothing that was sealed to it can be opened"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
