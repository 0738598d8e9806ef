"""Repair issues: what a user has to do before an export can continue."""

from collections import Counter
from collections.abc import Mapping, Sequence

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from ..const import DOCS_URL, DOMAIN
from ..errors import (
    AccessDeniedError,
    AnotherExportError,
    ApiDisabledError,
    BillingDisabledError,
    ExportError,
    KeyRefusedError,
    KmsKeyError,
    LocationError,
    PermissionMissingError,
    ProjectNotFoundError,
    RowsHiddenError,
    StoppedError,
    TableMismatchError,
    TableNotFoundError,
    TransientError,
)
from ..export.checkpoint import Gap
from ..export.purge import RowsAtRisk
from ..export.rejected_rows import MAX_BYTES
from ..settings.destination import console_links, destination_from, service_account_of
from ..settings.key_age import is_old, key_age
from ..source.readiness import KNOWN_SCHEMA
from ..translation import async_number, async_reason

KINDS = (
    AccessDeniedError,
    AnotherExportError,
    ApiDisabledError,
    BillingDisabledError,
    KmsKeyError,
    LocationError,
    PermissionMissingError,
    ProjectNotFoundError,
    RowsHiddenError,
    TableMismatchError,
    TableNotFoundError,
)
EXPORT_FAILED = "export_failed"
_KEY_OLD = "key_old"
_YEAR = 365.25 * 24 * 60 * 60
ROWS_AT_RISK = "rows_in_danger"
ROWS_LOST = "rows_lost"
ROWS_REJECTED = "rows_rejected"
ROWS_LEFT_OUT = "rows_left_out"
EXPIRING = "expiring"
VIEWS_INCOMPLETE = "views_incomplete"
OWN_VIEWS_FAILED = "own_views_failed"
QUERIES_FAILED = "queries_failed"
WRONG_SUMS = "wrong_sums"
RESTORE_OFFERED = "restore_offered"
_RECORDER_NEWER = "recorder_newer"
_NOT_FIXABLE = frozenset(
    {
        *(LocationError.key, _KEY_OLD, _RECORDER_NEWER),
        *(OWN_VIEWS_FAILED, QUERIES_FAILED, VIEWS_INCOMPLETE),
    }
)
"""Issues without a flow in repairs.py, which could not fix them."""


@callback
def async_show_issue(
    hass: HomeAssistant, entry: ConfigEntry, err: ExportError, *, lasting: bool = False
) -> None:
    """Show what a user has to do about an error, if anything, and nothing about another one.

    One that should have passed by itself is shown, too, once it is `lasting`.
    """
    for kind in KINDS:
        _show(hass, entry, kind.key, err.placeholders if type(err) is kind else None)
    has_own = isinstance(err, (*KINDS, KeyRefusedError))
    other = not has_own and (lasting or not isinstance(err, (StoppedError, TransientError)))
    async_show_failure(hass, entry, async_reason(hass, err) if other else None)


@callback
def async_show_failure(hass: HomeAssistant, entry: ConfigEntry, problem: str | None) -> None:
    """Show that exports fail for a reason that has no issue of its own, while that is so."""
    _show(hass, entry, EXPORT_FAILED, {"problem": problem} if problem else None)


@callback
def async_show_rejected_rows(
    hass: HomeAssistant, entry: ConfigEntry, reasons: Counter[str], path: str
) -> None:
    """Show that there are rejected rows, with the most frequent reason, while there are any."""
    placeholders = None
    if reasons:
        ((reason, _),) = reasons.most_common(1)
        placeholders = {
            "count": async_number(hass, reasons.total()),
            "reason": reason[:200],
            "path": path,
        }
    _show(hass, entry, ROWS_REJECTED, placeholders, ir.IssueSeverity.WARNING)


@callback
def async_show_expiring(
    hass: HomeAssistant, entry: ConfigEntry, expiring: Mapping[str, int]
) -> None:
    """Show that BigQuery deletes what is in some tables after so many days, if it does."""
    placeholders = None
    if expiring:
        tables = ", ".join(sorted(expiring))
        placeholders = {"days": async_number(hass, min(expiring.values())), "tables": tables}
    _show(hass, entry, EXPIRING, placeholders, ir.IssueSeverity.WARNING)


@callback
def async_show_views(hass: HomeAssistant, entry: ConfigEntry, problems: Mapping[str, str]) -> None:
    """Show which views could not be made, and why the first of them, while there are any."""
    placeholders = None
    if problems:
        placeholders = {"views": ", ".join(problems), "problem": next(iter(problems.values()))}
    _show(hass, entry, VIEWS_INCOMPLETE, placeholders, ir.IssueSeverity.WARNING)


@callback
def async_show_own_views(
    hass: HomeAssistant, entry: ConfigEntry, problems: Mapping[str, str]
) -> None:
    """Show which views of the user's own do not work, and why the first, while there are any."""
    placeholders = None
    if problems:
        placeholders = {"views": ", ".join(problems), "problem": next(iter(problems.values()))}
    _show(hass, entry, OWN_VIEWS_FAILED, placeholders, ir.IssueSeverity.WARNING)


@callback
def async_show_failed_queries(
    hass: HomeAssistant, entry: ConfigEntry, problems: Mapping[str, str]
) -> None:
    """Show which saved queries have failed, and why the first of them, while there are any."""
    placeholders = None
    if problems:
        placeholders = {"queries": ", ".join(problems), "problem": next(iter(problems.values()))}
    _show(hass, entry, QUERIES_FAILED, placeholders, ir.IssueSeverity.WARNING)


@callback
def async_show_left_out(hass: HomeAssistant, entry: ConfigEntry, rows: int) -> None:
    """Show how many rejected rows are not kept, until the user acknowledges it."""
    placeholders = (
        {"count": async_number(hass, rows), "size": str(MAX_BYTES >> 20)} if rows else None
    )
    _show(hass, entry, ROWS_LEFT_OUT, placeholders, ir.IssueSeverity.WARNING, persistent=True)


@callback
def async_show_rows_at_risk(
    hass: HomeAssistant, entry: ConfigEntry, at_risk: RowsAtRisk | None
) -> None:
    """Show that rows will be deleted before they are exported, while that is so."""
    placeholders = None
    if at_risk:
        placeholders = {
            "count": async_number(hass, at_risk.rows),
            "oldest": _local(at_risk.oldest),
            "purge": _local(at_risk.purge.timestamp()),
        }
    _show(hass, entry, ROWS_AT_RISK, placeholders)


@callback
def async_offer_restore(
    hass: HomeAssistant, entry: ConfigEntry, since: float, oldest: float | None
) -> None:
    """Offer to bring statistics back that are older than the recorder's, which begin at `since`.

    `oldest` is the oldest that BigQuery has; None takes the offer back.
    """
    if oldest is None:
        _show(hass, entry, RESTORE_OFFERED, None)
        return
    placeholders = {
        "years": async_number(hass, round(max(0.1, (since - oldest) / _YEAR), 1)),
        "since": _local(since)[:10],
        "oldest": _local(oldest)[:10],
    }
    warning = ir.IssueSeverity.WARNING
    _show(hass, entry, RESTORE_OFFERED, placeholders, warning, persistent=True)


@callback
def async_show_gaps(hass: HomeAssistant, entry: ConfigEntry, gaps: Sequence[Gap]) -> None:
    """Show the gaps: rows deleted before they were exported, until the user acknowledges them."""
    if not gaps:
        _show(hass, entry, ROWS_LOST, None)
        return
    placeholders = {
        "count": async_number(hass, sum(gap.rows for gap in gaps)),
        "tables": ", ".join(sorted(gap.table for gap in gaps)),
        "since": _local(min(gap.since for gap in gaps)),
        "until": _local(max(gap.until for gap in gaps)),
    }
    _show(hass, entry, ROWS_LOST, placeholders, persistent=True)


@callback
def async_gaps_ignored(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Return whether the user has ignored the issue about gaps, which acknowledges them."""
    return _is_ignored(hass, entry, ROWS_LOST)


@callback
def async_show_wrong_sums(
    hass: HomeAssistant, entry: ConfigEntry, count: int, listing: str
) -> None:
    """Show which sums contradict their meters, while there are any; `listing` is Markdown."""
    placeholders = {"count": async_number(hass, count), "sums": listing} if count else None
    _show(hass, entry, WRONG_SUMS, placeholders, ir.IssueSeverity.WARNING)


@callback
def async_wrong_sums_ignored(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Return whether the user has ignored the issue about sums, which leaves them as they are."""
    return _is_ignored(hass, entry, WRONG_SUMS)


@callback
def async_show_newer_recorder(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Show that the recorder's schema is newer than this integration, as long as it is."""
    version = get_instance(hass).schema_version
    placeholders = {"version": str(version), "known": str(KNOWN_SCHEMA)}
    newer = version > KNOWN_SCHEMA
    _show(hass, entry, _RECORDER_NEWER, placeholders if newer else None, ir.IssueSeverity.WARNING)


@callback
def async_show_old_key(hass: HomeAssistant, entry: ConfigEntry, days: int) -> None:
    """Advise a new key, as long as the current one is older than so many days."""
    age = key_age(entry)
    placeholders = (
        {"days": async_number(hass, age.days), "limit": async_number(hass, days)}
        if age and is_old(age, days)
        else None
    )
    _show(hass, entry, _KEY_OLD, placeholders, ir.IssueSeverity.WARNING)


@callback
def async_clear_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Remove the issues of an entry that a successful export resolves."""
    for name in (*(kind.key for kind in KINDS), EXPORT_FAILED, ROWS_AT_RISK):
        _show(hass, entry, name, None)


@callback
def async_remove_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Remove all issues of an entry, because it is gone."""
    async_clear_issues(hass, entry)
    others = (_KEY_OLD, _RECORDER_NEWER, EXPIRING, RESTORE_OFFERED, ROWS_LEFT_OUT, ROWS_LOST)
    for name in (*others, QUERIES_FAILED, ROWS_REJECTED):
        _show(hass, entry, name, None)
    _show(hass, entry, WRONG_SUMS, None)
    _show(hass, entry, VIEWS_INCOMPLETE, None)
    _show(hass, entry, OWN_VIEWS_FAILED, None)


def _is_ignored(hass: HomeAssistant, entry: ConfigEntry, name: str) -> bool:
    issue = ir.async_get(hass).async_get_issue(DOMAIN, _issue_id(entry, name))
    return issue is not None and issue.dismissed_version is not None


def _local(time: float) -> str:
    """Return a time as a clock in the home shows it."""
    return dt_util.as_local(dt_util.utc_from_timestamp(time)).strftime("%Y-%m-%d %H:%M")


def _show(
    hass: HomeAssistant,
    entry: ConfigEntry,
    name: str,
    placeholders: Mapping[str, str] | None,
    severity: ir.IssueSeverity = ir.IssueSeverity.ERROR,
    *,
    persistent: bool = False,
) -> None:
    """Show an issue with its placeholders, or remove it where there are none."""
    if placeholders is None:
        ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, name))
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        _issue_id(entry, name),
        data={"entry_id": entry.entry_id},
        is_fixable=name not in _NOT_FIXABLE,
        is_persistent=persistent,
        learn_more_url=f"{DOCS_URL}/troubleshooting.md#{name}",
        severity=severity,
        translation_key=name,
        translation_placeholders={
            "title": entry.title,
            "service_account": service_account_of(entry.data),
            **console_links(destination_from(entry.data)),
            **placeholders,
        },
    )


def _issue_id(entry: ConfigEntry, name: str) -> str:
    return f"{name}_{entry.entry_id}"
