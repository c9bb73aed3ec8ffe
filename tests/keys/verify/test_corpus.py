"""A corpus of good and bad exports: each kind of tampering is named, and both verifiers say the same of every file."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hub.services import log_verifier
from keys.jose import sign_compact
from keys.log_keys import LogKeyClaim
from keys.private import PrivateKey
from keys.revocation import RevocationReason
from keys.statements import peek
from keys.verify.faults import MEANINGS, ExportFault
from keys.verify.following import verify_file
from keys.verify.pins import read_pin
from keys.verify.words import render_text
from tests.keys.verify.exports import (
    SECOND,
    Exports,
    Lines,
    agreed,
    make_exports,
    read,
    write,
)
from tests.keys.verify.forging import Forger
from tests.officers import FIRST
from tests.scene import Scene, now

MAX_SECOND_LINES = 300


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A federation in mid-work."""
    return make_scene().embed()


@pytest.fixture(scope="module")
def exports(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """Its files."""
    return make_exports(scene, tmp_path_factory.mktemp("exports"))


@pytest.fixture
def forger(scene: Scene, exports: Exports) -> Forger:
    """Its log, to be changed with every key at hand; two heads."""
    newest = read(exports.log)[0]["size"]
    return Forger.of(scene, [exports.kept_size, newest])


# --- good ones ---


@pytest.mark.parametrize("name", ["log", "case", "agency"])
def test_what_a_hub_exports_holds(exports: Exports, name: str) -> None:
    """With the pin and a head kept from before; without them nobody knows whose it is."""
    path = exports.folder / f"{name}.export"
    assert agreed(path, exports.pin, exports.kept) == ("holds", None, None)
    assert agreed(path, None, None) == ("unpinned", None, None)


def test_what_is_forged_unchanged_holds(exports: Exports, forger: Forger, scene: Scene, tmp_path: Path) -> None:
    """The control of what follows: the same hand, and nothing changed."""
    for case in (None, scene.main):
        path = write(tmp_path / f"{case}.export", forger.export(case))
        assert agreed(path, exports.pin, exports.kept) == ("holds", None, None)


@pytest.mark.parametrize("name", ["case", "agency"])
def test_attack_16_a_text_that_is_gone_is_named(exports: Exports, scene: Scene, tmp_path: Path, name: str) -> None:
    """Its place in tree and case is proven, and nothing says that it was erased: in a case's file that is a fault."""
    lines = read(exports.folder / f"{name}.export")
    entry = next(line for line in lines if line.get("salt"))
    forger = Forger.of(scene, [lines[0]["size"]])
    body = json.loads(entry["body"])
    entry |= {"body": None, "salt": None, "digest": forger.entries[entry["index"]].bytes_[1:].hex()}
    entry |= {"case": body["case"], "case_seq": body["case_seq"]}
    path = write(tmp_path / "x", lines)
    if name == "case":
        assert agreed(path, exports.pin, exports.kept) == ("does_not_hold", "erasure_unproven", entry["index"])
        return
    assert agreed(path, exports.pin, exports.kept) == ("holds", None, None)
    report = verify_file(path, read_pin(exports.pin))
    assert (report.unexplained, report.first_unexplained) == (1, entry["index"])
    assert f"position {entry['index']} of the log" in render_text(report)
    assert "Who had the entries erased" in render_text(report)


# --- files that somebody changed ---


def entries(lines: Lines, *, salted: bool) -> list[int]:
    """Places of entry lines that can be read, in the file."""
    found = [place for place, line in enumerate(lines) if line["kind"] == "entry" and line["body"] is not None]
    return [place for place in found if (lines[place]["salt"] is not None) is salted]


def flip(text: str, place: int = 3) -> str:
    """Change one character of a base64 or hex text."""
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def edit_public(lines: Lines) -> None:
    """The first entry names another agreement: of that alone nobody could tell."""
    body = json.loads(lines[1]["body"])
    lines[1]["body"] = json.dumps({**body, "bundle": "0" * 64}, separators=(",", ":"), sort_keys=True)


def edit_salted(lines: Lines) -> None:
    line = lines[entries(lines, salted=True)[2]]
    line["body"] = line["body"].replace('"agency":"fern-', '"agency":"gern-')


def edit_salt(lines: Lines) -> None:
    line = lines[entries(lines, salted=True)[2]]
    line["salt"] = flip(line["salt"])


def edit_digest(lines: Lines) -> None:
    line = next(line for line in lines if line.get("digest"))
    line["digest"] = ("0" if line["digest"][0] != "0" else "1") + line["digest"][1:]


def drop(place: int, count: int = 1) -> Callable[[Lines], None]:
    """Leave entries out and count them right."""

    def change(lines: Lines) -> None:
        of_entries = [number for number, line in enumerate(lines) if line["kind"] == "entry"]
        for number in sorted(of_entries[place:][:count], reverse=True):
            del lines[number]
        lines[-1]["entries"] -= count

    return change


def drop_of_case(lines: Lines) -> None:
    del lines[entries(lines, salted=True)[3]]
    lines[-1]["entries"] -= 1


def swap(lines: Lines) -> None:
    first, second = entries(lines, salted=True)[2:4]
    lines[first], lines[second] = lines[second], lines[first]


def flip_inclusion(lines: Lines) -> None:
    line = lines[entries(lines, salted=True)[0]]
    line["inclusion"][0] = flip(line["inclusion"][0])


def flip_consistency(lines: Lines) -> None:
    line = next(line for line in lines if line["kind"] == "head")
    line["consistency"][0] = flip(line["consistency"][0])


def edit_head_root(lines: Lines) -> None:
    text, rest = lines[0]["head"].split("\n\n")
    origin, size, root = text.split("\n")
    lines[0]["head"] = f"{origin}\n{size}\n{flip(root)}\n\n{rest}"


def note_lines(lines: Lines, keep: Callable[[str, int], bool]) -> None:
    """Keep some signature lines of the newest head; number 0 is the log's."""
    text, rest = lines[0]["head"].split("\n\n")
    kept = [line for number, line in enumerate(rest.splitlines()) if keep(line, number)]
    lines[0]["head"] = f"{text}\n\n" + "".join(f"{line}\n" for line in kept)


def unsign(lines: Lines) -> None:
    note_lines(lines, lambda _line, number: number > 0)


def drop_witnesses(lines: Lines) -> None:
    note_lines(lines, lambda line, number: number == 0 or "/fern-care " in line or "/fern-police " in line)


def drop_mldsa(lines: Lines) -> None:
    note_lines(lines, lambda line, number: number == 0 or len(line) < 1000)


def bend_cosignature(lines: Lines) -> None:
    text, rest = lines[0]["head"].split("\n\n")
    signed = rest.splitlines()
    place = next(number for number, line in enumerate(signed) if len(line) > 1000)
    signed[place] = flip(signed[place], len(signed[place]) - 100)
    lines[0]["head"] = f"{text}\n\n" + "".join(f"{line}\n" for line in signed)


def set_first(**members: object) -> Callable[[Lines], None]:
    """Change members of the first line."""
    return lambda lines: lines[0].update(members)


def move_head(lines: Lines) -> None:
    place = next(number for number, line in enumerate(lines) if line["kind"] == "head")
    lines.insert(len(lines) - 2, lines.pop(place))


def twice(place: int) -> Callable[[Lines], None]:
    return lambda lines: lines.insert(place, dict(lines[place]))


def unsalt(lines: Lines) -> None:
    """A salted entry is passed off as one that was not given."""
    line = lines[entries(lines, salted=True)[0]]
    line |= {"body": None, "salt": None, "digest": "0" * 64}


CHANGED: dict[str, tuple[str, Callable[[Lines], None], ExportFault]] = {
    "public_edited": ("log", edit_public, ExportFault.HEAD_DIFFERS),
    "public_edited_in_part": ("case", edit_public, ExportFault.ENTRY_CHANGED),
    "body_edited": ("case", edit_salted, ExportFault.ENTRY_CHANGED),
    "salt_edited": ("case", edit_salt, ExportFault.ENTRY_CHANGED),
    "digest_edited": ("log", edit_digest, ExportFault.HEAD_DIFFERS),
    "entry_left_out": ("log", drop(20), ExportFault.ENTRY_MISSING),
    "first_left_out": ("case", drop(0), ExportFault.ENTRY_MISSING),
    "tail_cut_and_counted": ("log", drop(-3, 3), ExportFault.ENTRY_MISSING),
    "case_gap": ("case", drop_of_case, ExportFault.CHAIN_BROKEN),
    "case_gap_of_agency": ("agency", drop_of_case, ExportFault.CHAIN_BROKEN),
    "swapped": ("case", swap, ExportFault.CHAIN_BROKEN),
    "inclusion_bent": ("case", flip_inclusion, ExportFault.ENTRY_CHANGED),
    "consistency_bent": ("agency", flip_consistency, ExportFault.HEAD_DIFFERS),
    "head_root_edited": ("log", edit_head_root, ExportFault.HEAD_UNSIGNED),
    "log_line_gone": ("log", unsign, ExportFault.HEAD_UNSIGNED),
    "too_few_witnesses": ("case", drop_witnesses, ExportFault.QUORUM_MISSING),
    "only_ed25519": ("log", drop_mldsa, ExportFault.QUORUM_MISSING),
    "cosignature_bent": ("agency", bend_cosignature, ExportFault.QUORUM_MISSING),
    "another_size": ("log", lambda lines: lines[0].update(size=lines[0]["size"] + 1), ExportFault.HEAD_DIFFERS),
    "another_format": ("log", set_first(format="nrmhub-log-export-2"), ExportFault.MALFORMED),
    "another_origin": ("log", set_first(origin="hub.example/another"), ExportFault.PIN_DIFFERS),
    "head_moved": ("case", move_head, ExportFault.MALFORMED),
    "line_twice": ("case", twice(5), ExportFault.MALFORMED),
    "first_line_twice": ("case", twice(0), ExportFault.MALFORMED),
    "unknown_line": ("case", lambda lines: lines[3].update(kind="note"), ExportFault.MALFORMED),
    "member_more": ("case", lambda lines: lines[3].update(comment="x"), ExportFault.MALFORMED),
    "number_as_text": ("case", lambda lines: lines[3].update(index="3"), ExportFault.MALFORMED),
    "of_no_case": ("case", unsalt, ExportFault.MALFORMED),
    "end_counts_less": ("case", lambda lines: lines[-1].update(heads=0), ExportFault.TRUNCATED),
    "no_end": ("case", lambda lines: lines.__delitem__(-1), ExportFault.TRUNCATED),
    "after_the_end": ("case", twice(-1), ExportFault.MALFORMED),
}


def change_and_read(exports: Exports, folder: Path, change: str) -> Path:
    """Write a changed file."""
    name, act, _ = CHANGED[change]
    lines = read(exports.folder / f"{name}.export")
    act(lines)
    return write(folder / f"{change}.export", lines)


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_file_is_named_for_what_it_is(exports: Exports, tmp_path: Path, change: str) -> None:
    """Both verifiers say so, by the same code at the same position."""
    # Against a head kept from before, what was changed in the whole log would be a fork sooner.
    kept = None if CHANGED[change][0] == "log" else exports.kept
    verdict, code, _ = agreed(change_and_read(exports, tmp_path, change), exports.pin, kept)
    assert (verdict, code) == ("does_not_hold", CHANGED[change][2].value)


RAW: dict[str, tuple[Callable[[bytes], bytes], ExportFault]] = {
    "cut_in_a_line": (lambda data: data[:-40], ExportFault.TRUNCATED),
    "empty": (lambda _: b"", ExportFault.MALFORMED),
    "member_twice": (lambda data: data.replace(b'"kind":"end"', b'"kind":"end","kind":"end"'), ExportFault.MALFORMED),
    "a_blank_more": (lambda data: data.replace(b'"kind":"end"', b'"kind": "end"'), ExportFault.MALFORMED),
    "no_utf8": (lambda data: data.replace(b'"kind":"end"', b'"kind":"\xff"'), ExportFault.MALFORMED),
    "half_a_character": (lambda data: data.replace(b'"kind":"end"', b'"kind":"\\ud800"'), ExportFault.MALFORMED),
    "a_float": (lambda data: data.replace(b'"links":1', b'"links":1.0'), ExportFault.MALFORMED),
    "byte_order_mark": (lambda data: b"\xef\xbb\xbf" + data, ExportFault.MALFORMED),
    "line_too_long": (lambda data: data[:-1] + b" " * (4 * 1024 * 1024) + b"\n", ExportFault.TOO_LARGE),
    "nested_too_deep": (lambda data: data + b"[" * 5000 + b"\n", ExportFault.MALFORMED),
}


@pytest.mark.parametrize("change", RAW)
def test_bytes_that_are_no_export(exports: Exports, tmp_path: Path, change: str) -> None:
    """Never a traceback: a code."""
    act, expected = RAW[change]
    path = tmp_path / "raw.export"
    path.write_bytes(act(exports.case.read_bytes()))
    verdict, code, _ = agreed(path, exports.pin, exports.kept)
    assert (verdict, code) == ("does_not_hold", expected.value)


# --- logs that somebody rewrote, with every key ---


def back_date(forger: Forger) -> int:
    index = forger.of_case(forger.scene.main)[-1]
    entry = forger.entries[index]
    entry.say(at=earlier(entry.body["at"], timedelta(hours=1)))
    return index


def earlier(at: str, by: timedelta) -> str:
    moved = datetime.fromisoformat(at) - by
    return moved.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moved.microsecond // 1000:03d}Z"


def forward_date(forger: Forger) -> int:
    """Dated an hour ahead, and seen by the witnesses when it was written."""
    index = len(forger.entries) - 1
    entry = forger.entries[index]
    forger.seen_late_by, forger.sizes = timedelta(hours=-1), forger.sizes[-1:]
    entry.say(at=earlier(entry.body["at"], timedelta(hours=-1)))
    return index


def unknown_type(forger: Forger) -> int:
    index = forger.of_case(forger.scene.main)[-1]
    forger.entries[index].say(type="whisper")
    return index


def member_less(forger: Forger) -> int:
    index = forger.of_case(forger.scene.main)[-1]
    body = forger.entries[index].body
    del body["agency"]
    forger.entries[index].text = json.dumps(body, separators=(",", ":"), sort_keys=True)
    return index


def body_member_twice(forger: Forger) -> int:
    index = forger.of_case(forger.scene.main)[-1]
    entry = forger.entries[index]
    entry.text = entry.text.replace('{"agency"', '{"agency":"x","agency"', 1)
    return index


def body_too_large(forger: Forger) -> int:
    index = forger.find("certificate", 2)
    forger.entries[index].say(statement="x" * 70_000)
    return index


def skip_a_number(forger: Forger) -> int:
    index = forger.of_case(forger.scene.main)[-1]
    forger.entries[index].say(case_seq=forger.entries[index].body["case_seq"] + 1)
    return index


def name_another_before(forger: Forger) -> int:
    index = forger.of_case(forger.scene.main)[-1]
    forger.entries[index].say(previous="0" * 64)
    return index


def entry_put_in(forger: Forger) -> int:
    """A second entry in the place of another case's, numbered to follow."""
    mine, other = forger.of_case(forger.scene.main), forger.of_case(forger.scene.other)
    index = next(place for place in other if place > mine[0])
    before = max(place for place in mine if place < index)
    said = {**forger.entries[before].body, "case_seq": forger.entries[before].body["case_seq"] + 1}
    forger.entries[index].text = json.dumps(said, separators=(",", ":"), sort_keys=True)
    forger.relink(forger.scene.main)
    return next(place for place in mine if place > index)


def one_officer(forger: Forger) -> int:
    index = forger.find("agency", 1)
    forger.entries[index].say(officers=forger.entries[index].body["officers"][:1])
    return index


def one_officer_twice(forger: Forger) -> int:
    index = forger.find("agency", 1)
    forger.entries[index].say(officers=[forger.entries[index].body["officers"][0]] * 2)
    return index


def unsigned_officers(forger: Forger) -> int:
    index = forger.find("officers")
    forger.entries[index].say(signatures=forger.entries[index].body["signatures"][:1])
    return index


def certified_by_nobody(forger: Forger) -> int:
    """A certificate that says the same, by a key of a stranger under the root's name."""
    index = forger.find("certificate", 3)
    token = forger.entries[index].body["statement"]
    header, payload, _ = token.split(".")
    forged = sign_compact(b"{}", "nrmhub-certificate+jws", PrivateKey.generate("Ed25519")).split(".")[2]
    assert peek(token).kid
    forger.entries[index].say(statement=f"{header}.{payload}.{forged}")
    return index


def begins_again(forger: Forger) -> int:
    index = forger.find("certificate", 3)
    forger.entries[index].text = forger.entries[0].text
    forger.entries[index].say(at=forger.entries[index - 1].body["at"])
    return index


def log_key_by_one(forger: Forger) -> int:
    """Another log key, which one officer signed."""
    index = forger.find("certificate", 3)
    old = log_verifier(forger.origin, forger.log_key)
    new = log_verifier(forger.origin, PrivateKey.generate("Ed25519"))
    claim = LogKeyClaim(forger.origin, old, new, RevocationReason.LOST)
    body = {
        **claim.to_json(),
        "type": "log_key",
        "at": forger.entries[index].body["at"],
        "signatures": [claim.sign(FIRST.id, FIRST.signer, now())],
    }
    forger.entries[index].text = json.dumps(body, separators=(",", ":"), sort_keys=True)
    return index


FORGED: dict[str, tuple[Callable[[Forger], int], ExportFault]] = {
    "back_dated": (back_date, ExportFault.TIME_IMPLAUSIBLE),
    "forward_dated": (forward_date, ExportFault.TIME_IMPLAUSIBLE),
    "unknown_type": (unknown_type, ExportFault.BODY_MALFORMED),
    "member_less": (member_less, ExportFault.BODY_MALFORMED),
    "body_member_twice": (body_member_twice, ExportFault.BODY_MALFORMED),
    "body_too_large": (body_too_large, ExportFault.BODY_MALFORMED),
    "number_skipped": (skip_a_number, ExportFault.CHAIN_BROKEN),
    "another_before": (name_another_before, ExportFault.CHAIN_BROKEN),
    "entry_put_in": (entry_put_in, ExportFault.CHAIN_BROKEN),
    "one_officer": (one_officer, ExportFault.NOT_AUTHORISED),
    "one_officer_twice": (one_officer_twice, ExportFault.NOT_AUTHORISED),
    "unsigned_officers": (unsigned_officers, ExportFault.NOT_AUTHORISED),
    "certified_by_nobody": (certified_by_nobody, ExportFault.NOT_AUTHORISED),
    "begins_again": (begins_again, ExportFault.NOT_AUTHORISED),
    "log_key_by_one": (log_key_by_one, ExportFault.NOT_AUTHORISED),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_log_that_was_rewritten_gives_itself_away(
    exports: Exports, forger: Forger, tmp_path: Path, forgery: str
) -> None:
    """Tree, heads and cosignatures fit; the entry itself does not."""
    act, expected = FORGED[forgery]
    index = act(forger)
    path = write(tmp_path / "forged.export", forger.export(forger.scene.main))
    assert agreed(path, exports.pin, None) == ("does_not_hold", expected.value, index)


# --- against what comes from elsewhere ---


def rewritten(forger: Forger) -> Forger:
    """Another history that fits together: one salted entry says something else, before the head that was kept."""
    index = forger.of_case(forger.scene.main)[0]
    forger.entries[index].salt = bytes(32)
    forger.relink(forger.scene.main)
    return forger


@pytest.mark.parametrize("whole", [True, False])
def test_two_histories_are_a_fork(exports: Exports, forger: Forger, tmp_path: Path, whole: bool) -> None:
    """It holds by itself, every witness signed it; only what was kept from before shows it (attack 3)."""
    case = None if whole else forger.scene.main
    path = write(tmp_path / "fork.export", rewritten(forger).export(case))
    assert agreed(path, exports.pin, None) == ("holds", None, None)
    assert agreed(path, exports.pin, exports.kept) == ("does_not_hold", "fork", None)


def test_a_log_that_ends_before_what_was_kept_was_cut(exports: Exports, forger: Forger, tmp_path: Path) -> None:
    """A shorter log, each part of it in order (attacks 4 and 5)."""
    forger.sizes = [exports.kept_size - 1]
    del forger.entries[exports.kept_size - 1 :]
    path = write(tmp_path / "cut.export", forger.export())
    assert agreed(path, exports.pin, None) == ("holds", None, None)
    assert agreed(path, exports.pin, exports.kept) == ("does_not_hold", "tail_missing", None)


@pytest.mark.parametrize("member", ["log_vkey", "officers", "witnesses", "roots", "origin"])
def test_another_pin_is_another_log(exports: Exports, tmp_path: Path, member: str) -> None:
    """Whatever in it differs."""
    pin = json.loads(exports.pin.read_text())
    if member == "witnesses":
        pin["witnesses"]["witnesses"] = pin["witnesses"]["witnesses"][::-1]
    elif member == "roots":
        agency = sorted(pin["roots"])[0]
        pin["roots"][agency] = "0" * 64
    elif member == "origin":
        pin["origin"] = "hub.example/another"
    else:
        other = log_verifier(pin["origin"], PrivateKey.generate("Ed25519")).render()
        pin[member] = {"log_vkey": other, "officers": "0" * 64}[member]
    path = tmp_path / "pin.json"
    path.write_text(json.dumps(pin))
    verdict, code, _ = agreed(exports.case, path, None)
    assert (verdict, code) == ("does_not_hold", "pin_differs")


def test_heads_of_another_log_key(exports: Exports, forger: Forger, tmp_path: Path) -> None:
    """A whole log under a stranger's key, cosigned by all: it fits together, and is not the pinned log."""
    forger.log_key = PrivateKey.generate("Ed25519")
    path = write(tmp_path / "key.export", forger.export())
    assert agreed(path, None, None) == ("unpinned", None, None)
    assert agreed(path, exports.pin, None) == ("does_not_hold", "pin_differs", None)


def test_the_corpus_has_each_kind_and_the_second_verifier_is_small() -> None:
    """At least twenty bad files; every code that a file alone can give; at most 300 lines of another language."""
    bad = [*(item[2] for item in CHANGED.values()), *(item[1] for item in [*RAW.values(), *FORGED.values()])]
    assert len(bad) >= 50
    elsewhere = {ExportFault.FORK, ExportFault.TAIL_MISSING, ExportFault.ERASURE_UNPROVEN}
    assert {*bad, *elsewhere} == set(ExportFault) == set(MEANINGS)
    assert len(SECOND.read_text(encoding="utf-8").splitlines()) <= MAX_SECOND_LINES
