"""What a process has used of the processor, from outside of it."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_time(pid: int) -> float:
    """Return the seconds of all its threads so far (`man proc_pid_stat`, utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
