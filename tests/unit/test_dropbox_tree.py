"""The tree of the fake Dropbox: paths, hashes, and the journal that cursors are positions in."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.fake_providers.dropbox_paths import lowered, stored
from local.fake_providers.dropbox_tree import BLOCK, Entry, Tree, content_hash

# Computed for provider-apis.md, section 2.2, without this code.
VECTORS = {
    b"": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    b"abc": "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358",
    bytes(BLOCK): "c7e946d101855255d919ef0c70718633adf77d3dfb3adeeecf5d0cb4e951be58",
    bytes(BLOCK + 1): "14a4d47f23a30177885d9820122f17d2d3a55fe63f7f5c27b95f689e0b2accd6",
}


@pytest.mark.parametrize("content", VECTORS, ids=lambda content: f"{len(content)} bytes")
def test_the_content_hash_is_that_of_the_hashes_of_blocks_of_4_mib(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert content_hash(tmp_path / "file") == VECTORS[content]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("//Trips", "/trips"),
        ("/Trips/A.MP4/", "/trips/a.mp4"),
        ("/ΣΣΣ", "/σσσ"),
        ("/İ", "/i"),
        ("/Ꙋ", "/Ꙋ"),
        ("/U\u0308ber", "/u\u0308ber"),
        ("", ""),
    ],
)
def test_a_path_is_looked_up_as_python_2_5_lower_cases_it(path: str, found: str) -> None:
    assert lowered(path) == found


def test_a_path_is_stored_composed() -> None:
    assert stored("//U\u0308ber/a.mp4") == "/Über/a.mp4"


def everything(_place: int, _entry: Entry) -> bool:
    return True


def names(tree: Tree, position: int = 0, most: int = 100) -> list[str]:
    return [entry.path + " gone" * entry.deleted for entry in tree.page(position, everything, most)[0]]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    (tmp_path / "film.mp4").write_bytes(b"film")
    return tmp_path / "film.mp4"


def test_the_journal_has_each_entry_at_its_latest_change(film: Path) -> None:
    tree = Tree()
    for path in ("/A/one", "/two", "/a/three"):
        tree.put(path, film)
    assert names(tree) == ["/A", "/A/one", "/two", "/A/three"]
    position = tree.end
    tree.put("/A/ONE", film)
    tree.delete("/two")
    assert names(tree) == ["/A", "/A/three", "/A/one", "/two gone"]
    assert names(tree, position) == ["/A/one", "/two gone"]


def test_a_page_ends_at_the_position_of_the_next(film: Path) -> None:
    tree = Tree()
    for number in range(5):
        tree.put(f"/{number}", film)
    first, position, more = tree.page(0, everything, 3)
    assert ([entry.path for entry in first], position, more) == (["/0", "/1", "/2"], 3, True)
    assert tree.page(position, everything, 2)[1:] == (5, False)
    assert tree.before(position, everything, 2) == 1


def test_a_new_revision_keeps_the_id_and_the_old_revision_is_known(film: Path) -> None:
    tree = Tree()
    old = tree.put("/one", film, client_modified="2026-01-01T00:00:00Z")
    new = tree.put("/ONE", film)
    assert (new.entry_id, new.path, new.client_modified) == (old.entry_id, "/one", "2026-01-01T00:00:00Z")
    assert old.rev != new.rev and tree.find_revision(old.rev) == old and tree.find_id(old.entry_id) == new


def test_ids_and_revisions_are_the_same_whenever_the_same_is_done(film: Path) -> None:
    trees = [Tree(), Tree()]
    for tree in trees:
        tree.put("/A/one", film)
    assert trees[0].find("/A/one") == trees[1].find("/A/one")


def test_what_was_in_a_deleted_folder_is_gone(film: Path) -> None:
    tree = Tree()
    inside = tree.put("/A/B/one", film)
    tree.delete("/a")
    assert names(tree) == ["/A gone"]
    assert tree.find_id(inside.entry_id) is None and tree.find("/A/B/one") is None and tree.files() == []
    with pytest.raises(KeyError):
        tree.delete("/A")


def test_a_file_cannot_be_written_over_a_folder(film: Path) -> None:
    tree = Tree()
    tree.make_folder("/A/B")
    with pytest.raises(ValueError, match="'/a/b' is a folder"):
        tree.put("/a/b", film)
