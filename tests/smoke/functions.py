"""Checks of the views and table functions that come with the integration."""

from google.api_core.exceptions import BadRequest
from google.cloud import bigquery
from google.cloud.bigquery import QueryJobConfig

from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.bigquery.own_views import OwnView, OwnViews
from custom_components.bigquery_export.bigquery.select_query import QueryInvalidError
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

from .check import Check, DiffersError, Part, same
from .site import RETRY, Site


def make_all(site: Site) -> str:
    """Make all views and functions, and look whether they are known again."""
    tables = [*TABLES.values(), EXPORT_LOG]
    site.schema.ensure_tables(tables)
    for attempt in ("made", "known again"):
        if failed := DatasetViews(site.connection).ensure(tables):
            raise DiffersError(f"not {attempt}: {failed}")
    names = [item.reference.routine_id for item in site.client.list_routines(_dataset(site))]
    return f"{len(names)} functions are there"


def make_materialized(site: Site) -> str:
    """Make materialized views, look whether they are known again, and remove them."""
    tables = [SENSOR_DATA]
    site.schema.ensure_tables(tables)
    views = DatasetViews(site.connection)
    for attempt, wanted in (("made", True), ("known again", True), ("removed", False)):
        if failed := views.ensure(tables, "", wanted):
            raise DiffersError(f"not {attempt}: {failed}")
    return "made, known again and removed"


def materialized_of_filtered(site: Site) -> str:
    """Make a materialized view of a table whose queries need a filter."""
    name = f"{_dataset(site)}.filtered"
    table = bigquery.Table(name, schema=[bigquery.SchemaField("time", "TIMESTAMP")])
    table.time_partitioning = bigquery.TimePartitioning(field="time")
    table.require_partition_filter = True
    site.client.create_table(table, retry=RETRY)
    view = bigquery.Table(f"{name}_by_hour")
    view.mview_query = (
        f"SELECT TIMESTAMP_TRUNC(time, HOUR) AS hour, COUNT(*) AS n FROM `{name}` GROUP BY hour"  # noqa: S608
    )
    try:
        site.client.create_table(view, retry=RETRY)
    except BadRequest as err:
        return str(err.message)
    raise DiffersError("it was made")


def own_view(site: Site) -> str:
    """Keep a view of a table, which is then gone: make it, check it, and check it again."""
    table = site.destination.dataset_reference.table("of_a_view")
    fields = [bigquery.SchemaField("a", "STRING")]
    site.client.create_table(bigquery.Table(table, schema=fields), retry=RETRY)
    views = OwnViews(site.connection, "smoke")
    wanted = [OwnView("own_view", "SELECT a FROM `{dataset}.of_a_view`")]
    failed = [views.ensure(wanted, []), views.ensure(wanted, [])]
    site.client.delete_table(table, retry=RETRY)
    failed.append(views.ensure(wanted, []))
    views.ensure([], ["own_view"])
    other = OwnView("own_view", "SELECT b FROM `{dataset}.of_a_view`")
    failed.append(views.ensure([other], []))
    kinds = [[type(err).__name__ for err in one.values()] for one in failed]
    refused = [QueryInvalidError.__name__]
    return same(kinds, [[], [], refused, refused], str(next(iter(failed[2].values()), "")))


def bytes_of_a_function(site: Site) -> str:
    """Ask what a function reads of no day, and of the day of all rows; nothing is read."""
    name = f"{site.destination.project}.{site.destination.dataset}.states_between"
    day = site.noon.date()
    empty, full = (
        _bytes(site, f"SELECT entity_id FROM `{name}`('{begin}', '{end}')")  # noqa: S608
        for begin, end in (
            ("2020-01-01 00:00:00+00", "2020-01-02 00:00:00+00"),
            (f"{day} 00:00:00+00", f"{day} 23:59:59+00"),
        )
    )
    return same((empty, full > 0), (0, True), f"{empty} bytes of no day, {full} of one")


def _bytes(site: Site, sql: str) -> int:
    config = QueryJobConfig(dry_run=True, use_query_cache=False)
    return int(site.client.query(sql, job_config=config, retry=RETRY).total_bytes_processed or 0)


def _dataset(site: Site) -> str:
    return f"{site.destination.project}.{site.destination.dataset}"


CHECKS = (
    Check(
        "making all views and functions",
        make_all,
        "BigQuery Data Editor is enough, and BigQuery understands each",
        "bigquery/dataset_views.py, and the SQL in bigquery/sql",
    ),
    Check(
        "making materialized views",
        make_materialized,
        "BigQuery Data Editor is enough, and BigQuery can refresh each row by row",
        "bigquery/dataset_views.py, and the SQL in bigquery/sql/materialized",
    ),
    Check(
        "a materialized view of a table that requires a filter",
        materialized_of_filtered,
        "it is refused",
        "flow/field_rules.py, where both options are refused together",
    ),
    Check(
        "a view of the user's own whose table is gone",
        own_view,
        "BigQuery refuses to make it, and to keep it when its query is sent again",
        "bigquery/own_views.py, and the repair about views from SQL",
    ),
    Check(
        "what a function reads",
        bytes_of_a_function,
        "the days alone that its arguments say",
        "docs/views.md: what functions cost",
        needs=(Part.TABLES, Part.JOBS),
    ),
)
