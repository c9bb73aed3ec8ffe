"""Who may act for an agency, and until when: revocations, sets of officers, an enrolment that two of them signed."""

from __future__ import annotations

from typing import Any

from story import ISSUED_AT, id_of, key_of, statement

from keys.canonical import canonical_bytes
from keys.ceremony import ENROLMENT_TYPE, OFFICERS_TYPE, EnrolmentClaim, OfficerSet, request_digest, sign_officers
from keys.fingerprints import words_of
from keys.jose import sign_compact
from keys.statements import StatementType as T
from policies.model import AgencyId, render_time

Json = dict[str, Any]
ORIGIN = "hub.example/vectors"
LOG_INDEX = 9
"""Where the revocations of the vectors stand in the log."""


def revocation_vectors() -> Json:
    """Two revocations, and what must be refused, all at the same log position."""
    person = {"agency": "example-council", "key": key_of("council member-hpke").public.kid, "reason": "superseded"}
    good = [
        ("the root ends a key that was taken, from an earlier position on", LOG_INDEX - 3, "police root", {}),
        (
            "a person ends their own superseded key",
            LOG_INDEX,
            "council member-signing",
            {**person, "valid_until": None},
        ),
    ]
    wrong: list[tuple[str, str, str, Json]] = [
        ("signature", "signed by another agency's root", "council root", {}),
        ("payload", "counts until after its own position", "police root", {"valid_until": LOG_INDEX + 1}),
        ("payload", "counts until before the log", "police root", {"valid_until": -1}),
        ("payload", "position is true", "police root", {"valid_until": True}),
        ("payload", "superseded, and back-dated", "police root", {"reason": "superseded"}),
        ("payload", "reason is unknown", "police root", {"reason": "tired"}),
        ("payload", "key is no thumbprint", "police root", {"key": "key-1"}),
        ("payload", "key has a line break", "police root", {"key": key_of("police signing").public.kid[:42] + "\n"}),
        ("payload", "agency in upper case", "police root", {"agency": "Example-Police"}),
        ("payload", "a member more", "police root", {"note": "x"}),
    ]
    kept = [
        {
            "why": why,
            "log_index": LOG_INDEX,
            "valid_until": until,
            "key": key_of(by).public.kid,
            "jws": _revocation(by, change),
        }
        for why, until, by, change in good
    ]
    refused = [
        {
            "attack": attack,
            "step": step,
            "log_index": LOG_INDEX,
            "key": key_of("police root").public.kid,
            "jws": _revocation(by, change),
        }
        for step, attack, by, change in wrong
    ]
    return {"revocations": kept, "refused_revocations": refused}


def _revocation(by: str, change: Json) -> str:
    members = {
        "agency": "example-police",
        "key": key_of("police signing").public.kid,
        "valid_until": LOG_INDEX - 3,
        "reason": "compromised",
    }
    if "note" in change:
        whole = {**members, **change, "id": id_of("statement more"), "issuer": "example-police"}
        whole |= {"issued_at": render_time(ISSUED_AT), "checkpoint": None}
        return sign_compact(canonical_bytes(whole), T.REVOCATION.value, key_of(by))
    return statement(T.REVOCATION, {**members, **change}, by, f"{by} {sorted(change.items())}")


def enrolment_vectors(certificates: Json) -> Json:
    """Two sets of officers, one after the other, and an agency's request that two of the first set signed."""
    first, second = _officers("one", "two"), _officers("one", "three")
    request = {
        "agency": certificates["agency"],
        "certificates": [item["jws"] for item in certificates["certificates"] if item["agency"] == "example-police"],
    }
    digest = request_digest(request)
    return {
        "log": ORIGIN,
        "officers": [_entry(first, None, "one", "two"), _entry(second, first, "one", "two", "three")],
        "request": request,
        "request_sha256": digest,
        "words": list(words_of(digest)),
        "signatures": [_signed(digest, "one"), _signed(digest, "two")],
        "refused_officers": _refused_officers(first, second),
        "refused_signatures": _refused_signatures(digest),
    }


def _officers(*names: str) -> OfficerSet:
    return OfficerSet({id_of(f"officer {name}"): key_of(f"officer {name}").public for name in names})


def _entry(wanted: OfficerSet, current: OfficerSet | None, *signed_by: str) -> Json:
    return {
        "officers": wanted.to_json(),
        "previous": None if current is None else current.digest,
        "signatures": [
            sign_officers(ORIGIN, wanted, current, id_of(f"officer {name}"), key_of(f"officer {name}"), ISSUED_AT)
            for name in signed_by
        ],
        "sha256": wanted.digest,
    }


def _claim(request: str, **change: str) -> EnrolmentClaim:
    said = {"origin": ORIGIN, "agency": "example-police", "root": key_of("police root").public.kid, "request": request}
    said |= change
    return EnrolmentClaim(said["origin"], AgencyId(said["agency"]), said["root"], said["request"])


def _signed(request: str, name: str, officer: str = "", **change: str) -> str:
    return _claim(request, **change).sign(id_of(f"officer {officer or name}"), key_of(f"officer {name}"), ISSUED_AT)


def _refused_officers(first: OfficerSet, second: OfficerSet) -> list[Json]:
    """Sets that do not follow the first one (``after`` 1), or do not begin (``after`` 0)."""
    good, begin = _entry(second, first, "one", "two", "three"), _entry(first, None, "one", "two")
    jwks = begin["officers"]
    same_key = sorted(({**item, "key": jwks[0]["key"]} for item in jwks), key=lambda item: str(item["officer"]))
    agreement = [{**jwks[0], "key": dict(key_of("police intake").public.jwk)}, jwks[1]]
    cases: list[tuple[str, int, Json]] = [
        ("the first set, one did not sign", 0, {**begin, "signatures": begin["signatures"][:1]}),
        ("the first set, one signed twice", 0, {**begin, "signatures": begin["signatures"][:1] * 2}),
        ("a set of one", 0, {**begin, "officers": jwks[:1], "signatures": begin["signatures"][:1]}),
        ("not sorted", 0, {**begin, "officers": jwks[::-1]}),
        ("two ids, one key", 0, {**begin, "officers": same_key}),
        ("a key that does not sign", 0, {**begin, "officers": agreement}),
        ("one of the set before did not sign", 1, _entry(second, first, "one", "three")),
        ("the new officer did not sign", 1, _entry(second, first, "one", "two")),
        ("the set before is not named", 1, {**good, "previous": None}),
        ("signed for another log", 1, {**good, "signatures": _for_another_log(first, second)}),
        ("begins anew after the first", 1, begin),
    ]
    return [{"attack": attack, "after": after, **entry} for attack, after, entry in cases]


def _for_another_log(first: OfficerSet, second: OfficerSet) -> list[str]:
    return [
        sign_officers(
            "hub.example/other", second, first, id_of(f"officer {name}"), key_of(f"officer {name}"), ISSUED_AT
        )
        for name in ("one", "two", "three")
    ]


def _refused_signatures(request: str) -> list[Json]:
    """Lists of signatures under which the first set enrols nobody."""
    one, two = _signed(request, "one"), _signed(request, "two")
    said = {"log": ORIGIN, "agency": "example-police", "root": key_of("police root").public.kid, "request": request}
    said |= {"officer": id_of("officer two"), "signed_at": render_time(ISSUED_AT)}
    more = canonical_bytes({**said, "note": "x"})
    cases: dict[str, list[str]] = {
        "one officer alone": [one],
        "one officer twice": [one, one],
        "nobody": [],
        "a third, who is no officer": [one, _signed(request, "three")],
        "three signatures": [one, two, _signed(request, "three")],
        "of another request": [one, _signed(_other(request), "two")],
        "of another agency": [one, _signed(request, "two", agency="example-council")],
        "of another root": [one, _signed(request, "two", root=key_of("council root").public.kid)],
        "for another log": [one, _signed(request, "two", origin="hub.example/other")],
        "under another officer's id": [one, _signed(request, "two", "one")],
        "of the type of a set's signature": [one, sign_compact(canonical_bytes(said), OFFICERS_TYPE, _key("two"))],
        "a member more": [one, sign_compact(more, ENROLMENT_TYPE, _key("two"))],
        "by the agency's own root": [one, sign_compact(canonical_bytes(said), ENROLMENT_TYPE, key_of("police root"))],
    }
    return [{"attack": attack, "signatures": tokens} for attack, tokens in cases.items()]


def _key(name: str) -> Any:
    return key_of(f"officer {name}")


def _other(digest: str) -> str:
    return ("0" if digest[0] != "0" else "1") + digest[1:]
