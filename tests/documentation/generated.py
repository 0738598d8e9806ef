"""The pages that follow from declarations; `python -m tests.documentation` writes them."""

from pathlib import Path

from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.table import Column, Mode, Table
from tests.bigquery_export.support.faults import FAULTS, Fault
from tests.bigquery_export.support.troubles import REAUTH, TROUBLES, Trouble

from .fleet_page import fleet_page
from .import_graph import rooms_picture

DOCS = Path(__file__).parents[2] / "docs"
_SCOPES = """\
A column's scope says how long its value holds: for the *run*, the *entity*, the *attributes*
(which many rows share), a *quarter* of an hour, or the *row* alone."""


_TROUBLES = """\
# Faults

Written by `python -m tests.documentation` from the cases of two tests, which bring each of them
about. In every case each row that can be read and sent is in BigQuery exactly once in the end.

## What goes wrong in a home

`tests/bigquery_export/scenarios/test_troubles.py`. The status is the same as long as it lasts. When
it is over, the next export begins by itself, within six hours at most or with the schedule; then
the status is idle, and nothing is shown any more.

| what | status | shown at once, and after an hour | after a day | it is over |
|---|---|---|---|---|
"""
_FAULTS = """
## What BigQuery may answer

`tests/bigquery_export/scenarios/test_faults.py`. *Once* means that the call answers so one time,
*lasting* that it goes on. Rows arrive with this export where the status is idle, with the next one
after the fault has gone otherwise.

| delivery | call | answer | | status | shown to the user |
|---|---|---|---|---|---|
"""


def pages() -> dict[Path, str]:
    """Return all pages by their file."""
    return {
        DOCS / "tables.md": tables_page(),
        DOCS / "faults.md": faults_page(),
        DOCS / "fleet.md": fleet_page(),
        DOCS / "rooms.svg": rooms_picture(),
    }


def faults_page() -> str:
    """Return `docs/faults.md`."""
    return _TROUBLES + "".join(map(_trouble, TROUBLES)) + _FAULTS + "".join(map(_fault, FAULTS))


def _trouble(trouble: Trouble) -> str:
    shown, later = (
        ", ".join(map(_shown, sorted(names))) for names in (trouble.shows, trouble.shows_later)
    )
    over = "when somebody has done it" if trouble.person else "by itself"
    return f"| {trouble.name} | {trouble.at_once} | {shown} | {later} | {over} |\n"


def _shown(name: str) -> str:
    return "asks for a new key" if name == REAUTH else f"repair issue `{name}`"


def _fault(fault: Fault) -> str:
    answer = f"`{fault.kind}`"
    if code := fault.rule.get("code"):
        answer += f" `{code}`"
    if status := fault.rule.get("status"):
        what = "a page" if fault.rule.get("content") else "nothing"
        answer = f"{what} with status {status}, not from Google"
    if fault.rule.get("done"):
        answer += " after it was done"
    duration = "lasting" if "times" in fault.rule else "once"
    shown = _shown(fault.shows) if fault.shows else ""
    way = "load jobs" if fault.delivery == "load_job" else "Storage Write API"
    return f"| {way} | `{fault.method}` | {answer} | {duration} | {fault.status} | {shown} |\n"


def tables_page() -> str:
    """Return `docs/tables.md`."""
    parts = [
        "# Tables",
        "Written by `python -m tests.documentation` from the declaration of the tables.",
        _SCOPES,
        *map(_table, TABLES.values()),
        _table(EXPORT_LOG),
    ]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    cluster = ", ".join(f"`{name}`" for name in table.cluster_by)
    head = (
        f"## {table.name}\n\n{table.description}.\n"
        f"Partitioned by the {table.partition_unit.lower()} of `{table.partition_by}` (UTC),"
        f" clustered by {cluster}.\n\n"
        "| column | type | scope | meaning |\n|---|---|---|---|\n"
    )
    return head + "\n".join(map(_column, table.columns))


def _column(column: Column) -> str:
    kind = {
        Mode.NULLABLE: str(column.type),
        Mode.REQUIRED: f"{column.type} NOT NULL",
        Mode.REPEATED: f"ARRAY<{column.type}>",
    }[column.mode]
    return f"| `{column.name}` | {kind} | {column.scope} | {column.description} |"
