"""Show and check that the whole pipeline works; `script/demo` runs this.

A real Home Assistant with ten days of history, BigQuery on this machine, the config flow, two
exports while the home goes on living, and a comparison of every row.
"""

import argparse
import asyncio
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
import shutil
import sys
import tempfile
import time
import traceback

from tests.home.comparison import Comparison, all_ok
from tests.home.home_assistant import REPOSITORY

from .demonstration import Demonstration, DemonstrationError

SHOWN = 5


def main() -> int:
    """Run the demonstration and return the exit status."""
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument(
        "--serve", action="store_true", help="leave everything running until Ctrl-C"
    )
    parser.add_argument("--dir", type=Path, help="a new folder to work in, which is kept")
    arguments = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", flush=True)

    folder = _make_folder(arguments.dir)
    demonstration = Demonstration(folder, say)
    failed = _run(demonstration, serve=arguments.serve)
    comparisons = demonstration.comparisons
    if comparisons is not None and not all_ok(comparisons):
        failed = True
        for table, comparison in comparisons.items():
            _explain(table, comparison)
    if failed:
        print(f"demo failed; what it left, with all logs, is in {folder}")
    elif arguments.dir is None:
        shutil.rmtree(folder)
    if comparisons is not None:
        found = comparisons.values()
        print(
            f"demo: recorder={sum(comparison.recorder for comparison in found)}"
            f" bigquery={sum(comparison.bigquery for comparison in found)}"
            f" lost={sum(comparison.lost.total() for comparison in found)}"
            f" duplicated={sum(comparison.duplicated.total() for comparison in found)}"
            f" seconds={time.monotonic() - began:.1f}"
        )
    return int(failed)


def _make_folder(wanted: Path | None) -> Path:
    if wanted is not None:
        wanted.mkdir(parents=True)
        return wanted.resolve()
    parent = REPOSITORY / ".demo"
    parent.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(dir=parent))


def _run(demonstration: Demonstration, *, serve: bool) -> bool:
    """Run it and return whether it failed; say why."""
    try:
        asyncio.run(demonstration.show(serve=serve))
    except DemonstrationError as failure:
        print(failure)
        return True
    except KeyboardInterrupt:
        # That is how it ends when it was served.
        return not demonstration.served
    except Exception:
        traceback.print_exc()
        return True
    return False


def _explain(table: str, comparison: Comparison) -> None:
    """Print some of what is wrong with a table."""
    for what, keys in (
        ("lost", comparison.lost),
        ("duplicated", comparison.duplicated),
        ("not of this recorder", comparison.foreign),
    ):
        _print_some(f"{table}, {what}: {keys.total()} rows", map(repr, keys))
    differences = comparison.differences
    _print_some(f"{table}, different: {len(differences)} values", map(repr, differences))


def _print_some(title: str, items: Iterable[str]) -> None:
    print(title)
    for item in islice(items, SHOWN):
        print(f"  {item}")


if __name__ == "__main__":
    sys.exit(main())
