"""The picture of a case, assembled and rendered, against opening and verifying the same fragments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from adapters.picture.model import assemble
from adapters.picture.page import SHOWN_ROWS, Framing, PageLinks, render_body
from adapters.picture.view import CaseView, OpenedFragment
from bench.material import KINDS, ORIGINATOR, make_content, make_header, new_id, now
from bench.measuring import Bench, Result
from bench.scale import Scale
from keys.envelopes import SealedChannel, SealedFragment, verify_fragment
from keys.private import PrivateKey
from keys.sealing import make_channel, open_channel, open_fragment, seal, unwrap, wrap
from policies.model import AgencyId, Basis, CaseId, CaseState, Member, MemberId, Membership, Recipient
from policies.vocabulary import (
    AgePath,
    AgeSource,
    Article6,
    CaseStage,
    Category,
    Condition,
    Gateway,
    Purpose,
    Role,
)

LARGE = 10
"""How many times as many fragments the large case has."""
READER_AGENCY = "fern-care"
_CATEGORIES = (
    Category.NARRATIVE,
    Category.CONCERN,
    Category.MISSING_EPISODE,
    Category.HEALTH_CONTACT,
    Category.OFFENCE,
    Category.IDENTITY,
)
FRAMING = Framing(PageLinks("/cases/0/fragments/", "/cases/0/chronology", "/cases/0/evidence"))


def measure_picture(bench: Bench, scale: Scale) -> list[Result]:
    """A case of so many fragments, and one of ten times as many."""
    results = []
    for name, count in (("picture.opening", scale.fragments), ("picture.large.opening", scale.fragments * LARGE)):
        view, read = _open_case(count, scale.content_bytes)
        page = render_body(assemble(view), FRAMING)
        if str(page).count('<article class="evidence"') != min(count, SHOWN_ROWS):
            raise RuntimeError("the page does not show the fragments that it is to show")
        results += bench.compare(
            (name,),
            lambda view=view: render_body(assemble(view), FRAMING),  # type: ignore[misc]
            (read,),
            divide_rounds_by=1 if count <= scale.fragments else 3,
        )
    return results


def _open_case(count: int, size: int) -> tuple[CaseView, Callable[[], object]]:
    """Return what a person opened of an invented case, and the job that opened it."""
    case, reader, agencies = new_id(), PrivateKey.generate("HPKE-9-KE"), sorted(KINDS)
    signing = PrivateKey.generate("Ed25519")
    channel_jwe, channel = make_channel(case, ORIGINATOR, reader.public, new_id())
    received = []
    for number in range(count):
        header = replace(
            make_header(case, agencies[number % len(agencies)]), category=_CATEGORIES[number % len(_CATEGORIES)]
        )
        sealed, key = seal(record_content(size, number), header, signing)
        received.append((sealed.to_jwe(), sealed.jws, wrap(key, channel)))
    channel_parts = channel_jwe.to_jwe()

    def read() -> list[tuple[SealedFragment, dict[str, Any]]]:
        opened_channel = open_channel(SealedChannel.parse(channel_parts), case, ORIGINATOR, channel.channel, reader)
        opened = []
        for parts, jws, grant in received:
            fragment = SealedFragment.parse(parts, jws)
            verify_fragment(fragment, signing.public)
            opened.append((fragment, open_fragment(fragment, unwrap(grant, opened_channel))))
        return opened

    return _view(case, read()), read


def record_content(size: int, number: int) -> dict[str, Any]:
    """Return a content of this size in the form in which reading programs seal records, with a day of its own."""
    content = make_content(size // 2, number)
    fields = {name: {**value, "state": "given"} for name, value in content["fields"].items()}
    fields["prs_FirstName"] = {"value": "Robin", "state": "given", "locator": "/Person/First"}
    return {**content, "fields": fields, "observed": {"from": f"2026-{1 + number % 6:02d}-{1 + number % 28:02d}"}}


def _view(case: str, opened: list[tuple[SealedFragment, dict[str, Any]]]) -> CaseView:
    at = now()
    reader = Member(AgencyId(READER_AGENCY), MemberId(new_id()), (Role.PANEL_VOTING,), at + timedelta(days=90))
    membership = Membership(
        case=CaseId(case),
        sequence=0,
        previous=None,
        lead=AgencyId(READER_AGENCY),
        age_path=AgePath.CHILD,
        age_source=AgeSource.STATED,
        case_stage=CaseStage.REFERRED,
        agencies=tuple((AgencyId(name), kind) for name, kind in KINDS.items()),
        members=(reader,),
    )
    basis = Basis(
        purpose=Purpose.PANEL_REVIEW,
        gateway=Gateway.CA1989_S47,
        article6=Article6.A6_E,
        condition=Condition.A9_G_SCH1_P18,
        consent=None,
        originator_release=False,
        expires_at=None,
    )
    return CaseView(
        case=CaseState(membership, "d" * 64, frozenset({(READER_AGENCY, reader.member)})),
        agency_names={name: f"Invented {name}" for name in KINDS},
        reader=Recipient(AgencyId(READER_AGENCY), reader.member),
        reader_roles=(Role.PANEL_VOTING,),
        purpose=Purpose.PANEL_REVIEW,
        at=at,
        opened_at=at - timedelta(days=20),
        opened=tuple(
            OpenedFragment(sealed.header, sealed.digest, content, basis, ("share-for-safeguarding",), index, index, at)
            for index, (sealed, content) in enumerate(opened)
        ),
        refused=(),
        not_given=(),
        withheld_by_hub=(),
        unverified=(),
        checkpoint_size=len(opened) + 1,
        checkpoint_root="e" * 64,
        consents=(),
        refusals=(),
        manifest_digest="f" * 64,
    )
