"""From offers to fields: one decision for each field of the form, in the form's order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from adapters.nrm.assembling import EvidenceDocument, join_lines
from adapters.nrm.collecting import NrmProvenance, Offer
from adapters.nrm.fields import AnswerRefused, Field, FieldKind, Required
from adapters.nrm.model import PATH, Answer, Candidate, FieldState, NrmField, SaidByAdult
from adapters.nrm.reasons import reason_for
from adapters.picture.model import Picture
from policies.model import render_time
from policies.vocabulary import AgencyKind, AgePath


class Builder:
    """Builds fields in the form's order, so that a condition finds the answer it depends on."""

    def __init__(
        self,
        picture: Picture,
        offers: Mapping[str, Offer],
        held: Mapping[str, Offer],
        answers: Mapping[str, Answer],
        path: str = PATH,
        consents: Mapping[str, SaidByAdult] | None = None,
    ) -> None:
        self.picture = picture
        self.offers = offers
        self.held = held
        self.answers = answers
        self.path = path
        self.consents = consents or {}
        self.built: dict[str, NrmField] = {}
        self.documents: list[EvidenceDocument] = []
        self.overflow_sources: list[NrmProvenance] = []
        self.names = {row.agency: row.name for row in picture.agencies}

    def build(self, field: Field) -> NrmField:
        """Build one field and remember it."""
        built = self._build(field)
        if built.value is not None and self._waits(field) and field.asked_when is not None:
            label = self.built[field.asked_when.field].label
            built = replace(built, remarks=(*built.remarks, f"the form asks it only after “{label}” is answered"))
        self.built[field.name] = built
        return built

    def _build(self, field: Field) -> NrmField:
        skipped = self._not_asked_because(field)
        if skipped is not None:
            return self._open(field, FieldState.NOT_APPLICABLE, skipped)
        said = self.consents.get(field.name)
        if said is not None:
            return self._from_consent(field, said)
        fact = self._from_facts(field)
        if fact is not None:
            return fact
        if field.name in self.answers:
            return self._entered(field, self.answers[field.name])
        if field.kind is FieldKind.FILE or field.name == "what-evidence-you-will-submit":
            return self._evidence(field)
        offer = self.offers.get(field.name, Offer())
        if offer.lines:
            return self._text(field, offer)
        if len(offer.values) == 1:
            value, sources = next(iter(offer.values.items()))
            return self._one(field, value, sources, offer.remarks)
        if offer.values:
            return self._conflict(field, offer)
        return self._nothing(field, offer)

    def _not_asked_because(self, field: Field) -> str | None:
        condition = field.asked_when
        if condition is None:
            return None
        decider = self.built.get(condition.field)
        if decider is None or decider.value is None or "*" in condition.values:
            return None
        if decider.value in condition.values:
            return None
        return f"asked only where “{decider.label}” is {' or '.join(condition.values)}"

    def _from_facts(self, field: Field) -> NrmField | None:
        if field.name not in ("pv-under-age", "pv-want-to-submit-nrm"):
            return None
        path = self.picture.header.age_path
        value = "yes" if field.is_automatic or path is AgePath.CHILD else "not-sure"
        if path is AgePath.ADULT:
            value = "no"
        remark = "set by the form itself: a child is referred without consent" if field.is_automatic else ""
        lead = next(row for row in self.picture.agencies if row.is_lead)
        source = statement_source(lead.agency, lead.kind, self.picture.record_of_use.membership_digest)
        return self._one(field, value, [source], [remark] if remark else [])

    def _from_consent(self, field: Field, said: SaidByAdult) -> NrmField:
        if said.value is None or said.source is None:
            return self._open(field, FieldState.NOT_ASKED, f"{said.reason}; ask, and record it (case consent)")
        return self._one(field, said.value, [said.source], ["the adult's own word, by the consent recorded"])

    def _entered(self, field: Field, answer: Answer) -> NrmField:
        source = entry_source(answer)
        if answer.value is None:
            return self._open(field, answer.state, answer.reason.strip(), provenance=(source,))
        offer = self.offers.get(field.name, Offer())
        kept = self._one(field, answer.value, [source], offer.remarks)
        others = tuple(Candidate(value, tuple(sources)) for value, sources in offer.values.items())
        agreeing = [item for item in others if item.value.casefold() == answer.value.casefold()]
        sources = (source, *(one for item in agreeing for one in item.provenance))
        return replace(kept, provenance=sources, candidates=others, state_reason=answer.reason.strip())

    def _text(self, field: Field, offer: Offer) -> NrmField:
        text, document = join_lines(field.name, offer.lines, number=len(self.documents) + 1)
        sources = [source for found in offer.lines.values() for source in found]
        remarks = list(offer.remarks)
        if document is not None:
            self.documents.append(document)
            self.overflow_sources.extend(sources)
            remarks.append(f"longer than the box takes; the rest is in {document.name}")
        if self.held.get(field.name, Offer()).lines:
            remarks.append(f"more is held and not released for a referral, by {self._holders(field.name)}")
        try:
            field.require(text)
        except AnswerRefused as error:
            return self._open(field, FieldState.NOT_KNOWN, f"the records' words do not fit the form: {error}")
        return self._one(field, text, sources, remarks)

    def _one(self, field: Field, value: str, sources: Iterable[NrmProvenance], remarks: Sequence[str]) -> NrmField:
        try:
            field.require(value)
        except AnswerRefused as error:
            return self._open(field, FieldState.NOT_KNOWN, f"what is on record does not fit the form: {error}")
        return self._field(field, value, FieldState.FILLED, "", tuple(sources), remarks=tuple(remarks))

    def _conflict(self, field: Field, offer: Offer) -> NrmField:
        candidates = tuple(Candidate(value, tuple(sources)) for value, sources in offer.values.items())
        reason = "sources differ; choose one, or state the disagreement where the form takes words"
        open_field = self._open(field, FieldState.NOT_KNOWN, reason, remarks=tuple(offer.remarks))
        return replace(open_field, conflict=True, candidates=candidates)

    def _nothing(self, field: Field, offer: Offer) -> NrmField:
        held = self.held.get(field.name, Offer())
        if held.values or held.lines:
            reason = f"held by {self._holders(field.name)} and not released for a referral; ask the originating agency"
            return self._open(field, FieldState.WITHHELD, reason, remarks=tuple(offer.remarks))
        reason = reason_for(field)
        if self._waits(field) and field.asked_when is not None:
            reason = f"waits for “{self.built[field.asked_when.field].label}”, which is not answered yet"
        return self._open(field, FieldState.NOT_KNOWN, reason, remarks=tuple(offer.remarks))

    def _waits(self, field: Field) -> bool:
        return field.asked_when is not None and self.built[field.asked_when.field].value is None

    def _evidence(self, field: Field) -> NrmField:
        if not self.documents:
            if field.kind is FieldKind.FILE:
                return self._open(field, FieldState.NOT_KNOWN, reason_for(field))
            return self._open(field, FieldState.NOT_APPLICABLE, "asked only where at least one file is added")
        day = self.picture.record_of_use.assembled_at.date().isoformat()
        named = [f"{document.name} ({day}): {document.description}" for document in self.documents]
        value = "; ".join(document.name for document in self.documents)
        if field.kind is not FieldKind.FILE:
            value = "\n".join(named)
        return self._one(field, value, self.overflow_sources, [])

    def _holders(self, name: str) -> str:
        offer = self.held[name]
        found = [*offer.values.values(), *offer.lines.values()]
        agencies = dict.fromkeys(source.agency_id for sources in found for source in sources)
        return ", ".join(self.names.get(agency, agency) for agency in agencies)

    def _open(
        self,
        field: Field,
        state: FieldState,
        reason: str,
        *,
        provenance: tuple[NrmProvenance, ...] = (),
        remarks: tuple[str, ...] = (),
    ) -> NrmField:
        return self._field(field, None, state, reason, provenance, remarks=remarks)

    def _field(
        self,
        field: Field,
        value: str | None,
        state: FieldState,
        reason: str,
        provenance: tuple[NrmProvenance, ...],
        *,
        remarks: tuple[str, ...],
    ) -> NrmField:
        if state is FieldState.FILLED and not provenance:
            raise RuntimeError(f"{field.name}: filled without provenance")
        form_text = value
        # A required box of words cannot be left empty, so the reason stands in it (nrm.md 1.4, trap 4).
        if (
            value is None
            and field.is_text
            and field.required is Required.YES
            and state is not FieldState.NOT_APPLICABLE
        ):
            words = "Not asked" if state is FieldState.NOT_ASKED else "Not known"
            form_text = f"{words}: {reason}"
        return NrmField(
            field=field.name,
            section=field.section,
            label=field.label,
            path=self.path,
            value=value,
            state=state,
            state_reason=reason,
            char_count=len(value or ""),
            provenance=provenance,
            conflict=False,
            candidates=(),
            remarks=remarks,
            required=field.required is Required.YES,
            form_text=form_text,
            casework=field.casework,
        )


def statement_source(
    agency: str, kind: AgencyKind | None, digest: str, locator: str = "membership statement: age_path"
) -> NrmProvenance:
    """Return the provenance of a signed fact of the case: the statement, by its digest."""
    return NrmProvenance(
        fragment_id=None,
        fragment_version=None,
        agency_id=agency,
        agency_kind=kind.value if kind is not None else None,
        author_role=None,
        source_kind="record",
        obtained_on=None,
        recorded=None,
        verbatim=False,
        gateway_id=None,
        handling=None,
        instructions=(),
        reliability=None,
        released_by=None,
        released_at=None,
        locator=locator,
        log_index=None,
        statement=digest,
    )


def entry_source(answer: Answer) -> NrmProvenance:
    """Return the provenance of what a person entered or chose."""
    return NrmProvenance(
        fragment_id=None,
        fragment_version=None,
        agency_id=answer.agency,
        agency_kind=None,
        author_role=answer.role,
        source_kind="professional_observation",
        obtained_on=answer.at.date().isoformat(),
        recorded=render_time(answer.at),
        verbatim=False,
        gateway_id=None,
        handling=None,
        instructions=(),
        reliability=None,
        released_by=None,
        released_at=None,
        locator="entered by a person",
        log_index=None,
        entered_by=answer.member,
    )
