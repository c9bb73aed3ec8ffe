"""The audit page: who saw what, why, under which rule, what was refused, and whether the log behind it is whole."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import re
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lxml import html

from adapters.hub_client import HubRefused
from hub.audit import TEMPLATES, read_audit, render_audit, write_audit
from hub.audit_lines import UNREADABLE, Source, make_line
from hub.cli import main
from keys.canonical import canonical_bytes
from policies.vocabulary import Gateway, Purpose
from tests.scene import CANARIES, CARE, CHARITY, HEALTH, POLICE, Scene, bundle, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}


def consent(state: str) -> dict[str, Any]:
    """Return a consent statement's members."""
    given = state == "given"
    return {
        "state": state,
        "reason": "none",
        "given_by": "child",
        "scope": {
            "categories": ["concern"] if given else [],
            "recipients": ["police", "health", "social_care"] if given else [],
            "purposes": ["panel_review"] if given else [],
        },
        "wishes": "recorded",
        "expires_at": None,
        "detail": None,
    }


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A case in which everything that can happen has happened once."""
    made = make_scene().embed()
    made.witness()
    care, health, police = made[CARE], made[HEALTH], made[POLICE]
    care.book.record_consent(made.main, consent("given"))
    made.witness()
    assert health.share(made.main, NOTE, gateway=Gateway.CLDC_CONSENT).refused == 0
    assert len(police.pull(made.main, "chair").view.opened) == 3
    health.write(made.main, {**NOTE, "summary": "Another"})
    health.release(made.main, gateway=Gateway.CLDC_CONSENT)
    care.book.record_consent(made.main, consent("withdrawn"))
    assert health.outbox.push_all().refused > 0
    assert len(police.pull(made.main, "chair").view.refused) == 1
    care.book.refuse(
        made.main,
        {
            "recipient_agency": POLICE,
            "category": "health_contact",
            "request": None,
            "code": "more_harm_than_good",
            "reviewer": care.people["lead"],
            "detail": None,
        },
    )
    for case in (made.main, "f" * 32):
        with pytest.raises(HubRefused):
            made[CHARITY].receiver.pull(
                case, made[CHARITY].people["worker"], made[CHARITY].member_keys["worker"], Purpose.SAFEGUARDING
            )
    made.witness()
    return made


@pytest.fixture(scope="module")
def page(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> html.HtmlElement:
    """The page as written, parsed."""
    output = tmp_path_factory.mktemp("audit") / "audit.html"
    assert write_audit(scene.hub.config, scene.hub.passphrase, output) == len(scene.log_types())
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    return html.fromstring(output.read_text(encoding="utf-8"))


def rows(page: html.HtmlElement, number: int = 1) -> list[list[str]]:
    """Return the cells of a case's table, row by row, as text."""
    table = page.xpath(f"//table[caption[@id='caption-{number}']]")[0]
    return [[" ".join(cell.text_content().split()) for cell in row] for row in table.xpath("tbody/tr")]


def row_with(page: html.HtmlElement, text: str) -> list[str]:
    """Return the only row whose act has this text."""
    found = [row for row in rows(page) if text in row[2]]
    assert len(found) == 1, (text, found)
    return found[0]


def test_every_entry_of_a_case_is_a_row_in_its_order(scene: Scene, page: html.HtmlElement) -> None:
    """Nothing is left out, and the order is that of the case."""
    listed = [int(re.findall(r"entry (\d+)", row[0])[0]) for row in rows(page)]
    wanted = scene.sql('SELECT position FROM log_entry WHERE "case" = ? ORDER BY case_seq', scene.main)
    assert listed == [position for (position,) in wanted]
    assert len(listed) > 20
    assert not any(UNREADABLE in row[2] for row in rows(page))


def test_a_pull_says_who_when_why_and_under_which_rule(page: html.HtmlElement) -> None:
    """The chair's first pull: three fragments, for the review, permitted by a rule with its sentence."""
    row = row_with(page, "Was shown 3 fragments")
    assert row[0].startswith(now().strftime("%Y-%m-%d"))
    assert row[1].startswith("Fernshire police fern-police member ")
    assert row[3] == "panel review"
    rule = bundle().rules["panel-reads-evidence"]
    assert f"{rule.sentence} panel-reads-evidence, 3 decisions" in row[4]
    assert row[5] == "nothing"


def test_what_was_refused_says_why(scene: Scene, page: html.HtmlElement) -> None:
    """A pull after the withdrawal, a disclosure the hub did not take, and sharing that was considered and declined."""
    sentence = bundle().rules["consent-gateway-needs-consent"].sentence
    pulled = row_with(page, "Was shown 2 fragments")
    assert f"consent-gateway-needs-consent: {sentence}" in pulled[5]
    closed = [row for row in rows(page) if "Closed the number" in row[2]]
    assert closed
    assert all("the hub refused a disclosure: stale consent" in row[5] for row in closed)
    declined = row_with(page, "Considered sharing health contact with fern-police and did not")
    assert declined[5] == "not shared, because: more harm than good"
    assert f"member {scene[CARE].people['lead'][:8]}" in declined[2]


def test_statements_are_told_in_plain_words(scene: Scene, page: html.HtmlElement) -> None:
    """Membership, acceptance, consent, channels and disclosures."""
    assert "given by: child; wishes and feelings: recorded" in row_with(page, "Recorded consent: given")[2]
    assert row_with(page, "Recorded consent: withdrawn")
    members = row_with(page, "Signed membership list number 0, path child")[2]
    assert f"fern-police member {scene[POLICE].people['chair'][:8]} as panel chair, panel voting until " in members
    assert len([row for row in rows(page) if row[2].startswith("Accepted its own entries")]) == 3
    given = [row for row in rows(page) if row[2].startswith("Gave 1 fragments to fern-police member")]
    assert len(given) == 3
    assert all(row[3] == "panel review" for row in given)
    assert any("Power or duty: Common law duty of confidentiality: consent" in row[2] for row in given)
    assert [row for row in rows(page) if "to its own archive" in row[2]]


def test_the_matrix_says_who_saw_what(page: html.HtmlElement) -> None:
    """Of the fragments given to each reader, how many they were shown, by originator."""
    table = page.xpath("//table[caption[@id='matrix-caption-1']]")[0]
    head = [" ".join(cell.text_content().split()) for cell in table.xpath("thead//th")]
    assert head == [
        "Reader",
        "Fernshire social care fern-care",
        "Fernshire health fern-health",
        "Fernshire police fern-police",
    ]
    found = {
        row[0].text_content(): [" ".join(cell.text_content().split()) for cell in row[1:]]
        for row in table.xpath("tbody/tr")
    }
    chair = next(cells for name, cells in found.items() if name.startswith("Fernshire police"))
    assert chair == ["1 of 1 concern", "1 of 1 concern", "1 of 1 concern"]
    voter = next(cells for name, cells in found.items() if name.startswith("Fernshire health"))
    assert voter[0] == "0 of 1"


def test_denied_attempts_are_listed(scene: Scene, page: html.HtmlElement) -> None:
    """Both: of somebody who is no member, and for a case that is not there."""
    table = page.xpath("//table[caption[@id='denied-caption']]")[0]
    listed = [[" ".join(cell.text_content().split()) for cell in row] for row in table.xpath("tbody/tr")]
    assert [row[1] for row in listed] == [scene.main[:8], "none named"]
    assert all(row[2].startswith("Fernshire charity fern-charity member ") for row in listed)
    assert [row[4] for row in listed] == [
        "is not a member of this case",
        "there is no such case, or not for this agency",
    ]


def test_it_says_that_the_log_verifies_and_how_far_it_was_seen(scene: Scene, page: html.HtmlElement) -> None:
    """The number of entries, and how many of them a quorum has seen."""
    note = " ".join(page.xpath("//section[@aria-labelledby='log']")[0].text_content().split())
    size = len(scene.log_types())
    assert f"The log verifies. All {size} entries" in note
    assert f"has seen the first {size} of {size} entries" in note
    assert "cannot" in page.xpath("//h2[@id='cannot']")[0].text_content()
    cannot = page.xpath("//section[@aria-labelledby='cannot']")[0].text_content()
    assert "paper copies" in cannot
    assert "cannot open them" in cannot


def test_no_content_and_no_full_person_ids(scene: Scene, page: html.HtmlElement) -> None:
    """Nothing of what was shared, and people by the beginning of their number only."""
    text = html.tostring(page, encoding="unicode")
    assert all(canary not in text for canary in CANARIES)
    assert NOTE["summary"] not in text
    for party in scene.parties.values():
        assert all(member not in text for member in party.people.values())


def test_the_page_stands_alone_and_runs_nothing(page: html.HtmlElement) -> None:
    """No script, no form, no address but its own; the policy allows its own style only."""
    assert page.xpath("//script | //img | //iframe | //link | //form | //input | //object | //base | //svg") == []
    attributes = {name for node in page.iter() for name in node.attrib}
    assert not {name for name in attributes if name.startswith("on")} | {"style", "src"} & attributes
    assert all(link.get("href").startswith("#") for link in page.xpath("//a"))
    style = page.xpath("//style")[0].text
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_is_accessible(page: html.HtmlElement) -> None:
    """Language, title, one main heading, headings in order, tables with captions and headers, targets that exist."""
    assert page.get("lang") == "en-GB"
    assert page.xpath("//title")[0].text.strip()
    assert len(page.xpath("//h1")) == len(page.xpath("//main")) == 1
    levels = [int(node.tag[1]) for node in page.xpath("//*[self::h1 or self::h2 or self::h3]")]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert {link.get("href")[1:] for link in page.xpath("//a")} <= set(ids)
    assert {name for value in page.xpath("//@aria-labelledby") for name in value.split()} <= set(ids)
    for table in page.xpath("//table"):
        assert table.xpath("caption")
        assert all(cell.get("scope") == "col" for cell in table.xpath("thead//th"))
        assert all(row[0].tag == "th" and row[0].get("scope") == "row" for row in table.xpath("tbody/tr"))
        assert table.getparent().get("tabindex") == "0"
    assert page.xpath("//a[@class='skip']")[0].get("href") == "#main"


def test_it_prints(page: html.HtmlElement) -> None:
    """Print rules: landscape, repeated heads, rows not torn, colours not needed."""
    style = (TEMPLATES / "audit.css").read_text()
    printed = style[style.index("@media print") :]
    for rule in ("landscape", "table-header-group", "break-inside: avoid", "overflow: visible"):
        assert rule in printed


def _contrast(one: str, two: str) -> float:
    def light(colour: str) -> float:
        full = colour if len(colour) == 7 else "#" + "".join(char * 2 for char in colour[1:])
        parts = [int(full[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(two)))
    return (high + 0.05) / (low + 0.05)


def test_colours_have_enough_contrast() -> None:
    """WCAG 2.2 AA, 1.4.3: every text colour against white and against the boxes it stands in."""
    style = (TEMPLATES / "audit.css").read_text()
    texts = set(re.findall(r"(?<![-\w])color: (#[0-9a-f]{3,6})", style)) - {"#fff"}
    assert len(texts) >= 3
    for colour in texts:
        assert _contrast(colour, "#ffffff") >= 4.5
    assert _contrast("#ffffff", "#0b0c0c") >= 4.5
    assert _contrast("#0b0c0c", "#fff7bf") >= 4.5
    assert _contrast("#0b0c0c", "#ffdd00") >= 4.5


# --- damaged logs ---


def test_a_changed_entry_is_marked(embedded: Scene) -> None:
    """An entry edited afterwards: the page says that the log does not verify, and marks the row."""
    index = embedded.sql("SELECT MAX(position) FROM log_entry WHERE type = 'disclosure'")[0][0]
    embedded.sql("UPDATE log_entry SET body = replace(body, 'fern-police', 'fern-nobody') WHERE position = ?", index)
    text = render_audit(read_audit(embedded.hub.config, embedded.hub.passphrase))
    page = html.fromstring(text)
    assert "The log does not verify" in page.xpath("//section[@aria-labelledby='log']")[0].text_content()
    marked = [row for row in page.xpath("//tbody/tr") if row.xpath(".//*[@class='flag']")]
    assert marked
    assert f"entry {index}" in " ".join(marked[0].text_content().split())


def test_whatever_stands_in_a_damaged_log_gives_a_page(embedded: Scene) -> None:
    """Bodies gone, broken, of other types, full of markup: a page all the same, and nothing of it is markup."""
    hostile = '<script>alert(1)</script>" onload="x \u202e\x1b[31m {{ 7*7 }}'
    broken = {
        **{"at": 1, "agency": [hostile], "member": {}, "fragments": [hostile], "refused": hostile, "purpose": None},
        **{"decision": hostile, "statement": [], "handling": 3, "fragment": {}, "code": [], "rules": hostile},
        **{"act": {}, "items": {}, "recipient_agency": hostile, "recipient_member": 5},
    }
    kinds = ("viewed", "denied", "fragment", "disclosure", "void", "channel", "consent", "membership", "agency")
    whole = {"type": "denied", "statement": None, "rules": [hostile]}
    whole |= dict.fromkeys(("at", "agency", "member", "act", "code"), hostile)
    objects = [{}, {"type": "viewed"}, {"type": hostile, "at": hostile, "agency": hostile}]
    objects += [{**broken, "type": kind} for kind in kinds] + [whole]
    bodies = [None, "", "{", "[]", *(canonical_bytes(item).decode() for item in objects)]
    positions = [row[0] for row in embedded.sql('SELECT position FROM log_entry WHERE "case" IS NOT NULL')]
    assert len(positions) >= len(bodies)
    for position, body in zip(positions, bodies, strict=False):
        embedded.sql("UPDATE log_entry SET body = ? WHERE position = ?", body, position)
    embedded.sql(
        "UPDATE log_entry SET body = ?, type = 'denied' WHERE position = ?", bodies[-1], positions[len(bodies)]
    )
    page = html.fromstring(render_audit(read_audit(embedded.hub.config, embedded.hub.passphrase)))
    assert page.xpath("//script") == []
    assert not {name for node in page.iter() for name in node.attrib if name.startswith("on")}
    text = page.text_content()
    assert UNREADABLE in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "{{ 7*7 }}" in text


def test_a_statement_that_the_log_does_not_name_is_not_quoted(embedded: Scene) -> None:
    """A stored statement exchanged for another has another digest: the page says that what was said is not stored."""
    forged = embedded.sql("SELECT statement FROM case_statement WHERE type LIKE '%acceptance%'")[0][0]
    embedded.sql("UPDATE case_statement SET statement = ? WHERE type LIKE '%membership%'", forged)
    audit = read_audit(embedded.hub.config, embedded.hub.passphrase)
    acts = [line.act for case in audit.cases.values() for line in case.lines]
    assert acts.count("Signed a membership list; what the statement said is not stored") == 2
    assert not any("number 0" in act for act in acts)
    assert audit.report is not None
    assert not audit.report.ok


def test_rules_of_another_agreement_are_not_given_this_ones_sentences() -> None:
    """A decision under another bundle keeps its rule ids and says so."""
    body = {
        "type": "viewed",
        "at": "2026-01-31T12:00:00.000Z",
        "agency": "fern-police",
        "member": None,
        "purpose": "panel_review",
        "fragments": [],
        "refused": [],
        "decision": {"bundle": "0" * 64, "outcomes": [{"rules": ["panel-reads-evidence"], "count": 2}]},
    }
    line = make_line(Source(7, body, None), bundle())
    assert [(rule.rule, rule.sentence) for rule in line.rules] == [
        ("panel-reads-evidence", "decided under another version of the agreement")
    ]


def test_entries_that_nobody_has_seen_are_counted(make_scene: Callable[[], Scene]) -> None:
    """What was appended since the last quorum rests on the hub's word, and the page says how much that is."""
    scene = make_scene().embed(clock=lambda: now() + timedelta(minutes=1))
    scene[POLICE].pull(scene.main, "chair")
    audit = read_audit(scene.hub.config, scene.hub.passphrase)
    assert audit.entries - audit.witnessed == 1
    assert "rest on the hub’s word alone" in render_audit(audit)


def test_the_command_writes_the_page(scene: Scene, tmp_path: Path) -> None:
    """``nrm-hub audit FILE``: says how much it covers; a hub that is none is one line, not a traceback."""
    output = tmp_path / "audit.html"
    environ = {"NRM_HUB_PASSPHRASE": scene.hub.passphrase}
    done = CliRunner().invoke(main, ["--home", str(scene.hub.home), "audit", str(output)], env=environ)
    assert (done.exit_code, done.output) == (0, f"{len(scene.log_types())} entries written to {output}\n")
    assert output.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    wrong = CliRunner().invoke(main, ["--home", str(tmp_path), "audit", str(output)], env=environ)
    assert wrong.exit_code == 1
    assert wrong.output.startswith("Error: ")
    assert os.listdir(tmp_path) == ["audit.html"]
