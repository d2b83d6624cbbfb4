"""What shows, beside S3's own checksum, that an archived object has the source's content."""

from __future__ import annotations

from cloud_sync_common.exceptions import IntegrityError
from cloud_sync_common.provider_interface import Fingerprint, MediaSource
from cloud_sync_common.transfer.content_hash import (
    ContentHash,
    RangeHasher,
    plausible_etags,
    published_hash,
    shows_the_same,
)
from cloud_sync_common.transfer.part_plan import MIB


class Proofs:
    """The hashes that a source publishes of one version of itself, checked while it is moved as far as possible."""

    def __init__(self, source: MediaSource, fingerprint: Fingerprint, *, check_etag: bool) -> None:
        published = published_hash(source.content_hash, fingerprint.size)
        self._published = ContentHash(published, fingerprint.size) if published else None
        self._etag, self._guesses = fingerprint.etag, plausible_etags(fingerprint.etag, fingerprint.size)
        self._etags = [ContentHash(guess, fingerprint.size) for guess in self._guesses] if check_etag else []

    @property
    def all(self) -> list[ContentHash]:
        return [*([self._published] if self._published else []), *self._etags]

    @property
    def block_size(self) -> int:
        """Parts should be multiples of this many bytes, so that several connections can hash them; 1 MiB by default."""
        return next((proof.spec.block_size for proof in self.all if proof.spec.block_size < proof.size), MIB)

    @property
    def source_part(self) -> int | None:
        """The size of the parts that the source was most likely uploaded in, in bytes, when parts of that size would
        prove something: S3's ETag of the object is the source's own then. A published hash proves the same."""
        likely = next((guess.block_size for guess in self._guesses if guess.of_digests), None)
        return None if self._published else likely

    def needs_order(self, part_size: int) -> bool:
        """Whether a published hash can only be computed when the parts are read one after the other."""
        return self._published is not None and self._published.spec.block_size > part_size

    def hashers(self, first: int) -> list[tuple[ContentHash, RangeHasher]]:
        found = ((proof, proof.hasher(first)) for proof in self.all)
        return [(proof, hasher) for proof, hasher in found if hasher is not None]

    def made(self, stored: str = "") -> tuple[str, ...]:
        """Names of the proofs that hold; `stored` is the ETag that S3 has given, or will give, to the object.

        Raises IntegrityError when the content does not have the published hash."""
        verdict = self._published.verdict() if self._published else None
        if verdict is False:
            raise IntegrityError("What the source sent does not have the hash that the provider publishes for it.")
        etag = shows_the_same(stored, self._etag) or any(proof.verdict() for proof in self._etags)
        return (*(["content-hash"] if verdict else []), *(["source-etag"] if etag else []))
