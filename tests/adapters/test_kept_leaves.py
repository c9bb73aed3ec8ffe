"""The log's leaf hashes as an adapter keeps them, and the first entry that another log has otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from adapters import kept_leaves
from adapters.hub_client import HubClient, HubRefused
from adapters.kept_leaves import LEAVES, KeptTiles, first_changed, keep_leaves
from adapters.store.database import Store
from adapters.store.monitor_rows import keep_leaf_tile
from adapters.store.rows import read_setting
from keys.custody.keyfile import generate_storage
from keys.merkle import ProofInvalid, grow, leaf_hash, node_hash, parse_proof, root_of
from keys.spans import TileTree, first_unlike
from keys.splits import root_at
from keys.storage import Vault
from keys.tiles import TilePath
from keys.transparency import Checkpoint

ORIGIN = "log.invented.example"
HASHES = [leaf_hash(at.to_bytes(4, "big")) for at in range(66_000)]


class Tiles:
    """A hub that shows the hash tiles of a log, each once it has been asked for."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.leaves, self.asked, self.levels = list(leaves), 0, [list(leaves)]
        while len(self.levels[-1]) >= 256:
            below = self.levels[-1]
            self.levels.append(
                [root_of(grow(0, (), below[at : at + 256])[1]) for at in range(0, len(below) // 256 * 256, 256)]
            )

    def get_bytes(self, path: str) -> bytes:
        self.asked += 1
        tile = TilePath.parse(path.removeprefix("/log/"))
        assert tile.level is not None
        return b"".join(self.levels[tile.level][tile.index * 256 :][: tile.width])

    def head(self, size: int) -> Checkpoint:
        return Checkpoint(ORIGIN, size, root_of(grow(0, (), self.leaves[:size])[1]), "", ())


class Silent(Tiles):
    """A hub that signed a head and shows no tile of it."""

    def get_bytes(self, path: str) -> bytes:
        raise HubRefused(404, {"detail": f"no {path}"})


def look(hub: Tiles, store: Store, size: int) -> bool:
    return keep_leaves(cast(HubClient, hub), store, hub.head(size), f"note {size}")


def keep(hub: Tiles, store: Store, size: int) -> bool:
    """Look until all is kept."""
    return any(look(hub, store, size) for _ in range(-(-size // kept_leaves.AT_ONCE)))


def differs(hub: Tiles, store: Store, size: int) -> int | None:
    """Where the head of a size differs, after what proves it was held against both heads."""
    head = hub.head(size)
    found = first_changed(cast(HubClient, hub), store, head, "shown")
    if found is None:
        return None
    roots: dict[tuple[str, int], bytes] = {}
    with store.read() as session:
        held = read_setting(session, LEAVES)
    honest = Tiles(HASHES[: held["size"]]).head(held["size"])
    for name, signed in ((found.note, honest), ("shown", head)):
        roots[name, 0], roots[name, signed.size] = b"", signed.root
        for split in found.splits:
            if split["note"] == name:
                proof = parse_proof(split["proof"])
                roots[name, split["size"]] = root_at(split["size"], signed.size, proof, signed.root)
    assert roots[found.note, found.index] == roots["shown", found.index]
    assert roots[found.note, found.index + 1] != roots["shown", found.index + 1]
    return found.index


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.db", Vault(generate_storage()))
    yield made
    made.close()


def test_leaves_are_kept_as_the_log_grows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the steps, the tiles that are kept are those of the log, of every level."""
    monkeypatch.setattr(kept_leaves, "AT_ONCE", 30_000)
    hub = Tiles(HASHES)
    for size in (1, 2, 255, 256, 257, 700, 700, 65_536, 66_000):
        assert keep(hub, store, size)
        asked = hub.asked
        assert keep(hub, store, size)
        assert hub.asked == asked
        with store.read() as session:
            assert read_setting(session, LEAVES)["note"] == f"note {size}"
        kept = KeptTiles(store)
        assert list(TileTree(kept.fetch, size).leaves(0)) == HASHES[:size]
        for level, hashes in enumerate(Tiles(HASHES[:size]).levels):
            for number in {0, (len(hashes) - 1) // 256}:
                want = hashes[number * 256 :][:256]
                assert kept.fetch(TilePath(level, number, len(want)).render()) == b"".join(want)
    # One that is shorter, as another process may have read it before, changes nothing.
    assert keep(hub, store, 300)
    with store.read() as session:
        assert read_setting(session, LEAVES)["size"] == 66_000


@pytest.mark.parametrize("at", [0, 1, 255, 256, 300, 511, 512, 698, 699])
@pytest.mark.parametrize("longer", [0, 1, 400, -1])
def test_the_first_entry_that_was_changed_is_found_and_proven(store: Store, at: int, longer: int) -> None:
    keep(Tiles(HASHES), store, 700)
    other = [*HASHES[:at], *(leaf_hash(b"other" + leaf) for leaf in HASHES[at : 700 + longer])]
    # A log that ends before the entry is no fork: it is not asked about here, and nothing is named.
    assert differs(Tiles(other), store, len(other)) == (at if at < len(other) else None)


def test_in_a_long_log_few_tiles_are_asked_for(store: Store) -> None:
    keep(Tiles(HASHES), store, 66_000)
    other = Tiles([*HASHES[:40_000], bytes(32), *HASHES[40_001:]])
    assert differs(other, store, 66_000) == 40_000
    assert other.asked <= 12


def test_what_the_hub_does_not_show_is_not_named(store: Store) -> None:
    """Nor is what its tiles say and the head it signed does not."""
    keep(Tiles(HASHES), store, 700)
    changed = [*HASHES[:300], bytes(32), *HASHES[301:700]]
    assert differs(Silent(changed), store, 700) is None
    signed, lying = Tiles(changed), Tiles([*HASHES[:200], bytes(32), *HASHES[201:700]])
    assert first_changed(cast(HubClient, lying), store, signed.head(700), "shown") is None
    assert differs(Tiles(HASHES[:700]), store, 700) is None


def test_only_the_leaves_of_a_signed_head_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles that do not make its root, cut tiles, none at all: nothing is kept, and the next look takes them in."""
    honest, lying = Tiles(HASHES[:700]), Tiles([*HASHES[:300], bytes(32), *HASHES[301:700]])
    for steps in (kept_leaves.AT_ONCE, 256):
        monkeypatch.setattr(kept_leaves, "AT_ONCE", steps)
        assert not keep_leaves(cast(HubClient, lying), store, honest.head(700), "signed")
        assert not keep_leaves(cast(HubClient, Silent(HASHES[:700])), store, honest.head(700), "signed")
    assert first_changed(cast(HubClient, lying), store, lying.head(700), "shown") is None
    assert keep(honest, store, 700)
    assert differs(lying, store, 700) == 300


def test_one_look_takes_a_part_and_names_what_is_there(store: Store) -> None:
    """A hub that has signed a long log is asked for little at a time; what was signed before goes on to count."""
    hub = Tiles(HASHES)
    assert look(hub, store, 700)
    asked = hub.asked
    assert not look(hub, store, 66_000)
    # Tiles of the leaves, and some of the levels above, to prove what they are the beginning of.
    assert hub.asked - asked <= kept_leaves.AT_ONCE // 256 + 20
    assert differs(Tiles([*HASHES[:300], bytes(32), *HASHES[301:700]]), store, 700) == 300


def test_no_more_is_kept_than_is_meant_to_be(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_leaves, "MAX_KEPT", 500)
    hub = Tiles(HASHES)
    assert look(hub, store, 400)
    for _ in range(3):
        assert not look(hub, store, 700)
    with store.read() as session:
        assert read_setting(session, LEAVES)["edge"]["size"] == 500
    asked = hub.asked
    assert not look(hub, store, 701)
    assert hub.asked == asked
    assert differs(Tiles([*HASHES[:300], bytes(32), *HASHES[301:700]]), store, 700) == 300


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("damage", [b"", bytes(32) * 256], ids=["gone", "changed"])
def test_leaves_that_are_not_there_as_they_were_name_nothing_and_come_again(
    store: Store, number: int, damage: bytes
) -> None:
    """What was kept proves only what the signed head bears out: no entry is named by a row that was damaged."""
    hub, other = Tiles(HASHES), Tiles([*HASHES[:600], bytes(32), *HASHES[601:700]])
    assert keep(hub, store, 700)
    with store.write() as session:
        keep_leaf_tile(session, number, damage)
    assert differs(other, store, 700) is None
    for size in (701, 702):
        look(hub, store, size)
    assert keep(hub, store, 702)
    assert differs(other, store, 700) == 600


@pytest.mark.parametrize("size", [2, 3, 255, 256, 257, 700])
def test_a_trees_beginning_is_proven(size: int) -> None:
    hub = Tiles(HASHES[:size])
    tree = TileTree(lambda path: hub.get_bytes(f"/log/{path}"), size)
    for first in {1, 2, size // 2, size - 1} - {0, size}:
        assert root_at(first, size, tree.beginning(first), hub.head(size).root) == hub.head(first).root


def test_a_tree_that_is_the_beginning_of_another_differs_nowhere() -> None:
    def tree(leaves: Sequence[bytes]) -> TileTree:
        return TileTree(lambda path: Tiles(leaves).get_bytes(f"/log/{path}"), len(leaves))

    assert first_unlike(tree(HASHES[:300]), tree(HASHES[:700])) is None
    with pytest.raises(ProofInvalid):
        first_unlike(TileTree(lambda _: b"", 300), tree(HASHES[:700]))


def test_two_leaves_make_their_node() -> None:
    """The hub of these tests makes its trees as the log does."""
    assert Tiles(HASHES[:2]).head(2).root == node_hash(HASHES[0], HASHES[1])
