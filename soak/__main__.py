"""`python -m soak [--seconds 1800] [--streams 200]`: exit status 0 when nothing was lost or left behind."""

from __future__ import annotations

import argparse
import asyncio
import sys

from .run import soak


def main() -> int:
    """Read the arguments, run, print the report."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800.0, help="how long (1800)")
    parser.add_argument("--streams", type=int, default=200, help="at the same time (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the random faults (1)")
    arguments = parser.parse_args()
    report = asyncio.run(soak(arguments.seconds, arguments.streams, seed=arguments.seed))
    sys.stdout.write(f"{report}\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
