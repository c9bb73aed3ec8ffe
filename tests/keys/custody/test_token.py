"""Keys in real PKCS #11 tokens (SoftHSM 2): what stays inside, what is refused, and in which words."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass
from pkcs11 import exceptions as said

from keys.canonical import canonical_bytes
from keys.custody import modules, token, token_file
from keys.custody.place import TokenPlace
from keys.custody.token import MAX_FILE_BYTES, TokenKeys, TokenRefused, create_token_keys, label_of, open_token_keys
from keys.jose import EC_ORDERS, b64u, b64u_decode
from tests.keys.keys_material import hides
from tests.soft_token import SoftToken, SoftTokens, give_up

HOLDER = "fern-police"
WANTED = {
    "signing": "ES256",
    "intake": "HPKE-9-KE",
    "archive": "HPKE-9-KE",
    "witness": "Ed25519",
    "witness-pq": "ML-DSA-44",
}
INSIDE = ("sealing", "signing", "witness")


@pytest.fixture
def soft(soft_tokens: SoftTokens) -> SoftToken:
    """One fresh token."""
    return soft_tokens.make("fern")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file beside the token goes."""
    return tmp_path / "home" / "agency.token"


@pytest.fixture(scope="module")
def pattern(softhsm: Path, tmp_path_factory: pytest.TempPathFactory) -> SoftToken:
    """A token with a holder's keys, made once; the file beside lies in its folder. To be copied."""
    tokens = SoftTokens(tmp_path_factory.mktemp("pattern"), softhsm)
    tokens.prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(tokens.settings))
        soft = tokens.make("fern")
        create_token_keys(soft.place, soft.pin, HOLDER, WANTED, tokens.folder / "agency.token").close()
        give_up()
    return soft


@pytest.fixture
def made(pattern: SoftToken, soft_tokens: SoftTokens, path: Path) -> SoftToken:
    """A copy of the token with a holder's keys, closed."""
    shutil.copytree(pattern.tokens.kept, soft_tokens.kept, dirs_exist_ok=True)
    path.parent.mkdir(mode=0o700)
    shutil.copy2(pattern.tokens.folder / "agency.token", path)
    return SoftToken(soft_tokens, pattern.place, pattern.pin)


@contextmanager
def opened(soft: SoftToken, path: Path, holder: str = HOLDER) -> Iterator[TokenKeys]:
    keys = open_token_keys(soft.place, soft.pin, holder, path)
    try:
        yield keys
    finally:
        keys.close()


def refusal(soft: SoftToken, path: Path, **change: Any) -> str:
    """Open and return why that is refused."""
    with pytest.raises(TokenRefused) as refused:
        open_token_keys(
            change.get("place", soft.place), change.get("pin", soft.pin), change.get("holder", HOLDER), path
        ).close()
    assert not modules._OPEN
    return str(refused.value)


# --- what works ---


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256", "ES384"])
def test_keys_made_in_a_token_work_when_it_is_opened_again(algorithm: str, soft: SoftToken, path: Path) -> None:
    """Every use signs or opens under the same public key as before, and the storage secret is the same."""
    first = create_token_keys(soft.place, soft.pin, HOLDER, {**WANTED, "signing": algorithm}, path)
    publics = {use: key.public for use, key in first.keys.items()}
    storage = first.storage
    first.close()
    assert publics["signing"].alg == algorithm
    with opened(soft, path) as keys:
        assert {use: key.public for use, key in keys.keys.items()} == publics
        assert keys.storage == storage
        assert len(storage) == 32
        for use in ("signing", "witness", "witness-pq"):
            publics[use].verify(keys.keys[use].sign(b"a statement"), b"a statement")
        for use in ("intake", "archive", "witness-pq"):
            assert keys.private(use).public == publics[use]
        for use in ("signing", "witness"):
            with pytest.raises(TokenRefused, match="is in the token and does not leave it"):
                keys.private(use)
        with pytest.raises(TokenRefused, match="names no key for root"):
            keys.private("root")


@pytest.mark.parametrize("algorithm", ["ES256", "ES384"])
def test_ecdsa_of_a_token_has_the_one_form_of_statements(algorithm: str, soft: SoftToken, path: Path) -> None:
    """A token gives either s; statements have the lower one, so that nobody can make a second digest of one."""
    keys = create_token_keys(soft.place, soft.pin, HOLDER, {"signing": algorithm}, path)
    order, size = (EC_ORDERS["P-256"], 32) if algorithm == "ES256" else (EC_ORDERS["P-384"], 48)
    try:
        for number in range(40):
            signature = keys.keys["signing"].sign(b"%d" % number)
            assert len(signature) == 2 * size
            assert int.from_bytes(signature[size:], "big") <= order // 2
    finally:
        keys.close()


def test_one_object_for_each_use_and_none_that_can_leave(made: SoftToken) -> None:
    """Made inside, private, sensitive, not extractable, from the start on; the token itself gives no value out."""
    with made.session() as session:
        labels = sorted(found[Attribute.LABEL] for found in list(session.get_objects()))
        assert labels == sorted(
            label_of(HOLDER, use) for use in ("sealing", "signing", "signing", "witness", "witness")
        )
        for use in INSIDE:
            kind = ObjectClass.SECRET_KEY if use == "sealing" else ObjectClass.PRIVATE_KEY
            (found,) = list(session.get_objects({Attribute.LABEL: label_of(HOLDER, use), Attribute.CLASS: kind}))
            for attribute in ("PRIVATE", "SENSITIVE", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "LOCAL", "TOKEN"):
                assert found[getattr(Attribute, attribute)] is True, (use, attribute)
            assert found[Attribute.EXTRACTABLE] is False
            with pytest.raises(said.AttributeSensitive):
                _ = found[Attribute.VALUE]


def test_the_file_beside_is_private_and_shows_no_secret(made: SoftToken, path: Path) -> None:
    """0600 in 0700; seeds and storage secret stand in it neither plainly nor in another spelling."""
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [item.name for item in path.parent.iterdir()] == ["agency.token"]
    text = path.read_text()
    with opened(made, path) as keys:
        seeds = [b64u_decode(keys.private(use).to_jwk()["priv"]) for use in ("intake", "archive", "witness-pq")]
        shown = [text, repr(keys), str(keys), f"{keys}", repr(list(keys.keys.values())), repr(made.place)]
        assert len(seeds) == 3
        for secret in (keys.storage, *seeds, made.pin.encode()):
            assert hides(secret, *shown)
        assert all(made.pin not in item for item in shown)
        assert repr(keys).endswith("(secrets not shown)>")
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(keys)


def test_threads_take_turns(made: SoftToken, path: Path) -> None:
    """The library has no locks of its own; eight threads at once must still get good signatures."""
    faults: list[BaseException] = []
    with opened(made, path) as keys:

        def work(number: int) -> None:
            try:
                for use in ("signing", "witness", "witness-pq") * 4:
                    data = b"%d" % number
                    keys.keys[use].public.verify(keys.keys[use].sign(data), data)
            except BaseException as fault:  # noqa: BLE001 - what a thread meets is the test's to show
                faults.append(fault)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert faults == []


def test_two_tokens_are_open_side_by_side(made: SoftToken, soft_tokens: SoftTokens, tmp_path: Path, path: Path) -> None:
    """One module, two tokens, two holders; closing one leaves the other."""
    other, second = soft_tokens.make("second"), tmp_path / "second.token"
    with opened(made, path) as keys:
        theirs = create_token_keys(other.place, other.pin, "fern-care", WANTED, second)
        theirs.close()
        assert keys.keys["witness"].sign(b"still here")
        assert refusal_while_open(lambda: open_token_keys(made.place, made.pin, HOLDER, path)).startswith(
            "this process has the token open already"
        )
        assert keys.keys["witness"].sign(b"still here")
    with opened(other, second, "fern-care") as keys:
        assert keys.keys["witness"].sign(b"here too")


def refusal_while_open(call: Callable[[], object]) -> str:
    with pytest.raises(TokenRefused) as refused:
        call()
    return str(refused.value)


def test_a_child_process_opens_the_token_for_itself(made: SoftToken, path: Path) -> None:
    """A server that forks: the parent's session is not the child's, and the parent keeps its own."""
    with opened(made, path) as keys:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                inherited = refusal_while_open(lambda: keys.keys["witness"].sign(b"x"))
                own = open_token_keys(made.place, made.pin, HOLDER, path)
                own.keys["witness"].sign(b"x")
                own.close()
                code = 0 if inherited == "the token was closed here; open it again" else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert keys.keys["witness"].sign(b"x")


def test_what_was_closed_is_not_used(made: SoftToken, path: Path) -> None:
    """Closing twice is no fault; using afterwards is said."""
    keys = open_token_keys(made.place, made.pin, HOLDER, path)
    keys.close()
    keys.close()
    for call in (lambda: keys.keys["signing"].sign(b"x"), lambda: keys.storage, lambda: keys.private("intake")):
        assert refusal_while_open(call) == "the token was closed here; open it again"


# --- PIN, module, token ---


@pytest.mark.parametrize("pin", ["0000-wrong", "1", "", "\u017e" * 20, "9" * 4000])
def test_a_wrong_pin_is_refused_without_showing_it(pin: str, made: SoftToken, path: Path) -> None:
    """Who counts the tries is said, the PIN is not."""
    with pytest.raises(TokenRefused) as refused:
        open_token_keys(made.place, pin, HOLDER, path)
    assert str(refused.value).startswith("the token refused this PIN; how many tries are left, the token decides")
    assert refused.value.__cause__ is None
    assert len(pin) < 2 or pin not in str(refused.value)
    with opened(made, path):
        pass


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (said.PinLocked, "locked after too many wrong tries"),
        (said.PinExpired, "has expired"),
        (said.UserPinNotInitialized, "has no user PIN yet"),
        (said.TokenNotPresent, "taken out or reset"),
        (said.DeviceRemoved, "taken out or reset"),
        (said.DeviceMemory, "no room left"),
        (said.TokenWriteProtected, "write-protected"),
        (said.FunctionNotSupported, "cannot do what is needed"),
        (said.GeneralError, "in its own terms: GeneralError"),
    ],
)
def test_what_a_token_answers_is_put_into_words(
    answer: type[Exception], words: str, made: SoftToken, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that a token in software never gives, given in its place."""

    class Answering:
        def __init__(self, kept: Any) -> None:
            self.slot = kept.slot

        def open(self, **_: object) -> None:
            raise answer

    found = modules.find
    monkeypatch.setattr("keys.custody.link.find", lambda module, place: Answering(found(module, place)))
    assert words in refusal(made, path)


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        (pkcs11.TokenFlag.USER_PIN_LOCKED, "it says: none, the PIN is locked now"),
        (pkcs11.TokenFlag.USER_PIN_FINAL_TRY, "it says: one more"),
        (pkcs11.TokenFlag.USER_PIN_COUNT_LOW, "it says: not as many as at first"),
    ],
)
def test_what_a_token_says_of_tries_is_passed_on(flag: pkcs11.TokenFlag, words: str) -> None:
    """Hardware counts; SoftHSM only says that a try was wrong."""

    class Slot:
        def get_token(self) -> Any:
            return type("Seen", (), {"flags": flag})

    class Counting:
        slot = Slot()

        def open(self, **_: object) -> None:
            raise said.PinIncorrect

    with pytest.raises(TokenRefused, match=words):
        modules.log_in(Counting(), "1234")


def test_a_token_that_asks_for_no_pin_is_refused() -> None:
    """Whoever reaches such a token uses its keys."""

    class Open:
        label = "open"
        flags = pkcs11.TokenFlag.TOKEN_INITIALIZED

        def get_token(self) -> Open:
            return self

        def get_slots(self, **_: object) -> list[Open]:
            return [self]

    with pytest.raises(TokenRefused, match="without a PIN"):
        modules.find(Open(), TokenPlace(Path("/lib/any.so"), "open"))


def test_a_module_that_is_absent_or_none_is_refused(made: SoftToken, path: Path, tmp_path: Path) -> None:
    """Not there, a folder, a text, and a library of something else."""
    text = tmp_path / "module.so"
    text.write_text("not a library")
    assert "is absent" in refusal(made, path, place=TokenPlace(tmp_path / "absent.so", "fern"))
    assert "is absent" in refusal(made, path, place=TokenPlace(tmp_path, "fern"))
    assert "does not start" in refusal(made, path, place=TokenPlace(text, "fern"))
    assert "does not start" in refusal(made, path, place=TokenPlace(Path(pkcs11._pkcs11.__file__), "fern"))


def test_a_module_without_its_settings_is_refused(
    made: SoftToken, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SoftHSM cannot say where its tokens are; afterwards all is as before."""
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "absent.conf"))
    refusal(made, path)
    monkeypatch.setenv("SOFTHSM2_CONF", str(made.tokens.settings))
    with opened(made, path):
        pass


def test_a_token_that_is_absent_or_there_twice_is_refused(made: SoftToken, path: Path) -> None:
    """By its label; a second of one label could be anybody's."""
    assert refusal(made, path, place=TokenPlace(made.place.module, "other")).startswith("no token labelled 'other'")
    made.tokens.make("fern")
    assert refusal(made, path).startswith("2 tokens are labelled 'fern', expected one")


@pytest.mark.parametrize(
    ("lacking", "needs"), [("CKM_AES_GCM", "AES-256-GCM"), ("CKM_EDDSA", "Ed25519"), ("CKM_ECDSA", "ES256")]
)
def test_a_token_that_lacks_a_mechanism_is_refused(lacking: str, needs: str, soft: SoftToken, path: Path) -> None:
    """Before anything is made in it."""
    # SoftHSM 2.6.1 does not read the first name after a minus.
    soft.tokens.prepare(mechanisms=f"-CKM_DES_ECB,{lacking}")
    with pytest.raises(TokenRefused, match=f"cannot do {needs}"):
        create_token_keys(soft.place, soft.pin, HOLDER, WANTED, path)
    assert soft.labels() == []
    assert not path.exists()


def test_a_witness_key_may_rest_beside_a_token_without_its_algorithm(soft: SoftToken, path: Path) -> None:
    """Tokens without Ed25519 are common; the signing key is inside all the same, and no other use is let out."""
    soft.tokens.prepare(mechanisms="-CKM_DES_ECB,CKM_EDDSA")
    for beside, wanted in ((("signing",), WANTED), (("witness",), {**WANTED, "signing": "Ed25519"})):
        with pytest.raises(TokenRefused, match="cannot do Ed25519"):
            create_token_keys(soft.place, soft.pin, HOLDER, wanted, path, beside=beside)
    create_token_keys(soft.place, soft.pin, HOLDER, WANTED, path, beside=("witness",)).close()
    assert soft.labels() == [label_of(HOLDER, use) for use in ("sealing", "signing", "signing")]
    with opened(soft, path) as keys:
        for use in ("signing", "witness"):
            keys.keys[use].public.verify(keys.keys[use].sign(b"a head"), b"a head")
        assert keys.private("witness").public.alg == "Ed25519"
        with pytest.raises(TokenRefused, match="does not leave it"):
            keys.private("signing")


# --- objects ---


@pytest.mark.parametrize("use", INSIDE)
def test_a_missing_key_is_named(use: str, made: SoftToken, path: Path) -> None:
    """At opening, not at the first signature."""
    with made.session() as session:
        for found in list(session.get_objects({Attribute.LABEL: label_of(HOLDER, use)})):
            found.destroy()
    assert refusal(made, path).startswith(f"the token has no key nrm-hub/fern-police/{use}: it is another token")


@pytest.mark.parametrize("use", INSIDE)
def test_a_second_key_of_one_label_is_refused(use: str, made: SoftToken, path: Path) -> None:
    """Which of the two is ours cannot be told, at opening or while it is open."""
    with opened(made, path) as keys:
        with pytest.raises(said.UserAlreadyLoggedIn), made.session():
            pass
        make_key(keys.link._session, use)
        calls: list[Callable[[], object]] = [lambda: keys.storage]
        if use != "sealing":
            calls = [lambda: keys.keys[use].sign(b"x")]
        for call in calls:
            assert "expected one" in refusal_while_open(call)


def make_key(session: Any, use: str, **template: Any) -> None:
    """Make a key of a use's label with nothing of the project between."""
    session = session if session.rw else session.token.open(rw=True)
    hidden = {
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        **{getattr(Attribute, name): value for name, value in template.items()},
    }
    if use == "sealing":
        both = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
        session.generate_key(
            KeyType.AES, 256, label=label_of(HOLDER, use), store=True, capabilities=both, template=hidden
        )
        return
    curve = "06082a8648ce3d030107" if use == "signing" else "06032b6570"
    session.generate_keypair(
        KeyType.EC if use == "signing" else KeyType.EC_EDWARDS,
        label=label_of(HOLDER, use),
        store=True,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        public_template={Attribute.EC_PARAMS: bytes.fromhex(curve)},
        private_template=hidden,
    )


def replace_key(soft: SoftToken, use: str, **template: Any) -> None:
    with soft.session() as session:
        for found in list(session.get_objects({Attribute.LABEL: label_of(HOLDER, use)})):
            found.destroy()
        make_key(session, use, **template)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        ("sealing", "do not open with this token"),
        ("signing", "is not the one it was when it was made"),
        ("witness", "is not the one it was when it was made"),
    ],
)
def test_a_key_put_in_anothers_place_is_refused(use: str, words: str, made: SoftToken, path: Path) -> None:
    """The same label, another key."""
    replace_key(made, use)
    assert words in refusal(made, path)


@pytest.mark.parametrize("use", INSIDE)
@pytest.mark.parametrize("template", [{"EXTRACTABLE": True}, {"SENSITIVE": False}, {"PRIVATE": False}])
def test_a_key_that_could_leave_is_refused(use: str, template: dict[str, bool], made: SoftToken, path: Path) -> None:
    """An unprotected key is none, whatever the environment."""
    replace_key(made, use, **template)
    assert "could leave it or came from outside" in refusal(made, path)


def test_a_key_that_came_from_outside_is_refused(made: SoftToken, path: Path) -> None:
    """Somebody may have kept it."""
    with made.session() as session:
        for found in list(session.get_objects({Attribute.LABEL: label_of(HOLDER, "sealing")})):
            found.destroy()
        session.create_object(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.AES,
                Attribute.VALUE: bytes(32),
                Attribute.LABEL: label_of(HOLDER, "sealing"),
                Attribute.TOKEN: True,
                Attribute.PRIVATE: True,
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.ENCRYPT: True,
                Attribute.DECRYPT: True,
            }
        )
    assert "could leave it or came from outside" in refusal(made, path)


def test_a_token_taken_out_while_in_use_is_said(made: SoftToken, path: Path) -> None:
    """Signing, unsealing and storage each say so; closing fails nobody; put back and opened again, all works."""
    with opened(made, path) as keys:
        made.tokens.kept.rename(made.tokens.folder / "away")
        calls: list[Callable[[], object]] = [
            lambda: keys.keys["signing"].sign(b"x"),
            lambda: keys.keys["witness"].sign(b"x"),
            lambda: keys.keys["witness-pq"].sign(b"x"),
            lambda: keys.private("intake"),
            lambda: keys.storage,
        ]
        for call in calls:
            assert "taken out" in refusal_while_open(call)
    (made.tokens.folder / "away").rename(made.tokens.kept)
    with opened(made, path) as keys:
        assert keys.keys["signing"].sign(b"x")


@pytest.mark.parametrize("answer", [said.DeviceRemoved, said.SessionHandleInvalid, said.UserNotLoggedIn])
def test_a_session_that_ended_is_said(
    answer: type[Exception], made: SoftToken, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What hardware answers when it is pulled out."""
    with opened(made, path) as keys:

        class Gone:
            def get_objects(self, _: object) -> None:
                raise answer

        with monkeypatch.context() as patch:
            patch.setattr(keys.link, "_session", Gone())
            said_so = refusal_while_open(lambda: keys.keys["signing"].sign(b"x"))
        assert said_so == (
            "the token does not answer any more (while signing): it was taken out or reset; put it back, start again"
        )


def test_a_signature_that_does_not_verify_is_not_given(
    made: SoftToken, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that errs, or another key behind the handle."""
    with opened(made, path) as keys:
        wrong = type("Wrong", (), {"sign": lambda *_, **__: bytes(64)})()
        monkeypatch.setattr(keys.link, "_kept", lambda *_: wrong)
        for use in ("signing", "witness"):
            assert "is not the one it was" in refusal_while_open(lambda use=use: keys.keys[use].sign(b"x"))


# --- making ---


def test_keys_that_are_there_are_not_touched(made: SoftToken, path: Path, tmp_path: Path) -> None:
    """A second making of the same holder is refused; another holder has its own labels in the same token."""
    before, file = made.labels(), path.read_bytes()
    elsewhere = tmp_path / "elsewhere.token"
    with pytest.raises(TokenRefused, match="has a key nrm-hub/fern-police/sealing already"):
        create_token_keys(made.place, made.pin, HOLDER, WANTED, elsewhere)
    with pytest.raises(TokenRefused, match="keys for other uses or algorithms"):
        create_token_keys(made.place, made.pin, HOLDER, {**WANTED, "signing": "ES384"}, path)
    assert (made.labels(), path.read_bytes(), elsewhere.exists()) == (before, file, False)
    # A setting up that was interrupted after the file takes the same keys up.
    create_token_keys(made.place, made.pin, HOLDER, WANTED, path).close()
    assert (made.labels(), path.read_bytes()) == (before, file)
    create_token_keys(made.place, made.pin, "fern-care", WANTED, tmp_path / "care.token").close()
    with opened(made, path):
        pass


def test_a_making_that_fails_takes_back_what_it_made(
    soft: SoftToken, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk at the last step: no key is left whose file is missing, and the next try works."""

    def failed(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(token_file, "write_private_file", failed)
        with pytest.raises(OSError, match="disk full"):
            create_token_keys(soft.place, soft.pin, HOLDER, WANTED, path)
    assert soft.labels() == []
    create_token_keys(soft.place, soft.pin, HOLDER, WANTED, path).close()
    with opened(soft, path):
        pass


@pytest.mark.parametrize(
    "wanted", [{}, {"storage": "ES256"}, {"sealing": "ES256"}, {f"use-{number}": "ES256" for number in range(65)}]
)
def test_uses_that_cannot_be_are_refused(wanted: dict[str, str], path: Path) -> None:
    """Before the token is looked for."""
    with pytest.raises(TokenRefused, match="expected 1 to 64 uses"):
        create_token_keys(TokenPlace(Path("/absent.so"), "x"), "1234", HOLDER, wanted, path)


# --- the file beside ---


def test_a_changed_file_does_not_open(made: SoftToken, path: Path, tmp_path: Path) -> None:
    """AES-GCM binds each sealed key to holder, use and public half, and the storage secret to the whole list."""
    good = json.loads(path.read_bytes())
    keys = good["keys"]
    flipped = bytearray(b64u_decode(good["storage"]["ciphertext"]))
    flipped[0] ^= 1

    def with_key(use: str, **change: Any) -> dict[str, Any]:
        return {**good, "keys": {**keys, use: {**keys[use], **change}}}

    crossed = {**keys, "intake": keys["archive"], "archive": keys["intake"]}
    changed: list[tuple[dict[str, Any], str]] = [
        ({**good, "storage": {**good["storage"], "ciphertext": b64u(bytes(flipped))}}, "do not open"),
        ({**good, "storage": {**good["storage"], "iv": b64u(bytes(12))}}, "do not open"),
        ({**good, "storage": keys["intake"]["sealed"]}, "do not open"),
        ({**good, "keys": crossed}, "do not open"),
        ({**good, "keys": {use: item for use, item in keys.items() if use != "witness"}}, "do not open"),
        (with_key("signing", public=keys["witness"]["public"]), "no key of|is not the one"),
        (with_key("intake", public=keys["archive"]["public"]), "do not open"),
        (with_key("intake", sealed=None), "damaged"),
        (with_key("signing", sealed=keys["intake"]["sealed"]), "do not open"),
        (with_key("signing", note="x"), "damaged"),
        (with_key("signing", public={**keys["signing"]["public"], "d": "x"}), "damaged"),
        ({**good, "storage": {**good["storage"], "iv": b64u(bytes(16))}}, "damaged"),
        ({**good, "storage": None}, "damaged"),
        ({**good, "keys": []}, "damaged"),
        ({**good, "keys": dict.fromkeys([f"use-{number}" for number in range(65)], keys["signing"])}, "damaged"),
        ({**good, "typ": "nrmhub-token-keys-2"}, "damaged"),
        ({**good, "note": "x"}, "damaged"),
        ({**good, "holder": "fern-care"}, "another holder's"),
    ]
    bent = tmp_path / "bent.token"
    for members, words in changed:
        bent.write_bytes(canonical_bytes(members))
        with pytest.raises(TokenRefused, match=words):
            open_token_keys(made.place, made.pin, HOLDER, bent)
    for raw in (b"", b"{", b"[]", b"7", b"\xff", json.dumps(good, indent=1).encode(), b"[" * 5000):
        bent.write_bytes(raw)
        assert "damaged" in refusal(made, bent)
    bent.write_bytes(b" " * (MAX_FILE_BYTES + 1))
    assert f"larger than {MAX_FILE_BYTES}" in refusal(made, bent)
    with opened(made, path):
        pass


def test_one_sealed_key_in_anothers_place_does_not_open(made: SoftToken, path: Path) -> None:
    """Were the list itself accepted, the single key would still not open under another use."""
    with opened(made, path) as keys:
        intake, archive = keys.keys["intake"], keys.keys["archive"]
        crossed = token._Beside(intake.public, keys.sealer, "archive", intake.sealed)
        assert "do not open" in refusal_while_open(crossed.unsealed)
        crossed = token._Beside(archive.public, keys.sealer, "intake", intake.sealed)
        assert "do not open" in refusal_while_open(crossed.unsealed)
        theirs = token.Sealer.first(keys.link, "fern-care")
        crossed = token._Beside(intake.public, theirs, "intake", intake.sealed)
        assert "no key nrm-hub/fern-care/sealing" in refusal_while_open(crossed.unsealed)


def test_what_was_sealed_and_is_no_key_is_refused_without_showing_it(made: SoftToken, path: Path) -> None:
    """Somebody with the PIN sealed something else."""
    with opened(made, path) as keys:
        sealer, public = keys.sealer, keys.keys["intake"].public
        aad = token._aad(HOLDER, "intake", dict(public.jwk))
        for plain in (b"", b"not json", b"{}", canonical_bytes(keys.private("archive").to_jwk())):
            key = token._Beside(public, sealer, "intake", sealer.seal(aad, plain))
            with pytest.raises(TokenRefused, match=r"not of its form|not the one its file names") as refused:
                key.unsealed()
            assert refused.value.__cause__ is None
        short = sealer.seal(token._storage_aad(HOLDER, keys.keys), bytes(31))
        assert "has 31 bytes, expected 32" in refusal_while_open(lambda: TokenKeys(sealer, keys.keys, short).storage)
