"""Whether a decision may leave as a file: the policy is asked at stage export, as for everything that leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.panel.freezing import PanelRefused
from adapters.picture.view import CaseView
from adapters.release.bases import default_basis
from policies.bundles import Bundle
from policies.engine import decide
from policies.explain import explain_safely
from policies.model import FragmentId, Handling, Header, facts_for
from policies.vocabulary import AgencyKind, Category, Stage


def require_export(
    view: CaseView, bundle: Bundle, kind: AgencyKind, content: Mapping[str, Any], handling: Handling
) -> None:
    """Raise ``PanelRefused`` unless the reader of the view may take a decision out as a file.

    The decision is asked about as the fragment it will be: of the reader's agency (``kind``), with the handling it
    inherits from what it quotes. It counts as released by its originators where each quoted fragment that is marked at
    all was released to the reader; without that what is marked so stays within.
    """
    quoted = set(content.get("derived_from", ()))
    opened = [item for item in view.opened if item.header.fragment in quoted]
    is_released = len(opened) == len(quoted) and all(
        item.basis.originator_release for item in opened if item.header.handling != Handling()
    )
    header = Header(
        fragment=FragmentId("0" * 32),
        case=view.case.membership.case,
        agency=view.reader.agency,
        category=Category.DECISION,
        handling=handling,
        version=1,
        supersedes=None,
        sealed_at=view.at,
        commitment="0" * 64,
    )
    basis = default_basis(kind, Category.DECISION, view.purpose, originator_release=is_released)
    facts = facts_for(
        header,
        view.reader,
        basis,
        view.case,
        stage=Stage.EXPORT,
        at=view.at,
        enabled=bundle.enabled(view.at.date()),
    )
    decision = decide(bundle, facts)
    if not decision.is_permit:
        raise PanelRefused(f"the decision may not be written to a file: {explain_safely(decision, bundle)}")
