"""The views that show the latest version of rows that were sent more than once."""

from ..rows.tables import Table

_VERSIONED = "deleted"
"""The column of tables that have versions of a row: it marks those that delete others."""


def has_versions(table: Table) -> bool:
    """Return whether the rows of a table may be sent again, and there is a view of the latest."""
    return any(column.name == _VERSIONED for column in table.columns)


def latest_name(table_id: str) -> str:
    """Return the name of the view of a table."""
    return f"{table_id}_latest"


def latest_description(table: Table) -> str:
    """Return what the view is, for those who find it in BigQuery."""
    return f"{table.description}: the latest version, without those that were deleted since"


def latest_query(table: Table, full_name: str) -> str:
    """Return the query that shows what is true of a table with versions.

    Of each source, statistic and start it is the row that was exported last, unless it was
    deleted: by a row with `deleted` that was exported later, and whose `start` and `end` are
    around it. To name the columns lets the query change, and the view with it, when one is added.

    The join is one by equality, as BigQuery wants outer joins to be (page "Query syntax"), and its
    further conditions find the rows that delete.
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
