"""Making the views and table functions of a dataset, and keeping them as this version has them.

One list of tables and one of routines tell what is there: a view has the version of its SQL in a
label, a table function, which can have no labels, in the last line of its description. So a start
costs two requests, whatever is there. What a user has made is never changed, nor are views of
tables that are no longer exported: their rows are still there. All requests need BigQuery Data
Editor on the dataset, and no job (API reference: `bigquery.tables.*` and `bigquery.routines.*`).
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import cast

from google.api_core.exceptions import Conflict, NotFound, PreconditionFailed, ServiceUnavailable
from google.api_core.page_iterator import HTTPIterator
from google.cloud import bigquery
from google.cloud.bigquery import DatasetReference
from google.cloud.bigquery.retry import DEFAULT_RETRY
from google.cloud.bigquery.table import TableListItem

from ..errors import ExportError, NameTakenError, TransientError
from ..rows.table import Table
from .connection import Connection
from .fence_table import FENCE
from .recorder_views import recorder_views
from .table_settings import TableSettings, days_kept
from .views import (
    MATERIALIZED_VIEWS,
    OWNER_LABEL,
    RETIRED,
    VERSION_LABEL,
    Kind,
    Sql,
    View,
    views,
)

_SIGNATURE = "BigQuery Export for Home Assistant, version "
"""How the last line of a table function's description begins."""
_REFRESH = timedelta(days=1)
"""How often BigQuery refreshes materialized views: what came since is read with them."""
_VIEWS = ("VIEW", "MATERIALIZED_VIEW")
_FUNCTION = "TABLE_VALUED_FUNCTION"
_PAGE = 1000
_TIMEOUT = 30.0
_RETRY = DEFAULT_RETRY.with_timeout(10.0)


class DatasetViews:
    """Ensures the views and table functions of a dataset. The methods block."""

    def __init__(self, connection: Connection, dataset: str = "") -> None:
        """Prepare for a connection's destination, or another dataset of its project."""
        self._connection = connection
        self._client = connection.tables
        destination = connection.destination
        self._dataset = DatasetReference(destination.project, dataset or destination.dataset)
        self.expiring: dict[str, int] = {}
        """After how many days BigQuery deletes views, by their names, of those that it does."""
        self.own: set[str] = set()
        """Names of the views that a user has written, of all that were listed."""

    def ensure(
        self,
        tables: Iterable[Table],
        recorder_prefix: str = "",
        materialized: bool = False,
    ) -> dict[str, ExportError]:
        """Make what is missing of the views of tables that are there, and change what is old.

        With a prefix, also the views under the recorder's own names, after it: in another dataset
        if it begins with one and a dot. Materialized views
        are removed where they are not wanted: they would be billed.
        Returns why some could not be made, by their names. Raises ExportError where none can, and
        TransientError where a later attempt may do.
        """
        failed: dict[str, ExportError] = {}
        wanted = views(tables, materialized=materialized)
        unwanted = {*RETIRED, *(() if materialized else (view.name for view in MATERIALIZED_VIEWS))}
        for kind, listed in (
            (Kind.VIEW, self._listed_tables),
            (Kind.TABLE_FUNCTION, self._listed_functions),
        ):
            found = listed()
            if kind is Kind.VIEW and recorder_prefix:
                dataset, _, prefix = recorder_prefix.rpartition(".")
                recorder = self._recorder_views(prefix, found)
                if dataset:
                    failed |= DatasetViews(self._connection, dataset).ensure_these(recorder)
                else:
                    wanted += recorder
            self._remove(kind, sorted(name for name in unwanted if found.get(name)))
            failed |= self._ensure_all(
                {view: found.get(view.name) for view in wanted if view.kind.listed_with is kind}
            )
        return failed

    def names(self) -> list[str]:
        """Return the names of all views and table functions that are ours. Raises ExportError."""
        listed = (self._listed_tables(), self._listed_functions())
        return [name for found in listed for name in self._ours(found)]

    def everything(self) -> list[str]:
        """Return the names of all tables, views and routines of the dataset. Raises ExportError."""
        return [*self._listed_tables(), *self._listed_functions()]

    def delete(self) -> None:
        """Delete all views and table functions that are ours. Raises ExportError."""
        for kind, listed in (
            (Kind.VIEW, self._listed_tables),
            (Kind.TABLE_FUNCTION, self._listed_functions),
        ):
            self._remove(kind, self._ours(listed()))

    def fences(self) -> list[str]:
        """Return the names of the fences in the dataset, one of each installation."""
        return [item.table_id for item in self._items() if item.table_id.startswith(FENCE)]

    def _recorder_views(self, prefix: str, found: Iterable[str]) -> list[View]:
        """Return the views under the recorder's names, given what is in the dataset."""
        there, destination = set(found), self._connection.destination
        return recorder_views(
            prefix, lambda table: destination.table_reference(table).table_id in there
        )

    def ensure_these(self, wanted: Iterable[View]) -> dict[str, ExportError]:
        """Make or change views in a dataset beside that of the tables, which may be missing.

        Returns why some could not be made, by their names. Raises TransientError.
        """
        name = self._dataset.dataset_id
        try:
            found = self._listed_tables()
        except TransientError:
            raise
        except ExportError as err:
            return {name: err}
        failed = self._ensure_all({view: found.get(view.name) for view in wanted})
        return {f"{name}.{view}": err for view, err in failed.items()}

    def keep_for_ever(self) -> None:
        """Take away what lets BigQuery delete views that are ours. Raises ExportError."""
        for item in self._items():
            if VERSION_LABEL in item.labels and item.expires:
                with self._connection.errors():
                    found = self._client.get_table(item.reference, retry=_RETRY, timeout=_TIMEOUT)
                    found.expires = None
                    self._client.update_table(found, ["expires"], retry=_RETRY, timeout=_TIMEOUT)

    def _ensure_all(self, found: dict[View, str | None]) -> dict[str, ExportError]:
        """Ensure views or functions, of which the versions are given; None is one that lacks."""
        failed: dict[str, ExportError] = {}
        for view, version in found.items():
            self._connection.wait(0)
            sql = view.sql(self._connection.destination)
            try:
                if version != sql.version:
                    self._put(view, sql, version)
            except TransientError:
                raise
            except ExportError as err:
                failed[view.name] = err
        return failed

    def _put(self, view: View, sql: Sql, version: str | None) -> None:
        if version == "":
            raise NameTakenError(name=str(self._dataset.table(view.name)))
        put = {
            Kind.VIEW: self._put_view,
            Kind.TABLE_FUNCTION: self._put_function,
            Kind.MATERIALIZED_VIEW: self._put_materialized_view,
        }[view.kind]
        with self._connection.errors():
            try:
                put(view, sql, is_new=version is None)
            except (Conflict, NotFound, PreconditionFailed) as err:
                # Another process has made or changed it meanwhile: it is looked at again.
                raise ServiceUnavailable(err.message) from err

    def _put_view(self, view: View, sql: Sql, *, is_new: bool) -> None:
        reference = self._dataset.table(view.name)
        if is_new:
            table = bigquery.Table(reference)
        else:
            table = self._client.get_table(reference, retry=_RETRY, timeout=_TIMEOUT)
        table.view_query = sql.query
        table.description = sql.description
        table.labels = {**table.labels, VERSION_LABEL: sql.version}
        if is_new:
            table = self._client.create_table(table, retry=_RETRY, timeout=_TIMEOUT)
        else:
            changed = ["view_query", "description", "labels"]
            table = self._client.update_table(table, changed, retry=_RETRY, timeout=_TIMEOUT)
        self._note_days(table)

    def _put_materialized_view(self, view: View, sql: Sql, *, is_new: bool) -> None:
        """Make a materialized view, in place of another: its query cannot be changed."""
        partition_by, *cluster_by = view.materialized_by
        table = bigquery.Table(self._dataset.table(view.name))
        if not is_new:
            old = self._client.get_table(table.reference, retry=_RETRY, timeout=_TIMEOUT)
            table.labels = old.labels
            self._client.delete_table(old, retry=_RETRY, timeout=_TIMEOUT)
        table.mview_query = sql.query
        table.mview_enable_refresh = True
        table.mview_refresh_interval = _REFRESH
        table.time_partitioning = bigquery.TimePartitioning(field=partition_by)
        table.clustering_fields = cluster_by
        table.description = sql.description
        table.labels = {**table.labels, VERSION_LABEL: sql.version}
        self._note_days(self._client.create_table(table, retry=_RETRY, timeout=_TIMEOUT))

    def _put_function(self, view: View, sql: Sql, *, is_new: bool) -> None:
        routine = bigquery.Routine(
            self._dataset.routine(view.name),
            type_=_FUNCTION,
            language="SQL",
            arguments=[
                bigquery.RoutineArgument(
                    name=name,
                    data_type=bigquery.StandardSqlDataType(
                        type_kind=bigquery.StandardSqlTypeNames(type_)
                    ),
                )
                for name, type_ in view.arguments
            ],
            body=sql.query,
            description=f"{sql.description}\n{_SIGNATURE}{sql.version}",
        )
        if is_new:
            self._client.create_routine(routine, retry=_RETRY, timeout=_TIMEOUT)
        else:
            # The update replaces the whole of it (API reference, "routines.update").
            changed = ["type_", "language", "arguments", "body", "description"]
            self._client.update_routine(routine, changed, retry=_RETRY, timeout=_TIMEOUT)

    def _remove(self, kind: Kind, names: Iterable[str]) -> None:
        for name in names:
            with self._connection.errors(), suppress(NotFound):
                if kind is Kind.VIEW:
                    self._client.delete_table(
                        self._dataset.table(name), retry=_RETRY, timeout=_TIMEOUT
                    )
                else:
                    self._client.delete_routine(
                        self._dataset.routine(name), retry=_RETRY, timeout=_TIMEOUT
                    )

    def _items(self) -> list[TableListItem]:
        with self._connection.errors():
            return list(
                self._client.list_tables(
                    self._dataset, page_size=_PAGE, retry=_RETRY, timeout=_TIMEOUT
                )
            )

    def _listed_tables(self) -> dict[str, str]:
        """Return the versions of views by their names; "" is that of what is not made of a file."""
        items = self._items()
        for item in items:
            if VERSION_LABEL in item.labels:
                self._note_days(item)
        views_ = [item for item in items if item.table_type in _VIEWS]
        self.own = {item.table_id for item in views_ if OWNER_LABEL in item.labels}
        versions = {item.table_id: item.labels.get(VERSION_LABEL, "") for item in views_}
        return {item.table_id: "" for item in items} | versions | dict.fromkeys(self.own, "")

    def _ours(self, found: Mapping[str, str]) -> list[str]:
        """Return what is ours of a list: what a user has written, too, as long as we keep it."""
        return [name for name, version in found.items() if version or name in self.own]

    def _listed_functions(self) -> dict[str, str]:
        """Return the versions of routines by their names; "" is that of what is not ours."""
        with self._connection.errors():
            routines = self._client.list_routines(
                self._dataset, page_size=_PAGE, retry=_RETRY, timeout=_TIMEOUT
            )
            # Without it there would be no descriptions (API reference, "routines.list").
            cast(HTTPIterator, routines).extra_params["readMask"] = "description"
            said = {item.reference.routine_id: item.description or "" for item in routines}
        return {name: text.partition(_SIGNATURE)[2] for name, text in said.items()}

    def _note_days(self, found: bigquery.Table | TableListItem) -> None:
        # The partitions of a materialized view go with those of its table.
        if found.expires and (days := days_kept(TableSettings(), None, found)) is not None:
            self.expiring[found.table_id] = days
