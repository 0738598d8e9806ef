"""The audit trail of exports: what its columns say."""

import re

from custom_components.bigquery_export.rows.export_log import EXPORT_LOG, LOGGED, Trigger


def test_each_trigger_is_described() -> None:
    """Whatever began a transaction is in the description of the column that names it."""
    (column,) = (column for column in EXPORT_LOG.columns if column.name == "trigger")
    named = re.sub(r" \([^)]*\)", "", column.description.removeprefix("What began it: "))
    assert re.split(", | or ", named) == list(LOGGED)
    # An estimate and a comparison send nothing, so there is no transaction of theirs.
    assert set(Trigger) - set(LOGGED) == {Trigger.VERIFY}
    assert "retention (before rows are purged)" in column.description
