"""Officers of the agencies, and another agreement for them to approve: the packaged one with a forbid of a trial."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.home import certify
from adapters.issued import remember_issued
from keys.custody.keyfile import generate_storage, read_key_file
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.bundle_files import as_texts, load_files
from policies.bundles import Bundle, parse_bundle
from policies.vocabulary import Role
from tests.scene import Scene, bundle, now

TRIAL_RULE = "trial-chair-reads-no-concern"
_FORBID = f"""
@id("{TRIAL_RULE}")
@sentence("In this trial the chair of the panel must not be given concerns.")
@clause("Invented for tests")
@owner("nobody")
@review_date("2030-01-01")
forbid (principal, action, resource)
when {{
  resource.category == Category::"concern" &&
  principal.recipient_roles.contains(Role::"panel_chair")
}};
"""
_ROW = f"""
[[row]]
name = "the chair is given no concerns in the trial"
recipient_roles = ["panel_chair"]
recipient_kind = "police"
purpose = "panel_review"
gateway = "CA2004_S10"
effect = "refuse"
rules = ["{TRIAL_RULE}"]
"""


@dataclass(frozen=True)
class Officer:
    """An information governance officer of an agency, with their signing key."""

    agency: str
    member: str
    signing: PrivateKey


_ROOTS: dict[str, PrivateKey] = {}


def _root_key(passphrase: str, path: Path) -> PrivateKey:
    """An agency's root key, opened once for all copies of the scene: deriving its key is slow on purpose."""
    if passphrase not in _ROOTS:
        _ROOTS[passphrase] = read_key_file(path, passphrase).private("root")
    return _ROOTS[passphrase]


def certify_officer(scene: Scene, agency: str, role: Role = Role.IG_OFFICER) -> Officer:
    """Certify somebody new of an agency of the scene, at the running hub."""
    party, member = scene[agency], generate_storage()[:16].hex()
    environ = json.loads((scene.hub.home.parent / "scene.json").read_text())["environ"][agency]
    root = _root_key(environ["NRM_ROOT_PASSPHRASE"], party.home.folder / "root.key")
    signing, hpke = PrivateKey.generate("Ed25519"), PrivateKey.generate("HPKE-9-KE")
    tokens = [
        certify(root, agency, use, key, at=now(), days=30, member=member, roles=(role,))
        for use, key in ((KeyUse.MEMBER_SIGNING, signing), (KeyUse.MEMBER_HPKE, hpke))
    ]
    remember_issued(party.home.folder, tokens)
    party.client.post("/v1/keys", {"certificates": tokens})
    return Officer(agency, member, signing)


def trial_files(version: int = 2) -> dict[str, bytes]:
    """Return another agreement: the packaged one and one forbid more, with rows of that forbid alone."""
    files = load_files()
    manifest, tests = files["bundle.toml"].decode(), [name for name in files if name.startswith("tests/")]
    base = files["tests/permits.toml"].decode().split("[[row]]", 1)[0]
    head = manifest.split("tests = [", 1)[0].replace("version = 1", f"version = {version}")
    head = head.replace("policies = [", 'policies = [\n  "forbid-trial.cedar",')
    kept = {name: data for name, data in files.items() if name not in tests}
    return {
        **kept,
        "bundle.toml": f'{head}tests = ["tests/trial.toml"]\n'.encode(),
        "forbid-trial.cedar": _FORBID.encode(),
        "tests/trial.toml": (base + _ROW).encode(),
    }


def trial_bundle(version: int = 2) -> Bundle:
    """Return the same, read."""
    return parse_bundle(trial_files(version))


def approval(
    officer: Officer,
    wanted: Bundle,
    *,
    after: Bundle | None = None,
    issued: timedelta = timedelta(0),
    **changed: Any,
) -> str:
    """Return an officer's approval; ``after`` None: in the place of the packaged agreement."""
    members = {
        "member": officer.member,
        "bundle": wanted.digest,
        "version": wanted.version,
        "replaces": (after or bundle()).digest,
    }
    return make_statement(
        StatementType.BUNDLE_APPROVAL,
        {**members, **{name: value for name, value in changed.items() if name in members}},
        issuer=officer.agency,
        signer=officer.signing,
        issued_at=now() + issued,
        statement_id=generate_storage()[:16].hex(),
        checkpoint=None,
    )


def approve(scene: Scene, officer: Officer, files: dict[str, bytes] | None, **changed: Any) -> Any:
    """Send an officer's approval of the trial agreement, or of other files; return the hub's answer."""
    wanted = parse_bundle(files or trial_files())
    token = approval(officer, wanted, **changed)
    texts = None if files is None else as_texts(files)
    return scene[officer.agency].client.post("/v1/bundle-changes", {"statement": token, "files": texts})
