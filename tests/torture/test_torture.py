"""A short torture, and what its last line says."""

import asyncio
from collections import Counter
import os
from pathlib import Path
import re
import sys
from typing import Any

import pytest

from tests.home.home_assistant import REPOSITORY

from . import __main__ as torture_module
from .kinds import Kind
from .verdict import Verdict, Verdicts

LAST = re.compile(
    r"torture: kills=2 faults=\d+ rows=\d+ lost=(\d+) duplicated=(\d+) destroyed=\d+"
    r" restores=\d+ copies=\d+ corrections=\d+ clock_jumps=\d+ token_faults=\d+"
    r" texts=\d+ values=\d+ pages=\d+"
)
COUNTS = {
    "kills": 2,
    **dict.fromkeys(("faults", "restores", "copies", "corrections", "clock_jumps"), 3),
    **dict.fromkeys(("token_faults", "texts", "values", "pages"), 4),
}


@pytest.mark.torture
@pytest.mark.timeout(1200)
async def test_exactly_once_after_kills(tmp_path: Path) -> None:
    """After kills and faults, each row is in BigQuery exactly once, and the last line says so."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.torture", "--kills", "2", "--states", "3000", "--seed", "5"),
        cwd=REPOSITORY,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()

    assert process.returncode == 0, output
    last = LAST.fullmatch(output.splitlines()[-1])
    assert last, output
    assert last.groups() == ("0", "0")


@pytest.mark.parametrize(
    ("lost", "duplicated", "status"), [(0, 0, 0), (2, 0, 1), (0, 1, 1), (None, None, 1)]
)
def test_last_line(
    lost: int | None,
    duplicated: int | None,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It counts what is wrong, of which some is shown, and the files stay; so does a failure."""
    key = ("sensor.kitchen", 1_790_000_000_000_000)
    asked: dict[str, Any] = {}

    class Torture:
        """Stands in for the torture, with a verdict that is known."""

        def __init__(self, folder: Path, **options: Any) -> None:
            asked.update(options, folder=folder)
            self.counts = COUNTS

        async def run(self, **limits: Any) -> Verdicts:
            asked.update(limits)
            if lost is None or duplicated is None:
                raise RuntimeError("it cannot go on")
            verdict = Verdict(
                rows=7,
                lost=+Counter({key: lost}),
                duplicated=+Counter({key: duplicated}),
                invented=Counter(),
                different=[],
            )
            return {"sensor_data": verdict}

    monkeypatch.setattr(torture_module, "Torture", Torture)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    options = ["--kills", "2", "--seed", "5", "--delivery", "load_job", "--without", "page"]
    monkeypatch.setattr(sys, "argv", ["torture", *options])
    assert torture_module.main() == status

    assert (asked["kills"], asked["seed"], asked["deliveries"]) == (2, 5, ["load_job"])
    assert asked["kinds"] == {*Kind} - {Kind.PAGE}
    assert asked["folder"].exists() == bool(status)
    output = capsys.readouterr().out
    if lost is None:
        assert "it cannot go on" in output
        assert "torture: " not in output
        return
    last = LAST.fullmatch(output.splitlines()[-1])
    assert last, output
    assert last.groups() == (str(lost), str(duplicated))
    assert ("sensor_data, lost: " in output) == bool(lost)
