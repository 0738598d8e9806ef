"""Export a home to BigQuery and servers of every kind, and compare all rows: script/interop."""

import argparse
import asyncio
from pathlib import Path
import shutil
import sys
import tempfile
import time

from .destinations import DESTINATIONS
from .interop import Interop

STATES = 6_000


def main() -> int:
    """Run it, print a line for each destination, and return the exit status."""
    names = [one.name for one in DESTINATIONS]
    parser = argparse.ArgumentParser(prog="script/interop", description=__doc__)
    parser.add_argument("--only", choices=names, nargs="+", default=names, help="and no others")
    parser.add_argument("--states", type=int, default=STATES, help="states at the beginning")
    parser.add_argument("--seed", type=int, default=1, help="chooses what is corrected")
    arguments = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", flush=True)

    folder = Path(tempfile.mkdtemp(prefix="interop-"))
    interop = Interop(folder, states=arguments.states, seed=arguments.seed, say=say)
    chosen = [one for one in DESTINATIONS if one.name in arguments.only]
    verdicts = asyncio.run(interop.run(chosen))
    ok = all(one.ok for one in verdicts)
    if ok:
        shutil.rmtree(folder)
    else:
        print(f"what it left, with all logs, is in {folder}")
    for verdict in verdicts:
        for example in verdict.found.examples:
            print(f"{verdict.destination}: {example}")
    for verdict in verdicts:
        print(verdict)
    return int(not ok)


if __name__ == "__main__":
    sys.exit(main())
