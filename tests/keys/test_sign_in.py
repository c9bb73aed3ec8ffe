"""What is configured of a provider, what it publishes, what comes back through the browser: pure checks."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from keys.jose import b64u_decode, parse_public_jwk
from keys.private import PrivateKey
from keys.sign_in import (
    _NEEDED,
    _SETTINGS,
    DEFAULT_ALGORITHMS,
    ID_TOKEN_ALGORITHMS,
    MAX_METADATA_BYTES,
    MAX_PARAMETERS,
    MAX_PROVIDERS,
    WORDS,
    Metadata,
    ProvidersRefused,
    Reason,
    SignInRefused,
    check_callback,
    check_metadata,
    client_assertion,
    discovery_address,
    origins,
    public_jwks,
    read_object,
    read_providers,
    read_pushed,
    request_parameters,
    require_state,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FILE = Path("folder") / "adapter.toml"
SETTINGS = """
[[sign_in]]
name = "fern-care"
label = "Fernshire Children's Social Care (invented)"
issuer = "https://sign-in.fern-care.example/tenant"
client_id = "nrm-adapter"
agency = "fern-care"
acr_values = ["https://refeds.org/profile/mfa"]
two_factor_amr = ["mfa", "pwd+otp"]
hosts = ["tokens.fern-care.example", "keys.fern-care.example:8443"]
ca_file = "provider-ca.pem"
private = true
"""
ISSUER = "https://sign-in.fern-care.example/tenant"
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": "https://tokens.fern-care.example/token",
    "jwks_uri": "https://keys.fern-care.example:8443/jwks",
    "pushed_authorization_request_endpoint": f"{ISSUER}/par",
    "response_types_supported": ["code", "code id_token"],
    "code_challenge_methods_supported": ["S256", "plain"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
    "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
    "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    "authorization_response_iss_parameter_supported": True,
}


def tables(**changes: Any) -> list[dict[str, Any]]:
    table = tomllib.loads(SETTINGS)["sign_in"][0]
    return [{name: value for name, value in {**table, **changes}.items() if value is not None}]


PROVIDER = read_providers(tables(), FILE, "production")[0]


def test_a_provider_is_read_from_its_settings() -> None:
    assert (PROVIDER.name, PROVIDER.issuer, PROVIDER.client_id) == ("fern-care", ISSUER, "nrm-adapter")
    assert PROVIDER.two_factor_amr == ("mfa", "pwd+otp")
    assert PROVIDER.is_private
    assert PROVIDER.ca_file == Path("folder") / "provider-ca.pem"
    assert PROVIDER.id_token_algorithms == DEFAULT_ALGORITHMS
    assert read_providers([], FILE, "production") == ()


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"name": None}, "name"),
        ({"issuer": None}, "issuer"),
        ({"name": "Fern"}, "name"),
        ({"name": "../x"}, "name"),
        ({"name": "a" * 41}, "name"),
        ({"name": 7}, "name: expected text"),
        ({"label": ""}, "label"),
        ({"label": "a\u202eb"}, "label"),
        ({"label": "a" * 101}, "label"),
        ({"issuer": "http://sign-in.fern-care.example"}, "issuer"),
        ({"issuer": "https://sign-in.fern-care.example/?a"}, "issuer"),
        ({"issuer": "https://sign-in.fern-care.example/.well-known/openid-configuration"}, "issuer"),
        ({"issuer": "http://identity.localhost:8080/a"}, "issuer"),
        ({"client_id": "a b"}, "client_id"),
        ({"client_id": "a" * 256}, "client_id"),
        ({"agency": "Fern Care"}, "agency"),
        ({"acr_values": "mfa"}, "acr_values: expected a list"),
        ({"acr_values": ["a b"]}, "acr_values"),
        ({"acr_values": ["a"] * 17}, "acr_values"),
        ({"two_factor_amr": [7]}, "two_factor_amr"),
        ({"private": "yes"}, "private: expected true or false"),
        ({"hosts": ["https://x.example"]}, "hosts"),
        ({"hosts": ["x.example:99999"]}, "sign_in 1"),
        ({"hosts": ["127.1"]}, "numeric host"),
        ({"id_token_algorithms": ["HS256"]}, "id_token_algorithms"),
        ({"id_token_algorithms": ["none"]}, "id_token_algorithms"),
        ({"client_secret": "x"}, "unknown settings: client_secret"),
    ],
)
def test_a_setting_out_of_form_is_refused_by_name(changes: dict[str, Any], setting: str) -> None:
    with pytest.raises(ProvidersRefused, match=setting) as refused:
        read_providers(tables(**changes), FILE, "production")
    assert str(FILE) in str(refused.value)


def test_providers_are_told_apart() -> None:
    other = {"name": "other", "issuer": "https://other.example"}
    assert len(read_providers(tables() + tables(**other), FILE, "production")) == 2
    for change in ({"name": "other"}, {"issuer": "https://other.example"}):
        with pytest.raises(ProvidersRefused, match="two providers have the same"):
            read_providers(tables() + tables(**change), FILE, "production")
    for value in ({}, "x", [7], tables() * (MAX_PROVIDERS + 1)):
        with pytest.raises(ProvidersRefused):
            read_providers(value, FILE, "production")


def test_the_demo_takes_a_provider_on_this_machine() -> None:
    found = read_providers(tables(issuer="http://identity.localhost:8080/fern-care", hosts=None), FILE, "demo")
    assert found[0].reach("demo").authorities == {"identity.localhost:8080"}


def test_pages_name_the_origins_a_form_may_lead_to() -> None:
    assert origins([PROVIDER, PROVIDER]) == (
        "https://keys.fern-care.example:8443",
        "https://sign-in.fern-care.example",
        "https://tokens.fern-care.example",
    )


# The discovery document


def test_a_discovery_document_is_read() -> None:
    found = check_metadata(DOCUMENT, PROVIDER, "production", "ES256")
    assert found == Metadata(
        f"{ISSUER}/authorize",
        "https://tokens.fern-care.example/token",
        "https://keys.fern-care.example:8443/jwks",
        f"{ISSUER}/par",
        True,
    )
    assert discovery_address("https://a.example/") == "https://a.example/.well-known/openid-configuration"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"issuer": "https://other.example"}, "another issuer"),
        ({"issuer": ISSUER + "/"}, "another issuer"),
        ({"issuer": None}, "another issuer"),
        ({"response_types_supported": ["id_token"]}, "response_types_supported"),
        ({"response_types_supported": "code"}, "response_types_supported"),
        ({"code_challenge_methods_supported": ["plain"]}, "S256"),
        ({"code_challenge_methods_supported": None}, "S256"),
        ({"token_endpoint_auth_methods_supported": ["client_secret_post"]}, "private_key_jwt"),
        ({"token_endpoint_auth_signing_alg_values_supported": ["RS256"]}, "lists none of ES256"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "id_token_signing_alg_values_supported"),
        ({"id_token_signing_alg_values_supported": [["ES256"]]}, "id_token_signing_alg_values_supported"),
        ({"require_signed_request_object": True}, "require_signed_request_object"),
        ({"pushed_authorization_request_endpoint": None, "require_pushed_authorization_requests": True}, "pushed"),
        ({"authorization_endpoint": None}, "authorization_endpoint: expected"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"authorization_endpoint": "https://other.example/authorize"}, "host that is not configured"),
        ({"token_endpoint": "https://169.254.169.254/token"}, "host that is not configured"),
        ({"token_endpoint": "http://tokens.fern-care.example/token"}, "https"),
        ({"jwks_uri": ["https://keys.fern-care.example:8443/jwks"]}, "jwks_uri"),
        ({"jwks_uri": "https://keys.fern-care.example/jwks"}, "host that is not configured"),
        ({"pushed_authorization_request_endpoint": "https://other.example/par"}, "host that is not configured"),
    ],
)
def test_a_provider_that_cannot_or_should_not_is_refused(changes: dict[str, Any], says: str) -> None:
    document = {name: value for name, value in {**DOCUMENT, **changes}.items() if value is not None}
    with pytest.raises(SignInRefused, match=says):
        check_metadata(document, PROVIDER, "production", "ES256")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"7",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":' + b"[" * 100_000,
        b"\xff",
        b"{",
        b'{"a":' + b"9" * 5000,
    ],
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(SignInRefused, match="not a JSON object"):
        read_object(data, MAX_METADATA_BYTES, "discovery")


def test_a_huge_document_is_not_parsed() -> None:
    with pytest.raises(SignInRefused, match="more than 131,072 bytes"):
        read_object(b" " * MAX_METADATA_BYTES + b"{}", MAX_METADATA_BYTES, "discovery")


# What we send


def test_the_request_asks_for_a_recent_proof_and_for_two_factors() -> None:
    assert request_parameters(PROVIDER) == {"max_age": "900", "acr_values": "https://refeds.org/profile/mfa"}


def test_the_client_proves_itself_to_this_issuer_alone() -> None:
    key = PrivateKey.generate("ES256")
    header, claims, signature = client_assertion(PROVIDER, key, NOON, "0" * 32).split(".")
    assert json.loads(b64u_decode(header)) == {"alg": "ES256", "kid": key.public.kid, "typ": "JWT"}
    at = int(NOON.timestamp())
    assert json.loads(b64u_decode(claims)) == {
        "iss": "nrm-adapter",
        "sub": "nrm-adapter",
        "aud": ISSUER,
        "iat": at,
        "exp": at + 60,
        "jti": "0" * 32,
    }
    key.public.verify(b64u_decode(signature), f"{header}.{claims}".encode())


def test_the_published_key_set_holds_the_public_half() -> None:
    key = PrivateKey.generate("ES256")
    (published,) = public_jwks(key)["keys"]
    assert published.pop("use") == "sig"
    assert published.pop("kid") == key.public.kid
    assert parse_public_jwk(published) == key.public


@pytest.mark.parametrize("value", [None, 7, "", "a b", "a" * 501, "ä"])
def test_an_answer_to_a_pushed_request_names_it(value: object) -> None:
    assert read_pushed({"request_uri": "urn:x:1", "expires_in": 60}) == "urn:x:1"
    with pytest.raises(SignInRefused, match="request_uri"):
        read_pushed({"request_uri": value})


# What comes back through the browser

METADATA = check_metadata(DOCUMENT, PROVIDER, "production", "ES256")
QUIET = Metadata(METADATA.authorization_endpoint, METADATA.token_endpoint, METADATA.jwks_uri, None, False)


def test_an_answer_gives_its_code() -> None:
    args = {"code": ["abc"], "state": ["s"], "iss": [ISSUER], "session_state": ["x"]}
    assert require_state(args) == "s"
    assert check_callback(args, PROVIDER, METADATA) == "abc"
    assert check_callback({"code": ["abc"], "state": ["s"]}, PROVIDER, QUIET) == "abc"


@pytest.mark.parametrize(
    ("args", "says", "reason"),
    [
        ({"code": ["c"]}, "iss is missing", Reason.UNTRUSTED),
        ({"code": ["c"], "iss": ["https://other.example"]}, "another issuer", Reason.UNTRUSTED),
        ({"code": ["c"], "iss": [ISSUER, ISSUER]}, "iss stands twice", Reason.UNTRUSTED),
        ({"code": ["c"], "iss": ["a" * 501]}, "iss has more than 500", Reason.UNTRUSTED),
        ({"error": ["access_denied"], "iss": [ISSUER]}, "did not sign the person in", Reason.DECLINED),
        ({"error": ["access_denied"]}, "iss is missing", Reason.UNTRUSTED),
        ({"code": ["c"], "error": [""], "iss": [ISSUER]}, "did not sign the person in", Reason.DECLINED),
        ({"iss": [ISSUER]}, "code is missing", Reason.UNTRUSTED),
        ({"code": [""], "iss": [ISSUER]}, "code is missing", Reason.UNTRUSTED),
        ({"code": ["ä"], "iss": [ISSUER]}, "code is missing", Reason.UNTRUSTED),
        ({"code": ["c\n"], "iss": [ISSUER]}, "code is missing", Reason.UNTRUSTED),
        ({"code": ["c", "d"], "iss": [ISSUER]}, "code stands twice", Reason.UNTRUSTED),
        ({"code": ["c" * 4097], "iss": [ISSUER]}, "code has more than 4096", Reason.UNTRUSTED),
        ({str(number): ["x"] for number in range(MAX_PARAMETERS + 1)}, "parameters", Reason.UNTRUSTED),
    ],
)
def test_an_answer_out_of_form_is_refused(args: dict[str, list[str]], says: str, reason: Reason) -> None:
    with pytest.raises(SignInRefused, match=says) as refused:
        check_callback(args, PROVIDER, METADATA)
    assert refused.value.reason is reason


def test_an_issuer_that_is_not_announced_is_judged_where_it_is_named() -> None:
    with pytest.raises(SignInRefused, match="another issuer"):
        check_callback({"code": ["c"], "iss": ["https://other.example"]}, PROVIDER, QUIET)


@pytest.mark.parametrize("args", [{}, {"state": ["a", "b"]}, {"state": ["a" * 129]}])
def test_an_answer_without_a_usable_state_is_refused(args: dict[str, list[str]]) -> None:
    with pytest.raises(SignInRefused, match="state"):
        require_state(args)


def test_every_reason_has_words() -> None:
    assert set(WORDS) == set(Reason)


# docs/sign-in.md

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sign-in.md"


def test_the_page_lists_every_setting() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \| (yes|no) \|", PAGE.read_text(encoding="utf-8"))
    assert dict(rows) == {name: "yes" if name in _NEEDED else "no" for name in _SETTINGS}
    assert len(rows) == len(_SETTINGS)


def test_the_pages_example_is_read() -> None:
    (example,) = re.findall(r"(?s)```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"))
    (found,) = read_providers(tomllib.loads(example)["sign_in"], FILE, "production")
    assert found.two_factor_amr == ("mfa", "pwd+otp")


def test_every_test_that_the_page_cites_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    cited = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(cited) >= 8
    for path, name in cited:
        assert re.search(rf"(?m)^def {name}\(", (PAGE.parents[1] / path).read_text(encoding="utf-8")), name


def test_the_page_names_the_algorithms_that_may_be_configured() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"of `{' '.join(ID_TOKEN_ALGORITHMS)}`; without it `{' '.join(DEFAULT_ALGORITHMS)}`" in text
