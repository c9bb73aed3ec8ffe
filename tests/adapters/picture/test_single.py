"""Everything that one fragment says, its versions side by side, what rests on it, and what is not shown."""

from __future__ import annotations

from dataclasses import replace

from invented_case import COUNCIL, POLICE, case_view, fid, fragments, opened, record, value
from lxml import html

from adapters.picture.field_names import field_words
from adapters.picture.model import assemble
from adapters.picture.page import Framing, PageLinks, render_fragment
from adapters.picture.single import FragmentCard, NotShown, find_card
from policies.vocabulary import Category

FRAMING = Framing(PageLinks("/f/", "/c", "/e"), {})


def card_of(name: str, **changes: object) -> FragmentCard:
    view = case_view(**changes)  # type: ignore[arg-type]
    found = find_card(view, assemble(view), fid(name))
    assert isinstance(found, FragmentCard)
    return found


def test_each_value_stands_with_its_place_in_the_source() -> None:
    said = {item.label: item for item in card_of("council-identity").said}
    assert (said["First name"].text, said["First name"].locator, said["First name"].is_verbatim) == (
        "Robin", "/Child[1]/First", True,
    )  # fmt: skip
    assert said["Sex"].code == "1"
    offence = {item.label: item.text for item in card_of("police-offence").said}
    assert offence["Offence: code"] == "MD71999"


def test_what_is_not_given_says_why() -> None:
    withheld = {"value": None, "state": "withheld", "locator": "/x"}
    item = opened("n", POLICE, Category.CONTACT, record(Category.CONTACT, "A contact", {"prs_MailingStreet": withheld}))
    (said,) = card_of("n", items=[item]).said
    assert (said.text, said.state) == ("", "withheld by the source")


def test_versions_stand_side_by_side_and_what_differs_is_marked() -> None:
    for name in ("charity-note-1", "charity-note-2"):
        card = card_of(name)
        assert card.is_newest == (name == "charity-note-2")
        assert [item.version for item in card.versions] == [1, 2]
        rows = {row.label: row for row in card.compared}
        assert rows["Case comment"].texts == ("First note, corrected later", "Corrected note")
        assert rows["Case comment"].differs
    assert card_of("council-plan").versions == ()


def test_what_rests_on_a_fragment() -> None:
    trafficking, concern = card_of("charity-trafficking"), card_of("council-concern")
    assert [quote.fragment for quote in trafficking.quoted_by] == [fid("view")]
    assert "Purpose: criminal exploitation: supporting" in concern.elements
    assert "Whether Robin can return home" in concern.disagreements
    assert concern.in_chronology
    assert not card_of("council-identity").in_chronology


def test_by_short_name_by_id_and_by_nothing() -> None:
    view = case_view()
    picture = assemble(view)
    first = find_card(view, picture, "F1")
    assert isinstance(first, FragmentCard)
    assert first.provenance.fragment == picture.evidence[0].provenance.fragment
    for name in ("F999", "", "f" * 32, "x" * 500, "../etc"):
        assert find_card(view, picture, name) is None


def test_what_may_not_be_seen_says_so_and_nothing_else() -> None:
    view = case_view()
    for name, agency in (("refused", "northshire-nhs"), ("withheld", ""), ("unverified", "")):
        found = find_card(view, assemble(view), fid(name))
        assert isinstance(found, NotShown)
        assert found.agency == agency
        assert found.sentence


def test_the_page_says_all_of_it_as_text() -> None:
    """Basis, gateway, handling; markup in a value stays text; links lead to fragments' pages and nowhere else."""
    nasty = "<img src=x onerror=alert(1)> \u202e http://evil.example"
    item = opened("n", COUNCIL, Category.NARRATIVE, record(Category.NARRATIVE, nasty, {nasty: value(nasty, nasty)}))
    quoting = fragments()[0]
    quoting = replace(quoting, content={**quoting.content, "derived_from": [fid("n")]})
    view = case_view([item, quoting], unconfirmed=frozenset({item.basis.gateway.value}))
    picture = assemble(view)
    card = find_card(view, picture, fid("n"))
    assert isinstance(card, FragmentCard)
    page = str(render_fragment(picture, FRAMING, card))
    tree = html.fromstring(page)
    assert tree.xpath("//img | //script | //@onerror") == []
    assert {link[:3] for link in tree.xpath("//a/@href")} == {"/f/"}
    assert "\u202e" not in page
    text = " ".join(tree.text_content().split())
    for words in ("Children Act 1989, section 47", "unconfirmed", "lawful sharing permitted", "public task"):
        assert words in text
    assert len(tree.xpath("//bdi[contains(., 'onerror')]")) >= 4


def test_names_of_fields_are_words() -> None:
    names = ("hub_HeldOn", "prs_FirstName", "hub_NHSNumber", "observed_on", "hub_", "")
    assert [field_words(name) for name in names] == [
        "Held on", "First name", "NHS number", "Observed on", "Value", "Value",
    ]  # fmt: skip
