"""Signed notes and verifier keys (C2SP signed-note): text, signature lines, and who may have signed.

A parsed note is unverified. ``keys.transparency`` verifies.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from keys.jose import KeyRefused, require_ed25519_point
from keys.merkle import ProofInvalid, decode_base64

MAX_NOTE_BYTES = 256 * 1024
MAX_SIGNATURES = 64
MAX_SIGNATURE_LINE_BYTES = 8 * 1024
MAX_NAME_BYTES = 255  # the length prefix of a name in an ML-DSA-44 cosignature is one byte
MAX_VKEY_BYTES = 4 * 1024
KEY_ID_BYTES = 4
_LINE_START = "\u2014 "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteInvalid(ProofInvalid):
    """A note, signature line or verifier key is not of the agreed form, or a signature on it does not verify."""


class NotSigned(NoteInvalid):
    """A note carries no line of the key that was asked for: it may be of another time's key, and is not believed."""


class SignatureType(IntEnum):
    """The signature types this project verifies (C2SP signed-note, "Signature types"). Others are not known keys."""

    ED25519 = 0x01
    COSIGNATURE_ED25519 = 0x04
    COSIGNATURE_MLDSA44 = 0x06


_PUBLIC_BYTES = {
    SignatureType.ED25519: 32,
    SignatureType.COSIGNATURE_ED25519: 32,
    SignatureType.COSIGNATURE_MLDSA44: 1312,
}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name it signs under and the one type of signature it makes."""

    name: str
    kind: SignatureType
    public: bytes

    def __post_init__(self) -> None:
        require_name(self.name)
        expected = _PUBLIC_BYTES[self.kind]
        if len(self.public) != expected:
            raise NoteInvalid(f"verifier key: expected {expected} bytes of public key, got {len(self.public)}")
        if self.kind is not SignatureType.COSIGNATURE_MLDSA44:
            try:
                require_ed25519_point(self.public)
            except KeyRefused as error:
                raise NoteInvalid(f"verifier key: {error}") from error

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || 0x0A || type || public key)[:4]: an identifier, not a proof of anything."""
        material = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(material).digest()[:KEY_ID_BYTES]

    @classmethod
    def parse(cls, text: object) -> VerifierKey:
        """Read ``<name>+<hex key id>+<base64(type || public key)>``. Raises ``NoteInvalid``."""
        if not isinstance(text, str) or len(text) > MAX_VKEY_BYTES or text.count("+") < 2:
            raise NoteInvalid(f"verifier key: expected name+id+key in at most {MAX_VKEY_BYTES} characters")
        name, key_id, encoded = text.split("+", 2)
        material = _decode(encoded, "verifier key")
        if not material or material[0] not in tuple(SignatureType):
            raise NoteInvalid("verifier key: expected signature type 0x01, 0x04 or 0x06")
        key = cls(name, SignatureType(material[0]), material[1:])
        if key.key_id.hex() != key_id:
            raise NoteInvalid("verifier key: its id is not the one of its name and key")
        return key

    def render(self) -> str:
        """Write the vkey text; ``parse`` reads it back."""
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode("ascii")
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def made(self, line: SignatureLine) -> bool:
        """Whether a line claims to be of this key: name and key id both equal. Says nothing about the signature."""
        return line.name == self.name and line.key_id == self.key_id

    def verify(self, signature: bytes, message: bytes) -> None:
        """Verify a raw signature over the message its type defines. Raises ``NoteInvalid``."""
        try:
            if self.kind is SignatureType.COSIGNATURE_MLDSA44:
                mldsa.MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
            else:
                ed25519.Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise NoteInvalid(f"signature under key id {self.key_id.hex()} does not verify") from error


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One unverified signature line of a note: who it claims to be from, and the bytes after the key id."""

    name: str
    key_id: bytes
    signature: bytes

    @classmethod
    def parse(cls, text: str) -> SignatureLine:
        """Read a line without its newline: em dash, space, name, space, base64. Raises ``NoteInvalid``."""
        if len(text) > MAX_SIGNATURE_LINE_BYTES:
            raise NoteInvalid(f"signature line: longer than {MAX_SIGNATURE_LINE_BYTES} characters")
        parts = text.removeprefix(_LINE_START).split(" ")
        if not text.startswith(_LINE_START) or len(parts) != 2:
            raise NoteInvalid("signature line: expected an em dash, a name and base64, with one space between")
        data = _decode(parts[1], "signature line")
        if len(data) <= KEY_ID_BYTES:
            raise NoteInvalid("signature line: expected a key id of 4 bytes and a signature")
        return cls(require_name(parts[0]), data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])

    def render(self) -> str:
        """Write the line without its newline."""
        encoded = base64.b64encode(self.key_id + self.signature).decode("ascii")
        return f"{_LINE_START}{self.name} {encoded}"


@dataclass(frozen=True, slots=True)
class UnverifiedNote:
    """A note as received: its text including the final newline, and its signature lines in order."""

    text: str
    signatures: tuple[SignatureLine, ...]

    def render(self) -> str:
        """Write the note; ``parse_note`` reads it back."""
        return self.text + "\n" + "".join(line.render() + "\n" for line in self.signatures)


def require_signed(note: UnverifiedNote, key: VerifierKey, what: str) -> None:
    """Raise ``NotSigned`` where a note has no line of a log's key, ``NoteInvalid`` where one does not verify.

    Every line that claims to be of that key verifies over the received text; ``what`` the note is, for the refusal.
    """
    if key.kind is not SignatureType.ED25519:
        raise NoteInvalid("log key: expected signature type 0x01 (Ed25519)")
    own = [line for line in note.signatures if key.made(line)]
    if not own:
        raise NotSigned(f"{what}: carries no signature of the pinned log key")
    for line in own:
        key.verify(line.signature, note.text.encode("utf-8"))


def parse_note(note: object) -> UnverifiedNote:
    """Take a note apart at its last empty line (C2SP signed-note, "Format"). Nothing is verified.

    Raises ``NoteInvalid``: too large, control characters, no or more than 64 signatures, a malformed line.
    """
    if not isinstance(note, str) or len(note) > MAX_NOTE_BYTES or len(_utf8(note)) > MAX_NOTE_BYTES:
        raise NoteInvalid(f"note: expected text of at most {MAX_NOTE_BYTES} bytes of UTF-8")
    if _CONTROL.search(note):
        raise NoteInvalid("note: holds a control character other than newline")
    text, separator, rest = note.rpartition("\n\n")
    if not separator or not rest.endswith("\n"):
        raise NoteInvalid("note: expected text, an empty line, and signature lines that end in newline")
    lines = rest[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteInvalid(f"note: got {len(lines)} signatures, at most {MAX_SIGNATURES}")
    return UnverifiedNote(text + "\n", tuple(SignatureLine.parse(line) for line in lines))


def require_name(name: str) -> str:
    """Return a key name or raise ``NoteInvalid``: 1 to 255 bytes, no space of any kind, plus or control character."""
    if not name or len(name) > MAX_NAME_BYTES or len(_utf8(name)) > MAX_NAME_BYTES:
        raise NoteInvalid(f"key name: expected 1 to {MAX_NAME_BYTES} bytes")
    if "+" in name or any(char.isspace() or ord(char) < 0x20 for char in name):
        raise NoteInvalid("key name: holds a space, a plus or a control character")
    return name


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NoteInvalid("expected text that UTF-8 can hold") from error


def _decode(text: str, what: str) -> bytes:
    try:
        return decode_base64(text)
    except ProofInvalid as error:
        raise NoteInvalid(f"{what}: {error}") from error
