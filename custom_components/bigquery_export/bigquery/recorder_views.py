"""The views under the recorder's own names, so that SQL that was written for it runs.

There is one for each table of the recorder's database, with its columns in their order (Home
Assistant's `recorder/db_schema.py`). After them come `installation`, and `partition_time` where a
filter of it saves reading. Each table has a view, also where the dataset has no rows for it: a
query that joins it must run.
"""

from collections.abc import Callable

from ..rows.events import EVENTS
from ..rows.migration_changes import MIGRATION_CHANGES
from ..rows.recorder_runs import RECORDER_RUNS
from ..rows.schema_changes import SCHEMA_CHANGES
from ..rows.sensor_data import SENSOR_DATA
from ..rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from ..rows.statistics_runs import STATISTICS_RUNS
from ..rows.table import Table
from .views import View

RECORDER_NAMES: dict[str, tuple[Table, ...]] = {
    "states": (SENSOR_DATA,),
    "state_attributes": (SENSOR_DATA,),
    "states_meta": (SENSOR_DATA,),
    "events": (EVENTS,),
    "event_data": (EVENTS,),
    "event_types": (EVENTS,),
    "statistics": (STATISTICS,),
    "statistics_short_term": (STATISTICS_SHORT_TERM,),
    "statistics_meta": (STATISTICS, STATISTICS_SHORT_TERM),
    "statistics_runs": (STATISTICS_RUNS,),
    "recorder_runs": (RECORDER_RUNS,),
    "schema_changes": (SCHEMA_CHANGES,),
    "migration_changes": (MIGRATION_CHANGES,),
}
"""What each table of the recorder's is made of."""
_FILES = {"statistics_short_term": "statistics"}
"""Files of views that are not named as the view."""


def recorder_views(prefix: str, is_there: Callable[[Table], bool]) -> list[View]:
    """Return the views of all tables of the recorder's database, with a prefix before their names.

    A table that is not there counts as one without rows.
    """
    return [
        View(
            f"{prefix}{name}",
            needs,
            file=f"recorder/{_FILES.get(name, name)}",
            absent=tuple(table.name for table in needs if not is_there(table)),
        )
        for name, needs in RECORDER_NAMES.items()
    ]
