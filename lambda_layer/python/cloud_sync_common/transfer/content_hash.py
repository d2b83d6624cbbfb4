"""A source's own hash of its content, computed while the content passes and compared with the published value.

Nearly all such hashes are hashes of blocks: a SHA-256 over the SHA-256 of each 4 MiB, an S3 multipart
ETag (MD5 over the MD5 of each part), and a plain MD5 or SHA-256, which is one block as long as the file. Blocks can be
hashed by several connections at once where parts begin where blocks begin; else only where the parts come in order.
A CRC-32C is combined from those of ranges, wherever they begin.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from awscrt.checksums import combine_crc32c, crc32c

from cloud_sync_common.provider_interface import UNKNOWN
from cloud_sync_common.transfer.part_plan import MAX_PART, MAX_PARTS, MIB

# Part sizes that uploaders are known to use: first those seen at a camera cloud (two downloaders'
# notes on its ETags), then those of AWS's tools and of other common ones.
_UPLOADERS_PARTS = tuple(
    mib * MIB for mib in (20, 100, 8, 16, 5, 10, 15, 25, 32, 50, 64, 128, 200, 256, 500, 512, 1024)
)
_MOST_GUESSES = 2
_ETAG = re.compile(r'"?([0-9a-f]{32})(?:-([0-9]{1,5}))?"?')  # S3 joins up to 10,000 parts
_HASHED_BLOCK = 4 * MIB
# Cheapest first: CPU-seconds per GiB are 0.03 and 0.69, over several connections, and 0.53 and 1.24, over one
# (docs/decisions/002-s3-verifies-integrity.md).
_KINDS = ("crc32c", "sha256-4mib", "sha256", "md5")


@dataclass(frozen=True)
class BlockHash:
    """`digest` is in hex. `of_digests`: the hash is over the blocks' digests, else it is the only block's own.
    `guessed`: the block size is a guess, so that another value proves nothing."""

    algorithm: str
    block_size: int
    digest: str
    of_digests: bool
    guessed: bool = False


def published_hash(content_hash: str | None, size: int) -> BlockHash | None:
    """A hash as a provider publishes it: `md5:<hex>`, `sha256:<hex>`, or `sha256-4mib:<hex>` of blocks; None when
    there is none, or its kind is not known here."""
    kind, _, digest = (content_hash or "").partition(":")
    if kind == "sha256-4mib":
        return BlockHash("sha256", _HASHED_BLOCK, digest, of_digests=True)
    if kind in ("md5", "sha256"):
        whole = MAX_PART * MAX_PARTS if size == UNKNOWN else max(size, 1)
        return BlockHash(kind, whole, digest, of_digests=False)
    return None


def unpublished_hash(size: int) -> ContentHash:
    """A hash of 4 MiB blocks that no provider states, to be known when the same content comes again."""
    return ContentHash(BlockHash("sha256", _HASHED_BLOCK, "", of_digests=True, guessed=True), size)


def cheapest_hash(published: Iterable[str], size: int) -> HashOfSource | None:
    """The hash that takes the least CPU to check, of those that a provider publishes (MediaSource.content_hashes) of a
    source of `size` bytes; None when no kind of them is known here."""
    found = {text.partition(":")[0]: text for text in published}
    kind = next((kind for kind in _KINDS if kind in found), "")
    if kind == "crc32c":
        return CombinedCrc(found[kind].partition(":")[2], size)
    spec = published_hash(found.get(kind), size)
    return ContentHash(spec, size) if spec else None


def plausible_etags(etag: str, size: int) -> tuple[BlockHash, ...]:
    """The hashes that an S3 ETag may be, most likely first; none when it does not look like one.

    Encryption under a key makes an ETag that is no MD5 at all, so that disagreement proves nothing.
    """
    match = _ETAG.fullmatch(etag)
    if not match or size <= 0:
        return ()
    digest, count = match[1], match[2]
    if count is None:
        return (BlockHash("md5", size, digest, of_digests=False, guessed=True),)
    if int(count) == 1:
        return (BlockHash("md5", size, digest, of_digests=True, guessed=True),)
    sizes = [part for part in _UPLOADERS_PARTS if -(-size // part) == int(count)]
    return tuple(BlockHash("md5", part, digest, of_digests=True, guessed=True) for part in sizes[:_MOST_GUESSES])


def shows_the_same(stored: str, etag: str) -> bool:
    """Whether the ETag that S3 has given to what it stored shows that a source with the ETag `etag` has these bytes.

    Both are the MD5 of the content, or of the MD5s of the same parts; or the source was uploaded as one part, and its
    ETag is the MD5 of the MD5 that S3 has computed. Two ETags of another kind agree by no chance.
    """
    ours, theirs = _ETAG.fullmatch(stored), _ETAG.fullmatch(etag)
    if not ours or not theirs:
        return False
    if ours[2] is None and theirs[2] is not None and int(theirs[2]) == 1:
        return hashlib.md5(bytes.fromhex(ours[1]), usedforsecurity=False).hexdigest() == theirs[1]
    return ours.groups() == theirs.groups()


class RangeHasher:
    """Hashes one range of the file, from a block's start or from the end of the range before it."""

    def __init__(self, spec: BlockHash, first: int, inherited: hashlib._Hash | None) -> None:
        self._spec, self.first, self.position = spec, first, first
        self.open = inherited
        self.digests: dict[int, bytes] = {}

    def update(self, data: memoryview) -> None:
        while data:
            if self.open is None:
                self.open = hashlib.new(self._spec.algorithm, usedforsecurity=False)
            count = min(len(data), self._spec.block_size - self.position % self._spec.block_size)
            self.open.update(data[:count])
            self.position += count
            data = data[count:]
            if self.position % self._spec.block_size == 0:
                self.close_block()

    def close_block(self) -> None:
        """The block that is being hashed ends here."""
        if self.open is not None:
            self.digests[(self.position - 1) // self._spec.block_size] = self.open.digest()
            self.open = None


class HasherOfRange(Protocol):
    """Sees every byte of a range, in order."""

    def update(self, data: memoryview) -> None: ...


class HashOfSource(Protocol):
    """A hash of one source, gathered while its ranges are moved. `block_size`: ranges that begin at multiples of it may
    come in any order."""

    size: int

    @property
    def block_size(self) -> int: ...

    def hasher(self, first: int) -> HasherOfRange | None: ...

    def keep(self, hasher: Any) -> None:
        """Adds a range that is in the archive now; `hasher` is one of its own."""
        ...

    def verdict(self) -> bool | None: ...

    def digests(self, first: int, length: int) -> bytes:
        """What is known of a range, for another process; empty when that does not say all of it."""
        ...

    def restore(self, first: int, length: int, digests: bytes) -> None:
        """Adds what another process has found of a range."""
        ...


class CrcHasher:
    """The CRC-32C of one range."""

    def __init__(self, first: int) -> None:
        self.first, self.length, self.crc = first, 0, 0

    def update(self, data: memoryview) -> None:
        self.crc, self.length = crc32c(data, self.crc), self.length + len(data)


@dataclass
class CombinedCrc:
    """Gathers the CRC-32C of one source of `size` bytes from those of its ranges. `digest` is in hex."""

    digest: str
    size: int
    block_size: int = 1
    _ranges: dict[int, tuple[int, int]] = field(default_factory=dict)  # length and CRC by first byte

    def hasher(self, first: int) -> CrcHasher:
        return CrcHasher(first)

    def keep(self, hasher: CrcHasher) -> None:
        self._add(hasher.first, hasher.length, hasher.crc)

    def _add(self, first: int, length: int, crc: int) -> None:
        if length:
            self._ranges[first] = length, crc

    def verdict(self) -> bool | None:
        """Whether the content has the published CRC; None when not every byte was seen."""
        position, whole = 0, 0
        while found := self._ranges.get(position):
            length, crc = found
            whole, position = combine_crc32c(whole, crc, length), position + length
        if self.size not in (UNKNOWN, position):
            return None
        return f"{whole:08x}" == self.digest.lower()

    def digests(self, first: int, length: int) -> bytes:
        known, crc = self._ranges.get(first, (0, 0))
        return crc.to_bytes(4, "big") if known == length else b""

    def restore(self, first: int, length: int, digests: bytes) -> None:
        self._add(first, length, int.from_bytes(digests, "big"))


@dataclass
class ContentHash:
    """Gathers the blocks' hashes of one source of `size` bytes while its ranges are moved, in whatever order."""

    spec: BlockHash
    size: int
    _digests: dict[int, bytes] = field(default_factory=dict)
    _open: dict[int, hashlib._Hash] = field(default_factory=dict)
    _end: int = 0  # of the range that ends last

    @property
    def block_size(self) -> int:
        return self.spec.block_size

    def hasher(self, first: int) -> RangeHasher | None:
        """For a range that begins at `first`; None when the bytes before it were not seen, so that it cannot be
        hashed."""
        if first % self.spec.block_size == 0:
            return RangeHasher(self.spec, first, None)
        before = self._open.get(first)
        return RangeHasher(self.spec, first, before.copy()) if before else None

    def keep(self, hasher: RangeHasher) -> None:
        """Adds the hashes of a range that is in the archive now."""
        self._end = max(self._end, hasher.position)
        if hasher.position == self.size:
            hasher.close_block()
        if hasher.open is not None:
            self._open[hasher.position] = hasher.open
        self._digests |= hasher.digests

    @property
    def text(self) -> str:
        """The hash of the content, as a provider publishes it; empty when not every block was seen."""
        found, kind = self._found(), "sha256-4mib" if self.spec.of_digests else self.spec.algorithm
        return f"{kind}:{found}" if found else ""

    def verdict(self) -> bool | None:
        """Whether the content has the published hash; None when not every block was seen, or a guess did not fit."""
        found = self._found()
        agrees = found == self.spec.digest.lower()
        return None if not found or (self.spec.guessed and not agrees) else agrees

    def _found(self) -> str:
        """In hex; empty when not every block was seen."""
        size = self._end if self.size == UNKNOWN else self.size
        if self.size == UNKNOWN and (last := self._open.get(size)):
            self._digests[size // self.spec.block_size] = last.digest()
        count = -(-size // self.spec.block_size)
        if len(self._digests) < count:
            return ""
        digests = [self._digests[number] for number in range(count)]
        new = hashlib.new(self.spec.algorithm, b"".join(digests), usedforsecurity=False)
        return new.hexdigest() if self.spec.of_digests or not digests else digests[0].hex()

    def digests(self, first: int, length: int) -> bytes:
        block = self.spec.block_size
        numbers = range(first // block, -(-(first + length) // block))
        if first % block or not self._digests.keys() >= set(numbers):
            return b""
        return b"".join(self._digests[number] for number in numbers)

    def restore(self, first: int, length: int, digests: bytes) -> None:
        block = self.spec.block_size
        count = -(-length // block)
        size = len(digests) // count
        for number in range(count):
            self._digests[first // block + number] = digests[number * size : (number + 1) * size]
