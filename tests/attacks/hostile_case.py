"""The invented case of the tests with other words in every place where somebody may have written something."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from adapters.picture.view import Awaited, CaseView, OpenedFragment, RefusedFragment, Unverified
from adapters.release import authored
from adapters.release.movements import missing_episode, movement
from adapters.release.offence_answers import offence_answer
from adapters.release.strategy import DiscussionState
from policies.model import CaseState
from policies.vocabulary import Category
from tests.adapters.picture import invented_case

Write = Callable[[], str]
_NAMES = re.compile(r"_(First|Second|Middle|Last|Other)?Names?$|City|Street|LAChildID|Reference|Comment|Description")
_SOURCE = frozenset({"system", "locator", "as_written", "code"})
_WORDS = re.compile(r"\s")


def filled(
    write: Write, case: str | None = None, state: CaseState | None = None, signed: Write | None = None
) -> CaseView:
    """Return a view in which each free text is the next that ``write`` gives.

    ``case`` and ``state`` make it one of another case. ``signed`` gives the texts of statements and of the agreement,
    which every agency has signed.
    """
    signed = signed or write
    plain = invented_case.case_view(_write_anew(_fragments(), write, case))
    reader = plain.reader
    view = replace(
        plain,
        case=plain.case if state is None else state,
        reader=reader,
        agency_names={agency: write() for agency in plain.agency_names},
        refused=tuple(replace(item, sentence=signed()) for item in plain.refused),
        not_written=(
            RefusedFragment(
                invented_case.fid("not-written"),
                invented_case.HEALTH,
                Category.ASSESSMENT,
                ("not-to-file",),
                signed(),
            ),
        ),
        unverified=(Unverified(invented_case.fid("unverified"), write()),),
        awaited=(Awaited(invented_case.SCHOOL, 2, 1, "2026-05-22T09:00:00Z"),),
        rule_words={"share-for-safeguarding": signed()},
        refusals=tuple({**item, "code": signed()} for item in plain.refusals),
        consents=tuple({**item, "reason": signed(), "given_by": signed(), "detail": None} for item in plain.consents),
    )
    return replace(view, opened=(*view.opened, *_write_anew(_followed_up(), write, case)))


def _write_anew(items: tuple[OpenedFragment, ...], write: Write, case: str | None) -> tuple[OpenedFragment, ...]:
    return tuple(_in_case(replace(item, content=_walk(item.content, "", write)), case) for item in items)


def _fragments() -> tuple[OpenedFragment, ...]:
    return tuple(replace(item, rules=("share-for-safeguarding", "a-rule")) for item in invented_case.fragments())


def _followed_up() -> tuple[OpenedFragment, ...]:
    """What has come of something, a plan whose invitation waits for an answer of agencies of the scene, and one of
    theirs that waits for what came of it.
    """
    by, fid, opened = invented_case.AUTHOR, invented_case.fid, invented_case.opened
    council, police, school = invented_case.COUNCIL, invented_case.POLICE, invented_case.SCHOOL
    action: dict[str, Any] = {
        "action": "Keep her home",
        "why": "She is not safe",
        "owner": police,
        "due": date(2026, 5, 28),
    }
    planned = authored.safeguarding_action(by, **action, state=authored.ActionState.PLANNED)
    done = authored.safeguarding_action(
        by, **action, state=authored.ActionState.DONE, outcome="She stayed at home", follows=fid("to-follow")
    )
    plans = [
        authored.strategy_discussion(
            by,
            held_on=date(2026, 5, day),
            agencies=agencies,
            state=DiscussionState.PLANNED,
            starts_at="09:30",
            how_to_join="Room 2, or by video",
            reasons="Found far from home",
        )
        for day, agencies in ((27, ["fern-care", "fern-health", police]), (29, ["fern-health", police]))
    ]
    coming = authored.answer(by, to_request=fid("talk"), coming=authored.Coming.REMOTELY, text="A named nurse")
    no = authored.answer(
        by, to_request=fid("request"), text="The law forbids it", because=authored.RefusedBecause.LAW_FORBIDS
    )
    return (
        opened("to-follow", council, Category.SAFEGUARDING_ACTION, planned, index=60),
        opened("followed", police, Category.SAFEGUARDING_ACTION, done, index=61),
        opened("talk", council, Category.STRATEGY_DISCUSSION, plans[0], index=62),
        opened("coming", police, Category.ANSWER, coming, index=63),
        opened("no", school, Category.ANSWER, no, index=64),
        opened("own-talk", "fern-care", Category.STRATEGY_DISCUSSION, plans[1], index=65),
        *_by_hand(),
    )


def _by_hand() -> tuple[OpenedFragment, ...]:
    """A journey, a time of missing, and what was done about an offence, as their forms make them."""
    by, opened = invented_case.AUTHOR, invented_case.opened
    known = authored.SourceKind.CHILD_ACCOUNT
    journey = movement(
        by,
        moved_on="2026-05",
        from_place="The bus station",
        to_place="The next street",
        how="By taxi",
        account="She was driven there",
        with_whom="An older girl",
        arranged_by="She does not know",
        source_kind=known,
    )
    away = missing_episode(
        by, missing_from="2026-05-20", from_place="Her placement", account="Not seen since", source_kind=known
    )
    done = offence_answer(
        by,
        follows=invented_case.fid("police-offence"),
        prosecutor_told=True,
        prosecutor_told_by="Officer in the case",
        note="Told by letter",
        source_kind=known,
    )
    return (
        opened("journey", invented_case.CHARITY, Category.MOVEMENT, journey, index=66),
        opened("away", invented_case.CHARITY, Category.MISSING_EPISODE, away, index=67),
        opened("done", invented_case.COUNCIL, Category.OFFENCE, done, index=68),
    )


def _in_case(item: OpenedFragment, case: str | None) -> OpenedFragment:
    return item if case is None else replace(item, header=replace(item.header, case=case))  # type: ignore[arg-type]


def _walk(item: Any, name: str, write: Write, field: str = "") -> Any:
    """Go through a content. ``field`` is the field that a value is of, ``name`` what the member is called."""
    if isinstance(item, Mapping):
        return {
            key: _walk(one, key, write, field if key in ("value", "as_written") else key) for key, one in item.items()
        }
    if isinstance(item, (list, tuple)):
        return [_walk(one, name, write, field) for one in item]
    if not isinstance(item, str) or name in ("state", "kind", "format", "extracted_at", "file_sha256"):
        return item
    is_free = _WORDS.search(item) or _NAMES.search(field) or name in _SOURCE
    return write() if is_free else item
