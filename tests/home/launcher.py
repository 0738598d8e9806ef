"""Run Home Assistant as `python -m homeassistant` does; started by `home_assistant.py`.

Ends when its standard input does, so that it never outlives what started it.
"""

import asyncio
from contextlib import ExitStack
import gc
from importlib import import_module
from importlib.util import find_spec
import os
from pathlib import Path
import runpy
import signal
import sys
import threading
import time
from types import ModuleType
from typing import Any

TESTS = Path(__file__).parents[1]
SECONDS_TO_STOP = 20
SLOW_CALLBACK_SECONDS = 0.05
FREEZE_SECONDS = 1.0
TRANSACTION_ROWS = "TESTS_TRANSACTION_ROWS"
"""The variable that says how many rows the integration may put into one transaction."""
FENCE_SECONDS = "TESTS_FENCE_SECONDS"
"""The variable that says in how many seconds the integration changes its fence a few times."""
FULL_SPEED = "TESTS_FULL_SPEED"
"""The variable that, if set, lets the integration export without pauses."""
LIKE_THE_SCHEDULE = "TESTS_LIKE_THE_SCHEDULE"
"""The variable that, if set, lets actions export as the schedule does: not for own states alone."""
MEASUREMENTS = "TESTS_MEASUREMENTS"
"""The variable that names the folder for what Home Assistant measures of itself."""


def _end_with_standard_input() -> None:
    # sys.stdin would be locked by this thread when the interpreter ends, and abort it.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_STOP)
    os.kill(os.getpid(), signal.SIGKILL)


def _warn_of_slow_callbacks(resources: ExitStack) -> None:
    """Make asyncio's debug mode stricter than its 100 ms, and fair on a busy machine."""
    runner = import_module("homeassistant.runner")
    create_event_loop = runner.create_event_loop
    logged_slow_callbacks = _run_module("machine/slow_callbacks")["logged_slow_callbacks"]

    def create_stricter_event_loop(debug: bool = False) -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = create_event_loop(debug)
        resources.enter_context(logged_slow_callbacks(loop, SLOW_CALLBACK_SECONDS))
        return loop

    runner.create_event_loop = create_stricter_event_loop  # type: ignore[attr-defined]


def _keep_old_objects_from_the_collector() -> None:
    """Let Python's garbage collector look at new objects only.

    To look through all of Home Assistant's takes it 0.2 to 0.3 s, in whatever step happens to
    need memory then: that says nothing of the step.
    """
    while True:
        gc.freeze()
        time.sleep(FREEZE_SECONDS)


def _stand_in_for_audio() -> None:
    """Let the voice assistants be imported, as the frontend's list of actions needs them.

    The two libraries behind them have no wheels for this Python, and a bare machine has no
    compiler. No user speaks to this Home Assistant.
    """
    for name, used in (("pymicro_vad", "MicroVad"), ("pyspeex_noise", "AudioProcessor")):
        if find_spec(name) is None:
            module = ModuleType(name)
            setattr(module, used, object)
            sys.modules[name] = module


def _limit_transactions(rows: int) -> None:
    """Let the integration begin backfills, and end transactions, with fewer rows than it would."""
    for name in ("chunk", "resume"):
        module = _integration(f"export.{name}")
        assert module.MAX_ROWS
        module.MAX_ROWS = rows  # type: ignore[attr-defined]


def _limit_fence(seconds: float) -> None:
    """Let the integration change its fence a few times in so many seconds."""
    module = _integration("bigquery.fence_table")
    assert module._SECONDS
    module._SECONDS = seconds  # type: ignore[attr-defined]


def _export_without_pauses() -> None:
    """Let the integration export as fast as it can, and not as it would beside others."""
    module = _integration("export.pace")
    for pause in ("_PAUSE", "_SHORTEST", "_LONGEST"):
        assert getattr(module, pause)
        setattr(module, pause, 0)


def _export_like_the_schedule() -> None:
    """Let no export begin because of states that are the integration's own."""
    module = _integration("runner.factory")
    assert module.UNHURRIED
    module.UNHURRIED = tuple(_integration("rows.export_log").Trigger)  # type: ignore[attr-defined]


def _shift_clock() -> None:
    """Let the clock be wrong, if there is a file that says by how much.

    What sets it has a token of the right time, which is taken before that time, too.
    """
    shifted_clock = _run_module("home/shifted_clock")
    path = _configuration() / shifted_clock["NAME"]
    if path.exists():
        shifted_clock["shift"](path)
        jwt_wrapper = import_module("homeassistant.auth.jwt_wrapper")
        jwt_wrapper._jwt.options["verify_iat"] = False


def _run_module(name: str) -> dict[str, Any]:
    """Return what a module of the tests has, which can be imported from nowhere here."""
    return runpy.run_path(str(TESTS / f"{name}.py"))


def _integration(name: str) -> ModuleType:
    """Import a module of the integration as Home Assistant does, which then finds it imported."""
    folder = str(_configuration())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return import_module(f"custom_components.bigquery_export.{name}")


def _configuration() -> Path:
    return Path(sys.argv[sys.argv.index("--config") + 1])


def main() -> None:
    """Run Home Assistant with this process's own arguments."""
    with ExitStack() as resources:
        _run(resources)


def _run(resources: ExitStack) -> None:
    _shift_clock()  # Before Home Assistant is imported, which keeps functions that tell the time.
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    if "--debug" in sys.argv:
        _warn_of_slow_callbacks(resources)
        threading.Thread(target=_keep_old_objects_from_the_collector, daemon=True).start()
    _stand_in_for_audio()
    if rows := os.environ.get(TRANSACTION_ROWS):
        _limit_transactions(int(rows))
    if seconds := os.environ.get(FENCE_SECONDS):
        _limit_fence(float(seconds))
    if os.environ.get(FULL_SPEED):
        _export_without_pauses()
    if os.environ.get(LIKE_THE_SCHEDULE):
        _export_like_the_schedule()
    if folder := os.environ.get(MEASUREMENTS):
        measurements = _run_module("home/measurements")
        measurements["measure"](Path(folder))
        measurements["measure_exports"](Path(folder), _integration("runner.runner").Runner)
        measurements["measure_looks"](Path(folder), _integration("export.live_run").LiveRun)
        measurements["measure_writes"](Path(folder), _integration("export.files"))
    sys.argv[0] = "hass"
    runpy.run_module("homeassistant", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
