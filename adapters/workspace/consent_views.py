"""What the pages about consent show: where it stands, its history, what a statement does and to whom. Reads only."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import format_datetime
from flask_babel import gettext as _

from adapters.cases import NOT_SIGNED_YET, VerifiedCase
from adapters.picture.consent_standing import STATE_WORDS, SUBJECT_WORDS, subjects_of
from adapters.picture.speech import lazy_gettext, shown
from adapters.picture.words import category_words, plain_summary, words_for
from adapters.release.consent_effect import Change, ConsentEffect, GrantEffect
from adapters.release.consent_events import ConsentReceipt
from adapters.release.drafts import DraftState, is_authored, list_drafts
from adapters.runtime import Adapter
from adapters.store.monitor_rows import reads
from adapters.store.rows import own_fragments
from adapters.workspace import consent_words as plain
from adapters.workspace.consent_forms import holders_of
from adapters.workspace.opened import OpenCase
from adapters.workspace.people import People
from keys.certificates import NotCertified
from policies.case import parse_consent
from policies.consent import Consent
from policies.model import parse_time
from policies.vocabulary import Category, ConsentReason, ConsentState, ConsentSubject, GivenBy, Purpose

DAY_AND_TIME = "d MMMM y, HH:mm z"
SUMMARIES = 120
"""Characters of a record's own line on these pages."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where consent on one subject stands, what that means, by which rule and what can be done next."""

    subject: str
    state: str
    means: tuple[str, ...]
    why: str
    next_act: str
    source: str
    is_unconfirmed: bool
    covers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One statement of the history. ``counted``: what it did to what this agency shared, None where that is not noted.

    ``words`` are there only where whoever asks has the case open with them.
    """

    digest: str
    at: datetime
    when: str
    agency: str
    who: str
    subject: str
    state: str
    is_end: bool
    details: tuple[tuple[str, str], ...]
    counted: Mapping[str, int] | None
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Line:
    """One record of this agency for one recipient, as a person reads it."""

    record: str = field(repr=False)
    kind: str
    agency: str
    member: str | None
    roles: tuple[str, ...]
    purpose: str
    rests_on: str
    name: str = field(default="", repr=False)
    """What this agency calls the member, one of its own; empty for everybody else."""
    fragment: str = ""

    @property
    def on(self) -> str:
        """What for, and what it rests on."""
        return f"{self.purpose}, {self.rests_on}"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a statement does: lines by what becomes of them, and what else there is to know."""

    ends: tuple[Line, ...]
    opens: tuple[Line, ...]
    unfounded: tuple[Line, ...]
    stays: int
    quotes: tuple[str, ...]
    unknown: int
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody who has read something that ends."""

    agency: str
    member: str | None
    roles: tuple[str, ...]
    when: str
    records: int
    name: str = field(default="", repr=False)
    """As of a line."""


def list_standing(verified: VerifiedCase, at: datetime) -> list[Standing]:
    """Return where each consent of a case stands: a child's one, an adult's four."""
    path = verified.state.membership.age_path
    found = []
    for subject in subjects_of(path):
        answer = verified.state.consent.answer(subject, path, at)
        found.append(
            Standing(
                shown(SUBJECT_WORDS[subject]),
                shown(STATE_WORDS[answer.state]),
                tuple(str(item) for item in plain.MEANS[answer.state]),
                shown(lazy_gettext(answer.reason.why)),
                shown(lazy_gettext(answer.reason.next_act)),
                answer.reason.source,
                answer.reason.confirmed_by == "none",
                tuple(pair for item in answer.deciding for pair in _covers(item)),
            )
        )
    return found


def _covers(item: Consent) -> list[tuple[str, str]]:
    groups = [str(words) for words, kinds in plain.GROUPS.values() if kinds <= item.scope.categories]
    listed = {kind for _words, kinds in plain.GROUPS.values() if kinds <= item.scope.categories for kind in kinds}
    groups += sorted(_category(kind) for kind in item.scope.categories - listed)
    told = [
        (_("What"), "; ".join(groups)),
        (_("With whom"), ", ".join(str(plain.KINDS[kind]) for kind in plain.KINDS if kind in item.scope.recipients)),
        (_("What for"), ", ".join(str(plain.PURPOSES[one]) for one in plain.PURPOSES if one in item.scope.purposes)),
    ]
    if item.expires_at is not None:
        told.append((_("Until"), format_datetime(item.expires_at, DAY_AND_TIME)))
    return told


def _category(kind: Category) -> str:
    return shown(category_words(kind))


def speaker_words(verified: VerifiedCase, given_by: str, giver: str | None) -> str:
    """Return whose word it is: of several with parental responsibility, by the order in which they first spoke."""
    if given_by == GivenBy.PARENTAL_RESPONSIBILITY.value:
        holders = holders_of(verified.state.consent.statements)
        number = holders.index(giver) + 1 if giver in holders else len(holders) + 1
        return str(_("Somebody with parental responsibility (person %(number)s)", number=number))
    named = {
        GivenBy.CHILD.value: _("The child"),
        GivenBy.ADULT.value: _("The person themselves, as an adult"),
        GivenBy.COURT.value: _("A court"),
    }
    return str(named.get(given_by, _("Nobody was asked")))


def describe_codes(verified: VerifiedCase, members: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the codes of a statement as names and words."""
    state = ConsentState(members["state"])
    told = [
        (_("About"), shown(SUBJECT_WORDS[ConsentSubject(members["subject"])])),
        (_("Whose word"), speaker_words(verified, members["given_by"], members["giver"])),
        (_("What is recorded"), shown(STATE_WORDS[state])),
    ]
    if members["reason"] != ConsentReason.NONE.value:
        told.append((_("Reason"), str(plain.REASONS[ConsentReason(members["reason"])])))
    if state is ConsentState.GIVEN:
        told += _covers(parse_consent(NOT_SIGNED_YET, members))
    for name, words, label in (
        ("competence", plain.COMPETENCE, _("Understands what is decided")),
        ("assessed_by", plain.ASSESSORS, _("Assessed by")),
        ("told", plain.TOLD, _("Was told what is shared and why")),
        ("interpreter", plain.INTERPRETERS, _("Interpreter")),
        ("wishes", plain.WISHES, _("The child’s wishes and feelings heard")),
    ):
        found = {str(key): text for key, text in words.items()}.get(members[name])
        # Of a no, or an agreement that is taken back, nobody asks whether it was understood.
        is_asked = name != "competence" or state in (ConsentState.GIVEN, ConsentState.LACKS_CAPACITY)
        if found is not None and is_asked:
            told.append((label, str(found)))
    return told


def list_history(adapter: Adapter, verified: VerifiedCase, held: OpenCase | None) -> list[Spoken]:
    """Return every statement of a case, the newest first, with its words where whoever asks has them open."""
    noted = adapter.consents.noted(verified.case)
    rows = () if held is None else tuple(reversed(held.picture.childs_voice.consents))
    found = []
    for number, statement in enumerate(verified.consents):
        members, effect = statement.members, noted.get(statement.digest)
        opened = rows[number] if len(rows) == len(verified.consents) else None
        state = ConsentState(members["state"])
        found.append(
            Spoken(
                digest=statement.digest,
                at=statement.issued_at,
                when=format_datetime(statement.issued_at, DAY_AND_TIME),
                agency=agency_name(adapter, statement.issuer),
                who=speaker_words(verified, members["given_by"], members["giver"]),
                subject=shown(SUBJECT_WORDS[ConsentSubject(members["subject"])]),
                state=shown(STATE_WORDS[state]),
                is_end=state is not ConsentState.GIVEN,
                details=tuple(describe_codes(verified, members)[3:]),
                counted=None if effect is None else {name: int(effect[name]) for name in ("ends", "stays", "opens")},
                words=opened.words.text if opened is not None and opened.words is not None else "",
            )
        )
    return found[::-1]


def show_agreements(adapter: Adapter, verified: VerifiedCase, agreements: Sequence[Consent]) -> list[dict[str, str]]:
    """Return agreements as answers to choose from: whose, about what, recorded when and by whom."""
    made = {item.digest: item for item in verified.consents}
    counts = {item.digest for item in verified.state.consent.in_force}
    return [
        {
            "value": item.digest,
            "text": _(
                "%(who)s, recorded on %(day)s by %(agency)s",
                who=speaker_words(verified, item.given_by.value, item.giver),
                day=format_datetime(made[item.digest].issued_at, DAY_AND_TIME),
                agency=agency_name(adapter, made[item.digest].issuer),
            )
            + ("" if item.digest in counts else _(" (they have said something else since)")),
            "subject": shown(SUBJECT_WORDS[item.subject]),
        }
        for item in reversed(agreements)
    ]


def describe_effect(
    adapter: Adapter, verified: VerifiedCase, effect: ConsentEffect, readable: Collection[Category]
) -> Shown:
    """Return what becomes of this agency's grants: who has each, and its own line where it is of a readable kind."""
    summaries = _summaries(adapter, verified.case, readable)

    called = own_people(adapter)

    def lines(grants: Sequence[GrantEffect]) -> tuple[Line, ...]:
        return tuple(_line(adapter, verified, item, summaries, called) for item in grants)

    return Shown(
        ends=lines(effect.of(Change.ENDS)),
        opens=lines(effect.of(Change.OPENS)),
        unfounded=lines(effect.unfounded),
        stays=len(effect.of(Change.STAYS)),
        quotes=tuple(summaries.get(fragment, fragment[:8]) for fragment in effect.quotes),
        unknown=effect.unknown,
        others=tuple(agency_name(adapter, name) for name in effect.others),
    )


def _line(
    adapter: Adapter,
    verified: VerifiedCase,
    item: GrantEffect,
    summaries: Mapping[str, str],
    people: Mapping[tuple[str, str | None], str],
) -> Line:
    member = item.recipient.member
    return Line(
        record=summaries.get(item.header.fragment, item.header.fragment[:8]),
        kind=_category(item.header.category),
        agency=agency_name(adapter, item.recipient.agency),
        member=None if member is None else str(member)[:8],
        roles=_roles(verified, item.recipient.agency, member),
        purpose=str(plain.PURPOSES[Purpose(item.basis.purpose)]),
        rests_on=words_for(item.basis.gateway),
        name=people.get((item.recipient.agency, member), ""),
        fragment=str(item.header.fragment),
    )


def _roles(verified: VerifiedCase, agency: str, member: str | None) -> tuple[str, ...]:
    found = None if member is None else verified.state.membership.find_member(agency, member)
    return () if found is None else tuple(role.value for role in found.roles)


def _summaries(adapter: Adapter, case: str, readable: Collection[Category]) -> dict[str, str]:
    """Return the own line of each record of these kinds that this agency released in a case, by fragment."""
    drafts = list_drafts(adapter.store, case, [DraftState.RELEASED])
    lines = {
        item.draft: shown(plain_summary(item.summary[:SUMMARIES], is_authored=is_authored(item.content)))
        for item in drafts
        if item.category in readable
    }
    with adapter.store.write() as session:
        return {row.fragment: lines[row.draft] for row in own_fragments(session, case) if lines.get(row.draft)}


def list_seen(adapter: Adapter, verified: VerifiedCase, effect: ConsentEffect) -> list[Seen]:
    """Return who has read what ends, from the case's entries in the log as far as they were followed."""
    ended = {str(item.header.fragment) for item in effect.grants if item.change is Change.ENDS or item.is_unfounded}
    with adapter.store.write() as session:
        rows = reads(session, [verified.case], "") if ended else ()
        found = [(row.agency, row.member, row.at, ended & set(json.loads(row.fragments))) for row in rows]
    return _people(adapter, verified, found)


def list_seen_before(adapter: Adapter, verified: VerifiedCase, receipt: ConsentReceipt) -> list[Seen]:
    """Return who had read, before a statement, what it ended."""
    found = [(item.agency, item.member, item.at, set(item.fragments)) for item in receipt.seen]
    return _people(adapter, verified, found)


def _people(
    adapter: Adapter, verified: VerifiedCase, rows: Sequence[tuple[str, str | None, str, set[str]]]
) -> list[Seen]:
    """Return each person once, who read last first."""
    people: dict[tuple[str, str | None], tuple[str, set[str]]] = {}
    for agency, member, at, fragments in rows:
        if fragments:
            newest, found = people.get((agency, member), ("", set()))
            people[agency, member] = (max(newest, at), found | fragments)
    called = own_people(adapter)
    return [
        Seen(
            agency_name(adapter, agency),
            None if member is None else member[:8],
            _roles(verified, agency, member),
            format_datetime(_time(at), DAY_AND_TIME),
            len(fragments),
            called.get((agency, member), ""),
        )
        for (agency, member), (at, fragments) in sorted(people.items(), key=lambda item: item[1][0], reverse=True)
    ]


def _time(text: str) -> datetime:
    return parse_time(f"{text[:19]}Z")


def own_people(adapter: Adapter) -> dict[tuple[str, str | None], str]:
    """Return what this agency calls its own members, by agency and member: no other agency's person borrows a name."""
    names = People(adapter.store, adapter.clock).names()
    return {(adapter.home.agency, member): name for member, name in names.items()}


def agency_name(adapter: Adapter, agency: str) -> str:
    """Return an agency's name as the log has it, or its id."""
    try:
        return adapter.follower.directory().get_agency(agency).name
    except NotCertified:
        return agency
