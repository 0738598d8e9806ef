"""Kill, break and damage everything for minutes, then count; `script/torture` runs this."""

import argparse
import asyncio
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
import secrets
import shutil
import sys
import tempfile
import time
import traceback

from .integration import DELIVERIES
from .torture import STATES, Torture
from .verdict import Verdict

SHOWN = 5


def main() -> int:
    """Run the torture and return the exit status."""
    parser = argparse.ArgumentParser(prog="script/torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how often Home Assistant is killed")
    parser.add_argument("--seed", type=int, help="repeats what was done, as far as timing allows")
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="begin no other kill after this time"
    )
    parser.add_argument("--states", type=int, default=STATES, help="states at the beginning")
    parser.add_argument(
        "--delivery",
        choices=DELIVERIES,
        action="append",
        help="one alone, where else both are used in turn",
    )
    arguments = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", flush=True)

    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    say(f"seed {seed}")
    torture = Torture(
        folder,
        seed=seed,
        states=arguments.states,
        deliveries=arguments.delivery or DELIVERIES,
        say=say,
    )
    verdict = _run(torture, arguments.kills, arguments.seconds)
    if verdict is not None and verdict.ok:
        shutil.rmtree(folder)
    else:
        print(f"failed with seed {seed}; what it left, with all logs, is in {folder}")
    if verdict is None:
        return 1
    _explain(verdict)
    print(
        f"torture: kills={torture.kills} faults={torture.faults} rows={verdict.rows}"
        f" lost={verdict.lost.total()} duplicated={verdict.duplicated.total()}"
    )
    return int(not verdict.ok)


def _run(torture: Torture, kills: int, seconds: float) -> Verdict | None:
    """Run it; say why if there is no verdict."""
    try:
        return asyncio.run(torture.run(kills=kills, seconds=seconds))
    except KeyboardInterrupt:
        print("interrupted")
    except Exception:
        traceback.print_exc(file=sys.stdout)
    return None


def _explain(verdict: Verdict) -> None:
    """Print some of what is wrong."""
    for what, items in (
        ("lost", verdict.lost),
        ("duplicated", verdict.duplicated),
        ("never in the recorder", verdict.invented),
        ("different", verdict.different),
    ):
        _print_some(what, items)


def _print_some(what: str, items: Iterable[object]) -> None:
    for item in islice(items, SHOWN):
        print(f"{what}: {item}")


if __name__ == "__main__":
    sys.exit(main())
