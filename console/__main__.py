"""`python -m console` is `cloudsync`."""

import sys

from console.main import main

sys.exit(main())
