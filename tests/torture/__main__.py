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

from .copy_torture import CopyTorture
from .integration import WAYS
from .kinds import Kind
from .torture import STATES, Torture
from .tortured_copies import TORTURED_COPIES
from .verdict import Verdict, Verdicts

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
        choices=WAYS,
        action="append",
        help="one alone, where else all are used in turn",
    )
    parser.add_argument(
        "--only", choices=Kind, type=Kind, nargs="*", help="of these kinds of trouble no others"
    )
    parser.add_argument(
        "--without", choices=Kind, type=Kind, nargs="*", default=[], help="and none of these"
    )
    parser.add_argument(
        "--copy",
        choices=TORTURED_COPIES,
        const="postgresql",
        nargs="?",
        help="of a copy instead, by default in PostgreSQL",
    )
    arguments = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", flush=True)

    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    say(f"seed {seed}")
    if arguments.copy:
        copy = CopyTorture(folder, arguments.copy, seed=seed, states=arguments.states, say=say)
        return _of_a_copy(copy, folder, arguments.kills, arguments.seconds, seed)
    torture = Torture(
        folder,
        seed=seed,
        states=arguments.states,
        deliveries=arguments.delivery or WAYS,
        kinds={*(Kind if arguments.only is None else arguments.only)} - {*arguments.without},
        say=say,
    )
    verdicts = _run(torture, arguments.kills, arguments.seconds)
    ok = verdicts is not None and all(verdict.ok for verdict in verdicts.values())
    if ok:
        shutil.rmtree(folder)
    else:
        print(f"failed with seed {seed}; what it left, with all logs, is in {folder}")
    if verdicts is None:
        return 1
    for table, verdict in verdicts.items():
        _explain(table, verdict)
    counts = {**torture.counts}
    found = verdicts.values()
    print(
        f"torture: kills={counts.pop('kills')} faults={counts.pop('faults')}"
        f" rows={sum(verdict.rows for verdict in found)}"
        f" lost={sum(verdict.lost.total() for verdict in found)}"
        f" duplicated={sum(verdict.duplicated.total() for verdict in found)}"
        f" destroyed={sum(verdict.destroyed.total() for verdict in found)} "
        + " ".join(f"{name}={n}" for name, n in counts.items())
    )
    return int(not ok)


def _of_a_copy(torture: CopyTorture, folder: Path, kills: int, seconds: float, seed: int) -> int:
    """Run the torture of a copy and return the exit status."""
    verdict = asyncio.run(torture.run(kills=kills, seconds=seconds))
    _print_some("lost", verdict.lost)
    _print_some("duplicated", verdict.duplicated)
    if verdict.ok:
        shutil.rmtree(folder)
    else:
        print(f"failed with seed {seed}; what it left, with all logs, is in {folder}")
    print(
        f"torture of a copy: kills={torture.kills} faults={torture.faults} rows={verdict.rows}"
        f" lost={verdict.lost.total()} duplicated={verdict.duplicated.total()}"
    )
    return int(not verdict.ok)


def _run(torture: Torture, kills: int, seconds: float) -> Verdicts | None:
    """Run it; say why if there is no verdict."""
    try:
        return asyncio.run(torture.run(kills=kills, seconds=seconds))
    except KeyboardInterrupt:
        print("interrupted")
    except Exception:
        traceback.print_exc(file=sys.stdout)
    return None


def _explain(table: str, verdict: Verdict) -> None:
    """Print some of what is wrong with a table."""
    for what, items in (
        ("lost", verdict.lost),
        ("duplicated", verdict.duplicated),
        ("never in the recorder", verdict.invented),
        ("different", verdict.different),
        ("shown, but no longer in the recorder", verdict.outlived),
        ("destroyed, and in no gap that is told", verdict.untold),
    ):
        _print_some(f"{table}, {what}", items)


def _print_some(what: str, items: Iterable[object]) -> None:
    for item in islice(items, SHOWN):
        print(f"{what}: {item}")


if __name__ == "__main__":
    sys.exit(main())
