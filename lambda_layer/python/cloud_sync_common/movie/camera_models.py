"""Which action camera it was, by its firmware. Pure.

A firmware's name, such as H22.01.02.32.00, has the model in its first two fields (so the updates that the maker
publishes are named, and the folder of each; the same list is in public tools that read these movies). A movie's user
data has the firmware in each generation, and the model's name since HERO6 only.
"""

from __future__ import annotations

_MODELS = {
    "HD3.01": "HERO3 White",
    "HD3.02": "HERO3 Silver",
    "HD3.03": "HERO3 Black",
    "HD3.10": "HERO3+ Silver",
    "HD3.11": "HERO3+ Black",
    "HD3.20": "HERO (2014)",
    "HD3.21": "HERO+ LCD",
    "HD3.22": "HERO+",
    "HD4.01": "HERO4 Silver",
    "HD4.02": "HERO4 Black",
    "HX1.01": "HERO Session",
    "HD5.02": "HERO5 Black",
    "HD5.03": "HERO5 Session",
    "HD6.01": "HERO6 Black",
    "FS1.04": "Fusion",
    "HD7.01": "HERO7 Black",
    "H18.01": "HERO (2018)",
    "H18.02": "HERO7 White",
    "H18.03": "HERO7 Silver",
    "HD8.01": "HERO8 Black",
    "H19.03": "MAX",
    "HD9.01": "HERO9 Black",
    "H21.01": "HERO10 Black",
    "H22.01": "HERO11 Black",
    "H22.03": "HERO11 Black Mini",
    "H23.01": "HERO12 Black",
    "H24.01": "HERO13 Black",
    "H24.02": "MAX2",
    "H24.03": "HERO (2024)",
}


def model_of(firmware: str) -> str:
    """Empty for a firmware that is not known."""
    return _MODELS.get(firmware[:6], "")
