"""Signing in with an agency's own identity provider: what is configured, what is asked of it, what it may answer.

Pure: nothing here speaks to anybody. OpenID Connect Core 1.0 and Discovery 1.0, RFC 8414 (metadata), RFC 9207 (``iss``
in the answer), RFC 9126 (pushed requests), RFC 7523 (client assertion), RFC 9700 (current practice). The ID token is
read in ``keys.id_token``; who a person is follows from issuer and subject, what they may do from their agency's
certificates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from keys.jose import Signer
from keys.jwt import sign_jwt
from keys.outgoing import OutgoingRefused, Reach, parse_target
from keys.refusal import KeysRefusal
from keys.sessions import IDLE
from policies.model import Malformed, require_agency

MAX_PROVIDERS = 64
MAX_METADATA_BYTES = 128 * 1024
MAX_ANSWER_BYTES = 64 * 1024
"""Of a token answer or of the answer to a pushed request."""
MAX_PARAMETERS = 20
MAX_CODE_CHARS = 4096
MAX_STATE_CHARS = 128
MAX_ADDRESS_CHARS = 500
MAX_TEXT_CHARS = 255
MAX_VALUES = 16
MAX_AUTH_AGE_SECONDS = int(IDLE.total_seconds())
"""Asked of the provider (``max_age``): else an idle desk signs in again by itself, on the provider's own cookie."""
ASSERTION_SECONDS = 60
REQUEST_SECONDS = 600
"""How long a person may take at the provider."""
SCOPE = "openid"
"""Nothing else is asked for: neither name nor e-mail address is needed."""
ID_TOKEN_ALGORITHMS = ("ES256", "ES384", "PS256", "PS384", "PS512", "EdDSA", "Ed25519", "RS256", "RS384", "RS512")
"""What an agency may configure; ``none`` and shared secrets are not among them."""
DEFAULT_ALGORITHMS = ("ES256", "PS256", "EdDSA", "Ed25519")
"""As FAPI 2.0 section 5.4.1; RS256 has to be named, for providers that know nothing better."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_HOST = re.compile(r"[a-z0-9.-]{1,253}(:[0-9]{1,5})?")


class Reason(StrEnum):
    """Why somebody was not signed in; the page's words depend on it."""

    DECLINED = "declined"
    STALE = "stale"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    UNTRUSTED = "untrusted"


WORDS: Mapping[Reason, tuple[str, str]] = {
    Reason.DECLINED: (
        "You are not signed in",
        "Your organisation's sign-in service did not sign you in. You can try again, or ask its help desk.",
    ),
    Reason.STALE: (
        "Start again",
        "This sign-in was begun in another window or browser, was finished already, or took too long. "
        "Nothing has happened; start again.",
    ),
    Reason.UNREACHABLE: (
        "Sign-in is not possible at the moment",
        "Your organisation's sign-in service did not answer as it should. Try again in a few minutes.",
    ),
    Reason.BUSY: (
        "Sign-in is not possible at the moment",
        "Your organisation's sign-in service answers slowly, and others are waiting for it already. "
        "Wait a minute, then try again.",
    ),
    Reason.UNTRUSTED: (
        "You are not signed in",
        "The answer of the sign-in service could not be trusted, so it was not used. "
        "Tell your administrator when this happened.",
    ),
}
"""Heading and text of the page for each reason. The provider's own words are never shown."""


class SignInRefused(KeysRefusal):
    """Nobody is signed in. The text is for the log: what was expected, never a value from outside.

    ``wait_seconds`` says when trying again may help, where that is known.
    """

    def __init__(self, message: str, reason: Reason = Reason.UNTRUSTED, *, wait_seconds: int | None = None) -> None:
        super().__init__(message)
        self.reason, self.wait_seconds = reason, wait_seconds


class ProvidersRefused(KeysRefusal):
    """The configured providers are not of the agreed form. The text names file and setting."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An agency's identity provider as it is configured.

    ``name`` stands in addresses, ``label`` on the page. An ``acr`` among ``acr_values`` says that two factors were
    used, and so does an entry of ``two_factor_amr``: one method ("mfa") or several that must all be there ("pwd+otp").
    With neither, nobody signs in with two factors. ``hosts`` are further hosts (``name`` or ``name:port``) where its
    endpoints may lie. A private one lies on the agency's own network; ``ca_file`` names who vouches for its
    certificate.
    """

    name: str
    label: str
    issuer: str
    client_id: str
    agency: str
    acr_values: tuple[str, ...] = ()
    two_factor_amr: tuple[str, ...] = ()
    is_private: bool = False
    hosts: tuple[str, ...] = ()
    id_token_algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    ca_file: Path | None = None

    def reach(self, environment: str) -> Reach:
        """Return where requests to this provider may go."""
        is_demo = environment == "demo"
        issuer = parse_target(self.issuer, is_demo=is_demo)
        further = (parse_target(f"https://{host}/", is_demo=is_demo).authority for host in self.hosts)
        return Reach(frozenset({issuer.authority, *further}), is_private=self.is_private, is_demo=is_demo)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What of a provider's discovery document is used, checked."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    pushed_endpoint: str | None
    names_issuer: bool
    """Whether its answers carry ``iss`` (RFC 9207): then one without is refused."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, as their agency's provider said and this project verified."""

    provider: str
    agency: str
    issuer: str
    subject: str = field(repr=False)
    amr: tuple[str, ...]
    acr: str | None
    auth_time: datetime
    is_two_factor: bool


# --- settings ---

_SETTINGS = {
    "name": str,
    "label": str,
    "issuer": str,
    "client_id": str,
    "agency": str,
    "acr_values": list,
    "two_factor_amr": list,
    "private": bool,
    "hosts": list,
    "id_token_algorithms": list,
    "ca_file": str,
}
_NEEDED = ("name", "label", "issuer", "client_id", "agency")


def read_providers(tables: object, where: Path, environment: str) -> tuple[Provider, ...]:
    """Read the ``[[sign_in]]`` tables of a configuration file; ``where`` is the file, for errors and relative paths.

    Raises ``ProvidersRefused`` naming file and setting.
    """
    if not isinstance(tables, list) or len(tables) > MAX_PROVIDERS:
        raise ProvidersRefused(f"{where}: sign_in: expected at most {MAX_PROVIDERS} tables, each written [[sign_in]]")
    found = []
    for number, table in enumerate(tables, start=1):
        try:
            found.append(_read_provider(table, where.parent, environment))
        except (Malformed, KeysRefusal) as error:
            raise ProvidersRefused(f"{where}: sign_in {number}: {error}") from error
    for setting in ("name", "issuer"):
        values = [getattr(item, setting) for item in found]
        if len(set(values)) != len(values):
            raise ProvidersRefused(f"{where}: sign_in: two providers have the same {setting}")
    return tuple(found)


def _read_provider(table: object, folder: Path, environment: str) -> Provider:
    if not isinstance(table, Mapping):
        raise ProvidersRefused("expected a table")
    if unknown := sorted(set(table) - set(_SETTINGS)):
        raise ProvidersRefused(f"unknown settings: {', '.join(map(str, unknown))[:200]}")
    if missing := [name for name in _NEEDED if name not in table]:
        raise ProvidersRefused(f"missing settings: {', '.join(missing)}")
    for name, value in table.items():
        if not isinstance(value, _SETTINGS[name]):
            expected = {str: "text", list: "a list of texts", bool: "true or false"}[_SETTINGS[name]]
            raise ProvidersRefused(f"{name}: expected {expected}")
    if not _NAME.fullmatch(table["name"]):
        raise ProvidersRefused("name: expected 1 to 40 small letters, digits and hyphens: it stands in addresses")
    if not 1 <= len(table["label"]) <= 100 or not table["label"].isprintable():
        raise ProvidersRefused("label: expected 1 to 100 printable characters: people read it")
    if not _VISIBLE.fullmatch(table["client_id"]):
        raise ProvidersRefused("client_id: expected 1 to 255 visible ASCII characters")
    algorithms = _texts(table, "id_token_algorithms") or DEFAULT_ALGORITHMS
    if unknown := sorted(set(algorithms) - set(ID_TOKEN_ALGORITHMS)):
        raise ProvidersRefused(f"id_token_algorithms: expected some of {', '.join(ID_TOKEN_ALGORITHMS)}")
    provider = Provider(
        name=table["name"],
        label=table["label"],
        issuer=_read_issuer(table["issuer"], environment),
        client_id=table["client_id"],
        agency=require_agency(table["agency"]),
        acr_values=_texts(table, "acr_values"),
        two_factor_amr=_texts(table, "two_factor_amr"),
        is_private=table.get("private", False),
        hosts=_texts(table, "hosts"),
        id_token_algorithms=algorithms,
        ca_file=folder / table["ca_file"] if table.get("ca_file") else None,
    )
    if not all(_HOST.fullmatch(host) for host in provider.hosts):
        raise ProvidersRefused("hosts: expected host names in small letters, with a port if it is not 443")
    provider.reach(environment)
    return provider


def _texts(table: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = table.get(name, [])
    if len(values) > MAX_VALUES or not all(isinstance(item, str) and _VISIBLE.fullmatch(item) for item in values):
        raise ProvidersRefused(f"{name}: expected at most {MAX_VALUES} texts of visible ASCII characters")
    return tuple(values)


def _read_issuer(issuer: str, environment: str) -> str:
    try:
        parse_target(issuer, is_demo=environment == "demo")
    except OutgoingRefused as error:
        raise ProvidersRefused(f"issuer: {error}") from error
    if "?" in issuer or issuer.endswith("/.well-known/openid-configuration"):
        raise ProvidersRefused("issuer: expected the provider's own name of itself, without query or document name")
    return issuer


def origins(providers: Sequence[Provider]) -> tuple[str, ...]:
    """Return the origins that a form of ours may lead to by a redirect (CSP ``form-action``), sorted, each once."""
    found = set()
    for provider in providers:
        target = parse_target(provider.issuer, is_demo=True)
        found |= {target.origin, *(f"https://{host}" for host in provider.hosts)}
    return tuple(sorted(found))


# --- what the provider publishes ---


def read_object(data: bytes, limit_bytes: int, what: str) -> dict[str, Any]:
    """Read a JSON object from outside: limit first, no name twice, no number that is none. Raises ``SignInRefused``."""
    if len(data) > limit_bytes:
        raise SignInRefused(f"{what}: more than {limit_bytes:,} bytes", Reason.UNREACHABLE)
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SignInRefused(f"{what}: not a JSON object", Reason.UNREACHABLE) from error
    if not isinstance(found, dict):
        raise SignInRefused(f"{what}: not a JSON object", Reason.UNREACHABLE)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(_: str) -> None:
    raise ValueError("not a number")


def discovery_address(issuer: str) -> str:
    """Return where a provider publishes its metadata (OpenID Connect Discovery 1.0 section 4)."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def check_metadata(document: Mapping[str, Any], provider: Provider, environment: str, client_alg: str) -> Metadata:
    """Read a discovery document and refuse a provider that cannot do what is asked. Raises ``SignInRefused``.

    ``client_alg`` is the algorithm of the key that we authenticate with.
    """
    if document.get("issuer") != provider.issuer:
        raise SignInRefused("discovery: the document names another issuer than the one configured")
    for member, needed in (
        ("response_types_supported", "code"),
        ("code_challenge_methods_supported", "S256"),
        ("token_endpoint_auth_methods_supported", "private_key_jwt"),
    ):
        if needed not in _listed(document, member):
            raise SignInRefused(f"discovery: {member} does not list {needed}")
    for member, supported in (
        ("token_endpoint_auth_signing_alg_values_supported", (client_alg,)),
        ("id_token_signing_alg_values_supported", provider.id_token_algorithms),
    ):
        if member in document and not set(supported) & set(_listed(document, member)):
            raise SignInRefused(f"discovery: {member} lists none of {', '.join(supported)}")
    for member in ("require_signed_request_object", "require_request_uri_registration"):
        if document.get(member, False) is not False:
            raise SignInRefused(f"discovery: {member} is not something this client does")
    pushed = document.get("pushed_authorization_request_endpoint")
    if pushed is None and document.get("require_pushed_authorization_requests", False) is not False:
        raise SignInRefused("discovery: pushed requests are required but there is no address for them")
    reach = provider.reach(environment)
    return Metadata(
        _endpoint(document, "authorization_endpoint", reach),
        _endpoint(document, "token_endpoint", reach),
        _endpoint(document, "jwks_uri", reach),
        None if pushed is None else _endpoint(document, "pushed_authorization_request_endpoint", reach),
        document.get("authorization_response_iss_parameter_supported", False) is not False,
    )


def _listed(document: Mapping[str, Any], member: str) -> list[str]:
    values = document.get(member)
    return [item for item in values if isinstance(item, str)] if isinstance(values, list) else []


def _endpoint(document: Mapping[str, Any], member: str, reach: Reach) -> str:
    address = document.get(member)
    try:
        if not isinstance(address, str):
            raise OutgoingRefused("expected an address")
        reach.require(address)
    except OutgoingRefused as error:
        raise SignInRefused(f"discovery: {member}: {error}") from error
    return address


# --- what is asked, and the answer in the browser ---


def request_parameters(provider: Provider) -> dict[str, str]:
    """Return what every authorization request carries beside the flow's own parameters."""
    asked = {"max_age": str(MAX_AUTH_AGE_SECONDS)}
    if provider.acr_values:
        asked["acr_values"] = " ".join(provider.acr_values)
    return asked


def client_assertion(provider: Provider, signer: Signer, now: datetime, jti: str) -> str:
    """Return the JWT with which we authenticate (RFC 7523 section 2.2), for this provider alone and for a minute."""
    at = int(now.timestamp())
    claims = {
        "iss": provider.client_id,
        "sub": provider.client_id,
        # The issuer alone: an assertion for the address of an endpoint can be carried to another server.
        "aud": provider.issuer,
        "iat": at,
        "exp": at + ASSERTION_SECONDS,
        "jti": jti,
    }
    return sign_jwt(claims, "JWT", signer, kid=signer.public.kid)


def public_jwks(signer: Signer) -> dict[str, Any]:
    """Return the key set that the provider checks our assertions with (RFC 7517 section 5)."""
    return {"keys": [{**signer.public.jwk, "use": "sig", "kid": signer.public.kid}]}


def read_pushed(answer: Mapping[str, Any]) -> str:
    """Return the ``request_uri`` of the answer to a pushed request (RFC 9126 section 2.2). Raises ``SignInRefused``."""
    found = answer.get("request_uri")
    if not isinstance(found, str) or not re.fullmatch(r"[\x21-\x7e]{1,500}", found):
        raise SignInRefused("pushed request: the answer has no request_uri", Reason.UNREACHABLE)
    return found


def require_state(args: Mapping[str, Sequence[str]]) -> str:
    """Return the answer's ``state``, with which what was begun is looked up. Raises ``SignInRefused``."""
    state = _single(args, "state", MAX_STATE_CHARS)
    if state is None:
        raise SignInRefused("callback: state is missing", Reason.STALE)
    return state


def check_callback(args: Mapping[str, Sequence[str]], provider: Provider, metadata: Metadata) -> str:
    """Return the authorization code of an answer whose state was found. Raises ``SignInRefused``.

    ``iss`` is judged before anything else (RFC 9207 section 2.4), in an answer that reports an error too.
    """
    issuer = _single(args, "iss", MAX_ADDRESS_CHARS)
    if issuer is None and metadata.names_issuer:
        raise SignInRefused("callback: iss is missing, though the provider says that its answers carry it")
    if issuer is not None and issuer != provider.issuer:
        raise SignInRefused("callback: iss names another issuer than the one this sign-in was begun with")
    if "error" in args:
        raise SignInRefused("callback: the provider reports that it did not sign the person in", Reason.DECLINED)
    code = _single(args, "code", MAX_CODE_CHARS)
    if not code or not code.isascii() or not code.isprintable():
        raise SignInRefused("callback: code is missing or not of its form")
    return code


def _single(args: Mapping[str, Sequence[str]], name: str, limit_chars: int) -> str | None:
    if len(args) > MAX_PARAMETERS:
        raise SignInRefused(f"callback: more than {MAX_PARAMETERS} parameters")
    values = args.get(name, ())
    if len(values) > 1:
        raise SignInRefused(f"callback: {name} stands twice")
    if values and len(values[0]) > limit_chars:
        raise SignInRefused(f"callback: {name} has more than {limit_chars} characters")
    return values[0] if values else None
