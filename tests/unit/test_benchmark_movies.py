"""The files that the benchmark's source serves are whole movies, with the ETags of GoPro's CDN."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cloud_sync_common.transfer.content_hash import ContentHash, plausible_etags, published_hash

from benchmarks import movie
from benchmarks.movie import MIB, Movie


def boxes(path: Path) -> list[tuple[bytes, int]]:
    """Type and size of each top-level box (ISO/IEC 14496-12, 4.2)."""
    found, place, content = [], 0, path.read_bytes()
    while place < len(content):
        size, kind = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
        if size == 1:
            size = int.from_bytes(content[place + 8 : place + 16])
        found.append((kind, size))
        place += size
    assert place == len(content)
    return found


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("size", [1_000, 3 * MIB + 5])
def test_a_file_of_the_source_is_a_chain_of_boxes_of_exactly_its_size(size: int, sparse: bool, tmp_path: Path) -> None:
    path = tmp_path / "one.mp4"
    Movie(size, sparse).write(path)
    assert path.stat().st_size == size
    assert boxes(path) == [(b"ftyp", 20), (b"mdat", size - 136), (b"moov", 116)]


def test_the_same_movie_has_the_same_bytes_whenever_it_is_made(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        Movie(2 * MIB).write(tmp_path / name, seed)
    first, second, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == second != other


@pytest.mark.parametrize(("size", "count"), [(MIB, 1), (20 * MIB, 1), (20 * MIB + 1_000, 2), (50 * MIB, 3)])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_etag_is_that_of_an_upload_in_parts_of_20_mib(size: int, count: int, sparse: bool, tmp_path: Path) -> None:
    path = tmp_path / "one.mp4"
    Movie(size, sparse).write(path)
    etag = movie.etag(path)
    assert etag.endswith(f'-{count}"')
    assert any(agrees(ContentHash(guess, size), path.read_bytes()) for guess in plausible_etags(etag, size))


@pytest.mark.parametrize("kind", ["md5", "sha256", "sha256-4mib"])
def test_a_published_hash_is_one_that_the_engine_agrees_with(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "one.mp4"
    Movie(9 * MIB).write(path)
    text = movie.published(path, kind)
    found = published_hash(text, 9 * MIB)
    assert found is not None and text.startswith(f"{kind}:")
    assert agrees(ContentHash(found, 9 * MIB), path.read_bytes())


def test_a_published_md5_is_the_md5(tmp_path: Path) -> None:
    path = tmp_path / "one.mp4"
    Movie(1_000).write(path)
    assert movie.published(path, "md5") == f"md5:{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}"


def agrees(proof: ContentHash, content: bytes) -> bool | None:
    hasher = proof.hasher(0)
    assert hasher is not None
    hasher.update(memoryview(content))
    proof.keep(hasher)
    return proof.verdict()
