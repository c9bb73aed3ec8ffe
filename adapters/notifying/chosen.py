"""How each person of the agency wants to be told: kept sealed in the adapter's database, set by them or for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from typing import TypeVar

from adapters.notifying.refusal import NotifyRefused
from adapters.notifying.settings import ADDRESS, MAX_ADDRESS_CHARS, NotifySettings
from adapters.notifying.times import Pace, Quiet
from adapters.store.database import Store
from adapters.store.notify_rows import find_chosen, forget_chosen, keep_chosen, list_chosen
from keys.storage import StorageRefused
from policies.model import require_id

DAILY_AT = time(9, 0)
_Term = TypeVar("_Term", bound=StrEnum)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
FIELDS = ("is_on", "by", "address", "pace", "daily_at", "quiet_from", "quiet_to", "reads", "alarms")
"""Of a form, by name."""


class By(StrEnum):
    """What carries the message."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    """The agency's own gateway, which knows the address."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """How one person is told. ``reads``: also when somebody reads what they shared; ``alarms``: also of alarms."""

    is_on: bool
    by: By
    address: str = field(repr=False)
    pace: Pace = Pace.AT_ONCE
    daily_at: time = DAILY_AT
    quiet: Quiet | None = None
    reads: bool = False
    alarms: bool = False

    def to_form(self) -> dict[str, str]:
        """Return it as a form has it."""
        return {
            "is_on": "yes" if self.is_on else "no",
            "by": self.by.value,
            "address": self.address,
            "pace": self.pace.value,
            "daily_at": f"{self.daily_at:%H:%M}",
            "quiet_from": "" if self.quiet is None else f"{self.quiet.begin:%H:%M}",
            "quiet_to": "" if self.quiet is None else f"{self.quiet.end:%H:%M}",
            "reads": "yes" if self.reads else "",
            "alarms": "yes" if self.alarms else "",
        }


def parse_chosen(form: Mapping[str, str], settings: NotifySettings) -> Chosen:
    """Read a form. Raises ``NotifyRefused`` naming the first field that is wrong."""
    is_on = form.get("is_on") == "yes"
    by = _term(By, form.get("by", By.EMAIL.value if settings.mail is not None else By.WEBHOOK.value), "by")
    if (settings.mail if by is By.EMAIL else settings.webhook) is None:
        raise NotifyRefused("by", "Your agency has not set this up. Choose the other.")
    address = form.get("address", "").strip()
    if is_on or address:
        _require_address(address, settings.domains)
    pace = _term(Pace, form.get("pace", Pace.AT_ONCE.value), "pace")
    daily_at = _time(form.get("daily_at") or f"{DAILY_AT:%H:%M}", "daily_at")
    quiet = _quiet(form.get("quiet_from", "").strip(), form.get("quiet_to", "").strip())
    if pace is Pace.DAILY and quiet is not None and quiet.holds(daily_at):
        raise NotifyRefused("daily_at", "The time of day is in your quiet hours. Choose another, or change those.")
    return Chosen(is_on, by, address, pace, daily_at, quiet, form.get("reads") == "yes", form.get("alarms") == "yes")


def _require_address(address: str, domains: tuple[str, ...]) -> None:
    if len(address) > MAX_ADDRESS_CHARS or ADDRESS.fullmatch(address) is None:
        raise NotifyRefused("address", "Enter an e-mail address in the form name@agency.example.")
    if domains and address.rpartition("@")[2].lower() not in domains:
        ending = ", ".join(f"@{domain}" for domain in domains)
        raise NotifyRefused("address", "Enter an address of your agency: one that ends in %(ending)s.", ending=ending)


def _term(kind: type[_Term], text: str, field_name: str) -> _Term:
    try:
        return kind(text)
    except ValueError:
        raise NotifyRefused(field_name, "Choose one of those that are listed.") from None


def _time(text: str, field_name: str) -> time:
    found = _TIME.fullmatch(text)
    if found is None:
        raise NotifyRefused(field_name, "Enter a time of day from 00:00 to 23:59, such as 18:30.")
    return time(int(found[1]), int(found[2]))


def _quiet(begin: str, end: str) -> Quiet | None:
    if not begin and not end:
        return None
    if not begin or not end:
        raise NotifyRefused("quiet_to" if begin else "quiet_from", "Enter both times of your quiet hours, or neither.")
    found = Quiet(_time(begin, "quiet_from"), _time(end, "quiet_to"))
    if found.begin == found.end:
        raise NotifyRefused("quiet_to", "Quiet hours from and to the same time would be always or never.")
    return found


def chosen_of(store: Store, member: str) -> Chosen | None:
    """Return how somebody wants to be told; None where nobody has said."""
    with store.read() as session:
        row = find_chosen(session, require_id(member, "member"))
        sealed = None if row is None else row.sealed_settings
    return None if sealed is None else _open(store, member, sealed)


def list_people_chosen(store: Store) -> list[tuple[str, Chosen]]:
    """Return everybody who has said how they want to be told, by member; whose wishes do not open is left out."""
    with store.read() as session:
        rows = [(row.member, row.sealed_settings) for row in list_chosen(session)]
    found = []
    for member, sealed in rows:
        with suppress(StorageRefused, ValueError, KeyError, TypeError):
            # What is damaged is its owner's alone: everybody else is told.
            found.append((member, _open(store, member, sealed)))
    return found


def keep(store: Store, member: str, chosen: Chosen) -> None:
    """Keep how somebody wants to be told."""
    sealed = store.seal_json(_name(require_id(member, "member")), chosen.to_form())
    with store.write() as session:
        keep_chosen(session, member, sealed)


def forget(store: Store, member: str) -> bool:
    """Forget somebody's address and all else of it; return whether there was anything."""
    with store.write() as session:
        return forget_chosen(session, require_id(member, "member"))


def _open(store: Store, member: str, sealed: bytes) -> Chosen:
    said = store.open_json(_name(member), sealed)
    begin, end = said["quiet_from"], said["quiet_to"]
    return Chosen(
        said["is_on"] == "yes",
        By(said["by"]),
        said["address"],
        Pace(said["pace"]),
        _time(said["daily_at"], "daily_at"),
        Quiet(_time(begin, "quiet_from"), _time(end, "quiet_to")) if begin else None,
        said["reads"] == "yes",
        said["alarms"] == "yes",
    )


def _name(member: str) -> str:
    return f"notify/{member}"
