"""A short torture of a copy."""

import asyncio
import os
from pathlib import Path
import sys

import pytest

from tests.home.home_assistant import REPOSITORY
from tests.interop.postgresql_server import is_there
from tests.torture.tortured_copies import TORTURED_COPIES


@pytest.mark.torture
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", TORTURED_COPIES)
async def test_exactly_once_after_kills(tmp_path: Path, kind: str) -> None:
    """After kills and faults, each row is in the copy exactly once, and the last line says so."""
    if kind == "timescaledb" and not is_there():
        pytest.skip("there is no TimescaleDB; script/interop unpacks one")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.torture", "--copy", kind, "--kills", "3", "--states", "5000", "--seed", "5"),
        cwd=REPOSITORY,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    assert output.splitlines()[-1].endswith(" lost=0 duplicated=0"), output
