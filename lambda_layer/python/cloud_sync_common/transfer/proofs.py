"""What shows, beside S3's own checksum, that an archived object has the source's content."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cloud_sync_common.exceptions import IntegrityError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Fingerprint, MediaSource
from cloud_sync_common.stores.archive import Part, combined_checksum, joined_etag
from cloud_sync_common.transfer.content_hash import (
    ContentHash,
    HasherOfRange,
    HashOfSource,
    cheapest_hash,
    plausible_etags,
    shows_the_same,
    unpublished_hash,
)
from cloud_sync_common.transfer.movie_boxes import BoxReader, MovieBoxes, Verdict, Wholeness, is_movie_name
from cloud_sync_common.transfer.part_plan import MIB, PartPlan

# Bytes of hashes that are kept for the next slice, in a row of the ledger: those of 7 GiB in blocks of 4 MiB, or of 170
# GiB in parts of 64 MiB with one CRC each. DynamoDB charges for each kB, and accepts 400.
MOST_KEPT = 64 * 1024


class KeptHashes(msgspec.Struct, frozen=True):
    """The hashes of the parts that earlier slices have moved, by number, each with the checksum of the very part in S3
    that they are of. `name` is the published hash that they are for."""

    name: str
    parts: dict[int, tuple[str, bytes]]


WHOLE_MOVIE = "whole-movie"
type Hashers = list[tuple[HashOfSource, HasherOfRange]]

_NOT_JUDGED = Verdict(Wholeness.UNKNOWN)


class Proofs:
    """The hashes that a source publishes of one version of itself, checked while it is moved as far as possible, and
    the boxes that a movie is made of (None: its name is not that of a movie)."""

    def __init__(
        self, source: MediaSource, fingerprint: Fingerprint, *, check_etag: bool, for_copies: bool = False
    ) -> None:
        """`for_copies`: a hash is computed by which the same content is known when it comes again."""
        self._name = " ".join(source.content_hashes)
        self._published = cheapest_hash(source.content_hashes, fingerprint.size)
        self._etag, self._guesses = fingerprint.etag, plausible_etags(fingerprint.etag, fingerprint.size)
        self._etags = [ContentHash(guess, fingerprint.size) for guess in self._guesses] if check_etag else []
        is_stated = isinstance(self._published, ContentHash) and self._published.spec.of_digests
        self._unpublished = unpublished_hash(fingerprint.size) if for_copies and not is_stated else None
        self._parts: dict[int, Part] = {}
        self.boxes = MovieBoxes(fingerprint.size) if is_movie_name(source.filename) else None

    @property
    def all(self) -> list[HashOfSource]:
        of_content = (self._published, self._unpublished)
        return [*(found for found in of_content if found), *self._etags]

    @property
    def block_size(self) -> int:
        """Parts should be multiples of this many bytes, so that several connections can hash them; 1 MiB by default."""
        return next((proof.block_size for proof in self.all if MIB < proof.block_size < proof.size), MIB)

    @property
    def source_part(self) -> int | None:
        """The size of the parts that the source was most likely uploaded in, in bytes, when parts of that size would
        prove something: S3's ETag of the object is the source's own then. A published hash proves the same."""
        likely = next((guess.block_size for guess in self._guesses if guess.of_digests), None)
        return None if self._published else likely

    @property
    def is_published(self) -> bool:
        """Whether the provider publishes a hash that is checked."""
        return self._published is not None

    @property
    def is_shown(self) -> bool:
        """Whether the content that has passed has the published hash, all of it."""
        return self._published is not None and self._published.verdict() is True

    @property
    def hashes(self) -> tuple[str, ...]:
        """What has been computed over all bytes, each as in MediaSource.content_hashes. A published hash is one of them
        once it agrees."""
        published = self._published if self.is_shown and isinstance(self._published, ContentHash) else None
        return tuple(found.text for found in (published, self._unpublished) if found and found.text)

    def needs_order(self, part_size: int) -> bool:
        """Whether a published hash can only be computed when the parts are read one after the other."""
        return self._published is not None and self._published.block_size > part_size

    def hashers(self, first: int) -> Hashers:
        found = ((proof, proof.hasher(first)) for proof in self.all)
        return [(proof, hasher) for proof, hasher in found if hasher is not None]

    def keep(self, hashers: Hashers, part: Part | None = None) -> None:
        """Adds the hashes of a range that is in S3 now, as `part` of an upload."""
        for proof, hasher in hashers:
            proof.keep(hasher)
        if part:
            self._parts[part.number] = part

    def readers(self, first: int, hashers: Hashers) -> tuple[HasherOfRange | BoxReader, ...]:
        """Everything that is to see the bytes from `first` on: these hashers, and the reader of a movie's boxes."""
        return (*(hasher for _, hasher in hashers), *([self.boxes.reader(first)] if self.boxes else []))

    @property
    def movie(self) -> Verdict:
        """Whether the movie is whole, as far as its bytes have passed; UNKNOWN for what is none by its name."""
        return self.boxes.verdict() if self.boxes else _NOT_JUDGED

    def kept(self, plan: PartPlan) -> bytes:
        """The hashes of all parts so far, for `resume` in another process; empty when none can be kept, as of an MD5 or
        SHA-256 of the whole file, or when they are too many."""
        found: dict[int, tuple[str, bytes]] = {}
        for number, part in self._parts.items():
            digests = self._published.digests(plan.bounds(number)[0], part.size) if self._published else b""
            if digests:
                found[number] = part.checksum, digests
        data = msgspec.msgpack.encode(KeptHashes(self._name, found))
        return data if found and len(data) <= MOST_KEPT else b""

    def resume(self, plan: PartPlan, held: Mapping[int, Part], kept: bytes) -> None:
        """Continues with the hashes of parts that S3 holds. Where they are not all there, the published hash can no
        longer be checked: nothing more is hashed for it, and the parts need no order."""
        if not self._published:
            return
        known = _decoded(kept, self._name)
        for number, part in held.items():
            checksum, digests = known.get(number, ("", b""))
            if checksum != part.checksum:
                logger.warning("the published hash is not checked: an earlier slice kept no hash of a part")
                self._published = None
                return
            self._published.restore(plan.bounds(number)[0], part.size, digests)
            self._parts[number] = part

    def made(self, stored: str = "", checksum: str = "") -> tuple[str, ...]:
        """Names of the proofs that hold; `stored` is the ETag that S3 has given, or will give, to the object, and
        `checksum` that of the content.

        Raises IntegrityError, with that checksum, when the content does not have the published hash."""
        verdict = self._published.verdict() if self._published else None
        if verdict is False:
            raise IntegrityError(
                "What the source sent does not have the hash that the provider publishes for it.", checksum
            )
        etag = shows_the_same(stored, self._etag) or any(proof.verdict() for proof in self._etags)
        whole = [WHOLE_MOVIE] if self.movie.wholeness is Wholeness.WHOLE else []
        return (*(["content-hash"] if verdict else []), *(["source-etag"] if etag else []), *whole)

    def made_of(self, parts: list[Part]) -> tuple[str, ...]:
        """As `made`, of content that S3 has as these parts, in order."""
        return self.made(joined_etag(parts), combined_checksum(parts))


def _decoded(kept: bytes, name: str) -> dict[int, tuple[str, bytes]]:
    """The hashes of the parts; none when they are for another published hash, or cannot be read."""
    try:
        found = msgspec.msgpack.decode(kept, type=KeptHashes)
    except msgspec.DecodeError:
        return {}
    return found.parts if found.name == name else {}
