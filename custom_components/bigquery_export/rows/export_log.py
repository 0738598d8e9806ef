"""The table `export_log`, one row per committed chunk: the audit trail of all exports."""

from enum import StrEnum

from .table import Column, ColumnType, Mode, Scope, Table


class Trigger(StrEnum):
    """What begins a job."""

    ACTION = "action"
    BACKFILL = "backfill"
    """A backfill that was paused, or interrupted by a restart, continues."""
    CORRECTION = "correction"
    """Statistics are checked for rows that Home Assistant has changed since they were exported."""
    FORCE = "force"
    """Exported rows are compared with BigQuery, and sent again where BigQuery lacks them."""
    LIVE = "live"
    """The recorder has committed: a row of the log tells of all that was sent for some minutes."""
    QUERY = "query"
    """BigQuery was asked; nothing was sent."""
    RESTORE = "restore"
    """Statistics come back from BigQuery into the recorder."""
    RETENTION = "retention"
    """The recorder is about to delete rows."""
    RETRY_REJECTED = "retry_rejected"
    """The rejected rows are sent again, on request."""
    SCHEDULE = "schedule"
    VERIFY = "verify"


_EXPLAINED = {
    Trigger.BACKFILL: "history that an earlier export left",
    Trigger.CORRECTION: "statistics that Home Assistant has changed",
    Trigger.FORCE: "rows that BigQuery had lost",
    Trigger.LIVE: "rows of some minutes, each sent when the recorder had committed it",
    Trigger.QUERY: "a query, which has sent nothing",
    Trigger.RESTORE: "statistics that came back from BigQuery into the recorder",
    Trigger.RETENTION: "before rows are purged",
}
LOGGED = tuple(trigger for trigger in Trigger if trigger is not Trigger.VERIFY)
"""Triggers of jobs that send rows: a comparison commits no transaction."""


def _triggers() -> str:
    """Return all triggers that may be in the log, as a sentence."""
    names = [
        f"{trigger} ({_EXPLAINED[trigger]})" if trigger in _EXPLAINED else str(trigger)
        for trigger in LOGGED
    ]
    return f"{', '.join(names[:-1])} or {names[-1]}"


EXPORT_LOG = Table(
    name="export_log",
    description="What was exported when: one row for each transaction",
    partition_by="finished",
    cluster_by=("source", "table_name"),
    columns=(
        Column("export_id", ColumnType.STRING, Scope.ROW, "The export", Mode.REQUIRED),
        Column(
            "source",
            ColumnType.STRING,
            Scope.ROW,
            "Id of the Home Assistant installation",
            Mode.REQUIRED,
        ),
        Column(
            "table_name",
            ColumnType.STRING,
            Scope.ROW,
            "The table that got the rows; of a query, what it has read",
            Mode.REQUIRED,
        ),
        Column(
            "trigger",
            ColumnType.STRING,
            Scope.ROW,
            f"What began it: {_triggers()}",
        ),
        Column("first_id", ColumnType.INT64, Scope.ROW, "The recorder's id of the first row"),
        Column("last_id", ColumnType.INT64, Scope.ROW, "The recorder's id of the last row"),
        Column("first_time", ColumnType.TIMESTAMP, Scope.ROW, "The earliest last_updated"),
        Column("last_time", ColumnType.TIMESTAMP, Scope.ROW, "The latest last_updated"),
        Column("row_count", ColumnType.INT64, Scope.ROW, "Rows sent, brought back, or found"),
        Column(
            "byte_count", ColumnType.INT64, Scope.ROW, "Bytes of the rows; of a query, bytes billed"
        ),
        Column(
            "rejected",
            ColumnType.INT64,
            Scope.ROW,
            "Rows that could not be sent, with those before it of which no other row could be",
        ),
        Column("started", ColumnType.TIMESTAMP, Scope.ROW, "When the transaction began"),
        Column(
            "finished",
            ColumnType.TIMESTAMP,
            Scope.ROW,
            "When all rows had been sent, just before the commit, or a query had ended",
            Mode.REQUIRED,
        ),
        Column("home_assistant_version", ColumnType.STRING, Scope.ROW, "Version of Home Assistant"),
        Column("integration_version", ColumnType.STRING, Scope.ROW, "Version of this integration"),
        Column(
            "user_id",
            ColumnType.STRING,
            Scope.ROW,
            "Id of the user of Home Assistant who has brought rows back, or asked, if one has",
        ),
        Column(
            "outcome",
            ColumnType.STRING,
            Scope.ROW,
            "How it ended: where rows were brought back, completed or canceled; of a query,"
            " completed, failed or interrupted",
        ),
        Column(
            "settings_id",
            ColumnType.STRING,
            Scope.ROW,
            "The settings by which the rows were made: equal ones have the same id",
        ),
        Column(
            "settings",
            ColumnType.JSON,
            Scope.ROW,
            "Those settings, with pseudonyms for names that are not exported; only in the first"
            " row with them after each start of Home Assistant",
        ),
        Column(
            "rejected_reasons",
            ColumnType.JSON,
            Scope.ROW,
            "Why rows could not be sent, and how many for each reason, if there are any",
        ),
        Column(
            "unfit_values",
            ColumnType.JSON,
            Scope.ROW,
            "How many values did not fit each of your own columns, and are NULL, if there are any",
        ),
    ),
)
