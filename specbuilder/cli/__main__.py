"""`python -m specbuilder.cli`, for where the script is not on the path."""

from __future__ import annotations

from .app import main

main()
