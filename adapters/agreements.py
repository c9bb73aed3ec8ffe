"""The agreement that decides: the witnessed log says which one; its files come from the hub, and their digest holds.

An agency's own forbids lie in its home, in ``forbids/``, and narrow what it shares of its own (docs/policies.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.following import Follower
from adapters.home import Home
from adapters.hub_client import HubClient
from adapters.refusal import LogRefused
from keys.custody.keyfile import write_private_file
from policies.bundle_files import MAX_BUNDLE_CHARS, as_bytes, parse_files, render_files, require_texts
from policies.bundles import Bundle, BundleRefused, load_bundle, parse_bundle
from policies.own_forbids import read_own_files, with_own_forbids

KEPT = "agreements"
FORBIDS = "forbids"
MAX_KEPT_BYTES = 4 * MAX_BUNDLE_CHARS


@dataclass(frozen=True, slots=True)
class Agreements:
    """The agreements of one adapter. A file is read once and then held in memory."""

    home: Home
    client: HubClient
    follower: Follower
    _loaded: dict[str, Bundle] = field(default_factory=dict, repr=False, compare=False)

    def active(self) -> Bundle:
        """Return the agreement that decides now, by the log as far as it was followed.

        Raises ``LogRefused`` where the log was not followed yet, or the hub does not give the agreement that was
        agreed; ``BundleRefused`` where this version cannot read it; ``HubRefused`` or ``HubUnreachable``.
        """
        found = self.follower.active_bundle()
        if found is None:
            raise LogRefused("agreement", "the log that was followed names no agreement; run: nrm-adapter sync")
        return self.load(found.digest)

    def for_sharing(self) -> Bundle:
        """Return the active agreement, narrowed by this agency's own forbids. Raises as ``active``."""
        return with_own_forbids(self.active(), read_own_files(self.home.folder / FORBIDS))

    def load(self, digest: str) -> Bundle:
        """Return an agreement by its digest, fetched where it is not here. Raises as ``active``."""
        if digest not in self._loaded:
            packaged = load_bundle()
            self._loaded[digest] = packaged if packaged.digest == digest else parse_bundle(self.files_of(digest))
        return self._loaded[digest]

    def files_of(self, digest: str) -> dict[str, bytes]:
        """Return the files of an agreement by its digest, kept for the next time. Raises as ``active``."""
        path = self.home.folder / KEPT / f"{digest}.json"
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_KEPT_BYTES + 1)
            kept = parse_files(raw[:MAX_KEPT_BYTES].decode("utf-8"))
            if parse_bundle(kept).digest == digest:
                return kept
        except (OSError, UnicodeDecodeError, BundleRefused):
            pass  # not here, or not whole any more: it is fetched, and held against its digest
        answer = self.client.get(f"/v1/policy/{digest}")
        contents = as_bytes(require_texts(answer.get("files") if isinstance(answer, dict) else None))
        if parse_bundle(contents).digest != digest:
            raise LogRefused("agreement", "the hub gives other files than those of the agreement that was agreed")
        write_private_file(path, render_files(contents).encode("utf-8"))
        return contents
