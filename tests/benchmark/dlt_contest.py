"""dlt, which copies databases to many places: what a user could take instead."""

from dataclasses import dataclass, field
import json
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
from typing import Any

from tests.home.home_assistant import REPOSITORY

from .contest import Measured
from .pipelines import measure_pipelines
from .spread import Spread
from .stopwatch import Cost

BACKENDS = {"dlt": "sqlalchemy", "dlt, pyarrow": "pyarrow"}
"""How results call dlt's backends."""
VERSIONS = REPOSITORY / "script" / "constraints" / "dlt.txt"
SECONDS_TO_INSTALL = 300
SECONDS_TO_COPY = 600

_SCRIPT = Path(__file__).with_name("dlt_copy.py")


class NoDltError(Exception):
    """dlt could not be installed; the text says why."""


@dataclass(slots=True)
class DltContest:
    """What dlt took, and we beside it: microseconds a row."""

    rows: int
    version: str = ""
    dlt: dict[str, Measured] = field(default_factory=dict)
    ours: list[Cost] = field(default_factory=list)

    def times(self, name: str) -> float:
        """Return how many times as much processor time as we dlt took with a backend."""
        return self.dlt[name].cpu().median / Spread.of(cost.cpu for cost in self.ours).median


def install(folder: Path) -> Path:
    """Make an environment with dlt and return its Python. Raises NoDltError."""
    python = folder / "bin" / "python"
    uv = shutil.which("uv") or str(REPOSITORY / ".tools" / "uv" / "bin" / "uv")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "sync", "--quiet", "--python", str(python), str(VERSIONS)],
    ):
        try:
            _output(command, SECONDS_TO_INSTALL)
        except (OSError, subprocess.SubprocessError) as error:
            raise NoDltError(getattr(error, "stderr", "") or str(error)) from None
    return python


async def measure_dlt(
    folder: Path, python: Path, history: Path, rows: int, repetitions: int
) -> DltContest:
    """Let dlt copy the states of a database by each of its backends, and us as well, in turn."""
    contest = DltContest(rows, dlt={name: Measured(rows) for name in BACKENDS})
    for _ in range(repetitions):
        for name, backend in BACKENDS.items():
            result = _copy(python, history, backend)
            if result["rows"] != rows:
                raise RuntimeError(f"{name} copied {result['rows']} of {rows} rows")
            contest.version = result["version"]
            each = Cost(result["wall"] / rows * 1e6, result["cpu"] / rows * 1e6)
            contest.dlt[name].stages.setdefault("copy", []).append(each)
        ours = await measure_pipelines(
            folder, "SQLite", f"sqlite:///{history}", rows, 1, ("storage_write",), rivals=False
        )
        measured = ours.measured["storage_write"]
        contest.ours.append(Cost(measured.wall().median, measured.cpu().median))
    return contest


def _copy(python: Path, history: Path, backend: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=history.parent) as folder:
        command = [str(python), str(_SCRIPT), str(history), backend, folder]
        copied: dict[str, Any] = json.loads(_output(command, SECONDS_TO_COPY))
    return copied


def _output(command: list[str], seconds: float) -> str:
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=seconds
    ).stdout
