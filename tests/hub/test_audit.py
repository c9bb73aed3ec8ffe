"""The audit page: who saw what, why, under which rule, what was refused, and whether the log behind it is whole."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lxml import html

from adapters.cli import main as adapter
from adapters.hub_client import HubRefused
from hub.audit import TEMPLATES, read_audit, render_audit
from hub.audit_agreements import Agreements
from hub.audit_bases import say_bases, say_overrides, say_powers
from hub.audit_groups import group_by_day
from hub.audit_lines import NOTHING_GIVEN, UNREADABLE, AuditLine, Source, make_line
from hub.audit_words import (
    DECLINED,
    ENTRIES,
    HANDLING,
    NOT_GIVEN,
    PURPOSES,
    REFUSED_PUSH,
    ROLES,
    VOIDED,
    Names,
    meaning,
    say_moment,
)
from hub.cli import main
from hub.exchange.cases import REFUSAL_CODES
from hub.exchange.refused_lines import DENIED_CODES
from hub.ledger.entries import EntryType
from keys.canonical import canonical_bytes
from policies.vocabulary import Condition, Gateway, HandlingCode, NotGivenCode, Purpose, Role, VoidCode
from tests.consents import asked
from tests.scene import CANARIES, CARE, CHARITY, HEALTH, POLICE, Scene, bundle, now

AGREEMENTS = Agreements({bundle().digest: bundle()})

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
        **asked(state),
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
    made.witness()
    health.write(made.main, {**NOTE, "summary": "A third"})
    health.release(made.main, gateway=Gateway.CLDC_CONSENT)
    assert health.outbox.push_all().refused == 0
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
            made[CHARITY].pull(case, "worker", Purpose.SAFEGUARDING)
    made.witness()
    return made


@pytest.fixture(scope="module")
def page(scene: Scene) -> html.HtmlElement:
    """The page as it is written, parsed. Writing it would be entries more: ``test_the_command_writes_the_page``."""
    return html.fromstring(render_audit(read_audit(scene.hub.config, scene.hub.passphrase)))


def text_of(node: html.HtmlElement) -> str:
    """Return what a node says, with single blanks."""
    return " ".join(node.text_content().split())


def table_rows(page: html.HtmlElement, caption: str) -> list[list[str]]:
    """Return the cells of the table with this caption, row by row, as text; sums are left out."""
    table = page.xpath(f"//table[caption[@id='{caption}']]")[0]
    return [[text_of(cell) for cell in row] for row in table.xpath("tbody/tr")]


def rows(page: html.HtmlElement, number: int = 1) -> list[list[str]]:
    """Return the lines of a case's days: time, who, what happened, purpose and rules."""
    section = page.xpath(f"//section[@aria-labelledby='case-{number}']")[0]
    return [[text_of(cell) for cell in row] for row in section.xpath(".//table[@class='day']/tbody/tr")]


def row_with(page: html.HtmlElement, text: str) -> list[str]:
    """Return the only line of which what happened has this text."""
    found = [row for row in rows(page) if text in row[2]]
    assert len(found) == 1, (text, found)
    return found[0]


def lines_of(scene: Scene) -> list[AuditLine]:
    """Return the case's entries as lines, one each."""
    return read_audit(scene.hub.config, scene.hub.passphrase).cases[scene.main].lines


def test_every_entry_of_a_case_stands_there_once(scene: Scene, page: html.HtmlElement) -> None:
    """Nothing is left out and nothing twice, alone or folded; the order is that of the case."""
    wanted = [
        row[0] for row in scene.sql('SELECT position FROM log_entry WHERE "case" = ? ORDER BY case_seq', scene.main)
    ]
    assert [line.index for line in lines_of(scene)] == wanted
    listed = [int(number) for row in rows(page) for number in re.findall(r"entry (\d+)", " ".join(row[:1] + row[2:3]))]
    assert sorted(listed) == wanted
    assert len(listed) > 20
    assert len(rows(page)) < len(wanted)
    assert not any(UNREADABLE in row[2] for row in rows(page))
    captions = page.xpath("//section[@aria-labelledby='case-1']//table[@class='day']/caption/text()")
    assert sum(int(re.findall(r"(\d+) entr", caption)[0]) for caption in captions) == len(wanted)


def test_a_pull_says_who_when_why_and_under_which_rule(page: html.HtmlElement) -> None:
    """The chair's first pull: three fragments, for the review, permitted by a rule with its sentence."""
    row = row_with(page, "Was shown 3 records")
    assert re.match(r"\d\d:\d\d:\d\d entry \d+$", row[0])
    assert row[1].startswith("Fernshire police member ")
    assert "chair of the panel and voting member of the panel" in row[1]
    assert "Purpose: review by the panel" in row[3]
    rule = bundle().rules["panel-reads-evidence"]
    assert f"{rule.sentence} permitted, 3 decisions; rule panel-reads-evidence" in row[3]
    assert "Refused" not in row[2]


def test_a_sharing_says_on_what_it_rests_and_what_nobody_has_checked(page: html.HtmlElement) -> None:
    """Gateway and data protection basis are two records, and both say that nobody checked them against the law."""
    why = next(row[3] for row in rows(page) if row[2].startswith("Gave "))
    assert "Power or duty: Children Act 2004 section 10 (unconfirmed)" in why
    assert "Data protection basis: Article 6(1)(e): public task (unconfirmed)" in why


def test_conditions_stand_beside_their_basis_and_overrides_are_named() -> None:
    """Each once, by its title; one that somebody checked is not marked, one that is unknown is its own code."""
    known = Agreements({"": bundle()})
    share = {"gateway": "CA2004_S10", "article6": "A6_E", "condition": "A9_G_SCH1_P18", "override": "none"}
    charity = {"gateway": "MSA2015_S52", "article6": "A6_EA", "condition": "none", "override": "serious_harm"}
    assert say_powers([share, charity, share], known) == (
        "Children Act 2004 section 10 (unconfirmed); Modern Slavery Act 2015 section 52"
    )
    condition = bundle().bases[Condition.A9_G_SCH1_P18].title
    assert say_bases([share], known) == f"Article 6(1)(e): public task (unconfirmed); {condition} (unconfirmed)"
    assert say_bases([charity], known) == "Article 6(1)(ea): recognised legitimate interests"
    assert say_powers([{**share, "gateway": "OTHER"}], known) == "OTHER"
    assert say_overrides([share]) == ""
    assert say_overrides([share, charity]) == " although consent stood refused or withdrawn, because: serious harm"


def test_what_was_refused_says_why(scene: Scene, page: html.HtmlElement) -> None:
    """A pull after the withdrawal, a disclosure the hub did not take, and sharing that was considered and declined."""
    sentence = bundle().rules["consent-gateway-needs-consent"].sentence
    pulled = row_with(page, "Was shown 2 records")
    assert "Refused: 1 record not shown to Fernshire police, member " in pulled[2]
    assert f"because: {sentence}" in pulled[2]
    assert f"{sentence} refused, 1 decision; rule consent-gateway-needs-consent" in pulled[3]
    closed = [row for row in rows(page) if "closed a sharing that the hub had refused" in row[2]]
    assert closed
    for row in closed:
        assert "Refused: the hub refused it, because consent had changed meanwhile" in row[2]
        assert "Purpose: not known to the hub: it keeps nothing of what it refused" in row[3]
    declined = row_with(page, "Considered sharing a record (health contact) with Fernshire police and did not")
    assert "not shared, because sharing would do more harm than good" in declined[2]
    assert f"member {scene[CARE].people['lead'][:8]}" in declined[2]


def test_nothing_given_is_said_as_that(scene: Scene, page: html.HtmlElement) -> None:
    """A disclosure without records: to whom, how many, why; no word of a decision that was not needed."""
    told = [line for line in lines_of(scene) if line.kind == NOTHING_GIVEN]
    assert told
    for line in told:
        said = [f"{item.count} record{'' if item.count == 1 else 's'}" for item in line.withheld]
        parts = zip(said, line.withheld, strict=True)
        sentences = [f"{number} not shared with {item.reader}, because {item.reason}" for number, item in parts]
        assert sentences
        assert line.act == "Nothing given: " + "; ".join(sentences)
        assert all(item.reader.startswith("Fernshire ") for item in line.withheld)
    found = [row for row in rows(page) if "Nothing given" in row[2]]
    assert found
    assert all("Purpose: n" in row[3] for row in found)
    assert any("Decided inside the agency that holds the records" in row[3] for row in found)
    text = text_of(page)
    for wrong in ("no decision needed", "Gave 0", "0 records not"):
        assert wrong not in text


@pytest.mark.parametrize(
    ("code", "reason"), [("held", "holds them back"), ("policy", "does not permit"), ("consent", "does not cover it")]
)
def test_each_public_code_has_a_meaning(code: str, reason: str) -> None:
    """What a disclosure without records says of why."""
    body = {
        **{"type": "disclosure", "at": "2026-01-31T12:00:00.000Z", "agency": "fern-care", "statement": "0" * 64},
        **{"channel": "c", "recipient_agency": "fern-police", "recipient_member": None, "items": 0, "decision": None},
    }
    said = {"bases": [], "items": [], "not_given": [{"sha256": "1" * 64, "code": code}, {"sha256": "2", "code": code}]}
    line = make_line(Source(7, body, said), AGREEMENTS, Names({"fern-police": "Fernshire police"}))
    assert line.act.startswith("Nothing given: 2 records not shared with Fernshire police, intake, because ")
    assert reason in line.act
    assert (line.kind, line.purpose, line.rules) == (NOTHING_GIVEN, "", ())


def test_every_code_of_a_closed_list_has_a_meaning() -> None:
    """A term that is added elsewhere and not here would stand on the page as a bare code."""
    assert set(NOT_GIVEN) == set(NotGivenCode)
    assert set(VOIDED) == set(VoidCode)
    assert set(DECLINED) == REFUSAL_CODES
    assert set(REFUSED_PUSH) == DENIED_CODES
    assert set(HANDLING) == set(HandlingCode)
    assert set(ENTRIES) >= set(EntryType)
    assert set(ROLES) < set(Role)
    assert set(PURPOSES) < set(Purpose)
    assert meaning("gossip_x", DECLINED) == "a reason this page does not know (gossip x)"


def test_times_and_codes_are_written_for_a_person(page: html.HtmlElement) -> None:
    """No machine's time and no term with underscores in what is read; machine times stand in attributes only."""
    text = text_of(page.xpath("//body")[0])
    assert re.findall(r"\d{4}-\d\d-\d\d", text) == []
    assert re.findall(r"\b[a-z]+_[a-z_]+\b", text) == []
    today = now()
    assert f"{today.day} {today:%B %Y}, " in text
    assert say_moment("2026-11-21T22:59:36.123Z") == "21 November 2026, 22:59:36 UTC"
    assert {say_moment(wrong) for wrong in ("", None, "2026-13-01T00:00:00Z", "x", [])} == {"time not readable"}
    assert page.xpath("//time/@datetime")


def test_statements_are_told_in_plain_words(scene: Scene, page: html.HtmlElement) -> None:
    """Membership, acceptance, consent, channels and disclosures."""
    assert "given by: child; wishes and feelings: recorded" in row_with(page, "Recorded consent: given")[2]
    assert row_with(page, "Recorded consent: withdrawn")
    members = row_with(
        page, "Opened the case; the path of the referral form is the child's (on: stated); stage: referred."
    )[2]
    chair = scene[POLICE].people["chair"][:8]
    assert f"Fernshire police member {chair} as chair of the panel and voting member of the panel until " in members
    lines = lines_of(scene)
    assert len([line for line in lines if line.act.startswith("Confirmed its own people")]) == 3
    given = [line for line in lines if line.act.startswith("Gave 1 record to Fernshire police, member")]
    assert len(given) == 3
    assert all(line.purpose == "review by the panel" for line in given)
    assert any("Common law duty of confidentiality: consent" in row[3] for row in rows(page))
    assert [row for row in rows(page) if "to its own archive" in row[2]]


def test_the_matrix_says_who_saw_what(page: html.HtmlElement) -> None:
    """Of the records given to each reader, how many they were shown, by originator, and sums that add up."""
    listed = table_rows(page, "matrix-caption-1")
    groups: dict[str, list[list[str]]] = {}
    for row in listed:
        if len(row) == 1:
            groups[row[0]] = []
        else:
            groups[next(reversed(groups))].append(row)
    chair = next(cells for name, cells in groups.items() if name.startswith("Fernshire police, member"))
    owners = ["Fernshire social care", "Fernshire health", "Fernshire police"]
    assert chair[:-1] == [[name, "1", "1", "0", "0", "concern"] for name in owners]
    assert chair[-1][:5] == ["Together", "3", "3", "0", "0"]
    voter = next(cells for name, cells in groups.items() if name.startswith("Fernshire health, member"))
    assert voter[0][:5] == ["Fernshire social care", "1", "0", "0", "1"]
    sums = [0, 0, 0, 0]
    for cells in groups.values():
        for row in cells:
            numbers = [int(number) for number in row[1:5]]
            assert numbers[0] == sum(numbers[1:])
        together = [int(number) for number in cells[-1][1:5]]
        assert together == [sum(int(row[column]) for row in cells[:-1]) for column in range(1, 5)]
        sums = [one + other for one, other in zip(sums, together, strict=True)]
    foot = page.xpath("//table[caption[@id='matrix-caption-1']]/tfoot/tr")[0]
    assert [text_of(cell) for cell in foot][:5] == ["All readers", *map(str, sums)]
    summary = page.xpath("//section[@aria-labelledby='summary']//table[1]/tbody/tr")[0]
    assert [text_of(cell) for cell in summary][2:] == [str(number) for number in sums]


def test_the_decisions_add_up(scene: Scene, page: html.HtmlElement) -> None:
    """Those of giving are the records given, those of reading the records shown and refused."""
    foot = [text_of(cell) for cell in page.xpath("//table[caption[@id='rules-caption-1']]/tfoot/tr")[0]]
    lines = lines_of(scene)
    given = sum(line.amount for line in lines if line.kind == "disclosure")
    viewed = [line for line in lines if line.kind == "viewed"]
    read = sum(line.amount + sum(item.count for item in line.withheld) for line in viewed)
    assert foot == ["All decisions", "permitted and refused", str(given), str(read)]
    assert given > 5
    assert read > 4
    listed = table_rows(page, "rules-caption-1")
    assert [sum(int(row[column]) for row in listed) for column in (2, 3)] == [given, read]
    assert {row[1] for row in listed} == {"permitted", "refused"}


def test_the_kinds_of_entry_add_up_to_the_log(scene: Scene, page: html.HtmlElement) -> None:
    """Every entry is counted under one kind."""
    table = page.xpath("//section[@aria-labelledby='summary']//table[2]")[0]
    numbers = [int(text_of(row[2])) for row in table.xpath("tbody/tr")]
    total = int(text_of(table.xpath("tfoot/tr/td")[-1]))
    assert sum(numbers) == total == len(scene.log_types())


def test_refusals_are_summed_up(page: html.HtmlElement) -> None:
    """Whom it concerns, who decided, how much, and why."""
    listed = table_rows(page, "refusals-caption-1")
    assert any(row[1] == "the hub, by the agreement" and "1 record when asked for" in row[2] for row in listed)
    assert any("1 of them shown at an earlier time" in row[2] for row in listed)
    assert any(row[3] == "consent had changed meanwhile" for row in listed)
    assert any("sharing would do more harm than good" in row[3] for row in listed)
    assert all(all(cell for cell in row) for row in listed)


def test_alike_entries_stand_in_one_line(scene: Scene) -> None:
    """Giving between two acts that change the case is put together; what changes it keeps its place."""
    lines = lines_of(scene)
    groups = [group for day in group_by_day(lines) for group in day.groups]
    assert sorted(line.index for group in groups for line in group.lines) == [line.index for line in lines]
    assert max(len(group.lines) for group in groups) >= 3
    turning = [group.first.index for group in groups if group.first.kind in ("consent", "viewed", "membership")]
    assert turning == sorted(turning)
    for before, after in itertools.pairwise(turning):
        between = [group for group in groups if before < group.first.index < after]
        assert all(before < line.index < after for group in between for line in group.lines)


def test_a_new_day_and_a_faulty_entry_stand_alone() -> None:
    """Nothing is put together over midnight, and what does not verify is never folded away."""
    line = AuditLine(1, "2026-01-31T23:59:59.000Z", "a", "", "channel", "Delivered a key", to="b", topic="reader")
    later = replace(line, index=2, at="2026-02-01T00:00:01.000Z")
    lines = [line, later, replace(later, index=3, fault="it was changed"), replace(later, index=4)]
    days = group_by_day(lines)
    assert [day.day for day in days] == ["31 January 2026", "1 February 2026"]
    assert [[item.index for item in group.lines] for group in days[1].groups] == [[2], [3], [4]] or [
        [item.index for item in group.lines] for group in days[1].groups
    ] == [[2, 4], [3]]


def test_denied_attempts_are_listed(scene: Scene, page: html.HtmlElement) -> None:
    """Both: of somebody who is no member, and for a case that is not there."""
    listed = table_rows(page, "denied-caption")
    assert [row[1] for row in listed] == [scene.main[:8], "none named"]
    assert all(row[2].startswith("Fernshire charity member ") for row in listed)
    assert [row[3].partition("Refused: ")[2] for row in listed] == [
        "who asked is not a member of this case",
        "there is no such case, or not for this agency",
    ]


def test_it_says_that_the_log_verifies_and_how_far_it_was_seen(scene: Scene, page: html.HtmlElement) -> None:
    """The number of entries, and how many of them a quorum has seen."""
    note = text_of(page.xpath("//section[@aria-labelledby='log']")[0])
    size = len(scene.log_types())
    assert f"The log verifies. All {size} entries" in note
    assert f"has seen the first {size} of {size} entries" in note
    assert "cannot" in page.xpath("//h2[@id='cannot']")[0].text_content()
    cannot = page.xpath("//section[@aria-labelledby='cannot']")[0].text_content()
    assert "paper copies" in cannot
    assert "cannot open them" in cannot


def test_an_agency_is_told_only_what_it_can_run(scene: Scene, page: html.HtmlElement) -> None:
    """Whoever reads the page has an adapter, not a hub: the commands at its end are the adapter's, and they exist."""
    footer = text_of(page.xpath("//footer")[0])
    assert "nrm-hub log" not in footer
    named = re.findall(r"nrm-adapter (\w+)", footer)
    assert named == ["sync", "status"]
    assert all(name in adapter.commands for name in named)
    assert f"once it says {len(scene.log_types())} or more" in footer


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
    levels = [int(node.tag[1]) for node in page.xpath("//*[self::h1 or self::h2 or self::h3 or self::h4]")]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert {link.get("href")[1:] for link in page.xpath("//a")} <= set(ids)
    assert {name for value in page.xpath("//@aria-labelledby") for name in value.split()} <= set(ids)
    for table in page.xpath("//table"):
        assert table.xpath("caption")[0].text_content().strip()
        # On a narrow screen rows become blocks; the roles keep a table for who does not see it.
        assert table.get("role") == "table"
        heads = table.xpath("thead//th")
        assert all((cell.get("scope"), cell.get("role")) == ("col", "columnheader") for cell in heads)
        for row in table.xpath("tbody/tr | tfoot/tr"):
            assert (row.get("role"), row[0].tag, row[0].get("role")) == ("row", "th", "rowheader")
            assert row[0].get("scope") == ("rowgroup" if row.get("class") == "group" else "row")
            assert all(cell.get("data-label") for cell in row[1:])
            assert len(row) == (1 if row.get("class") == "group" else len(heads))
    assert all(item[0].tag == "summary" for item in page.xpath("//details"))
    assert page.xpath("//a[@class='skip']")[0].get("href") == "#main"


def test_it_prints(page: html.HtmlElement) -> None:
    """Print rules: repeated heads, rows not torn, folded entries opened, colours not needed."""
    style = (TEMPLATES / "audit.css").read_text()
    printed = style[style.index("@media print") :]
    for rule in ("size: A4", "table-header-group", "break-inside: avoid", "details::details-content"):
        assert rule in printed


def test_sizes_follow_the_readers_own() -> None:
    """WCAG 2.2 AA, 1.4.4 and 1.4.10: no size in pixels, no least width, nothing that scrolls sideways."""
    style = (TEMPLATES / "audit.css").read_text()
    assert re.findall(r"\d(?:px|vw)\b", style) == []
    assert re.findall(r"min-width|white-space|overflow-x", style) == []
    narrow = style[style.index("@media screen and (max-width") : style.index("@media print")]
    for rule in ("display: block", "attr(data-label)"):
        assert rule in narrow
    assert "overflow-wrap: anywhere" in style


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
    assert not any("Opened the case" in act for act in acts)
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
    line = make_line(Source(7, body, None), AGREEMENTS, Names())
    assert [(rule.rule, rule.sentence) for rule in line.rules] == [
        ("panel-reads-evidence", "decided under an agreement that is not in this hub's database")
    ]


def test_entries_that_nobody_has_seen_are_counted(make_scene: Callable[[], Scene]) -> None:
    """What was appended since the last quorum rests on the hub's word, and the page says how much that is."""
    scene = make_scene().embed(clock=lambda: now() + timedelta(minutes=1))
    scene[POLICE].pull(scene.main, "chair")
    audit = read_audit(scene.hub.config, scene.hub.passphrase)
    assert audit.entries - audit.witnessed == 1
    assert "rest on the hub’s word alone" in render_audit(audit)


def test_the_command_writes_the_page(scene: Scene, tmp_path: Path) -> None:
    """``nrm-hub audit page FILE``: says how much it covers; a hub that is none is one line, not a traceback."""
    output = tmp_path / "audit.html"
    environ = {"NRM_HUB_PASSPHRASE": scene.hub.passphrase}
    before = len(scene.log_types())
    done = CliRunner().invoke(main, ["--home", str(scene.hub.home), "audit", "page", str(output)], env=environ)
    assert (done.exit_code, done.output) == (0, f"{before} entries written to {output}\n")
    assert output.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert scene.log_types()[before:] == ["exported"] * 3, "once for itself, and in each of both cases"
    wrong = CliRunner().invoke(main, ["--home", str(tmp_path), "audit", "page", str(output)], env=environ)
    assert wrong.exit_code == 1
    assert wrong.output.startswith("Error: ")
    assert os.listdir(tmp_path) == ["audit.html"]
