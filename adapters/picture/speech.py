"""Sentences of ours that can be shown in another language and are English everywhere else.

A ``Sentence`` is a text: its value is English, and that is what is compared, hashed, written to a file, exported and
printed on a terminal. It also knows how it was made, so that a page can show it in the language of its reader: when a
template escapes it (``__html__``), or where ``shown`` is called. Which language that is, the process that serves the
page says with ``speaking_through``; this package knows no web framework. What agencies wrote stands in a sentence as
a value and is never looked up. The functions have the names of gettext, by which the text catalogue finds their texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from gettext import NullTranslations
from typing import overload

from markupsafe import escape

from adapters.picture.neutral import neutral_text

_ENGLISH = NullTranslations()
_SPOKEN: ContextVar[Callable[[], NullTranslations] | None] = ContextVar("spoken", default=None)


class Sentence(str):
    """A text in English that knows how it was made: its message, its plural and number, its context, its values."""

    def __new__(cls, english: str, *_made: object, **_kept: object) -> Sentence:
        """Return the English text; the rest is kept by ``__init__``."""
        return super().__new__(cls, english)

    def __init__(
        self,
        _english: str,
        message: str = "",
        values: Mapping[str, object] | None = None,
        many: str = "",
        context: str = "",
        change: Callable[[str], str] | None = None,
    ) -> None:
        """Keep what another language is made of. ``num`` of the values decides between message and ``many``."""
        self._message, self._values, self._many, self._context = message, values or {}, many, context
        self._change = change

    def __html__(self) -> str:
        """Return the text in the reader's language for a page, harmless and escaped."""
        return str(escape(neutral_text(shown(self))))

    def __getnewargs__(self) -> tuple[str]:
        """Return what a copy is built of; its other values are copied as they are."""
        return (str(self),)

    def say(self, spoken: NullTranslations) -> str:
        """Return the text in a language. Values that are sentences are said in it too."""
        if not self._message:
            found = str(self)
        elif self._many:
            found = spoken.ngettext(self._message, self._many, int(str(self._values["num"])))
        elif self._context:
            found = spoken.pgettext(self._context, self._message)
        else:
            found = spoken.gettext(self._message)
        if self._values:
            found = found % {name: _value(value, spoken) for name, value in self._values.items()}
        return found if self._change is None else self._change(found)


def lazy_gettext(message: str, **values: object) -> Sentence:
    """Return a sentence. ``values`` fill its ``%(name)s``; without values a percent sign stands for itself."""
    return _made(message, values)


def lazy_ngettext(one: str, many: str, num: int, **values: object) -> Sentence:
    """Return a sentence of a number, which its text names ``%(num)s``."""
    return _made(one, {**values, "num": num}, many=many)


def lazy_pgettext(context: str, message: str, **values: object) -> Sentence:
    """Return a sentence whose words mean something else elsewhere: ``context`` says what they are here."""
    return _made(message, values, context=context)


@overload
def joined(parts: Iterable[Sentence], separator: str = " ") -> Sentence: ...
@overload
def joined(parts: Iterable[str], separator: str = " ") -> str: ...
def joined(parts: Iterable[str], separator: str = " ") -> str:
    """Return sentences one after the other. The separator is a sign between them and never a word."""
    kept = [part for part in parts if part]
    if len(kept) == 1:
        return kept[0]
    values: dict[str, object] = {f"p{index}": part for index, part in enumerate(kept)}
    sign = separator.replace("%", "%%")
    return Sentence(separator.join(kept), sign.join(f"%({name})s" for name in values), values)


def capital_first(text: str) -> str:
    """Return a text that begins with a capital letter, in every language that it is shown in."""
    return changed(text, _begin)


def lowered(text: str) -> str:
    """Return a text in small letters, in every language that it is shown in."""
    return changed(text, str.lower)


def changed(text: str, change: Callable[[str], str]) -> str:
    """Return a text to which something is done in every language that it is shown in, such as leaving out its end."""
    if not isinstance(text, Sentence):
        return change(text)
    return Sentence(change(str(text)), "%(text)s", {"text": text}, change=change)


def shown(text: str) -> str:
    """Return a text as the reader of the page that is made now is shown it; one that is no sentence, as it is."""
    if not isinstance(text, Sentence):
        return text
    source = _SPOKEN.get()
    return str(text) if source is None else text.say(source())


def spoken_now() -> NullTranslations:
    """Return the language of the page that is made now: English where nobody said otherwise."""
    source = _SPOKEN.get()
    return _ENGLISH if source is None else source()


@contextmanager
def speaking_through(source: Callable[[], NullTranslations] | None) -> Iterator[None]:
    """Show sentences in the language that ``source`` gives while the block runs; None: in English."""
    token = _SPOKEN.set(source)
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def speak_through(source: Callable[[], NullTranslations] | None) -> None:
    """Show sentences of this thread in the language that ``source`` gives, until something else is said."""
    _SPOKEN.set(source)


def _made(message: str, values: Mapping[str, object], many: str = "", context: str = "") -> Sentence:
    made = Sentence("", message, values, many, context).say(_ENGLISH)
    return Sentence(made, message, values, many, context)


def _begin(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _value(value: object, spoken: NullTranslations) -> str:
    if isinstance(value, Sentence):
        return value.say(spoken)
    return f"{value:,}" if isinstance(value, int) else str(value)
