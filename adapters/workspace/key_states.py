"""What stands between somebody and what was shared with them: not accepted yet, a new key, no key here, a key ended.

Each page says what happened, what they can do, and whom to ask. Nothing is opened or pulled for it.
"""

from __future__ import annotations

from flask import Blueprint, Flask, render_template
from werkzeug.exceptions import NotFound

from adapters.news import waits_for_new_key
from adapters.workspace.access import Need, needs
from adapters.workspace.app import Person, current_person, this_session, workspace
from adapters.workspace.cases import my_cases, opened_cases
from keys.refusal import KeysRefusal
from keys.uses import KeyUse

key_states = Blueprint("key_states", __name__)


def add_key_state_pages(app: Flask) -> None:
    """Add the page, and what pages of a case say of keys that were not granted to yet."""
    app.register_blueprint(key_states)
    app.jinja_env.globals["awaited_of"] = awaited_of
    app.jinja_env.globals["has_key_here"] = has_key_here


@key_states.get("/cases/<case>/state")
@needs(Need.SIGNED_IN)
def state(case: str) -> str:
    """How far somebody is in a case that lists them: accepted or not, and which agencies have not granted again."""
    person = current_person()
    mine = [] if person is None else [item for item in my_cases(person.member) if item.case == case]
    if not mine or person is None:
        raise NotFound
    late = _not_granted_again(case, person) if mine[0].is_accepted else ()
    return render_template("key_states/state.html", case=case, mine=mine[0], late=late)


def _not_granted_again(case: str, person: Person) -> tuple[str, ...]:
    here = workspace()
    readable = reading_kids(person)
    if not readable:
        return ()
    with here.adapter.store.read() as session:
        return waits_for_new_key(session, case, here.adapter.home.agency, person.member, readable)


def reading_kids(person: Person) -> frozenset[str]:
    """Return the ids of the keys that somebody reads with now, as certified; empty where none counts."""
    here, agency = workspace(), workspace().adapter.home.agency
    try:
        directory = here.adapter.follower.directory()
        return directory.readable_keys(KeyUse.MEMBER_HPKE, agency, here.clock(), member=person.member)
    except KeysRefusal:
        return frozenset()


def awaited_of(case: str) -> list[str]:
    """Return the names of agencies that had said nothing to the reader's key when they opened a case."""
    if workspace().ring.get(this_session().digest) is None:
        return []
    return opened_cases().awaited_of(case)


def has_key_here() -> bool:
    """Whether the key file of whoever asks is on this system."""
    person = current_person()
    if person is None:
        return False
    return (workspace().adapter.home.folder / "members" / f"{person.member}.key").is_file()
