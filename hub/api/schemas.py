"""The shapes of requests and answers (marshmallow): they check, they document, they do not authorize.

Unknown members are refused. The NDJSON lines of push and pull are described in docs/protocol.md section 8.
"""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

MAX_STATEMENT_CHARS = 256 * 1024
MAX_POSITION = 2**53 - 1
"""Log positions and sizes: beyond what any log reaches, within what every JSON reader and the database can hold."""
_statement = validate.Length(min=20, max=MAX_STATEMENT_CHARS)
_hex_id = validate.Regexp(r"^[0-9a-f]{32}$")


class Strict(Schema):
    """Base: unknown members are an error."""

    class Meta:
        """Marshmallow options."""

        unknown = RAISE


class ProblemSchema(Strict):
    """RFC 9457 problem details; further members depend on the type."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)


class StatementSchema(Strict):
    """One signed statement."""

    statement = fields.String(required=True, validate=_statement)


class KeysSchema(Strict):
    """Certificates of the calling agency's keys, and revocations, each a signed statement. One of both at least."""

    certificates = fields.List(fields.String(validate=_statement), load_default=list, validate=validate.Length(max=50))
    revocations = fields.List(fields.String(validate=_statement), load_default=list, validate=validate.Length(max=100))


class WitnessSchema(Strict):
    """One witness: its cosigner name and its two verifier keys."""

    agency = fields.String(required=True, validate=validate.Length(max=40))
    name = fields.String(required=True, validate=validate.Length(max=255))
    ed25519 = fields.String(required=True, validate=validate.Length(max=5000))
    mldsa44 = fields.String(required=True, validate=validate.Length(max=5000))


class WitnessSetSchema(Strict):
    """A witness set and its quorum."""

    quorum = fields.Integer(required=True, strict=True)
    witnesses = fields.List(fields.Nested(WitnessSchema), required=True, validate=validate.Length(min=1, max=31))


class WitnessChangeSchema(Strict):
    """An approval of a change of the witnesses, and the new set it names."""

    statement = fields.String(required=True, validate=_statement)
    witnesses = fields.Nested(WitnessSetSchema, required=True)


class WitnessApprovedSchema(Strict):
    """Who has approved the change, how many approvals are missing, and where the new set stands once none is."""

    agencies = fields.List(fields.String(), required=True)
    missing = fields.Integer(required=True)
    index = fields.Integer(required=True, allow_none=True)


class WitnessApprovalSchema(Strict):
    """An approval that waits for others: who, of which new set (digest), and the statement."""

    agency = fields.String(required=True)
    witnesses = fields.String(required=True)
    statement = fields.String(required=True)


class WitnessChangesSchema(Strict):
    """The approvals that wait for others."""

    approvals = fields.List(fields.Nested(WitnessApprovalSchema), required=True)


class ReceiptSchema(Strict):
    """A log entry's position and what proves it."""

    index = fields.Integer(required=True)
    body = fields.String(required=True)
    salt = fields.String(required=True, allow_none=True)
    inclusion = fields.List(fields.String(), required=True)


class RecordedSchema(Strict):
    """The answer to an act: its receipts and the checkpoint they are proven in; the same again for the same act."""

    status = fields.String(required=True, validate=validate.OneOf(["accepted", "repeated"]))
    receipts = fields.List(fields.Nested(ReceiptSchema), required=True)
    checkpoint = fields.String(required=True)


class PromisedEntrySchema(Strict):
    """A recorded entry that has no position yet: with the salt its text makes the leaf hash that a promise names."""

    body = fields.String(required=True)
    salt = fields.String(required=True, allow_none=True)


class PromisedSchema(Strict):
    """The answer to an act whose caller does not wait: its entry, the hub's signed promise, and the log's head now."""

    status = fields.String(required=True, validate=validate.OneOf(["accepted", "repeated"]))
    promised = fields.Nested(PromisedEntrySchema, required=True)
    promise = fields.String(required=True)
    checkpoint = fields.String(required=True)


class CaseSchema(Strict):
    """A case as its parties see it listed."""

    case = fields.String(required=True, validate=_hex_id)
    lead = fields.String(required=True)
    opened_at = fields.String(required=True)
    case_seq = fields.Integer(required=True)


class CasesSchema(Strict):
    """The cases an agency takes part in."""

    cases = fields.List(fields.Nested(CaseSchema), required=True)


class CaseStatementsSchema(Strict):
    """A case's statements as received, in the case's order."""

    opened_at = fields.String(required=True)
    membership = fields.List(fields.String(), required=True)
    acceptances = fields.List(fields.String(), required=True)
    endorsements = fields.List(fields.String(), required=True)
    departures = fields.List(fields.String(), required=True)
    consents = fields.List(fields.String(), required=True)
    refusals = fields.List(fields.String(), required=True)
    exclusions = fields.List(fields.String(), required=True)
    break_glass = fields.List(fields.String(), required=True)
    emergencies = fields.List(fields.String(), required=True)
    emergency_reviews = fields.List(fields.String(), required=True)
    retention = fields.List(fields.String(), required=True)


class CaseLogQuerySchema(Strict):
    """Where to go on reading a case's entries."""

    after = fields.Integer(load_default=0, validate=validate.Range(min=0, max=MAX_POSITION))
    limit = fields.Integer(load_default=500, validate=validate.Range(min=1, max=1000))


class CaseEntrySchema(ReceiptSchema):
    """An entry of a case; of one that was erased what the log still holds of it, in the place of body and salt."""

    body = fields.String(required=True, allow_none=True)
    erased = fields.String()


class CaseLogSchema(Strict):
    """Bodies and salts of a case's entries, for its parties."""

    entries = fields.List(fields.Nested(CaseEntrySchema), required=True)
    checkpoint = fields.String(required=True)


class DirectoryQuerySchema(Strict):
    """Where to go on reading the directory."""

    after = fields.Integer(load_default=-1, validate=validate.Range(min=-1, max=MAX_POSITION))
    limit = fields.Integer(load_default=500, validate=validate.Range(min=1, max=1000))


class PublicEntrySchema(Strict):
    """A public entry with its inclusion proof in the witnessed checkpoint sent along."""

    index = fields.Integer(required=True)
    body = fields.String(required=True)
    inclusion = fields.List(fields.String(), required=True)


class DirectorySchema(Strict):
    """Public entries in log order, proven in the newest checkpoint that has a quorum."""

    entries = fields.List(fields.Nested(PublicEntrySchema), required=True)
    checkpoint = fields.String(required=True)
    size = fields.Integer(required=True)


class PolicySchema(Strict):
    """The policy bundle the hub decides with."""

    bundle = fields.String(required=True)
    version = fields.Integer(required=True)


class BundleFilesSchema(Strict):
    """A policy bundle: its files, text by name. Its digest is theirs (docs/policies.md)."""

    bundle = fields.String(required=True)
    version = fields.Integer(required=True)
    files = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class BundleChangeSchema(Strict):
    """An officer's approval of another policy bundle, and its files where the hub does not have them yet."""

    statement = fields.String(required=True, validate=_statement)
    files = fields.Dict(keys=fields.String(), values=fields.String(), required=True, allow_none=True)


class BundleApprovedSchema(Strict):
    """Whose officers have approved the bundle, how many are missing, and where it stands once none is."""

    agencies = fields.List(fields.String(), required=True)
    missing = fields.Integer(required=True)
    index = fields.Integer(required=True, allow_none=True)


class WaitingBundleSchema(Strict):
    """A policy bundle that waits: who brought it, and the approvals (statements) that it has."""

    bundle = fields.String(required=True)
    version = fields.Integer(required=True)
    brought_by = fields.String(required=True)
    approvals = fields.List(fields.String(), required=True)


class BundleChangesSchema(Strict):
    """The policy bundles that wait for approvals."""

    waiting = fields.List(fields.Nested(WaitingBundleSchema), required=True)


class ConsistencyQuerySchema(Strict):
    """Two tree sizes."""

    first = fields.Integer(required=True, data_key="from", validate=validate.Range(min=0, max=MAX_POSITION))
    second = fields.Integer(required=True, data_key="to", validate=validate.Range(min=0, max=MAX_POSITION))


class ConsistencySchema(Strict):
    """A consistency proof (RFC 9162 section 2.1.4), hashes in base64."""

    proof = fields.List(fields.String(), required=True)


class WaitQuerySchema(Strict):
    """What the caller knows: the log's size and, if it likes, that of the newest head with a quorum."""

    after = fields.Integer(required=True, validate=validate.Range(min=0, max=MAX_POSITION))
    witnessed = fields.Integer(load_default=None, validate=validate.Range(min=0, max=MAX_POSITION))


class GrownSchema(Strict):
    """The log as it is now: its size, that of the newest head with a quorum (0: none), and a signed head."""

    size = fields.Integer(required=True)
    witnessed = fields.Integer(required=True)
    checkpoint = fields.String(required=True)


class CosignaturesSchema(Strict):
    """A witness's signature lines for one checkpoint."""

    size = fields.Integer(required=True, validate=validate.Range(min=1, max=MAX_POSITION), strict=True)
    lines = fields.List(
        fields.String(validate=validate.Length(min=10, max=5000)), required=True, validate=validate.Length(min=1, max=4)
    )


class HealthSchema(Strict):
    """Whether the hub can do its work, and what it cannot."""

    status = fields.String(required=True)
    checks = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    log_size = fields.Integer(required=True, allow_none=True)
    witnessed_size = fields.Integer(required=True, allow_none=True)
    witnessed_seconds_ago = fields.Integer(required=True, allow_none=True)


JsonObject = dict[str, Any]
