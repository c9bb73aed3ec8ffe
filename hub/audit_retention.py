"""The audit page's words for what is kept, held and erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.audit_words import count, say_moment, words

ERASED = "What this entry said was erased; the entry that says so stands further down."
WITHOUT_RULE: Mapping[str, str] = {
    "retention": "No rule decides this: an agency signs it under its own retention rule.",
    "erased": "No rule decides this: the statements that allow it stand in the entry.",
}


def say_retention(said: Mapping[str, Any]) -> str:
    """Return what an agency's statement on keeping a case says; without the statement, that there was one."""
    if "content_until" in said:
        content, record = say_moment(said["content_until"]), say_moment(said["record_until"])
        return f"Set that content is erased by {content} and the record by {record}; rule {said['rule']}"
    if "scope" in said:
        what = count(len(said["fragments"]), "record") if said["fragments"] else f"the case ({words(said['scope'])})"
        return f"Asked that {what} be erased, because: {words(said['reason'])}; rule {said['rule']}"
    if "erasure" in said:
        return "Agreed, as a second agency, that the case be erased"
    if "hold" in said:
        until = "" if said["until"] is None else f" until {say_moment(said['until'])}"
        return f"Legal hold: {words(said['act'])}, because: {words(said['basis'])}{until}; nothing is erased meanwhile"
    return "Said how long the case is kept, or asked for erasure"


def say_erased(body: Mapping[str, Any]) -> str:
    """Return what an ``erased`` entry says was erased."""
    scope = {"fragments": "sealed records", "content": "all sealed records of the case"}
    what = scope.get(str(body["scope"]), "all that was recorded of the case")
    return f"Erased: {what}, {count(len(body['entries']), 'entry', 'entries')} of the log emptied"
