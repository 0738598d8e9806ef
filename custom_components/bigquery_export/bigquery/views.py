"""The views that show the latest version of rows that were sent more than once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..rows.entities import ENTITIES
from ..rows.relationships import RELATIONSHIPS
from ..rows.table import Scope, Table
from .relationship_queries import chains_query, circles_query, dependents_query

_VERSIONED = "deleted"
"""The column of tables that have versions of a row: it marks those that delete others."""
_ORDER = "ORDER BY `generation`, `valid_from`"
"""The order of the rows of a dimension table: each export has a later generation."""


@dataclass(frozen=True, slots=True)
class View:
    """A view beside a table."""

    name: Callable[[str], str]
    """Makes its name from the table's."""
    description: str
    query: Callable[[Table, str], str]
    """Makes its query from the table and its full name."""


def views(table: Table) -> tuple[View, ...]:
    """Return the views that belong to a table."""
    if any(column.name == _VERSIONED for column in table.columns):
        return (
            View(
                latest_name,
                f"{table.description}: the latest version, without those that were deleted since",
                latest_query,
            ),
        )
    if table.key:
        versions = (
            View(latest_name, f"{table.description}: what holds now", now_query),
            View(
                lambda name: f"{name}_valid",
                f"{table.description}, with the time until it held",
                valid_query,
            ),
        )
        return (*versions, *_FURTHER.get(table.name, ()))
    return ()


def latest_name(table_id: str) -> str:
    """Return the name of the view of a table."""
    return f"{table_id}_latest"


def latest_query(table: Table, full_name: str) -> str:
    """Return the query that shows the latest version of each row of a table with versions.

    For each source, statistic and start it is the row that was exported last, unless a row with
    `deleted` was exported later whose `start` and `end` are around it. The query names the columns,
    so that it, and with it the view, changes when a column is added.

    The join has an equality, as BigQuery requires of outer joins (page "Query syntax"), and its
    further conditions find the rows that mark others as deleted.
    """
    name, time = (f"`{column}`" for column in table.identity)
    key = ("`source`", name, time)
    columns = ",\n  ".join(
        f"version.`{column.name}`" for column in table.columns if column.name != _VERSIONED
    )
    return f"""\
SELECT
  {columns}
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY {", ".join(key)}
      ORDER BY `export_timestamp` DESC, `id` DESC
    ) AS `age`
  FROM `{full_name}`
  WHERE `{_VERSIONED}` IS NOT TRUE
) AS version
LEFT JOIN (
  SELECT `source`, {name}, {time}, `end`, `export_timestamp`
  FROM `{full_name}`
  WHERE `{_VERSIONED}`
) AS deletion
ON version.`source` = deletion.`source`
  AND version.{name} = deletion.{name}
  AND version.{time} >= deletion.{time}
  AND version.{time} < deletion.`end`
  AND version.`export_timestamp` < deletion.`export_timestamp`
WHERE version.`age` = 1 AND deletion.`source` IS NULL
"""  # noqa: S608 (names of our own)


def valid_query(table: Table, full_name: str) -> str:
    """Return the query that shows each row of a dimension table and until when it was valid.

    Rows that repeat the one before them are left out: everything is sent again when it is no longer
    known what was sent. They are compared as JSON text, because arrays and NULL cannot be compared
    otherwise (BigQuery's page "JSON functions", TO_JSON_STRING). `valid_to` of the last row is
    NULL, as LEAD finds no next row (page "Navigation functions").

    Exports have the order of their generations: the home's clock may have been ahead, and then
    right again. A row is valid from its time, or that of a later one which is before it.
    """
    return f"""\
SELECT
  {_column_list(table)},
  LEAD(`valid_from`) OVER ({_window(table)}) AS `valid_to`
FROM (
  SELECT *, LAG(`said`) OVER ({_window(table)}) AS `said_before`
  FROM (
    SELECT
      * REPLACE ({_earliest(table.key)} AS `valid_from`),
      TO_JSON_STRING(STRUCT({_dimension_columns(table)})) AS `said`
    FROM `{full_name}`
  )
)
WHERE `said_before` IS NULL OR `said` != `said_before`
"""  # noqa: S608 (names of our own)


def now_query(table: Table, full_name: str) -> str:
    """Return the query that shows the rows of a dimension table that are valid now."""
    return f"""\
SELECT
  {_column_list(table, without=("removed",))}
FROM (
{valid_query(table, full_name)})
WHERE `valid_to` IS NULL AND NOT `removed`
"""  # noqa: S608 (names of our own)


def names_query(table: Table, full_name: str) -> str:
    """Return the query that shows under which names each entity was known, and when.

    A name that only one entity has ever had is that entity's at all times. Where several had it, it
    belongs to each from the time at which the entity got it until another one does.
    """
    return f"""\
SELECT
  `source`,
  `registry_id`,
  `entity_id`,
  `current_entity_id`,
  IF(`had_by` IS NULL, NULL, `valid_from`) AS `valid_from`,
  LEAD(`valid_from`) OVER (
    PARTITION BY `source`, `entity_id` {_ORDER}
  ) AS `valid_to`
FROM (
  SELECT *, LAG(`registry_id`) OVER (
    PARTITION BY `source`, `entity_id` {_ORDER}
  ) AS `had_by`
  FROM (
    SELECT
      `source`, `registry_id`, `entity_id`, `generation`, `removed`,
      {_earliest(("source", "entity_id"))} AS `valid_from`,
      FIRST_VALUE(`entity_id`) OVER (
        PARTITION BY `source`, `registry_id` ORDER BY `generation` DESC, `valid_from` DESC
      ) AS `current_entity_id`
    FROM `{full_name}`
  )
  WHERE NOT `removed`
)
WHERE `had_by` IS NULL OR `had_by` != `registry_id`
"""  # noqa: S608 (names of our own)


def _further(name: str, description: str, query: Callable[[Table, str], str]) -> View:
    """Return a view with this name, whatever the table's."""
    return View(lambda _: name, description, query)


_FURTHER = {
    ENTITIES.name: (
        _further(
            "entity_names",
            "Each name that an entity has ever had, with the one that it has now",
            names_query,
        ),
    ),
    RELATIONSHIPS.name: (
        _further(
            "dependents",
            "What depends on each thing in the home, directly or by others, by the shortest path",
            lambda table, full_name: dependents_query(now_query(table, full_name)),
        ),
        _further(
            "automation_chains",
            "Automations and scripts that lead to one another: by running it, or by acting on"
            " what triggers it",
            lambda table, full_name: chains_query(now_query(table, full_name)),
        ),
        _further(
            "automation_circles",
            "Automations and scripts that lead back to themselves, each circle once",
            lambda table, full_name: circles_query(now_query(table, full_name)),
        ),
    ),
}
"""Views of one table alone."""


def _window(table: Table) -> str:
    return f"PARTITION BY {_names(table.key)} {_ORDER}"


def _earliest(key: Iterable[str]) -> str:
    """Return the time of a row, or of a later one with the same key that is before it."""
    return (
        f"MIN(`valid_from`) OVER (PARTITION BY {_names(key)} {_ORDER}"
        " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"
    )


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in columns)


def _dimension_columns(table: Table) -> str:
    names = [column.name for column in table.columns if column.scope is Scope.ENTITY]
    return ", ".join(f"`{name}`" for name in (*names, "removed"))


def _column_list(table: Table, without: tuple[str, ...] = ()) -> str:
    names = [column.name for column in table.columns if column.name not in without]
    return ",\n  ".join(f"`{name}`" for name in names)
