"""The recorder's runs of statistics: which five minutes it has made statistics of."""

from homeassistant.components.recorder.db_schema import StatisticsRuns

from .source_table import SourceTable

STATISTICS_RUNS = SourceTable(
    columns=(StatisticsRuns.run_id, StatisticsRuns.start),
    fingerprint=(StatisticsRuns.start,),
    identity=(StatisticsRuns.start,),
    times=(StatisticsRuns.start,),
    purged_by=StatisticsRuns.start,
)
