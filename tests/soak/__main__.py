"""Let a busy home export every minute for a long time, then count; `script/soak` runs this."""

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

from tests.home.comparison import Comparison, all_ok

from .settings import Settings
from .soak import Soak
from .verdict import Verdict

SHOWN = 5


def main() -> int:
    """Run the soak and return the exit status."""
    parser = argparse.ArgumentParser(prog="script/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15, help="how long the home is busy")
    parser.add_argument("--changes-per-second", type=int, default=500, help="how busy it is")
    parser.add_argument("--export-every", type=float, default=60, help="seconds between exports")
    parser.add_argument("--seed", type=int, help="repeats the same states")
    parser.add_argument(
        "--control", action="store_true", help="export nothing, to see what the home does alone"
    )
    parser.add_argument("--dir", type=Path, help="a new folder to work in, which is kept")
    arguments = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", flush=True)

    settings = Settings(
        minutes=arguments.minutes,
        changes_per_second=arguments.changes_per_second,
        export_every=arguments.export_every,
        seed=secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed,
        control=arguments.control,
    )
    say(f"seed {settings.seed}")
    folder = _make_folder(arguments.dir)
    soak = Soak(folder, settings, say)
    if not _run(soak):
        print(f"failed; what it left, with all logs, is in {folder}")
        return 1
    for table, comparison in soak.comparisons.items():
        _explain(table, comparison)
    for failure in soak.failures:
        print(f"wrong: {failure}")
    ok = not soak.failures and all_ok(soak.comparisons)
    if not ok:
        print(f"failed; what it left, with all logs, is in {folder}")
    elif arguments.dir is None:
        shutil.rmtree(folder)
    _explain_thirds(soak.verdict)
    print(_last_line(soak, settings))
    return int(not ok)


def _make_folder(wanted: Path | None) -> Path:
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="soak-"))
    wanted.mkdir(parents=True)
    return wanted.resolve()


def _run(soak: Soak) -> bool:
    """Run it and return whether it came to its end; say why if it did not."""
    try:
        asyncio.run(soak.run())
    except KeyboardInterrupt:
        print("interrupted")
    except Exception:
        traceback.print_exc(file=sys.stdout)
    else:
        return True
    return False


def _explain_thirds(verdict: Verdict) -> None:
    for what, thirds in (
        ("RSS MB, median", verdict.rss_mb),
        ("lag p99 ms", verdict.lag_p99_ms),
        ("rows waiting, median", verdict.waiting),
    ):
        print(
            f"{what}: {thirds.first:,.1f} in the first third, {thirds.second:,.1f} in the second,"
            f" {thirds.last:,.1f} in the last"
        )


def _last_line(soak: Soak, settings: Settings) -> str:
    found = soak.comparisons.values()
    verdict = soak.verdict
    return (
        f"{'control' if settings.control else 'soak'}: minutes={settings.minutes:g}"
        f" rows={sum(comparison.bigquery for comparison in found)}"
        f" lost={sum(comparison.lost.total() for comparison in found)}"
        f" duplicated={sum(comparison.duplicated.total() for comparison in found)}"
        f" rss_growth_mb={verdict.rss_growth_mb:.1f}"
        f" lag_p99_first_ms={verdict.lag_p99_ms.first:.1f}"
        f" lag_p99_last_ms={verdict.lag_p99_ms.last:.1f}"
    )


def _explain(table: str, comparison: Comparison) -> None:
    """Print what was compared of a table, and some of what is wrong."""
    print(
        f"{table}: recorder {comparison.recorder:,}, BigQuery {comparison.bigquery:,},"
        f" lost {comparison.lost.total()}, duplicated {comparison.duplicated.total()},"
        f" by value {comparison.sampled:,}, different {len(comparison.differences)}"
    )
    for what, items in (
        ("lost", comparison.lost),
        ("duplicated", comparison.duplicated),
        ("not of this recorder", comparison.foreign),
        ("different", comparison.differences),
    ):
        _print_some(f"{table}, {what}", items)


def _print_some(what: str, items: Iterable[object]) -> None:
    for item in islice(items, SHOWN):
        print(f"{what}: {item}")


if __name__ == "__main__":
    sys.exit(main())
