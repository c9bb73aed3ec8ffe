"""Attacks 17, 18, 19, 83 and 84 by number: the hub is seized, its traffic is watched, its store is guessed at.

What it yields is what docs/threat-model.md lists, and no more; one agency's whole set of keys adds what that agency was
given.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from adapters.hub_client import HubRefused
from hub.audit import write_audit
from keys.envelopes import SealedChannel
from keys.sealing import BUCKET_BYTES, OpenRefused, open_channel
from tests import postgres
from tests.adapters.picture.test_receiving import consent
from tests.attacks.yielded import codes, every_value, leaves, unexpected
from tests.e2e.test_canaries import found_in
from tests.scene import CANARIES, CARE, CHARITY, CONTENTS, HEALTH, POLICE, Party, Scene

BIRTH_DATE = "2010-02-30"
"""A day that no calendar has."""
IDENTIFIERS = (*CANARIES, BIRTH_DATE, f"{CANARIES[1]}|{BIRTH_DATE}", CANARIES[1].casefold(), "9990000018")


class Watching(httpx.BaseTransport):
    """Sees what somebody on the line sees inside the encryption at most: addresses and sizes."""

    def __init__(self, honest: httpx.BaseTransport) -> None:
        self._honest = honest
        self.seen: list[tuple[str, int, int]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._honest.handle_request(request)
        response.read()
        self.seen.append((str(request.url), len(request.read()), len(response.content)))
        return response


@pytest.fixture(scope="module")
def used(make_scene: Callable[[], Scene]) -> Scene:
    """A hub that every kind of act went through."""
    scene = make_scene().embed()
    scene.witness()
    scene[CARE].book.record_consent(scene.main, consent("given"))
    for agency in (CARE, POLICE, HEALTH):
        scene[agency].share(scene.main, {"kind": "concern", "summary": CANARIES[1], "fields": {"born": BIRTH_DATE}})
    for agency, label in ((POLICE, "chair"), (HEALTH, "voter"), (CARE, "lead")):
        assert scene[agency].pull(scene.main, label).view.opened
    return scene


# --- 83: the whole server ---


def test_attack_83_a_seized_hub_yields_what_the_page_lists_and_nothing_else(used: Scene) -> None:
    """Every value of every row, taken apart: ids, digests, times, codes, agencies, keys in public, sealed bytes."""
    postgres.only_sqlite("every byte of the store is looked at")
    known = codes()
    values = list(every_value(used.hub.home / "hub.db"))
    assert len(values) > 2_000
    assert [found for path, value in values if (found := unexpected(path, value, known))] == []


@pytest.mark.parametrize(
    "text", ["seen near the station", json.dumps({"state": "seen near the station"}), "Øxenbridge", "a_word_of_nobody"]
)
def test_a_word_that_is_no_code_is_found(text: str) -> None:
    """The control: what the search above is for, it finds."""
    assert any(unexpected(path, value, codes()) for path, value in leaves("case_statement.statement", text))


def test_attack_83_nor_do_its_files_its_printed_lines_and_its_audit_page(used: Scene) -> None:
    write_audit(used.hub.config, used.hub.passphrase, used.hub.home / "audit.html")
    assert found_in(used.hub.home, (*CANARIES, BIRTH_DATE)) == []


# --- 84: one agency's whole set of keys ---


def every_key(party: Party) -> list[Any]:
    """Every private key an agency and its people have."""
    files = [party.keys, *party.member_keys.values()]
    return [key for file in files for key in file.keys.values()]


@pytest.mark.parametrize("agency", [CARE, POLICE, HEALTH, CHARITY])
def test_attack_84_an_agency_made_to_hand_over_its_keys_opens_what_was_wrapped_to_it(used: Scene, agency: str) -> None:
    """The whole database beside them: of the channels, those that lead to a key of this agency, and no other."""
    keys = [key for key in every_key(used[agency]) if key.public.alg == "HPKE-9-KE"]
    rows = used.sql('SELECT channel, "case", originator, recipient, recipient_agency, jwe FROM channel')
    others = 0
    for channel, case, originator, recipient, recipient_agency, jwe in rows:
        opened = 0
        for key in keys:
            try:
                open_channel(SealedChannel.parse(json.loads(jwe)), case, originator, channel, key)
            except OpenRefused:
                continue
            opened += 1
            assert recipient == key.public.kid
        assert opened == (recipient_agency == agency)
        others += recipient_agency != agency
    assert keys
    assert others > 3


# --- 19: the store as an index ---


def guesses(text: str) -> set[bytes]:
    """What somebody who guesses an identifier looks for: its digests, plain, cut, and keyed with what lies about."""
    found: set[bytes] = set()
    for form in {text, text.casefold(), text.upper(), text.replace(" ", "")}:
        raw = form.encode()
        for name in ("sha256", "sha512", "sha1", "md5", "sha3_256", "blake2b"):
            digest = hashlib.new(name, raw).digest()
            found |= {digest, digest.hex().encode(), digest[:16], digest[:16].hex().encode()}
        for key in (b"", b"nrm-hub", b"hub.example/test"):
            keyed = hmac.new(key, raw, "sha256").digest()
            found |= {keyed, keyed.hex().encode()}
    return found


def test_attack_19_nothing_in_the_store_answers_a_guess(used: Scene) -> None:
    """Names, dates and numbers of the child, guessed rightly: no digest of them is anywhere in what the hub wrote."""
    postgres.only_sqlite("every byte of the store is looked at")
    data = b"".join(path.read_bytes() for path in sorted(used.hub.home.rglob("*")) if path.is_file())
    wanted = {guess for text in IDENTIFIERS for guess in guesses(text)}
    assert len(wanted) > 100
    assert not [guess for guess in wanted if guess in data]
    # The control: a digest that is there is found.
    digest = used.sql("SELECT digest FROM fragment")[0][0]
    assert digest.encode() in data


def test_attack_19_no_route_searches(used: Scene) -> None:
    """There is no way to ask the hub for a word: no route takes a text to look for."""
    described = used[CARE].client.get("/openapi.json")
    names = {
        item["name"]
        for path in described["paths"].values()
        for way in path.values()
        if isinstance(way, dict)
        for item in way.get("parameters", [])
    }
    assert names
    assert not names & {"q", "query", "search", "name", "text", "filter"}


# --- 17: who shares with whom, when, how big ---


def test_attack_17_addresses_and_sizes_tell_a_text_by_its_bucket_at_most(make_scene: Callable[[], Scene]) -> None:
    """Texts of many lengths, one bucket: pushed and pulled, they have one size, and no address says a name."""
    scene = make_scene().embed()
    scene.witness()
    assert scene.transport is not None
    watching = Watching(scene.transport)
    scene.use(watching)
    sizes: dict[int, set[int]] = {}
    for length in (1_100, 1_300, 1_900, 2_500, 3_900):
        scene[CARE].write(scene.main, {"kind": "concern", "summary": "e" * length, "fields": {}})
        scene[CARE].release(scene.main)
        before = len(watching.seen)
        assert scene[CARE].outbox.push_all().refused == 0
        (pushed,) = [asked for address, asked, _ in watching.seen[before:] if address.endswith("/push")]
        sizes.setdefault(bucket_of(length), set()).add(pushed)
    assert len(sizes) == 2, "two buckets, of five lengths"
    # A push's statements name numbers and times; their digits differ by a few bytes, never with the text.
    assert all(max(found) - min(found) <= 24 for found in sizes.values()), sizes
    assert min(sizes[max(sizes)]) - max(sizes[min(sizes)]) > 1_000
    ciphertexts = {row[0] for row in scene.sql("SELECT LENGTH(ciphertext) FROM fragment")}
    assert ciphertexts <= set(BUCKET_BYTES)
    for address, _, _ in watching.seen:
        path = address.removeprefix(scene.hub.issuer)
        assert not re.search("fern|care|police|health|charity|child", path), path


def bucket_of(length: int) -> int:
    """The bucket of a content with a summary of that length."""
    content = len(json.dumps({**CONTENTS[0], "summary": "", "fields": {}}, separators=(",", ":"))) + length
    return next(size for size in BUCKET_BYTES if content <= size)


# --- 18: what the hub wrote ---


def test_attack_18_an_error_repeats_nothing_it_was_sent(used: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    """Content in every place a request has: none comes back, none is printed."""
    client = used[CARE].client
    said = []
    for text in CANARIES:
        for path in (f"/v1/cases/{text}", f"/v1/cases/{used.main}?{text}={text}", f"/v1/{text}"):
            answer = httpx.Client(transport=used.transport, base_url=used.hub.issuer).get(
                path, headers={"Authorization": f"DPoP {text.encode().hex()}", "X-Note": text.encode().hex()}
            )
            said.append(answer.text)
        with pytest.raises(HubRefused) as refused:
            client.post("/v1/statements", {"statement": text, text: text})
        said.append(str(refused.value))
    printed = capfd.readouterr()
    assert said
    everything = "\n".join((*said, printed.out, printed.err))
    assert not [text for text in CANARIES if text in everything]
