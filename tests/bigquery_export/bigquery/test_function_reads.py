"""What table functions read of the tables: the days that they are asked about."""

from collections.abc import Iterator
from datetime import date, timedelta

from google.api_core.exceptions import BadRequest
from google.cloud.bigquery import Client, QueryJobConfig
import pytest

from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.bigquery.table_settings import TableSettings
from custom_components.bigquery_export.bigquery.views import VIEWS, Kind, View
from custom_components.bigquery_export.export.tables import DIMENSION_TABLES
from tests.bigquery_export.support.small_home import DAYS, FIRST_DAY
from tests.bigquery_export.support.warehouse import TABLES, Warehouse
from tests.local_bigquery.fixtures import open_sockets

VALUES = {
    "begin_time": "TIMESTAMP '{begin}'",
    "end_time": "TIMESTAMP '{end}'",
    "since": "TIMESTAMP '{begin}'",
    "moment": "TIMESTAMP_SUB(TIMESTAMP '{end}', INTERVAL 1 HOUR)",
    "entity": "'light.lamp'",
    "step_seconds": "900",
}
DAY = date(2025, 6, 11)
LATER = date(2028, 1, 1)
"""A day of which there is nothing, nor of the months before."""
DAYS_READ = {
    # Statistics are in partitions of months.
    "daily_energy": 31 + 30,
    "energy_cost": 31 + 30,
    "energy_savings": 31 + 30,
    "consumers": 31 + 30,
    "standby_power": 30,
    "statistics_between": 30,
    "daily_statistics_between": 30,
    "unusual_hours": 30 + 31 + 30,
    # The day before the moment.
    "why": 2,
}
"""Of which functions more days than one are read, when they are asked about a day of June."""
SMALL = set(DIMENSION_TABLES)
FUNCTIONS = [
    view
    for view in VIEWS
    if view.kind is Kind.TABLE_FUNCTION and {table.name for table in view.needs} - SMALL
]
"""Those that read a large table."""


def of_days(view: View, begin: date, days: int = 1) -> str:
    """Return a call of a function for some days."""
    end = begin + timedelta(days=days)
    values = (VALUES[name].format(begin=begin, end=end) for name, _ in view.arguments)
    return f"home.{view.name}({', '.join(values)})"


@pytest.fixture(scope="module")
def asking(golden: Warehouse) -> Iterator[Client]:
    """Return a client that may ask."""
    with open_sockets(), golden.connecting() as connection:
        yield connection.tables


@pytest.mark.parametrize("view", FUNCTIONS, ids=lambda view: view.name)
def test_a_day_of_two_years(asking: Client, socket_enabled: None, view: View) -> None:
    """Of large tables a function reads the days that it is asked about, and nothing of others."""
    small = {table.name for table in view.needs} & SMALL

    def read_of_days(begin: date, days: int = 1) -> int:
        query = f"SELECT COUNT(*) AS n FROM {of_days(view, begin, days)}"  # noqa: S608
        return asking.query(query, QueryJobConfig(dry_run=True)).total_bytes_processed or 0

    # Else it needs no query: what is read whatever the days are breaks the proportion below.
    nothing = read_of_days(LATER) if small else 0
    assert bool(nothing) == bool(small)
    day = read_of_days(DAY) - nothing
    every_day = read_of_days(FIRST_DAY, DAYS) - nothing
    arguments = [name for name, _ in view.arguments]
    if arguments == ["since"]:
        day -= read_of_days(DAY + timedelta(days=1)) - nothing
        every_day -= read_of_days(FIRST_DAY + timedelta(days=DAYS)) - nothing
    elif view.name == "why":
        # It takes no longer time: compared is a moment two years later.
        every_day *= DAYS // DAYS_READ["why"]
    assert day > 0
    assert day * DAYS == every_day * DAYS_READ.get(view.name, 1)


def test_required_filters(golden: Warehouse, asking: Client, socket_enabled: None) -> None:
    """Functions can be asked where queries need a filter, and have one of each large table."""
    filtered = [table for table in TABLES if table.filtered]

    def require(required: bool) -> None:
        with golden.connecting() as connection:
            schema = DatasetSchema(connection, TableSettings(partition_filter=required))
            schema.ensure_tables(filtered)

    require(True)
    try:
        with pytest.raises(BadRequest, match="without a filter"):
            asking.query_and_wait("SELECT state FROM home.sensor_data")
        for view in FUNCTIONS:
            # A dry run is refused like a query, see `local_bigquery/test_table_settings.py`.
            asking.query(
                f"SELECT * FROM {of_days(view, DAY)}",  # noqa: S608
                QueryJobConfig(dry_run=True),
            )
    finally:
        require(False)
