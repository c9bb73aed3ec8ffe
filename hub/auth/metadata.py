"""What the authorization server says of itself (RFC 8414)."""

from __future__ import annotations

from typing import Any

from hub.auth.clients import CLIENT_ALGORITHMS, GRANT_TYPES, METHOD
from hub.auth.dpop import ALGORITHMS
from hub.auth.tokens import SCOPE

METADATA_PATH = "/.well-known/oauth-authorization-server"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
INTROSPECTION_PATH = "/oauth/introspect"
REVOCATION_PATH = "/oauth/revoke"


def metadata(issuer: str) -> dict[str, Any]:
    """Return the metadata. There is no authorization endpoint, and no ``jwks_uri``: only the hub reads its tokens."""
    said: dict[str, Any] = {
        "issuer": issuer,
        "token_endpoint": f"{issuer}{TOKEN_PATH}",
        "introspection_endpoint": f"{issuer}{INTROSPECTION_PATH}",
        "revocation_endpoint": f"{issuer}{REVOCATION_PATH}",
        "grant_types_supported": list(GRANT_TYPES),
        "response_types_supported": [],
        "scopes_supported": [SCOPE],
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
    }
    for endpoint in ("token", "introspection", "revocation"):
        said[f"{endpoint}_endpoint_auth_methods_supported"] = [METHOD]
        said[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = list(CLIENT_ALGORITHMS)
    return said
