"""How a source is cut into parts. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sync_common.exceptions import OriginalUnavailableError

MIB = 1024 * 1024
# S3's limits (user guide, "Amazon S3 multipart upload limits"): parts of 5 MiB to 5 GiB, at most 10,000 of them.
MIN_PART, MAX_PART, MAX_PARTS = 5 * MIB, 5 * 1024 * MIB, 10_000
SINGLE_PUT = 128 * MIB  # up to here one PutObject: two requests in all, and what a broken connection costs is bearable
USUAL_PART = 64 * MIB  # each part is a request to pay for; a larger one is more to move again when it fails
MIN_SHARE = 32 * MIB  # a file is not cut into smaller parts than this to keep every connection busy
# Of a source that was uploaded in parts itself, smaller ones are not copied: 100 GB in parts of 16 MiB take 0.03 USD of
# requests, and in the usual ones 0.0075 (prices.S3_PUT).
SMALLEST_COPIED = 16 * MIB
SLOW_CONNECTION = 5_000_000  # bytes per second over one connection that planning counts on


@dataclass(frozen=True)
class PartPlan:
    """How `size` bytes are cut: `count` parts of `part_size` bytes, the last one shorter."""

    size: int
    part_size: int

    @property
    def count(self) -> int:
        return -(-self.size // self.part_size)

    def bounds(self, number: int) -> tuple[int, int]:
        """First and last byte (inclusive) of part `number`, which counts from 1."""
        start = (number - 1) * self.part_size
        return start, min(start + self.part_size, self.size) - 1

    def length(self, number: int) -> int:
        first, last = self.bounds(number)
        return last - first + 1


def largest_put(seconds: float, most: int = SINGLE_PUT) -> int:
    """The largest source, in bytes, that one PutObject writes in invocations of `seconds`; `most` at most."""
    return min(most, max(MIN_PART, _in_time(seconds)))


def _in_time(seconds: float) -> int:
    """What moves in a quarter of an invocation, even over a slow connection."""
    return int(seconds / 4 * SLOW_CONNECTION)


def plan_parts(
    size: int, seconds: float, connections: int = 4, multiple_of: int = MIB, copied: int | None = None
) -> PartPlan:
    """A plan for `size` bytes over so many connections, in invocations of `seconds`.

    A part moves in a quarter of an invocation even over a slow connection, unless S3's limit on their number asks for
    larger ones; what a whole invocation cannot move is never planned. Parts are multiples of `multiple_of` bytes where
    that leaves them within twice their size. `copied` is the size of the parts that the source was uploaded in; it is
    taken where it is no smaller than SMALLEST_COPIED, and within twice the usual size too.

    Raises OriginalUnavailableError for a size that S3 cannot store, or invocations that are too short for it: whatever
    size a source claims, it concerns that video.
    """
    if size > MAX_PART * MAX_PARTS:
        raise OriginalUnavailableError(f"S3 stores objects of up to {MAX_PART * MAX_PARTS} bytes; this one has {size}.")
    fewest = -(-size // MAX_PARTS)
    if fewest > seconds * SLOW_CONNECTION and fewest > MIN_PART:
        raise OriginalUnavailableError(
            f"A source of {size} bytes needs parts of {fewest} bytes, which {seconds:.0f} s are not enough for: raise "
            "downloader_timeout_seconds."
        )
    share = max(MIN_SHARE, -(-size // connections))
    wanted = max(MIN_PART, fewest, min(USUAL_PART, share, _in_time(seconds)))
    if copied and max(SMALLEST_COPIED, fewest) <= copied <= min(2 * wanted, MAX_PART):
        return PartPlan(size, copied)
    rounded = _rounded_up(wanted, multiple_of)
    return PartPlan(size, rounded if rounded <= min(2 * wanted, MAX_PART) else _rounded_up(wanted, MIB))


def _rounded_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
