"""Signing in to the workspace with the agency's identity provider, on Authlib's Flask client.

What is asked and what is believed is decided in ``keys.sign_in``, ``keys.id_token`` and ``keys.provider_link``; this is
what needs Flask. The hub's console has its own copy, because hub and adapters share no code that serves pages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from authlib.integrations.flask_client import FlaskOAuth2App, OAuth
from flask import Flask, abort, jsonify, make_response, redirect, render_template, request, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from keys.fetching import Outgoing
from keys.jose import Signer
from keys.provider_link import ProviderClient, ProviderLink
from keys.sessions import WANTED_COOKIE
from keys.sign_in import (
    WORDS,
    Identity,
    Provider,
    Reason,
    SignInRefused,
    public_jwks,
    request_parameters,
    require_state,
)

PREFIX = "/sign-in"
MAX_BEGUN = 3
"""Sign-ins that one session may have begun and not finished: three windows. One more forgets the oldest."""
_STATUS = {
    Reason.DECLINED: 403,
    Reason.STALE: 400,
    Reason.UNREACHABLE: 503,
    Reason.BUSY: 503,
    Reason.UNTRUSTED: 400,
}
_View = Callable[..., Any]


class _ProviderApp(FlaskOAuth2App):  # type: ignore[misc]  # Authlib ships no types
    """Authlib's client of one provider, with the metadata that was checked and requests that are bounded."""

    client_cls = ProviderClient

    @property
    def link(self) -> ProviderLink:
        """The provider as this process knows it."""
        found: ProviderLink = self.client_kwargs["link"]
        return found

    def load_server_metadata(self) -> dict[str, Any]:
        """Return the endpoints. Raises ``SignInRefused``."""
        known = self.link.metadata()
        return {"authorization_endpoint": known.authorization_endpoint, "token_endpoint": known.token_endpoint}


def make_sign_in(
    app: Flask,
    providers: Sequence[Provider],
    signer: Signer,
    outgoing: Outgoing,
    on_signed_in: Callable[[Identity, str], Response],
    *,
    origin: str,
    clock: Callable[[], datetime],
    declare: Callable[[_View], _View],
    is_own_path: Callable[[str], bool],
    prefix: str = PREFIX,
) -> None:
    """Add the pages of signing in: the list of providers, the way to each and back, and our public keys.

    ``origin`` is this site's own, as configured: answers return there and nowhere else. ``declare`` marks a view as
    open to anybody, for the rule that answers what is not declared to nobody. ``on_signed_in`` replaces the session; it
    is told which page was asked for before, empty where none was. ``is_own_path`` says whether one may be led there.
    That a form was sent by a page of this session is checked by the application before each POST.
    """
    # Authlib writes the PKCE verifier into its own debug log.
    logging.getLogger("authlib.integrations.base_client").setLevel(logging.INFO)
    oauth = OAuth(app)
    for provider in providers:
        link = ProviderLink(provider, signer, outgoing, clock)
        kept = {"client_id": provider.client_id, "client_kwargs": {"link": link}}
        oauth.register(provider.name, client_cls=_ProviderApp, **kept)
    pages = _Pages(app, oauth, providers, on_signed_in, is_own_path, origin, prefix)
    for rule, name, view, method in (
        (prefix, "choose", pages.choose, "GET"),
        (f"{prefix}/jwks.json", "jwks", lambda: jsonify(public_jwks(signer)), "GET"),
        (f"{prefix}/<name>", "start", pages.start, "POST"),
        (f"{prefix}/<name>/callback", "callback", pages.come_back, "GET"),
    ):
        # A method of an object takes no mark; what wraps it does.
        app.add_url_rule(rule, f"sign_in_{name}", declare(partial(view)), methods=[method])


class _Pages:
    """The pages of signing in. Each sign-in is kept in the session that began it, under its state, until it returns."""

    def __init__(
        self,
        app: Flask,
        oauth: OAuth,
        providers: Sequence[Provider],
        on_signed_in: Callable[[Identity, str], Response],
        is_own_path: Callable[[str], bool],
        origin: str,
        prefix: str,
    ) -> None:
        self._app, self._oauth, self._providers, self._on_signed_in = app, oauth, providers, on_signed_in
        self._is_own_path, self._origin, self._prefix = is_own_path, origin, prefix

    def _client_of(self, name: str) -> _ProviderApp:
        found: _ProviderApp | None = self._oauth.create_client(name)
        return abort(404) if found is None else found

    def _address_of(self, name: str) -> str:
        return f"{self._origin}{self._prefix}/{name}/callback"

    def choose(self) -> Response:
        """List the providers, a button each.

        Which page was asked for goes from the browser's cookie into this one page, and is said on it: whoever comes to
        sign in later, at a desk that several share, is led nowhere that somebody else asked for.
        """
        said = request.cookies.get(WANTED_COOKIE)
        wanted = said if said and self._is_own_path(said) else ""
        page = render_template("sign_in.html", providers=self._providers, prefix=self._prefix, wanted=wanted)
        answer = make_response(page)
        if said is not None:
            forget_wanted(answer)
        return answer

    def start(self, name: str) -> Response:
        """Send the browser to a provider."""
        client = self._client_of(name)
        try:
            parameters = request_parameters(client.link.provider)
            with client.link.one_sign_in():
                asked = client.create_authorization_url(self._address_of(name), **parameters)
                address, held = client.link.begin(asked)
        except SignInRefused as refusal:
            return self._refuse(name, refusal)
        _forget_oldest()
        wanted = request.form.get("wanted", "")
        held["wanted"] = wanted if self._is_own_path(wanted) else ""
        client.framework.set_state_data(session, asked["state"], held)
        return redirect(address, 303)

    def come_back(self, name: str) -> Response:
        """Take what the browser brings back from a provider, once."""
        client = self._client_of(name)

        def redeem(code: str, verifier: str) -> Mapping[str, Any]:
            where = self._address_of(name)
            answer: Mapping[str, Any] = client.fetch_access_token(where, code=code, code_verifier=verifier)
            return answer

        try:
            args = request.args.to_dict(flat=False)
            state = require_state(args)
            held = client.framework.get_state_data(session, state)
            client.framework.clear_state_data(session, state)
            with client.link.one_sign_in():
                identity = client.link.finish(held, args, redeem)
        except SignInRefused as refusal:
            return self._refuse(name, refusal)
        return self._on_signed_in(identity, held.get("wanted", ""))

    def _refuse(self, name: str, refusal: SignInRefused) -> Response:
        """Say what did not happen in our words; the log gets which check it was, the page does not."""
        self._app.logger.warning("sign-in with %s refused: %s", name, refusal)
        title, text = (_(words) for words in WORDS[refusal.reason])
        page = render_template("sign_in_refused.html", title=title, text=text, prefix=self._prefix)
        answer = make_response(page, _STATUS[refusal.reason])
        if refusal.wait_seconds is not None:
            answer.headers["Retry-After"] = str(refusal.wait_seconds)
        return answer


def forget_wanted(answer: Response) -> None:
    """Let the browser forget which page was asked for."""
    answer.delete_cookie(WANTED_COOKIE, path="/", secure=True, httponly=True, samesite="Lax")


def _forget_oldest() -> None:
    begun = sorted((key for key in session if key.startswith("_state_")), key=lambda key: float(session[key]["exp"]))
    for key in begun[: max(0, len(begun) - MAX_BEGUN + 1)]:
        del session[key]
