"""The recorder's runs: the spans of time in which it was recording."""

from homeassistant.components.recorder.db_schema import RecorderRuns

from .source_table import SourceTable

RECORDER_RUNS = SourceTable(
    columns=(
        RecorderRuns.run_id,
        RecorderRuns.start,
        RecorderRuns.end,
        RecorderRuns.closed_incorrect,
        RecorderRuns.created,
    ),
    fingerprint=(RecorderRuns.start, RecorderRuns.created),
    times=(RecorderRuns.start,),
    # The end is written when Home Assistant stops, or, after a crash, when it starts again.
    final=RecorderRuns.end.is_not(None),
    purged_by=RecorderRuns.end,
)
