"""Pictures of mountains for the demo's clips: so that one is told from the other, and a page of them is a pleasure."""

from __future__ import annotations

import math
from random import Random

type Colour = tuple[int, int, int]

# The sky above, the sky at the horizon, the sun, the far ridge and the near one.
_PALETTES: tuple[tuple[Colour, Colour, Colour, Colour, Colour], ...] = (
    ((38, 94, 168), (190, 222, 240), (255, 250, 225), (126, 158, 190), (22, 48, 66)),
    ((46, 42, 96), (250, 160, 110), (255, 220, 150), (146, 96, 124), (36, 20, 46)),
    ((20, 60, 110), (244, 200, 160), (255, 240, 200), (118, 134, 170), (24, 36, 58)),
    ((80, 140, 190), (236, 240, 232), (255, 255, 245), (150, 184, 186), (26, 70, 62)),
    ((14, 18, 48), (88, 78, 140), (240, 236, 220), (60, 60, 108), (10, 12, 28)),
    ((110, 150, 180), (250, 226, 190), (255, 244, 214), (170, 150, 150), (66, 46, 42)),
)
_RIDGES = 4
_SNOW = b"\xee\xf2\xf8"


def scene(width: int, height: int, seed: int) -> bytes:
    """A picture of this size in pixels, as a file of the format PPM. Equal arguments make equal bytes."""
    random = Random(seed)  # noqa: S311 (a picture)
    above, horizon, sun, far, near = _PALETTES[seed // 10 % len(_PALETTES)]
    ridges = [_ridge(width, height, number, random) for number in range(_RIDGES)]
    colours = [_between(far, near, number / (_RIDGES - 1)) for number in range(_RIDGES)]
    sun_x, sun_y, radius = width * random.uniform(0.15, 0.85), height * random.uniform(0.12, 0.3), height * 0.06
    rows = bytearray()
    for y in range(height):
        line = bytearray(bytes(_between(above, horizon, min(1.0, 1.7 * y / height))) * width)
        if abs(y - sun_y) < radius:
            half = math.sqrt(radius**2 - (y - sun_y) ** 2)
            _fill(line, round(sun_x - half), round(sun_x + half), bytes(sun))
        for number in range(_first_seen(ridges, y), _RIDGES):
            lit = bytes(_between(colours[number], horizon, 0.35 * max(0.0, 1 - y / height)))
            _cover(line, y, ridges[number], lit)
            if number == 0:
                _snow(line, y, ridges[0], height)
        rows += line
    return b"P6 %d %d 255\n" % (width, height) + bytes(rows)


def _ridge(width: int, height: int, number: int, random: Random) -> list[float]:
    """The height of a ridge in each column, from the top; nearer ones are lower and smoother."""
    base = height * (0.42 + 0.15 * number)
    waves = [
        (
            random.uniform(0.6, 1.4) * 2**octave,
            random.uniform(0, math.tau),
            height * 0.16 / (1.8**octave * (1 + number / 2)),
        )
        for octave in range(5)
    ]
    tops = [
        base + sum(size * abs(math.sin(math.pi * often * x / width + start)) for often, start, size in waves)
        for x in range(width)
    ]
    return [round(top - 0.28 * height, 3) for top in tops]  # the same whatever machine's sine it is


def _first_seen(ridges: list[list[float]], y: int) -> int:
    """The farthest ridge that is not hidden in this row."""
    return next((number for number in reversed(range(_RIDGES)) if y >= max(ridges[number])), 0)


def _cover(line: bytearray, y: int, tops: list[float], colour: bytes) -> None:
    if y >= max(tops):
        line[:] = colour * len(tops)
    elif y >= min(tops):
        for x, top in enumerate(tops):
            if y >= top:
                line[3 * x : 3 * x + 3] = colour


def _snow(line: bytearray, y: int, tops: list[float], height: int) -> None:
    """On the tops of the farthest ridge, the higher the deeper."""
    if y > 0.45 * height:
        return
    for x, top in enumerate(tops):
        depth = round(height * 0.16 * (0.4 - top / height) * (1 + 0.4 * math.sin(0.9 * x)), 3)
        if depth > 2 and top <= y < top + depth:
            line[3 * x : 3 * x + 3] = _SNOW


def _between(one: Colour, other: Colour, part: float) -> Colour:
    first, second, third = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return first, second, third


def _fill(line: bytearray, first: int, end: int, colour: bytes) -> None:
    first, end = max(0, first), min(len(line) // 3, end)
    line[3 * first : 3 * end] = colour * max(0, end - first)
