"""Copies the table of states to local files with dlt; runs in an environment that has it.

    python dlt_copy.py DATABASE BACKEND FOLDER

Prints rows, seconds and processor seconds as JSON. They begin when everything is imported, and
end when the files are complete.
"""

import json
import os
from pathlib import Path
import resource
import sys
import time


def main() -> None:
    """Copy the table, and print what that took."""
    database, backend, folder = sys.argv[1:]
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt  # type: ignore[import-not-found]
    from dlt.sources.sql_database import sql_table  # type: ignore[import-not-found]

    wall, cpu = time.perf_counter(), _cpu()
    files = dlt.destinations.filesystem(bucket_url=(Path(folder) / "files").as_uri())
    pipeline = dlt.pipeline(
        "benchmark",
        pipelines_dir=str(Path(folder) / "work"),
        destination=files,
        dataset_name="home",
    )
    states = sql_table(credentials=f"sqlite:///{database}", table="states", backend=backend)
    pipeline.run(states, loader_file_format="parquet" if backend == "pyarrow" else "jsonl")
    result = {
        "rows": pipeline.last_trace.last_normalize_info.row_counts["states"],
        "wall": time.perf_counter() - wall,
        "cpu": _cpu() - cpu,
        "version": dlt.__version__,
    }
    print(json.dumps(result))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main()
