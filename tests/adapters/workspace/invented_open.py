"""An invented case of any size, held open in somebody's session as if they had just pulled it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from adapters.picture.model import assemble
from adapters.picture.view import CaseView, LastLook, OpenedFragment
from adapters.workspace.app import Workspace
from adapters.workspace.cases import _case_digest
from adapters.workspace.opened import OpenCase
from policies.model import FragmentId, MemberId, Recipient
from policies.vocabulary import Gateway, Purpose
from tests.adapters.picture.invented_case import case_view, fid, fragments


def many(count: int) -> tuple[OpenedFragment, ...]:
    """The invented fragments again and again, each with an id and a day of its own, until there are so many."""
    base = fragments()
    made = []
    for number in range(count):
        item, turn = base[number % len(base)], number // len(base)
        if turn == 0:
            made.append(replace(item, log_index=10 + number))
            continue
        content: dict[str, Any] = copy.deepcopy(dict(item.content))
        content["summary"] = f"{content['summary']} ({number})"
        if "from" in content.get("observed", {}):
            content["observed"] = {"from": f"2026-{1 + number % 4:02d}-{1 + number % 28:02d}"}
        header = replace(item.header, fragment=FragmentId(fid(f"again-{number}")), supersedes=None, version=1)
        made.append(replace(item, header=header, content=content, log_index=10 + number))
    return tuple(made)


def view_of(case: str, member: str, count: int, **changes: Any) -> CaseView:
    """A view of the invented case under the name of a case that is there."""
    listed = many(count)
    view = case_view(listed)
    renamed = tuple(replace(item, header=replace(item.header, case=case)) for item in view.opened)  # type: ignore[arg-type]
    membership = replace(view.case.membership, case=case)  # type: ignore[arg-type]
    return replace(
        view,
        opened=renamed,
        case=replace(view.case, membership=membership),
        reader=Recipient(view.reader.agency, MemberId(member)),
        before=LastLook(view.opened_at, frozenset(item.header.fragment for item in renamed[:-2])),
        unconfirmed=frozenset({Gateway.CA1989_S47.value}),
        **changes,
    )


def hold(here: Workspace, view: CaseView) -> OpenCase:
    """Hold a view open in every session in which a key is open."""
    case = view.case.membership.case
    made = OpenCase(case, Purpose.PANEL_REVIEW, view, assemble(view), _case_digest(here, case), here.clock())
    for digest in here.ring.held():
        unlocked = here.ring.get(digest)
        assert unlocked is not None
        unlocked.opened.put(made)
    return made
