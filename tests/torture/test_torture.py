"""A short torture."""

import asyncio
import os
from pathlib import Path
import re
import sys

import pytest

from tests.home.home_assistant import REPOSITORY


@pytest.mark.long
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
    last = output.splitlines()[-1]
    assert re.fullmatch(
        r"torture: kills=2 faults=\d+ rows=\d+ lost=0 duplicated=0 destroyed=\d+"
        r" restores=\d+ copies=\d+ corrections=\d+ clock_jumps=\d+ token_faults=\d+"
        r" texts=\d+ values=\d+ pages=\d+",
        last,
    ), output
