"""Measure speed, lag, memory and traffic of the export; `script/benchmark` runs this."""

import argparse
import asyncio
import json
from pathlib import Path
import sys
import tempfile
import time

from .benchmark import FULL, PARTS, QUICK, QUICK_PARTS, USUAL_PARTS, Benchmark
from .chart import chart
from .report import chart_bars, report
from .results import Results


def main() -> int:
    """Run the benchmark, print the tables, and write the files that were asked for."""
    arguments = _arguments()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = arguments.dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        benchmark = Benchmark(folder.resolve(), QUICK if arguments.quick else FULL, say)
        asyncio.run(benchmark.measure(arguments.only))
    results = benchmark.results
    for line in report(results):
        print(line)
    if arguments.json:
        arguments.json.write_text(json.dumps(results.to_json(), indent=1) + "\n")
    if arguments.chart:
        arguments.chart.write_text(_chart(results))
    print()
    print(results.last_line())
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/benchmark", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="100,000 rows, no servers and no dlt, to try it"
    )
    parser.add_argument("--only", type=_parts, help=f"parts, with commas: {','.join(PARTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="write a chart there, as SVG")
    parser.add_argument(
        "--dir", type=Path, help="keep the databases in this folder, and take those that are there"
    )
    arguments = parser.parse_args()
    if arguments.only is None:
        arguments.only = QUICK_PARTS if arguments.quick else USUAL_PARTS
    return arguments


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"there is no part {', '.join(sorted(unknown))}")
    return parts


def _chart(results: Results) -> str:
    rows = f"{results.largest.rows:,}" if results.largest else ""
    return chart(
        "From the recorder to bytes, rows a second",
        f"{rows} states from SQLite, one core, no network; longer is better",
        chart_bars(results),
        "; ".join(
            (
                "Rows a second of processor time; sqlite3 alone does nothing with the rows",
                *([f"dlt {results.dlt.version}: the bare table of states"] if results.dlt else ()),
            )
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
