"""A slower processor."""

from pathlib import Path
import subprocess
import sys

from .slow_processor import slowed


def test_it_goes_on_and_ends() -> None:
    """A process that was slowed is not left stopped, and may end meanwhile."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        with slowed(process.pid, 0.5):
            pass
        assert Path(f"/proc/{process.pid}/stat").read_text().split()[2] != "T"
        with slowed(process.pid, 0.5):
            process.communicate(b"\n", timeout=30)
    assert process.returncode == 0
