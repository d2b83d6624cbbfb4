"""What shows, beside S3's own checksum, that an archived object has the source's content."""

from __future__ import annotations

from cloud_sync_common.exceptions import IntegrityError
from cloud_sync_common.provider_interface import Fingerprint, MediaSource
from cloud_sync_common.transfer.content_hash import ContentHash, RangeHasher, plausible_etags, published_hash
from cloud_sync_common.transfer.movie_boxes import BoxReader, MovieBoxes, Verdict, Wholeness, is_movie_name
from cloud_sync_common.transfer.part_plan import MIB

WHOLE_MOVIE = "whole-movie"
type _Hashers = list[tuple[ContentHash, RangeHasher]]

_NOT_JUDGED = Verdict(Wholeness.UNKNOWN)


class Proofs:
    """The hashes that a source publishes of one version of itself, checked while it is moved as far as possible, and
    the boxes that a movie is made of (None: its name is not that of a movie)."""

    def __init__(self, source: MediaSource, fingerprint: Fingerprint, *, check_etag: bool) -> None:
        published = published_hash(source.content_hash, fingerprint.size)
        self._published = ContentHash(published, fingerprint.size) if published else None
        guesses = plausible_etags(fingerprint.etag, fingerprint.size) if check_etag else ()
        self._etags = [ContentHash(guess, fingerprint.size) for guess in guesses]
        self.boxes = MovieBoxes(fingerprint.size) if is_movie_name(source.filename) else None

    @property
    def all(self) -> list[ContentHash]:
        return [*([self._published] if self._published else []), *self._etags]

    @property
    def block_size(self) -> int:
        """Parts should be multiples of this many bytes, so that several connections can hash them; 1 MiB by default."""
        return next((proof.spec.block_size for proof in self.all if proof.spec.block_size < proof.size), MIB)

    def needs_order(self, part_size: int) -> bool:
        """Whether a published hash can only be computed when the parts are read one after the other."""
        return self._published is not None and self._published.spec.block_size > part_size

    def hashers(self, first: int) -> list[tuple[ContentHash, RangeHasher]]:
        found = ((proof, proof.hasher(first)) for proof in self.all)
        return [(proof, hasher) for proof, hasher in found if hasher is not None]

    def readers(self, first: int, hashers: _Hashers) -> tuple[RangeHasher | BoxReader, ...]:
        """Everything that is to see the bytes from `first` on: these hashers, and the reader of a movie's boxes."""
        return (*(hasher for _, hasher in hashers), *([self.boxes.reader(first)] if self.boxes else []))

    @property
    def movie(self) -> Verdict:
        """Whether the movie is whole, as far as its bytes have passed; UNKNOWN for what is none by its name."""
        return self.boxes.verdict() if self.boxes else _NOT_JUDGED

    def made(self) -> tuple[str, ...]:
        """Names of the proofs that hold. Raises IntegrityError when the content does not have the published hash."""
        verdict = self._published.verdict() if self._published else None
        if verdict is False:
            raise IntegrityError("What the source sent does not have the hash that the provider publishes for it.")
        etag = any(proof.verdict() for proof in self._etags)
        whole = [WHOLE_MOVIE] if self.movie.wholeness is Wholeness.WHOLE else []
        return (*(["content-hash"] if verdict else []), *(["source-etag"] if etag else []), *whole)
