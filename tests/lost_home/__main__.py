"""Lose the database of a home, bring its statistics back while it is killed, and compare.

    script/lost-home [--database sqlite|mysql|postgresql] [--statistics N] [--years Y] [--kills N]

The last line is JSON; the exit status is 0 if everything is as it was, and nothing was sent again.
"""

import argparse
import asyncio
import json
from pathlib import Path
import sys
from tempfile import TemporaryDirectory

from .run import Settings, run


def main() -> int:
    """Read the arguments, run, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="sqlite", choices=["sqlite", "mysql", "postgresql"])
    parser.add_argument("--statistics", type=int, default=30)
    parser.add_argument("--years", type=float, default=3.0)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = asyncio.run(run(Path(folder), Settings(**vars(arguments))))
    print(json.dumps(found))
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
