"""From professionals and agencies to the form: judgement, interviews, others involved, local authority, the future."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.nrm.collecting import Collector, provenance_of
from adapters.nrm.lists import FormList, find_label
from adapters.picture.content import find_part
from adapters.picture.provenance import Piece
from adapters.picture.words import category_words, words_for
from policies.vocabulary import AgencyKind, Category

_LA = "local-authority-contacted-about-child-local-authority-"
_NOT_WORK = frozenset({Category.SUBJECT_CARD, Category.IDENTITY, Category.REQUEST, Category.ANSWER})


def collect_people_fields(pieces: Sequence[Piece], into: Collector) -> None:
    """Offer what professionals judged, how the child was spoken to, who else is involved."""
    for piece in pieces:
        _insight(piece, into)
        _interview(piece, into)
        _local_authority(piece, into)
        _referrals(piece, into)
    _others(pieces, into)


def _insight(piece: Piece, into: Collector) -> None:
    view = piece.content.find("hub_View")
    if piece.category is Category.PROFESSIONAL_VIEW and view is not None:
        into.write("professional-insight", view.text, piece, view)
        future = piece.content.find("hub_ConcernForFuture")
        if future is not None and future.text in ("yes", "no"):
            into.choose("future-exploitation-concerns", future.text, provenance_of(piece, future))
            if future.text == "yes":
                into.write("future-exploitation-reasons", view.text, piece, view)
    reasons = piece.content.find("hub_Reasons")
    if piece.category is Category.STRATEGY_DISCUSSION and reasons is not None:
        into.write("professional-insight", f"Strategy discussion: {reasons.text}", piece, reasons)


def _interview(piece: Piece, into: Collector) -> None:
    """How the child was spoken to; not the words, which stay with the panel."""
    content = piece.content
    if piece.category is not Category.WISHES_AND_FEELINGS or not content.text("hub_AskedOn"):
        return
    parts = [f"Asked by: {words_for(content.text('hub_AskedByRole'))}", f"how: {content.text('hub_HowAsked')}"]
    interpreter = content.text("hub_Interpreter")
    parts.append(f"interpreter: {interpreter}" if interpreter else "interpreter: none recorded")
    into.write("where-how-interview-carried-out", "; ".join(parts), piece)


def _local_authority(piece: Piece, into: Collector) -> None:
    groups = [*piece.content.groups.get("hub_Plan", ()), *piece.content.groups.get("hub_Placement", ())]
    authorities = [part for group in groups if (part := find_part(group, "authority")) is not None]
    for authority in authorities:
        label = find_label(FormList.LA, authority.text)
        if label is not None:
            into.choose(f"{_LA}name", label, provenance_of(piece, authority))
        else:
            into.remark(f"{_LA}name", "an authority is on record that the form's list does not hold; choose it by hand")
    for group in groups:
        for names, field in ((("office_telephone", "telephone", "phone"), "phone"), (("email",), "email")):
            value = find_part(group, *names)
            if value is not None:
                into.choose(f"{_LA}{field}", value.text, provenance_of(piece, value))
    if piece.kind is AgencyKind.SOCIAL_CARE:
        label = find_label(FormList.LA, into.names.get(piece.agency, ""))
        if label is not None:
            into.choose(f"{_LA}name", label, provenance_of(piece))


def _referrals(piece: Piece, into: Collector) -> None:
    if piece.category is Category.SERVICE_REFERRAL:
        content = piece.content
        words = f"Referred to {content.text('cas_ReferredOrganisation')}: {content.text('cas_OutgoingReferralDetails')}"
        into.write("are-others-involved-details", words, piece, content.find("cas_ReferredOrganisation"))


def _others(pieces: Sequence[Piece], into: Collector) -> None:
    by_agency: dict[str, list[Piece]] = {}
    for piece in pieces:
        by_agency.setdefault(piece.agency, []).append(piece)
    if len(by_agency) < 2:
        return
    for own in by_agency.values():
        into.choose("are-others-involved", "yes", provenance_of(own[0]))
        kinds = sorted({category_words(piece.category).lower() for piece in own if piece.category not in _NOT_WORK})
        if kinds:
            into.write_plain("are-others-involved-details", f"holds records of: {', '.join(kinds)}", own[0])
        # Roles and organisations only: the name of a member of staff is personal data too.
        for piece in own:
            for group in piece.content.groups.get("hub_Professional", ()):
                role, organisation = find_part(group, "role"), find_part(group, "organisation", "org_Name")
                said = [part.text for part in (role, organisation) if part is not None]
                if said:
                    into.write("are-others-involved-details", ", ".join(said), piece, role or organisation)
