"""Tests of a clock that is wrong."""

from datetime import datetime
import json
from pathlib import Path
import subprocess
import sys
import time
from typing import Any

import pytest

from .home_assistant import REPOSITORY, HomeAssistant
from .shifted_clock import NAME, WrongClock

DAY = 86_400.0
CLOSE = 30.0
"""Seconds that a process may take here."""
PROGRAM = """
from pathlib import Path
import sys

from tests.home.shifted_clock import WrongClock, shift

shift(Path(sys.argv[1]) / "clock")

from datetime import UTC, date, datetime
import json
import time

from google.auth._helpers import utcnow
from grpc import _channel
from homeassistant.util import dt
import ulid_transform


def times():
    return {
        "time": time.time(),
        "time_ns": time.time_ns() / 1e9,
        "localtime": time.mktime(time.localtime()),
        "datetime": datetime.now(UTC).timestamp(),
        "naive": datetime.now().timestamp(),
        "utcnow": datetime.utcnow().replace(tzinfo=UTC).timestamp(),
        "today": datetime.today().timestamp(),
        "home_assistant": dt.utcnow().timestamp(),
        "google_auth": utcnow().replace(tzinfo=UTC).timestamp(),
        "ulid": ulid_transform.ulid_to_timestamp(ulid_transform.ulid_now()) / 1000,
    }


def right():
    return {"grpc": _channel._deadline(0), "file": Path(sys.argv[1], "new").stat().st_mtime}


Path(sys.argv[1], "new").touch()
monotonic = time.monotonic()
first = times()
WrongClock(Path(sys.argv[1])).seconds = float(sys.argv[2])
assert type(datetime.now()) is datetime
assert 0 <= time.monotonic() - monotonic < 30
assert date.today() == datetime.now().date()
print(json.dumps([first, times(), right()]))
"""


@pytest.mark.parametrize("seconds", [-200 * DAY, -3_000.0, 0.0, 0.5, 3 * DAY])
def test_a_clock_jumps_while_a_process_runs(tmp_path: Path, seconds: float) -> None:
    """All that tells the time of day goes with it, and nothing that only passes."""
    clock = WrongClock(tmp_path)
    clock.seconds = 2 * DAY
    began = time.time()
    first, then, right = run(tmp_path, seconds)
    for name, at in first.items():
        assert 0 <= at - 2 * DAY - began + 1 < CLOSE, name
    for name, at in then.items():
        assert 0 <= at - seconds - began + 1 < CLOSE, name
    for name, at in right.items():
        assert 0 <= at - began + 1 < CLOSE, name
    assert clock.seconds == seconds


def run(folder: Path, seconds: float) -> list[dict[str, Any]]:
    """Run the program with a clock that jumps to be so far off, and return what it saw."""
    arguments = (sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder), str(seconds))
    process = subprocess.run(arguments, cwd=REPOSITORY, capture_output=True, check=False)
    assert process.returncode == 0, process.stderr.decode()
    times: list[dict[str, Any]] = json.loads(process.stdout)
    return times


def test_a_clock_is_right_at_first_and_kept(tmp_path: Path) -> None:
    """What is there of a clock stays, as when a home is copied."""
    WrongClock(tmp_path).seconds = 7.5
    assert WrongClock(tmp_path).seconds == 7.5
    assert 0 <= WrongClock(tmp_path).time() - 7.5 - time.time() + 1 < CLOSE
    (tmp_path / NAME).unlink()
    assert WrongClock(tmp_path).seconds == 0.0


async def test_home_assistant_goes_by_it(tmp_path: Path, socket_enabled: None) -> None:
    """States are written with its time, before and after a jump, and its token is still taken."""
    home = HomeAssistant(tmp_path, integrations=())
    clock = WrongClock(tmp_path)
    async with home:
        for seconds in (-30 * DAY, 2 * DAY):
            clock.seconds = seconds
            await home.client.set_state("sensor.kitchen", str(seconds), {})
            (state,) = (
                state
                for state in await home.client.states()
                if state["entity_id"] == "sensor.kitchen"
            )
            updated = datetime.fromisoformat(state["last_updated"]).timestamp()
            assert abs(updated - clock.time()) < CLOSE
