"""Tests of reading the log."""

from .log import problems

LOG = """\
2026-11-21 08:01:11.030 INFO (MainThread) [custom_components.bigquery_export] Exported
2026-11-21 08:01:11.031 WARNING (SyncWorker_1) [homeassistant.loader] We found a custom \
integration bigquery_export which has not been tested by Home Assistant. This \
component might cause stability problems
2026-11-21 08:01:11.032 WARNING (MainThread) [homeassistant.bootstrap] Something else
2026-11-21 08:01:11.033 ERROR (MainThread) [homeassistant] Error doing job
Traceback (most recent call last):
  File "/config/custom_components/bigquery_export/sensor.py", line 3, in native_value
ValueError: no
2026-11-21 08:01:11.034 WARNING (MainThread) [asyncio] Executing <Task coro=<run() running at \
/config/custom_components/bigquery_export/export/run.py:3>> took 0.070 seconds
2026-11-21 08:01:11.034 WARNING (MainThread) [asyncio] Executing <Task name='setup component \
bigquery_export' coro=<async_setup_component() running at /ha/setup.py:168>> took 0.080 seconds
2026-11-21 08:01:11.035 INFO (MainThread) [homeassistant.core] Stopped
"""


def test_finds_warnings_and_errors_that_name_the_integration() -> None:
    """A traceback through its files and a slow callback of its count, the usual notice not."""
    found = problems(LOG, "bigquery_export")
    assert [record.splitlines()[-1].partition(" took ")[2] for record in found] == [
        "",
        "0.070 seconds",
    ]
    assert found[0].endswith("ValueError: no")


def test_has_nothing_to_say_about_others() -> None:
    """What does not name the integration is not its problem."""
    assert problems(LOG, "another") == []
