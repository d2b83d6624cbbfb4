"""A source's own hash of its content, computed while the content passes and compared with the published value.

All such hashes are hashes of blocks: a SHA-256 over the SHA-256 of each 4 MiB, an S3 multipart
ETag (MD5 over the MD5 of each part), and a plain MD5 or SHA-256, which is one block as long as the file. Blocks can be
hashed by several connections at once where parts begin where blocks begin; else only where the parts come in order.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from cloud_sync_common.transfer.part_plan import MIB

# Part sizes that uploaders are known to use: first those seen at a camera cloud (two downloaders'
# notes on its ETags), then those of AWS's tools and of other common ones.
_UPLOADERS_PARTS = tuple(
    mib * MIB for mib in (20, 100, 8, 16, 5, 10, 15, 25, 32, 50, 64, 128, 200, 256, 500, 512, 1024)
)
_MOST_GUESSES = 2
_ETAG = re.compile(r'"?([0-9a-f]{32})(?:-([0-9]{1,5}))?"?')  # S3 joins up to 10,000 parts
_HASHED_BLOCK = 4 * MIB


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
        return BlockHash(kind, max(size, 1), digest, of_digests=False)
    return None


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


@dataclass
class ContentHash:
    """Gathers the blocks' hashes of one source of `size` bytes while its ranges are moved, in whatever order."""

    spec: BlockHash
    size: int
    _digests: dict[int, bytes] = field(default_factory=dict)
    _open: dict[int, hashlib._Hash] = field(default_factory=dict)

    def hasher(self, first: int) -> RangeHasher | None:
        """For a range that begins at `first`; None when the bytes before it were not seen, so that it cannot be
        hashed."""
        if first % self.spec.block_size == 0:
            return RangeHasher(self.spec, first, None)
        before = self._open.get(first)
        return RangeHasher(self.spec, first, before.copy()) if before else None

    def keep(self, hasher: RangeHasher) -> None:
        """Adds the hashes of a range that is in the archive now."""
        if hasher.position == self.size:
            hasher.close_block()
        if hasher.open is not None:
            self._open[hasher.position] = hasher.open
        self._digests |= hasher.digests

    def verdict(self) -> bool | None:
        """Whether the content has the published hash; None when not every block was seen, or a guess did not fit."""
        count = max(1, -(-self.size // self.spec.block_size))
        if len(self._digests) < count:
            return None
        digests = [self._digests[number] for number in range(count)]
        new = hashlib.new(self.spec.algorithm, b"".join(digests), usedforsecurity=False)
        found = new.hexdigest() if self.spec.of_digests else digests[0].hex()
        agrees = found == self.spec.digest.lower()
        return None if self.spec.guessed and not agrees else agrees
