"""A hub that lies: between the honest application and an adapter, answers are changed on their way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx

from hub.app import create_app
from hub.exchange.standing import DirectoryCache
from keys.certificates import verify_agency, verify_certificate
from keys.jose import KeyRefused, SignatureRefused
from policies.model import Malformed
from tests.scene import Scene, embedded_services, now

Lines = list[dict[str, Any]]
Change = Callable[[str, Any], Any]


class Lying(httpx.BaseTransport):
    """Passes requests on and changes what comes back. ``change`` gets the path and the parsed answer.

    For newline-delimited JSON the answer is the list of lines; for other text it is the text, else the bytes.
    """

    def __init__(self, honest: httpx.BaseTransport, change: Change) -> None:
        self._honest, self._change = honest, change

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask the honest hub, then lie."""
        response = self._honest.handle_request(request)
        response.read()
        if response.status_code not in (200, 202) or request.url.path.startswith("/oauth"):
            return response
        media = response.headers.get("content-type", "")
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        if "octet-stream" in media:
            data = self._change(request.url.path, response.content)
            return httpx.Response(response.status_code, headers=headers, content=data)
        text = response.text
        if "ndjson" in media:
            lines = [json.loads(line) for line in text.splitlines()]
            text = "".join(json.dumps(line) + "\n" for line in self._change(request.url.path, lines))
        elif "json" in media:
            text = json.dumps(self._change(request.url.path, json.loads(text)))
        else:
            text = self._change(request.url.path, text)
        return httpx.Response(response.status_code, headers=headers, content=text.encode())


def lie(scene: Scene, change: Change, *agencies: str) -> None:
    """Let the hub lie to these agencies (all without names)."""
    assert scene.transport is not None
    honest = scene.transport
    scene.use(Lying(honest, change), *agencies)
    scene.transport = honest


def about(end: str, change: Callable[[Any], Any]) -> Change:
    """Return a change of the answers at paths with this end, other answers staying as they are."""
    return lambda path, answer: change(answer) if path.endswith(end) else answer


def about_entries(change: Callable[[list[bytes]], list[bytes]]) -> Change:
    """Return a change of the log's entries on their way, bundle by bundle."""

    def changed(path: str, answer: Any) -> Any:
        if "/tile/entries/" not in path:
            return answer
        entries = []
        while answer:
            end = 2 + int.from_bytes(answer[:2], "big")
            entries.append(answer[2:end])
            answer = answer[end:]
        return b"".join(len(entry).to_bytes(2, "big") + entry for entry in change(entries))

    return changed


def recount(lines: Iterable[dict[str, Any]]) -> Lines:
    """Return a pull's answer with the counts of its end line put right: a lie that is consistent in itself."""
    kept = [line for line in lines if line["type"] != "end"]
    counts = {name: sum(line["type"] == name for line in kept) for name in ("fragment", "refused", "channel")}
    numbers = sum(line["type"] in ("disclosure", "void") for line in kept)
    return [*kept, {"type": "end", "counts": {**counts, "disclosure": numbers}}]


class Gullible(DirectoryCache):
    """A hostile hub's own directory: what does not verify does not trouble it."""

    def current(self, session: Any) -> Any:
        """Return the directory of the rows that verify."""
        from hub.store import exchange_rows as rows
        from keys.directory import Directory

        agencies, certificates = {}, []
        recorded = rows.recorded_after(session, -1)
        for row in recorded:
            if row.table == "agency":
                agencies.setdefault(row.agency, verify_agency(row.statement))
        for row in recorded:
            if row.table != "certificate":
                continue
            try:
                certificates.append(verify_certificate(row.statement, agencies[row.agency]))
            except (SignatureRefused, KeyRefused, Malformed):
                continue
        return Directory(agencies.values(), certificates)


def embed_hostile(scene: Scene) -> Scene:
    """Run the application with a directory that believes anything in its own database."""
    from dataclasses import replace

    from hub.auth.authorization import Authorization
    from hub.services import TOKEN_KEY
    from tests.scene import opened_keys

    services = embedded_services(scene.hub, now)
    directory = Gullible()
    keys = opened_keys(services.config.keys_path, scene.hub.passphrase)
    authorization = Authorization(
        services.config.issuer, keys.keys[TOKEN_KEY], services.database, directory, now, moment=services.moment
    )
    services = replace(services, directory=directory, authorization=authorization)
    if scene.database is not None:
        scene.database.close()
    scene.database = services.database
    scene.use(httpx.WSGITransport(app=create_app(services), raise_app_exceptions=False))
    return scene
