"""Who is told and when: two people of an agency, the same thing twice, a server that is down; no content anywhere."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from adapters.notifying.chosen import By, Chosen, NotifyRefused, chosen_of, forget, keep, parse_chosen
from adapters.notifying.message import SUBJECT
from adapters.notifying.rounds import ALARM_AFTER, Notifier, Round, trouble_of
from adapters.notifying.settings import NotifySettings
from adapters.notifying.thread import Notifying
from adapters.notifying.times import BETWEEN, Pace, Quiet, uk_time
from adapters.runtime import Adapter
from adapters.store.notify_rows import keep_chosen, keep_looked, told_row
from adapters.store.resealing import reseal
from adapters.store.rows import list_alarms, raise_alarm
from keys.storage import Vault
from policies.model import render_time
from tests.adapters.hands import Hands
from tests.adapters.notifying.carried import Inbox, Pigeon, mail_server
from tests.scene import CANARIES, CARE, POLICE, Scene, now, opened_keys

ORIGIN = "https://work.fernshire.example"
SETTINGS = NotifySettings(ORIGIN, None, "https://hooks.fernshire.example/told")
CHAIR, CONSTABLE = "chair@police.example", "constable@police.example"
WORKSPACE = '\n[workspace]\norigin = "http://police.localhost:8443"\nbind = "127.0.0.1:8443"\n'


@dataclass
class Station:
    """The police's adapter, with somebody in two cases and somebody in none; ``later`` moves its clock."""

    scene: Scene
    adapter: Adapter
    pigeon: Pigeon = field(default_factory=Pigeon)
    later: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        self.adapter.clock = lambda: now() + self.later
        self.notifier = self.anew()

    def anew(self) -> Notifier:
        """What another process of the same home would have."""
        return Notifier(self.adapter, SETTINGS, dict.fromkeys(By, self.pigeon))

    def choose(self, label: str, address: str, **wishes: object) -> None:
        keep(self.adapter.store, self.member(label), Chosen(True, By.EMAIL, address, **wishes))  # type: ignore[arg-type]

    def member(self, label: str) -> str:
        return self.scene[POLICE].people[label]

    def round(self, after: timedelta = timedelta(0)) -> Round:
        self.later += after
        return self.notifier.run()

    def alarms(self) -> list[tuple[str, str]]:
        with self.adapter.store.write() as session:
            return [(row.code, row.text) for row in list_alarms(session)]

    def follow(self) -> None:
        """Take in what others did."""
        self.scene.witness()


@pytest.fixture
def station(scene_source: Path, make_scene: Callable[[], Scene], monkeypatch: pytest.MonkeyPatch) -> Iterator[Station]:
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][POLICE]
    monkeypatch.setattr("adapters.home.read_key_file", opened_keys)
    scene = make_scene().embed()
    scene.witness()
    adapter = Adapter(scene[POLICE].home, environ=environ)
    adapter.__dict__["client"] = scene[POLICE].client
    yield Station(scene, adapter)
    adapter.store.close()


def test_each_thing_is_told_once_and_to_whom_it_concerns(station: Station) -> None:
    """The chair has records of others in two cases; the constable is in none, and is told of alarms alone."""
    station.choose("chair", CHAIR)
    station.choose("constable", CONSTABLE, alarms=True)
    assert station.round() == Round(told=1)
    assert station.pigeon.told == [CHAIR]
    assert station.round(BETWEEN * 2) == Round()
    assert station.anew().run() == Round()
    with station.adapter.store.write() as session:
        raise_alarm(session, "quorum", "an alarm of this test", render_time(now()))
    assert station.round() == Round(told=1)
    assert station.pigeon.told == [CHAIR, CONSTABLE]
    station.scene[CARE].share(station.scene.main, {"kind": "concern", "summary": "More", "fields": {}})
    station.follow()
    assert station.round(BETWEEN) == Round(told=1)
    assert station.pigeon.told == [CHAIR, CONSTABLE, CHAIR]


def test_what_somebody_has_opened_is_not_told(station: Station) -> None:
    station.choose("chair", CHAIR)
    for case in station.scene.cases.values():
        with station.adapter.store.write() as session:
            keep_looked(session, station.member("chair"), case, 10_000, render_time(now()))
    assert station.round() == Round()


def test_clocks_reads_and_drafts(station: Station) -> None:
    """A clock that is over, once for each; a read where it was chosen; drafts only for whoever may review them."""
    station.choose("chair", CHAIR)
    assert station.round().told == 1
    station.scene[CARE].pull(station.scene.main, "lead")
    station.follow()
    station.scene[POLICE].write(station.scene.main, {"kind": "concern", "summary": "A draft", "fields": {}})
    assert station.round(BETWEEN) == Round(), "neither a read that was not asked for, nor a draft for a chair"
    station.choose("chair", CHAIR, reads=True)
    assert station.round(BETWEEN) == Round(told=1)
    assert station.round(timedelta(hours=49)) == Round(told=1), "the first 72 hours are near their end"
    assert station.round(timedelta(hours=24)) == Round(told=1), "and over"
    assert station.round(BETWEEN) == Round()


def test_a_lead_is_told_of_drafts(
    scene_source: Path, make_scene: Callable[[], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][CARE]
    monkeypatch.setattr("adapters.home.read_key_file", opened_keys)
    scene = make_scene().embed()
    scene.witness()
    adapter, pigeon = Adapter(scene[CARE].home, environ=environ), Pigeon()
    later = timedelta(0)
    adapter.clock = lambda: now() + later
    notifier = Notifier(adapter, SETTINGS, {By.EMAIL: pigeon})
    keep(adapter.store, scene[CARE].people["lead"], Chosen(True, By.EMAIL, "lead@care.example"))
    notifier.run()
    before = len(pigeon.told)
    later = BETWEEN
    assert notifier.run() == Round()
    scene[CARE].write(scene.main, {"kind": "concern", "summary": "A draft", "fields": {}})
    assert notifier.run() == Round(told=1)
    later = BETWEEN * 2
    assert notifier.run() == Round()
    assert len(pigeon.told) == before + 1
    adapter.store.close()


def test_quiet_hours_and_a_daily_digest(station: Station) -> None:
    at = station.adapter.clock()
    soon = uk_time(at + timedelta(hours=2))
    station.choose("chair", CHAIR, quiet=Quiet(uk_time(at - timedelta(hours=1)), soon))
    assert station.round() == Round(later=1)
    assert station.round(timedelta(hours=2, minutes=1)) == Round(told=1)
    station.choose("chair", CHAIR, pace=Pace.DAILY, daily_at=uk_time(station.adapter.clock() + timedelta(hours=3)))
    for number in range(2):
        station.scene[CARE].share(station.scene.main, {"kind": "concern", "summary": f"{number}", "fields": {}})
        station.follow()
        assert station.round(BETWEEN) == Round(later=1)
    assert station.round(timedelta(hours=3)) == Round(told=1), "both in one"
    assert station.round(timedelta(hours=1)) == Round()


def test_two_processes_tell_once(station: Station) -> None:
    """Whoever is being told by one process is not told by another, nor where that one died, until a while later."""
    station.choose("chair", CHAIR)
    other = station.anew()

    class Slow:
        def tell(self, address: str, at: datetime) -> None:
            assert other.run() == Round(later=1)
            station.pigeon.tell(address, at)

    assert Notifier(station.adapter, SETTINGS, {By.EMAIL: Slow()}).run() == Round(told=1)
    assert station.pigeon.told == [CHAIR]


def test_a_server_that_is_down_is_asked_later_and_later_then_an_alarm_says_so(station: Station) -> None:
    station.choose("chair", CHAIR)
    station.pigeon.is_down = True
    pause, asked = timedelta(minutes=1), 0
    for number in range(1, ALARM_AFTER + 1):
        assert station.round() == Round(failed=1)
        assert station.round(pause - timedelta(seconds=2)) == Round(failed=1), "asked before its pause was over"
        station.later += timedelta(seconds=3)
        pause, asked = min(2 * pause, timedelta(hours=1)), number
        found = [text for code, text in station.alarms() if code == "notify_down"]
        assert len(found) == (asked >= ALARM_AFTER)
    with station.adapter.store.write() as session:
        assert "does not answer" in str(trouble_of(session))
    station.round(timedelta(hours=1, seconds=5))
    assert len([code for code, _ in station.alarms() if code == "notify_down"]) == 1
    station.pigeon.is_down = False
    assert station.round(timedelta(hours=1, seconds=5)) == Round(told=1), "what waited was not forgotten"
    with station.adapter.store.write() as session:
        assert trouble_of(session) is None


def test_an_address_that_is_refused_for_good_keeps_nobody_else_waiting(station: Station) -> None:
    station.choose("chair", CHAIR)
    station.choose("constable", CONSTABLE, alarms=True)
    station.pigeon.rejected = frozenset({CHAIR})
    assert station.round().failed == 1
    (text,) = [text for code, text in station.alarms() if code == "notify_refused"]
    assert CHAIR not in text
    station.round(BETWEEN)
    assert station.pigeon.told == [CONSTABLE], "the alarm is told to whoever asked for alarms, once"
    assert station.round(BETWEEN) == Round(), "an address that is none is not tried again and again"


def test_whose_carrier_is_paused_takes_nobody_elses_place(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a round with room for one: the chair's gateway is down, the constable's mail server is not."""
    monkeypatch.setattr("adapters.notifying.rounds.MOST_A_ROUND", 1)
    down, first = Pigeon(is_down=True), min("chair", "constable", key=station.member)
    other = "constable" if first == "chair" else "chair"
    keep(station.adapter.store, station.member(first), Chosen(True, By.WEBHOOK, CHAIR, alarms=True))
    station.choose(other, CONSTABLE, alarms=True)
    with station.adapter.store.write() as session:
        raise_alarm(session, "quorum", "an alarm of this test", render_time(now()))
    station.notifier = Notifier(station.adapter, SETTINGS, {By.EMAIL: station.pigeon, By.WEBHOOK: down})
    assert station.round() == Round(later=1, failed=1)
    assert station.round() == Round(told=1, failed=1)
    assert station.pigeon.told == [CONSTABLE]


def test_wishes_that_do_not_open_are_their_owners_alone(station: Station) -> None:
    station.choose("chair", CHAIR)
    with station.adapter.store.write() as session:
        keep_chosen(session, station.member("constable"), b"damaged")
    assert station.round() == Round(told=1)


def test_whoever_left_is_told_nothing(station: Station) -> None:
    keep(station.adapter.store, "ab" * 16, Chosen(True, By.EMAIL, "gone@police.example", alarms=True))
    with station.adapter.store.write() as session:
        raise_alarm(session, "quorum", "an alarm of this test", render_time(now()))
    assert station.round() == Round()


def test_a_round_that_breaks_does_not_end_the_thread(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    station.choose("chair", CHAIR)
    thread = Notifying(station.notifier, 0.01)

    def broken(*_: object) -> None:
        raise RuntimeError(CANARIES[0])

    monkeypatch.setattr("adapters.notifying.rounds.list_people", broken)
    assert thread.go_round() is None
    assert thread.trouble == "the last round of notifications ended in RuntimeError; it goes on"
    monkeypatch.undo()
    assert thread.go_round() is not None
    assert thread.trouble is None


def test_nothing_of_a_case_is_in_message_envelope_or_log(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    """Over a real server: names, words, ids, counts, other agencies; and the same message whatever happened."""
    caplog.set_level(logging.DEBUG)
    inbox = Inbox()
    with mail_server(inbox) as port:
        table = {"server": "127.0.0.1", "port": port, "security": "none", "from": "nrm-hub@police.example"}
        from adapters.notifying.settings import parse_settings

        settings = parse_settings(table, origin=ORIGIN, is_demo=True, folder=station.adapter.home.folder)
        notifier = Notifier(station.adapter, settings)
        station.choose("chair", CHAIR)
        assert notifier.run() == Round(told=1)
        station.choose("constable", "x" + CHAIR, alarms=True)
        with station.adapter.store.write() as session:
            raise_alarm(session, "quorum", f"case {station.scene.main}", render_time(now()))
        assert notifier.run() == Round(told=1)
    first, second = inbox.texts()
    assert SUBJECT in first
    words = [*CANARIES, *station.scene.cases.values(), *(case[:8] for case in station.scene.cases.values())]
    words += [
        station.member("chair"),
        station.member("chair")[:8],
        "fern-care",
        "Fernshire",
        "child",
        "alarm",
        "quorum",
    ]
    said = [first, second, *(str(mail.mail_from) + str(mail.rcpt_tos) for mail in inbox.mails), caplog.text]
    assert [word for word in words for text in said if word in text] == []
    # Address, time and random id taken out, they are the same.
    blank = [re.sub(r"(?m)^(To|Date): .*$|(?<=Message-ID: <)[0-9a-f]{32}", "", text) for text in (first, second)]
    assert blank[0] == blank[1]


def test_addresses_rest_sealed_and_follow_a_new_storage_secret(station: Station) -> None:
    station.choose("chair", CHAIR)
    store = station.adapter.store
    held = b"".join(path.read_bytes() for path in store_files(station))
    assert CHAIR.encode() not in held
    reseal(store, Vault(b"y" * 32))
    found = chosen_of(store, station.member("chair"))
    assert found is not None
    assert found.address == CHAIR
    assert CHAIR not in repr(found)
    assert forget(store, station.member("chair"))
    assert not forget(store, station.member("chair"))
    assert chosen_of(store, station.member("chair")) is None
    with store.write() as session:
        assert told_row(session, station.member("chair")).told == "{}"


def store_files(station: Station) -> list[Path]:
    found = sorted(station.adapter.home.folder.glob("store.db*"))
    assert found
    return found


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"address": "nobody"}, "address"),
        ({"address": "a@b.example\r\nBcc: c@d.example"}, "address"),
        ({"address": "a@b.example, c@d.example"}, "address"),
        ({"address": "a@elsewhere.example"}, "address"),
        ({"address": f"{'a' * 65}@police.example"}, "address"),
        ({"pace": "weekly"}, "pace"),
        ({"by": "pigeon"}, "by"),
        ({"by": "email"}, "by"),
        ({"daily_at": "25:00"}, "daily_at"),
        ({"quiet_from": "19:00"}, "quiet_to"),
        ({"quiet_to": "07:00"}, "quiet_from"),
        ({"quiet_from": "7pm", "quiet_to": "07:00"}, "quiet_from"),
        ({"quiet_from": "19:00", "quiet_to": "19:00"}, "quiet_to"),
        ({"pace": "daily", "daily_at": "20:00", "quiet_from": "19:00", "quiet_to": "07:00"}, "daily_at"),
    ],
)
def test_wishes_that_are_refused(form: dict[str, str], wrong: str) -> None:
    settings = NotifySettings(ORIGIN, None, "https://hooks.fernshire.example/told", ("police.example",))
    with pytest.raises(NotifyRefused) as caught:
        parse_chosen({"is_on": "yes", "by": "webhook", "address": CHAIR, **form}, settings)
    assert caught.value.field == wrong


def test_the_commands(station: Station) -> None:
    """Chosen by hand, looked at first, one round for cron, forgotten."""
    home = station.adapter.home.folder
    hands = Hands(home, dict(station.adapter.environ))
    member = station.member("chair")
    assert "no [notifications] table" in hands.refused("notify", "--once")
    inbox = Inbox()
    with mail_server(inbox) as port:
        table = f'server = "127.0.0.1"\nport = {port}\nsecurity = "none"\nfrom = "nrm-hub@police.example"\n'
        config = home / "adapter.toml"
        config.write_text(f"{config.read_text()}\n[notifications]\n{table}")
        assert "[workspace] table as well" in hands.refused("notify", "--once")
        config.write_text(f"{config.read_text()}{WORKSPACE}")
        wishes = ("people", "notify", "--member", member, "--address", CHAIR)
        assert "Nothing was changed" in hands.run(*wishes, "--dry-run").output
        assert hands.run("notify", "--once").output.startswith("told 0,")
        assert "quiet from: " in hands.refused(*wishes, "--quiet", "late-07:00")
        said = hands.run(*wishes, "--pace", "daily", "--daily-at", "00:00", "--alarms").output
        assert "is told by email, daily at 00:00." in said
        assert CHAIR not in said
        hands.run("people", "notify", "--member", member, "--pace", "at_once")
        found = chosen_of(station.adapter.store, member)
        assert found == Chosen(True, By.EMAIL, CHAIR, daily_at=time(0, 0), alarms=True)
        assert hands.run("notify", "--once").output.startswith("told 1,")
    assert len(inbox.mails) == 1
    assert "is not told" in hands.run("people", "notify", "--member", member, "--off").output
    assert "Forgotten." in hands.run("people", "notify", "--member", member, "--forget").output
