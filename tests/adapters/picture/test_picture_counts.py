"""What was opened and is not written to a file: its own category, and the same numbers wherever they stand."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
from invented_case import CHARITY, HEALTH, POLICE, case_view, fid, fragments, opened, record
from lxml import html
from rich.console import Console

from adapters.picture.model import Picture, RefusedFragment, assemble
from adapters.picture.page import render_page
from adapters.picture.receiving import explain_export
from adapters.picture.terminal import print_picture
from demo.stage import DemoFailed
from demo.telling import explain_difference
from policies.bundles import load_bundle
from policies.explain import NOTHING_TO_SHOW
from policies.model import Decision
from policies.vocabulary import Category, Effect

RULES = {"votes-stay": "Votes stay within the hub.", "needs-consent": "A consent must be recorded."}
WHY = "Opened by you; not written to this file, because policy does not let it be exported: rule votes-stay."


def kept_in(name: str, agency: str = POLICE, category: Category = Category.VOTE) -> RefusedFragment:
    """A fragment the reader opened that may not be exported."""
    return RefusedFragment(fid(name), agency, category, ("votes-stay",), WHY)


def refused(name: str, category: Category = Category.CONCERN, agency: str = CHARITY) -> RefusedFragment:
    """A fragment that may not be read now."""
    return RefusedFragment(fid(name), agency, category, ("needs-consent",), "Not shared with you under needs-consent.")


def exported(**changes: Any) -> Picture:
    """A picture for a file: two votes are not written, four fragments are refused."""
    said: dict[str, Any] = {
        "not_written": (kept_in("vote-1"), kept_in("vote-2")),
        "refused": (refused("r1"), refused("r2"), refused("r3", Category.IDENTITY), refused("r4", agency=HEALTH)),
        "rule_words": RULES,
    }
    return assemble(case_view(**{**said, **changes}))


def text_of(picture: Picture) -> str:
    """The page's text, with single blanks."""
    tree = html.fromstring(render_page(picture))
    for style in tree.xpath("//style"):
        style.drop_tree()
    return " ".join(tree.text_content().split())


def printed(picture: Picture) -> str:
    """The terminal's text, with single blanks."""
    out = io.StringIO()
    print_picture(picture, Console(file=out, width=400, color_system=None))
    return " ".join(out.getvalue().split())


def test_what_may_not_be_exported_is_not_called_refused() -> None:
    """Opened and not written is a category of its own: in the JSON, on the page and in the terminal."""
    picture = exported()
    gaps = picture.to_json()["gaps"]
    assert [item["fragment"] for item in gaps["not_written"]] == [fid("vote-1"), fid("vote-2")]
    assert not {item["fragment"] for item in gaps["refused"]} & {fid("vote-1"), fid("vote-2")}
    tree = html.fromstring(render_page(picture))
    section = tree.xpath("//h3[@id='not-written']/following-sibling::ul[1]")[0].text_content()
    assert WHY in section
    assert "What the rule says: Votes stay within the hub." in section
    before = tree.xpath("//h3[text()='Refused to you now']/following-sibling::ul[1]")[0].text_content()
    assert "votes-stay" not in before
    assert f"2 fragments (vote (2 of them)). {WHY}" in printed(picture)


def test_counts_agree_everywhere() -> None:
    """opened = shown + not written; agencies add up to the case; JSON, page and terminal say one sentence."""
    picture = exported()
    counts = picture.record_of_use.counts
    shown = len(fragments())
    assert (counts.opened, counts.shown, counts.not_written) == (shown + 2, shown, 2)
    assert (counts.refused, counts.held, counts.withheld_by_hub, counts.unverified) == (4, 3, 1, 1)
    assert counts.earlier_versions == 1
    assert picture.record_of_use.fragments_opened == counts.opened
    rows = picture.agencies
    for name, total in (("opened", counts.opened), ("shown", shown), ("not_written", 2), ("refused", 4)):
        assert sum(getattr(row, name) for row in rows) == total, name
    assert sum(row.not_given for row in rows) == counts.held
    assert all(row.opened == row.shown + row.not_written for row in rows)
    assert all(row.shown == row.fragments + row.older_versions for row in rows)
    assert len(picture.evidence) + counts.earlier_versions == shown
    assert text_of(picture).count(counts.sentence) == 3
    assert counts.sentence in printed(picture)
    assert counts.sentence == (
        f"{shown + 2} fragments opened by you: {shown} shown here, 2 not written to this file (1 earlier version among "
        "those shown). Not opened: 4 refused now, 3 held by their agencies and not given to you, 1 kept back by the "
        "hub and 1 that arrived and failed its check."
    )


def test_the_table_of_agencies_has_a_total_and_no_zero() -> None:
    """Nothing is said as "none", and the last row is the sum."""
    tree = html.fromstring(render_page(exported()))
    table = tree.xpath("//table[caption='What each agency of the case has given you']")[0]
    cells = [cell.text_content() for cell in table.xpath(".//td")]
    assert "0" not in cells
    assert "none" in cells
    last = [cell.text_content() for cell in table.xpath("./tbody/tr[last()]/td")]
    assert last == [str(len(fragments()) + 2), str(len(fragments())), "2", "3", "4"]


def test_on_screen_nothing_is_called_unwritten() -> None:
    """A picture that is not for a file has no such columns, heading or sentence."""
    text = text_of(assemble(case_view()))
    assert "not written" not in text
    assert assemble(case_view()).gaps.not_written_sentence == ""


def test_repeated_refusals_are_one_line_with_their_number() -> None:
    """Same agency and rule: one line; the JSON keeps each fragment as well."""
    gaps = exported().gaps
    assert [(item.agency, item.count, item.kinds) for item in gaps.refused_by_rule] == [
        (CHARITY, 3, "concern (2 of them) and identity"),
        (HEALTH, 1, "concern"),
    ]
    assert gaps.refused_by_rule[0].meaning == (RULES["needs-consent"],)
    assert len(gaps.refused) == 4
    assert text_of(exported()).count("Not shared with you under needs-consent.") == 2


def test_a_silent_rule_is_not_named() -> None:
    """Where the sentence may say nothing, the rule's name stays out of the grouped line, the page and the terminal."""
    silent = RefusedFragment(fid("x"), CHARITY, Category.CONCERN, ("excluded-from-case",), NOTHING_TO_SHOW)
    picture = exported(refused=(silent,))
    assert picture.gaps.refused_by_rule[0].rules == ()
    assert "excluded-from-case" not in text_of(picture)
    assert "excluded-from-case" not in printed(picture)


def test_a_file_does_not_say_that_nothing_was_opened_of_what_was() -> None:
    """A quotation, an older version and an answer that are not written are said to be just that."""
    answer = kept_in("answer", "northshire-school", Category.ANSWER)
    note = opened(
        "note-2", POLICE, Category.NARRATIVE, record(Category.NARRATIVE, "Note", {}), version=2, supersedes="vote-1"
    )
    picture = assemble(case_view([*fragments(), note], not_written=(kept_in("vote-1"), answer), rule_words=RULES))
    assert any("opened and not written to this file" in line for line in picture.gaps.sequence)
    assert "may be the answer to this" in picture.gaps.open_requests[0].note
    assert "northshire-school" not in {item.agency for item in picture.gaps.silent}
    quoting = {**record(Category.NARRATIVE, "Quotes", {}), "derived_from": [fid("vote-1")]}
    page = text_of(
        assemble(case_view([opened("q", POLICE, Category.NARRATIVE, quoting)], not_written=(kept_in("vote-1"),)))
    )
    assert f"{fid('vote-1')[:8]} (opened by you, not written to this file)" in page


def test_rules_are_named_with_what_they_say() -> None:
    """Evidence names its rule with its sentence; the JSON lists each rule named."""
    items = [item for item in fragments() if item.header.agency == POLICE]
    words = {"share-for-safeguarding": "Evidence is shared to protect a child."}
    picture = assemble(case_view(items, rule_words=words))
    assert "Evidence is shared to protect a child. (rule share-for-safeguarding)" in text_of(picture)
    assert [item.rule for item in picture.record_of_use.rules] == ["share-for-safeguarding"]


def test_why_something_is_not_exported_says_rule_and_whom_to_ask() -> None:
    """Never that it was not shared; a silent rule is not named."""
    bundle = load_bundle()
    rule = bundle.rules["votes-and-details-stay"]
    said = explain_export(Decision(Effect.REFUSE, (rule.id,)), bundle)
    assert said.startswith("Opened by you; not written to this file, because policy does not let it be exported: rule")
    assert rule.id in said
    assert rule.owner in said
    silent = next(item.id for item in bundle.rules.values() if item.silent)
    assert silent not in explain_export(Decision(Effect.REFUSE, (silent,)), bundle)


def test_the_story_accounts_for_each_fragment_that_went() -> None:
    """Numbers are computed from two pictures; a fragment that went without a rule stops the story."""
    before = exported(refused=()).to_json()
    left = fragments()[2:]
    gone = tuple(
        RefusedFragment(item.header.fragment, item.header.agency, item.header.category, ("needs-consent",), "x")
        for item in fragments()[:2]
    )
    after = assemble(
        case_view(left, refused=gone, not_written=(kept_in("vote-1"), kept_in("vote-2")), rule_words=RULES)
    ).to_json()
    total = len(fragments()) + 2
    assert explain_difference(before, after)[-1] == (
        f"{total} - 2 + 0 = {total - 2}: 2 went (2 by rule needs-consent), nothing came new."
    )
    unexplained = copy.deepcopy(after)
    unexplained["gaps"]["refused"].pop()
    with pytest.raises(DemoFailed, match="without a rule"):
        explain_difference(before, unexplained)
    miscounted = copy.deepcopy(after)
    miscounted["record_of_use"]["counts"]["opened"] += 1
    with pytest.raises(DemoFailed, match="each fragment that it counts"):
        explain_difference(before, miscounted)
