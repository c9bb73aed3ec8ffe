"""What every command shares: the home, clear endings, progress, and forms read from files."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from adapters.alarms import AlarmRefused
from adapters.cases import CaseRefused
from adapters.following import LogRefused
from adapters.home import Home, HomeRefused
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.hub_tls import CaRefused
from adapters.issued import IssuedDamaged
from adapters.notifying.refusal import NotifyRefused
from adapters.nrm.draft import DraftRefused as NrmRefused
from adapters.panel.freezing import PanelRefused
from adapters.picture.neutral import neutral_text
from adapters.picture.view import PictureRefused
from adapters.release.drafts import DraftRefused
from adapters.release.quoting import QuoteRefused
from adapters.release.writing import AuthoredRefused
from adapters.runtime import Adapter
from adapters.store.database import StoreRefused
from adapters.workspace.refusal import AssetsMissing, PeopleRefused, UnlockRefused
from keys.refusal import KeysRefusal
from policies.bundles import BundleRefused
from policies.model import Malformed
from policies.space import AnalysisRefused

MAX_FORM_BYTES = 1024 * 1024
EXPECTED = (
    AlarmRefused,
    AnalysisRefused,
    AssetsMissing,
    AuthoredRefused,
    BundleRefused,
    CaRefused,
    CaseRefused,
    DraftRefused,
    HomeRefused,
    HubRefused,
    HubUnreachable,
    IssuedDamaged,
    KeysRefusal,
    LogRefused,
    Malformed,
    NotifyRefused,
    NrmRefused,
    PanelRefused,
    PeopleRefused,
    PictureRefused,
    QuoteRefused,
    StoreRefused,
    UnlockRefused,
)


class Commands(click.Group):
    """A group whose commands end with one clear line instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; our refusals end with exit code 1 and their own words."""
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            # The hub's words may be among them.
            raise click.ClickException(neutral_text(str(error))) from error


@contextmanager
def opened(home: Path) -> Iterator[Adapter]:
    """Open the adapter of a home folder for one command."""
    adapter = Adapter(Home.load(home))
    try:
        yield adapter
    finally:
        adapter.close()


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Show that work is going on, where a person is looking; what is given says how far it has come."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(text) as status:
        yield status.update


def read_form(source: Path, limit_bytes: int = MAX_FORM_BYTES) -> dict[str, Any]:
    """Read a form (JSON object) from a file, or from standard input for ``-``. Words never stand in a command line."""
    raw = sys.stdin.buffer.read(limit_bytes + 1) if str(source) == "-" else _read_file(source, limit_bytes)
    if len(raw) > limit_bytes:
        raise click.ClickException(f"the form has more than {limit_bytes:,} bytes")
    try:
        form = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise click.ClickException("the form is not a JSON object") from error
    if not isinstance(form, dict):
        raise click.ClickException("the form is not a JSON object")
    return form


def _read_file(path: Path, limit_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit_bytes + 1)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read") from error


_HIDDEN = re.compile("[\x7f-\x9f\u2028-\u202e\u2060-\u2069\u200b\ufeff\ud800-\udfff]")


def echo_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object, readable where the terminal can show it; what could steer a terminal is escaped."""
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=not is_unicode)
    click.echo(_HIDDEN.sub(lambda match: f"\\u{ord(match.group()):04x}", text))


def echo_line(text: str) -> None:
    """Print words that somebody else wrote, on one line and without anything that could steer a terminal."""
    encoding = sys.stdout.encoding or "ascii"
    shown = " ".join(neutral_text(text).split())
    click.echo(shown.encode(encoding, "backslashreplace").decode(encoding))


def count(number: int, one: str) -> str:
    """Return a number with its noun, in the singular where it is one."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def home_option() -> Path:
    """Return the home given on the command line."""
    context = click.get_current_context()
    found: Path = context.find_root().obj
    return found
