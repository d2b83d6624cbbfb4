"""gopro-media-downloader as a program: its own command line, at the address that is the first argument.

It runs in the environment of the judges (.local/judges), where nothing of this project is.
"""

from __future__ import annotations

import sys

from gopro_dl import api
from gopro_dl.cli import main

if __name__ == "__main__":
    api.API_HOST = sys.argv[1]  # it reads it for each request, and has no option for it
    sys.exit(main(sys.argv[2:]))
