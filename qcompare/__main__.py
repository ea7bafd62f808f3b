"""`python -m qcompare`."""

from __future__ import annotations

import sys

from qcompare.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
