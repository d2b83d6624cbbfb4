"""Who has made a camera, by how it names its files. Pure.

The files of one maker's cameras are with any provider.
"""

from __future__ import annotations

import re

# GX010051.MP4 and GOPR0051.MP4 are GoPro's ("File naming convention"), DJI_0001.MP4 and DJI_20260503101500_0001_D.MP4
# are DJI's.
_MAKERS = (
    (re.compile(r"(?i)(G[HXS][0-9]{6}|GOPR[0-9]{4}|GP[0-9]{6})\."), "GoPro"),
    (re.compile(r"(?i)DJI_[0-9]"), "DJI"),
)


def maker_in_name(filename: str) -> str:
    """Empty where the name does not say it."""
    return next((maker for pattern, maker in _MAKERS if pattern.match(filename)), "")
