"""`python -m nepi.cli` is `nepi`."""

from __future__ import annotations

from nepi.cli.main import main

main()
