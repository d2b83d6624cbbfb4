"""Which cameras recorded the clips of the demo library, and where: so that its catalogue has something to show.

The places are known ones in the Alps. A clip without one is of a camera that has no receiver (HERO12 Black, HERO5
Session), or its receiver did not find itself in time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from local.gopro_movie import Camera, place_note, rewrite, with_gopro_boxes
from local.gopro_notes import Fix

# Each with a firmware that its maker has published. HERO5 names its model nowhere but in the firmware.
CAMERAS = {
    camera.model: camera
    for camera in (
        Camera(model="HERO13 Black", firmware="H24.01.02.02.00", by=b"GPS9"),
        Camera(model="HERO12 Black", firmware="H23.01.02.32.00", by=b""),
        Camera(model="HERO11 Black", firmware="H22.01.02.32.00", by=b"GPS9"),
        Camera(model="HERO8 Black", firmware="HD8.01.02.51.00"),
        Camera(model="MAX", firmware="H19.03.02.00.00"),
        Camera(model="HERO5 Session", firmware="HD5.03.02.51.00", by=b"", is_named=False),
    )
}
PLACES = {  # degrees, and metres above the sea
    "Gornergrat": (45.9834, 7.7847, 3089.0),
    "Aiguille du Midi": (45.8786, 6.8874, 3777.0),
    "Diavolezza": (46.4112, 9.9653, 2978.0),
    "Limone sul Garda": (45.8138, 10.7925, 68.0),
    "Lauterbrunnen": (46.5935, 7.9091, 802.0),
    "Grossglockner": (47.0742, 12.6939, 2370.0),
    "Bettmerhorn": (46.4146, 8.0778, 2647.0),
    "Tre Cime": (46.6187, 12.3027, 2405.0),
    "Oeschinensee": (46.4983, 7.7277, 1578.0),
}
LOST = "nowhere"  # a receiver that does not find itself
_ZONE = timedelta(hours=1)  # of the cameras' clocks, which nobody sets in summer


def recorded(
    path: Path, model: str | None, moment: datetime, *, place: str = "", hilights: tuple[float, ...] = (), seed: int = 0
) -> None:
    """Rewrites a clip as the camera of this model would have written it; without a model, as a drone would. `hilights`
    are seconds from its beginning, `seed` moves the place by a few metres."""
    if model is None:
        rewrite(path, clock=moment, notes=place_note(*PLACES[place]) if place else b"")
        return
    marks = [round(1000 * mark) for mark in hilights]
    with_gopro_boxes(
        path, CAMERAS[model], clock=moment + _ZONE, hilights_ms=marks, fixes=_fixes(place, moment, 1e-5 * seed)
    )


def _fixes(place: str, moment: datetime, moved: float) -> list[Fix]:
    """Three seconds: a receiver has its last position at first, and finds itself in the third."""
    if not place:
        return []
    latitude, longitude, altitude = PLACES.get(place, (0.0, 0.0, 0.0))
    found = Fix(latitude=latitude + moved, longitude=longitude - moved, altitude=altitude, time=moment)
    old = replace(found, latitude=0.0, longitude=0.0, altitude=0.0, dimensions=0, precision=99.99)
    last = replace(old, time=moment + timedelta(seconds=2)) if place == LOST else found
    return [old, replace(old, latitude=45.0, longitude=7.0, dimensions=2, precision=20.0), last]
