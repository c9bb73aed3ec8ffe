"""Takes the pictures of ``docs/screenshots/``: ``make screenshots``. Everything that is on them is invented.

A scene of the tests is served with its hub inside, cases hold the invented child of the picture's tests, and chromium
goes to each page of ``PAGES`` on a narrow and a wide screen. Each file has a palette, so that it stays small.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from adapters.runtime import Adapter
from adapters.workspace.security import Rate
from policies.model import AgencyId, MemberId, Recipient
from policies.vocabulary import Purpose
from tests import scene as scenes
from tests.adapters.picture import invented_case
from tests.adapters.workspace.desk import AGENCY, Vouched
from tests.browser.chromium import REPOSITORY, Desktop, chromium, find_chromium
from tests.browser.workspace import Office
from tests.walked import MANY, Filled, Pulled

FOLDER = REPOSITORY / "docs" / "screenshots"
WIDTHS = {"narrow": 390, "wide": 1280}
HEIGHT, MOST_HEIGHT = 900, 1_800
MAX_BYTES, MAX_ALL = 150_000, 2_000_000
CASE = "/cases/{case}"
PAGES: tuple[tuple[str, str], ...] = (
    ("home", "/"),
    ("picture", f"{CASE}/picture?purpose=panel_review"),
    ("chronology", f"{CASE}/chronology"),
    ("evidence", f"{CASE}/evidence"),
    ("search", f"{CASE}/search"),
    ("write", f"{CASE}/write"),
    ("drafts", f"{CASE}/drafts"),
    ("requests", f"{CASE}/requests"),
    ("consent", f"{CASE}/consent"),
    ("strategy", f"{CASE}/strategy"),
    ("upload", f"{CASE}/upload"),
    ("indicators", f"{CASE}/indicators"),
    ("readers", f"{CASE}/readers"),
    ("account", "/account"),
    ("accessibility", "/accessibility"),
)
"""Name of the file and address of the page, in the order in which they are taken. One that is not there is left out."""


_HERE = {
    invented_case.POLICE: AgencyId(scenes.POLICE),
    invented_case.COUNCIL: AgencyId(scenes.CARE),
    invented_case.HEALTH: AgencyId(scenes.HEALTH),
    invented_case.CHARITY: AgencyId(scenes.CHARITY),
    invented_case.SCHOOL: AgencyId("fern-school"),
}
"""The agencies of the invented case, as they are called in the scene."""


def _at_home(item: Any) -> Any:
    """Return a content with the agencies of the scene in the place of its own."""
    if isinstance(item, Mapping):
        return {key: _at_home(one) for key, one in item.items()}
    if isinstance(item, list | tuple):
        return type(item)(_at_home(one) for one in item)
    return _HERE.get(item, item) if isinstance(item, str) else item


class _Invented(Filled):
    """Every case is that of the invented child."""

    def pull(  # type: ignore[override]
        self, case: str, member: str | None, _keys: object, purpose: Purpose, _who: object = None
    ) -> Pulled:
        """Return the invented case as this one."""
        verified = self.book.load(case)
        items = tuple(
            replace(
                item,
                header=replace(item.header, case=verified.state.membership.case, agency=_HERE[item.header.agency]),
                content=_at_home(item.content),
            )
            for item in invented_case.fragments()
        )
        names = {str(there): invented_case.NAMES[agency] for agency, there in _HERE.items()}
        view = invented_case.case_view(
            items,
            case=verified.state,
            purpose=purpose,
            agency_names=names,
            refused=tuple(replace(one, agency=_HERE[one.agency]) for one in invented_case.case_view().refused),
            not_given=tuple(replace(one, agency=_HERE[one.agency]) for one in invented_case.case_view().not_given),
            consents=_at_home(invented_case.case_view().consents),
            refusals=_at_home(invented_case.case_view().refusals),
        )
        return Pulled(replace(view, reader=Recipient(self.book.agency, MemberId(str(member)))))


def take(office: Office, page: Page, shoot: Callable[[str], None]) -> list[str]:
    """Go to each page and shoot it; return the names of those that were there."""
    found = []
    page.goto(f"{office.served.origin}/unlock")
    shoot("unlock")
    office.unlock(page)
    for name, address in PAGES:
        answer = page.goto(f"{office.served.origin}{address.format(case=office.scene.main)}")
        if answer is not None and answer.status == 200:
            shoot(name)
            found.append(name)
    return found


def smaller(png: bytes) -> bytes:
    """Return an RGB(A) PNG without interlacing (PNG, third edition) with a palette of at most 256 colours."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    if depth != 8 or kind not in (2, 6):
        return png
    size, data, at = (3 if kind == 2 else 4), b"", 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    rows = _unfiltered(zlib.decompress(data), width * size, height, size)
    pixels = [[bytes(row[at : at + 3]) for at in range(0, width * size, size)] for row in rows]
    common = [colour for colour, _ in Counter(colour for row in pixels for colour in row).most_common(256)]
    places = {colour: number for number, colour in enumerate(common)}
    packed = bytearray()
    for line in pixels:
        packed.append(0)
        for colour in line:
            if colour not in places:
                places[colour] = _nearest(common, colour)
            packed.append(places[colour])
    colours = b"".join(common)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(bytes(packed), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big") for name, body in chunks
    )


def _nearest(common: list[bytes], colour: bytes) -> int:
    return min(range(len(common)), key=lambda at: sum((a - b) ** 2 for a, b in zip(common[at], colour, strict=True)))


def _unfiltered(data: bytes, stride: int, height: int, size: int) -> list[bytearray]:
    rows, before = [], bytearray(stride)
    for number in range(height):
        start = number * (stride + 1)
        how, row = data[start], bytearray(data[start + 1 : start + 1 + stride])
        for place in range(stride):
            left = row[place - size] if place >= size else 0
            up, corner = before[place], before[place - size] if place >= size else 0
            if how == 1:
                row[place] = (row[place] + left) & 255
            elif how == 2:
                row[place] = (row[place] + up) & 255
            elif how == 3:
                row[place] = (row[place] + (left + up) // 2) & 255
            elif how == 4:
                row[place] = (row[place] + _paeth(left, up, corner)) & 255
        rows.append(row)
        before = row
    return rows


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    near = (abs(guess - left), abs(guess - up), abs(guess - corner))
    return left if near[0] <= near[1] and near[0] <= near[2] else up if near[1] <= near[2] else corner


def main() -> int:
    """Take them all; return how many are larger than they may be."""
    path = find_chromium()
    if path is None:
        sys.stderr.write("chromium is not here (Debian package chromium; NRM_TEST_CHROMIUM names another place)\n")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", scenes.opened_keys)
        patch.setattr("adapters.runtime.Receiver", _Invented)
        source = scenes.template(Path(folder))
        scene = scenes.copy(source, Path(folder) / "copy").embed()
        scene.witness()
        environ = scenes.json.loads((source / "scene.json").read_text())["environ"][AGENCY]
        adapter = Adapter(scene[AGENCY].home, environ=environ)
        adapter.__dict__["client"] = scene[AGENCY].client
        office = Office(scene, adapter, environ["NRM_MEMBER_PASSPHRASE"])
        office.who = Vouched()
        office.here.per_person, office.here.per_client = Rate(MANY), Rate(MANY)
        with chromium(path) as browser:
            page = Desktop(browser.new_context()).page
            office.sign_in(page)
            take(office, page, lambda name: _shoot(page, name))
        office.close()
        adapter.store.close()
        scene.close()
    sizes = {item.name: item.stat().st_size for item in sorted(FOLDER.glob("*.png"))}
    sys.stdout.write("".join(f"{name} {size:,} bytes\n" for name, size in sizes.items()))
    too_large = [name for name, size in sizes.items() if size > MAX_BYTES]
    sys.stdout.write(
        f"{len(sizes)} files, {sum(sizes.values()):,} bytes; too large: {', '.join(too_large) or 'none'}\n"
    )
    return len(too_large) + (sum(sizes.values()) > MAX_ALL)


def _shoot(page: Page, name: str) -> None:
    for label, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": HEIGHT})
        height = min(MOST_HEIGHT, page.evaluate("document.documentElement.scrollHeight"))
        clip = {"x": 0, "y": 0, "width": width, "height": height}
        taken = page.screenshot(full_page=True, clip=clip, animations="disabled")  # type: ignore[arg-type]
        (FOLDER / f"{name}-{label}.png").write_bytes(smaller(taken))


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
