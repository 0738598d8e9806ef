"""The views and table functions of a dataset, each with its SQL in a file of `sql/`.

A file begins with a comment that describes what it shows, and what that reads: it becomes the
description in BigQuery. Names in braces stand for what is known when it is made: a table, view or
function of the dataset, what a table's declaration says (`_facts`), or the SQL in a file of
`sql/shared/`, which several have in common. The files in `sql/recorder/` are `recorder_views.py`'s.
Arguments of functions are compared with the partitioning column itself, so that BigQuery reads
those partitions alone (BigQuery's page "Query partitioned tables", "Best practices for partition
pruning").
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
import hashlib
from pathlib import Path
import re
from string import Template

from ..rows.daily_statistics import DAILY_STATISTICS
from ..rows.devices import DEVICES
from ..rows.entities import ENTITIES
from ..rows.events import EVENTS
from ..rows.export_log import EXPORT_LOG
from ..rows.integrations import INTEGRATIONS
from ..rows.recorder_runs import RECORDER_RUNS
from ..rows.relationships import RELATIONSHIPS
from ..rows.sensor_data import SENSOR_DATA
from ..rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from ..rows.table import Column, Mode, Scope, Table
from .connection import Destination

VERSION_LABEL = "bigquery_export"
"""The label of views with the version of their SQL; what lacks it is not ours."""
OWNER_LABEL = "bigquery_export_entry"
"""The label of views that a user has written, with the id of the config entry that keeps them."""
_FOLDER = Path(__file__).with_name("sql")


class Kind(StrEnum):
    """What BigQuery calls it."""

    VIEW = "view"
    TABLE_FUNCTION = "table function"
    MATERIALIZED_VIEW = "materialized view"

    @property
    def listed_with(self) -> Kind:
        """Return what BigQuery lists it with: materialized views are among the views."""
        return Kind.VIEW if self is Kind.MATERIALIZED_VIEW else self


@dataclass(frozen=True, slots=True)
class Sql:
    """The SQL of a view or table function in a dataset."""

    query: str
    description: str
    version: str
    """Another one for each other query, description and arguments: 16 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class View:
    """A view or table function: its name, and what it is made of."""

    name: str
    needs: tuple[Table, ...]
    """The tables that it reads, of which the first may be named `table` in the file."""
    arguments: tuple[tuple[str, str], ...] = ()
    """Names and types of a table function's arguments. None may have the name of a column, which
    would be taken in its place (BigQuery's page "Table functions", "Parameter names")."""
    file: str = ""
    """The file's name without its ending, if it is not the view's."""
    without: tuple[str, ...] = ()
    """Columns of the first table that are not shown."""
    optional: tuple[Table, ...] = ()
    """Further tables that it reads: those that are not there count as empty."""
    absent: tuple[str, ...] = ()
    """Names of tables that it reads and the dataset does not have: they count as empty."""

    materialized_by: tuple[str, ...] = ()
    """Of a materialized view the column by which it is partitioned, and those of its clusters."""

    @property
    def kind(self) -> Kind:
        """Return what it is: only table functions have arguments."""
        if self.materialized_by:
            return Kind.MATERIALIZED_VIEW
        return Kind.TABLE_FUNCTION if self.arguments else Kind.VIEW

    def sql(self, destination: Destination) -> Sql:
        """Return its SQL in a dataset; this reads a file."""
        values = {**_names(destination), **self._facts(destination)}
        description, query = (
            Template(part).substitute(values) for part in _parts(self.file or self.name)
        )
        if self.absent:
            description += f"\nNot in this dataset, and so without rows: {_listed(self.absent)}."
        said = "\0".join((query, description, *map(str, self.arguments)))
        return Sql(query, description, hashlib.sha256(said.encode()).hexdigest()[:16])

    def _facts(self, destination: Destination) -> Mapping[str, str]:
        """Return what the file may say of the first table's declaration."""
        table = self.needs[0]
        shown = [column.name for column in table.columns if column.name not in self.without]
        said = [column.name for column in table.columns if column.scope is Scope.ENTITY]
        prefix = "latest." if "deleted" in self.without else ""
        return {
            "table": str(destination.table_reference(table)),
            "description": table.description,
            "columns": ",\n  ".join(f"{prefix}`{name}`" for name in shown),
            "id": table.id,
            "key": _listed(table.key),
            "dimension_columns": _listed((*said, "removed")),
            "rows": self._rows(table, destination),
            **{
                f"{one.name}_rows": self._rows(one, destination)
                for one in (*self.needs, *self.optional)
            },
        }

    def _rows(self, table: Table, destination: Destination) -> str:
        """Return a table as FROM takes it: one that is absent as a query without rows."""
        if table.name not in self.absent:
            return f"`{destination.table_reference(table)}`"
        columns = (f"CAST(NULL AS {_type(column)}) AS `{column.name}`" for column in table.columns)
        return f"(\n  SELECT {', '.join(columns)}\n  FROM UNNEST([1]) WHERE FALSE\n)"  # noqa: S608


def views(tables: Iterable[Table], *, materialized: bool = False) -> list[View]:
    """Return what can be made of some tables, each after those that it refers to."""
    there = {table.name for table in tables}
    wanted = (*VIEWS, *(MATERIALIZED_VIEWS if materialized else ()))
    return [
        replace(view, absent=tuple(one.name for one in view.optional if one.name not in there))
        for view in wanted
        if all(table.name in there for table in view.needs)
    ]


_WINDOW = (("begin_time", "TIMESTAMP"), ("end_time", "TIMESTAMP"))
_SINCE = (("since", "TIMESTAMP"),)


def _latest(table: Table) -> View:
    """Return the view of the latest versions of a table that has versions of its rows."""
    return View(f"{table.name}_latest", (table,), file="latest", without=("deleted",))


def _dimension(table: Table) -> tuple[View, View]:
    """Return the views of a dimension table: with the time until a row held, and of now."""
    return (
        View(f"{table.name}_valid", (table,), file="valid"),
        View(f"{table.name}_latest", (table,), file="now", without=("removed",)),
    )


VIEWS = (
    _latest(STATISTICS),
    _latest(STATISTICS_SHORT_TERM),
    _latest(DAILY_STATISTICS),
    View("statistics_between", (STATISTICS,), _WINDOW, without=("deleted",)),
    View("daily_statistics_between", (DAILY_STATISTICS,), _WINDOW, without=("deleted",)),
    *_dimension(ENTITIES),
    View("entity_names", (ENTITIES,)),
    *_dimension(RELATIONSHIPS),
    View("dependents", (RELATIONSHIPS,)),
    View("automation_chains", (RELATIONSHIPS,)),
    View("automation_circles", (RELATIONSHIPS,)),
    View("shared_targets", (RELATIONSHIPS,)),
    View("devices_valid", (DEVICES,), file="valid"),
    View("devices_latest", (ENTITIES,), optional=(DEVICES,)),
    View("areas_latest", (ENTITIES,)),
    *_dimension(INTEGRATIONS),
    View("integration_outages", (INTEGRATIONS,), _WINDOW),
    View("completeness", (RECORDER_RUNS,)),
    View("rejections", (EXPORT_LOG,)),
    View("export_settings", (EXPORT_LOG,)),
    View("export_rules", (EXPORT_LOG,)),
    View("states_between", (SENSOR_DATA,), _WINDOW),
    View("state_at", (SENSOR_DATA,), (("moment", "TIMESTAMP"), *_SINCE)),
    View("replay", (SENSOR_DATA,), _WINDOW),
    View("entity_attributes", (SENSOR_DATA,), _WINDOW),
    View("attributes_latest", (SENSOR_DATA,), _SINCE),
    View("entity_exports", (SENSOR_DATA,), _SINCE),
    View("data_quality", (SENSOR_DATA,), _WINDOW),
    View("hourly_summary", (SENSOR_DATA,), _WINDOW),
    View("state_features", (SENSOR_DATA,), (*_WINDOW, ("step_seconds", "INT64"))),
    View("room_occupancy", (SENSOR_DATA,), _WINDOW),
    View("unused_entities", (SENSOR_DATA, ENTITIES, RELATIONSHIPS), _SINCE),
    View("unused_devices", (SENSOR_DATA, ENTITIES, RELATIONSHIPS), _SINCE),
    View("usage_patterns", (SENSOR_DATA,), _WINDOW),
    View("automation_runs", (EVENTS, SENSOR_DATA), _WINDOW),
    View("daily_energy", (STATISTICS, RELATIONSHIPS), _WINDOW),
    View("energy_cost", (STATISTICS, RELATIONSHIPS), _WINDOW),
    View("energy_savings", (STATISTICS, RELATIONSHIPS), _WINDOW),
    View("consumers", (STATISTICS, RELATIONSHIPS), _WINDOW),
    View("standby_power", (STATISTICS,), _WINDOW),
    View("unusual_hours", (STATISTICS,), _WINDOW),
    View("habits", (SENSOR_DATA, RELATIONSHIPS), _WINDOW),
    View("failure_cascades", (SENSOR_DATA, RELATIONSHIPS), _WINDOW),
    View("why", (SENSOR_DATA, EVENTS), (("entity", "STRING"), ("moment", "TIMESTAMP"))),
)
"""All views and table functions, each after those that it refers to."""
MATERIALIZED_VIEWS = (
    View(
        "states_by_hour",
        (SENSOR_DATA,),
        file="materialized/states_by_hour",
        materialized_by=("hour", "entity_id"),
    ),
    View(
        "activity_by_hour",
        (SENSOR_DATA,),
        file="materialized/activity_by_hour",
        materialized_by=("hour", "area_name"),
    ),
)
"""What BigQuery computes ahead, and bills: only if the user wants it. It takes only aggregates of
one table that it can add to (BigQuery's page "Create materialized views")."""
RETIRED: tuple[str, ...] = ()
"""Names of what earlier versions have made, and this one does not: it is removed."""
_TABLES = tuple({table.name: table for view in VIEWS for table in view.needs}.values())


def _names(destination: Destination) -> dict[str, str]:
    """Return the full names of all tables, views and functions that a file may name."""
    references = {table.name: destination.table_reference(table) for table in _TABLES}
    dataset = destination.dataset_reference
    references |= {view.name: dataset.table(view.name) for view in VIEWS}
    return {name: str(reference) for name, reference in references.items()}


@cache
def _parts(file: str) -> tuple[str, str]:
    """Return the description in a file, and its query."""
    head, _, query = _with_shared_parts(_FOLDER / f"{file}.sql").partition("\n\n")
    return "\n".join(line.removeprefix("-- ") for line in head.splitlines()), query


def _with_shared_parts(file: Path) -> str:
    """Return the text of a file, with that of the shared files that it names, and these name."""
    template = Template(file.read_text("utf-8"))
    shared = {name: _FOLDER / "shared" / f"{name}.sql" for name in template.get_identifiers()}
    return template.safe_substitute(
        {name: _with_shared_parts(part).rstrip() for name, part in shared.items() if part.exists()}
    )


def _type(column: Column) -> str:
    return f"ARRAY<{column.type}>" if column.mode is Mode.REPEATED else column.type


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in columns)


_NAMED = re.compile(r"\bAS `(\w+)`")


def names_in_views(table: Table) -> frozenset[str]:
    """Return what views of a table call their arguments, and what they show; this reads files.

    No column of the user's may have such a name: it would be taken in its place, in GROUP BY, too
    (BigQuery's page "Query syntax", "Ambiguity between a FROM clause column name and a SELECT-list
    alias in GROUP BY").
    """
    nowhere = Destination(project="p", dataset="d", location="", table=table.name)
    made = [
        view for view in (*VIEWS, *MATERIALIZED_VIEWS) if table in (*view.needs, *view.optional)
    ]
    shown = {name for view in made for name in _NAMED.findall(view.sql(nowhere).query)}
    arguments = {name for view in made for name, _ in view.arguments}
    return frozenset(shown | arguments)
