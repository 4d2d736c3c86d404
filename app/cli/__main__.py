"""`python -m app.cli`: the same as `workbench`."""

import sys

from app.cli import main

sys.exit(main())
