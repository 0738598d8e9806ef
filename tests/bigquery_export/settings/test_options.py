"""The options of a config entry: what holds by default."""

from dataclasses import fields
from datetime import time

import pytest

from custom_components.bigquery_export.bigquery.table_settings import TableSettings
from custom_components.bigquery_export.rows.column_groups import ColumnGroup
from custom_components.bigquery_export.rows.privacy import PrivacyChoice
from custom_components.bigquery_export.settings.choices import Notifications
from custom_components.bigquery_export.settings.options import DEFAULTS, options_from
from custom_components.bigquery_export.settings.schedule import Frequency, Schedule


@pytest.mark.all_tables
def test_defaults() -> None:
    """Without options the defaults hold: they are those of the form, and those of the page."""
    options = options_from({})
    for field in fields(options):
        if field.name != "choice":
            assert getattr(options, field.name) == getattr(DEFAULTS, field.name)
    assert (options.delivery, options.batch_rows, options.key_days) == ("storage_write", 2_000, 365)
    assert options.schedule == Schedule(Frequency.DAILY, time(3, 30), 15, frozenset(), 1)
    assert options.notifications is Notifications.ERRORS
    assert options.check_sums
    assert options.columns == set(ColumnGroup)
    assert options.privacy == PrivacyChoice()
    assert options.table_settings == TableSettings()
    assert options.choice.events.types == DEFAULTS.choice.events.types
    assert [table.name for table in options.tables] == [
        *("sensor_data", "statistics", "events", "recorder_runs"),
        *("entities", "relationships", "export_log"),
    ]
