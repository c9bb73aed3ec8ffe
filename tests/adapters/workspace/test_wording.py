"""How the pages speak: of a child with respect, and in plain English.

The measure: a sentence has at most 25 words, as the style of GOV.UK has it, and 10 on average over the catalogue; no
word of the lists below. Texts are those of the catalogue (``tests/text_catalogue.py``); the words of respect are
looked for in every template and module that makes pages.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.text_catalogue import texts

ADAPTERS = Path(__file__).resolve().parents[3] / "adapters"
MOST_WORDS, MEAN_WORDS = 25, 10.0
DISRESPECTFUL = (
    "young person",
    "young people",
    "at risk themselves",
    "themselves at risk",
    "lifestyle choice",
    "prostitut",
    "drug runner",
    "promiscuous",
    "consenting child",
    "streetwise",
    "risky behaviour",
    "challenging behaviour",
    "absconded",
    "absconder",
    "refuses to engage",
    "failed to engage",
    "attention seeking",
    "sexual activity with",
    "illegal immigrant",
    "alleged victim",
    "modern slave ",
)
"""Words that blame or diminish a child, or that a guide to respectful words leaves out."""
JARGON = (
    "utilise",
    "leverage",
    "in order to",
    "prior to",
    "commence",
    "terminate",
    "aforementioned",
    "pursuant",
    "hereby",
    "herein",
    "via",
    "e.g.",
    "i.e.",
    "etc.",
    "please note",
    "invalid",
    "illegal",
    "abort",
    "fatal",
    "payload",
    "token",
    "cookie",
    "null",
    "exception",
    "credential",
    "credentials",
    "ciphertext",
    "plaintext",
    "schema",
    "json",
    "http",
    "database",
    "server error",
    "timestamp",
    "timeout",
    "time-out",
    "parameter",
    "metadata",
    "backend",
    "uuid",
    "regex",
    "facilitate",
    "stakeholder",
    "going forward",
    "service user",
    "click here",
)
"""Words that the people who work here need not know, or that say less than plain ones."""
NAMES_OF_FILES = ("json", "schema")
"""What a reader of files calls the file that somebody chose is what its kind is called."""
AGREEMENT = "policies/bundle"
"""The sentences of the agreement are those that agencies sign: they are shown as they are."""


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, markup and places for values taken out. What a colon opens stands by itself."""
    plain = re.sub(r"<[^>]+>", " ", re.sub(r"%\(\w+\)[sd]", "value", text))
    return [item.strip() for item in re.split(r"(?<=[.?!:;])\s+", plain) if re.search(r"\w", item)]


def words(sentence: str) -> list[str]:
    return re.findall(r"[\w’'%-]+", sentence)


def test_the_measure_measures() -> None:
    assert sentences("One. Two: three %(a)s <b>x</b>? Four") == ["One.", "Two:", "three value  x ?", "Four"]
    assert len(words("It’s one-third of 4 words")) == 5


def test_words_respect_children() -> None:
    """No template, module or text of a page uses a word that blames or diminishes a child."""
    files = [path for kind in ("*.html", "*.j2", "*.py") for path in (ADAPTERS / "workspace").rglob(kind)]
    files += [*(ADAPTERS / "picture").rglob("*.j2"), *(ADAPTERS / "templates").rglob("*.html")]
    assert len(files) > 60
    told = {path.name: path.read_text(encoding="utf-8") for path in files} | {"catalogue": "\n".join(texts())}
    found = {name: hits for name, text in told.items() if (hits := _hits(text, DISRESPECTFUL))}
    assert found == {}


def _hits(text: str, listed: tuple[str, ...]) -> list[str]:
    # A list of codes has the word, and the name of a statutory list; both are quoted where they are shown.
    plain = text.casefold()
    for quoted in ("-prostitution", '"prostitution"', "“prostitution” in the standard"):
        plain = plain.replace(quoted, "")
    return [word for word in listed if word in plain]


def test_sentences_are_short() -> None:
    """At most 25 words in each sentence, and far fewer on average."""
    listed = [item for text in texts(but=AGREEMENT) for item in sentences(text)]
    assert len(listed) > 200
    assert [item for item in listed if len(words(item)) > MOST_WORDS] == []
    assert sum(len(words(item)) for item in listed) / len(listed) <= MEAN_WORDS


def test_no_jargon() -> None:
    """No word of the list, alone or as part of a sentence."""
    read_from_files = set(texts()) - set(texts(but="sources/"))
    found = {
        text: hits
        for text in texts()
        if (hits := _jargon(text)) and not (text in read_from_files and set(hits) <= set(NAMES_OF_FILES))
    }
    assert found == {}
    assert len(read_from_files) > 100


def _jargon(text: str) -> list[str]:
    return [word for word in JARGON if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text.casefold())]


@pytest.mark.parametrize("text", ["They put themselves at risk", "A lifestyle choice"])
def test_the_words_are_found(text: str) -> None:
    assert _hits(text, DISRESPECTFUL) != []


def test_lines_where_a_wrong_word_harms() -> None:
    """Who may refer; what is done to a child and by whom, not what the child is or does."""
    help_lines = (ADAPTERS / "workspace" / "templates" / "help_lines.html").read_text(encoding="utf-8")
    assert "Only a first responder can refer: police, the council, some charities." in help_lines
    told = {
        name: (ADAPTERS / name).read_text("utf-8") for name in ("nrm/indicators.toml", "sources/charity/typed.toml")
    }
    for said in ("is made to steal", "Get medical help now", "may call a boyfriend", "are sexually exploited"):
        assert said in told["nrm/indicators.toml"]
    for said in (
        "Who the exploiter is to the child",
        "British children are the largest group",
        "found to be, a victim",
    ):
        assert said in told["sources/charity/typed.toml"]
    for wrong in ("most of all", "adults buy sex", "steals, begs", "exploits the child is"):
        assert wrong not in "".join(told.values())
